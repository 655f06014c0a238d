package netconf

import (
	"encoding/binary"
	"fmt"

	"github.com/orrery-net/orrery/zt"
)

// The versions of single sign-on.
const (
	ssoOpenPage      = 0
	ssoOpenIDConnect = 1
)

// What nodes hold of the texts, in bytes (protocol 05 §6, §8).
const (
	maxURLLen        = 2047
	maxNonceLen      = 127
	maxStateLen      = 255
	maxErrorNonceLen = 63 // in an ERROR
	maxErrorStateLen = 127
	maxClientIDLen   = 255
	maxProviderLen   = 63
	maxErrorLen      = 8191 // the dictionary of an ERROR
)

func (d Dictionary) appendLimited(key, value string, limit int) Dictionary {
	return d.AppendText(key, value[:min(len(value), limit)])
}

func (s *SSO) provider() string {
	if s.Provider == "" {
		return DefaultSSOProvider
	}
	return s.Provider
}

// append writes the keys of a configuration.
func (s *SSO) append(d Dictionary) Dictionary {
	if s.Version != ssoOpenPage && s.Version != ssoOpenIDConnect {
		return d
	}
	d = d.AppendInt("ssov", int64(s.Version)).AppendBool("ssoe", s.Enabled)
	if s.Version == ssoOpenPage {
		if s.Enabled && s.AuthenticationURL != "" {
			d = d.appendLimited("aurl", s.AuthenticationURL, maxURLLen)
		}
		if s.Enabled {
			d = d.AppendInt("aexpt", s.AuthenticationExpiry)
		}
		return d
	}
	d = d.appendLimited("iurl", s.IssuerURL, maxURLLen)
	d = d.appendLimited("ssoce", s.CentralURL, maxURLLen)
	d = d.appendLimited("sson", s.Nonce, maxNonceLen)
	d = d.appendLimited("ssos", s.State, maxStateLen)
	d = d.appendLimited("ssocid", s.ClientID, maxClientIDLen)
	return d.appendLimited("ssop", s.provider(), maxProviderLen)
}

// parseSSO reads the keys of a configuration. Without Enabled nodes keep nothing
// else.
func parseSSO(d Dictionary) SSO {
	s := SSO{Version: parseVersion(d.Uint("ssov", ssoOpenPage)), Enabled: d.Bool("ssoe", false)}
	if !s.Enabled {
		return s
	}
	switch s.Version {
	case ssoOpenPage:
		s.AuthenticationURL = d.Text("aurl", maxURLLen)
		s.AuthenticationExpiry = d.Int("aexpt", 0)
	case ssoOpenIDConnect:
		s.AuthenticationURL = d.Text("aurl", maxURLLen)
		s.IssuerURL = d.Text("iurl", maxURLLen)
		s.CentralURL = d.Text("ssoce", maxURLLen)
		s.Nonce = d.Text("sson", maxNonceLen)
		s.State = d.Text("ssos", maxStateLen)
		s.ClientID = d.Text("ssocid", maxClientIDLen)
		s.Provider = d.Text("ssop", maxProviderLen)
		s.Provider = s.provider()
	}
	return s
}

// parseVersion keeps versions that no node knows out of the way.
func parseVersion(v uint64) int { return int(min(v, 0xff)) }

// AppendErrorNetwork writes to b what follows the code in an ERROR reply to a
// configuration request (protocol 05 §8): the network id.
func AppendErrorNetwork(b []byte, network zt.NetworkID) []byte { return network.Append(b) }

// AppendErrorAuthRequired writes to b what follows the code in an ERROR with
// NETWORK_AUTHENTICATION_REQUIRED: the network id, a length of 2 bytes and a
// dictionary that tells the node how its user signs on. A dictionary that nodes
// could not hold is left out.
func AppendErrorAuthRequired(b []byte, network zt.NetworkID, s *SSO) []byte {
	b = network.Append(b)
	d := Dictionary(nil).AppendInt("aV", int64(s.Version))
	if s.Version == ssoOpenPage {
		d = d.appendLimited("aU", s.AuthenticationURL, maxURLLen)
	} else {
		d = d.appendLimited("iU", s.IssuerURL, maxURLLen)
		d = d.appendLimited("aCU", s.CentralURL, maxURLLen)
		d = d.appendLimited("aN", s.Nonce, maxErrorNonceLen)
		d = d.appendLimited("aS", s.State, maxErrorStateLen)
		d = d.appendLimited("aCID", s.ClientID, maxClientIDLen)
		d = d.appendLimited("aSSOp", s.provider(), maxProviderLen)
	}
	if len(d) > maxErrorLen {
		return b
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(d))), d...)
}

// ParseErrorNetwork reads what follows the code in an ERROR reply to a
// configuration request. The SSO is nil if no data follows the network id; that
// of NETWORK_AUTHENTICATION_REQUIRED is Enabled.
func ParseErrorNetwork(rest []byte) (zt.NetworkID, *SSO, error) {
	r := read(rest)
	network := r.Network()
	if r.Err != nil || len(r.Rest) == 0 {
		return network, nil, wrapError(r.Err)
	}
	size := int(r.Uint16())
	d := Dictionary(r.Take(min(size, maxErrorLen)))
	if r.Err != nil {
		return 0, nil, wrapError(r.Err)
	}
	s := &SSO{Version: parseVersion(d.Uint("aV", ssoOpenPage)), Enabled: true}
	switch s.Version {
	case ssoOpenPage:
		s.AuthenticationURL = d.Text("aU", maxURLLen)
	case ssoOpenIDConnect:
		s.IssuerURL = d.Text("iU", maxURLLen)
		s.CentralURL = d.Text("aCU", maxURLLen)
		s.Nonce = d.Text("aN", maxErrorNonceLen)
		s.State = d.Text("aS", maxErrorStateLen)
		s.ClientID = d.Text("aCID", maxClientIDLen)
		s.Provider = d.Text("aSSOp", maxProviderLen)
		s.Provider = s.provider()
	}
	return network, s, nil
}

func wrapError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("error reply: %w", err)
}
