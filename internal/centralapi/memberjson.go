package centralapi

import (
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// appendMember appends Central's Member object, its keys in Central's order
// (api-behaviour §13), compact and escaped as encoding/json does it. Lists of
// members are long and asked for often, so this is written by hand; the tests
// hold it against a struct.
//
// Two keys are not Central's of today: online was there until 2023 and is still
// read by clients, and the last one repeats the configuration's addresses where
// the documented examples read them.
func appendMember(b []byte, s model.MemberStatus, clock int64) []byte {
	m, o := s.Member, jsonText{b}
	network, node, version := m.Network.String(), m.Node.String(), versionOf(s)
	o.raw(`{"id":"`)
	o.raw(network)
	o.raw(`-`)
	o.raw(node)
	o.raw(`","type":"Member","clock":`)
	o.number(clock)
	o.raw(`,"networkId":"`)
	o.raw(network)
	o.raw(`","nodeId":"`)
	o.raw(node)
	o.raw(`","controllerId":"`)
	o.raw(network[:2*zt.AddressLen])
	o.raw(`","hidden":`)
	o.flag(m.Hidden)
	o.raw(`,"name":`)
	o.text(m.Name)
	o.raw(`,"online":`)
	o.flag(s.Online)
	o.raw(`,"description":`)
	o.text(m.Description)
	o.raw(`,"config":`)
	o.memberConfig(m, network, node, version)
	o.raw(`,"lastOnline":`)
	o.number(s.Seen.Time)
	o.raw(`,"lastSeen":`)
	o.number(s.Seen.Time)
	o.raw(`,"physicalAddress":`)
	if s.Seen.Endpoint.IsValid() {
		o.address(s.Seen.Endpoint.Addr().Unmap().WithZone("")) // an interface of this machine is nobody's business
	} else {
		o.raw(`null`)
	}
	o.raw(`,"physicalLocation":null,"clientVersion":"`)
	o.number(int64(version.Major))
	o.raw(`.`)
	o.number(int64(version.Minor))
	o.raw(`.`)
	o.number(int64(version.Revision))
	o.raw(`","protocolVersion":`)
	o.number(int64(version.Protocol))
	o.raw(`,"supportsRulesEngine":`)
	o.flag(version.Major > 1 || version.Major == 1 && version.Minor >= 2)
	o.raw(`,"ipAssignments":`)
	o.addresses(m.Addresses)
	o.raw(`}`)
	return o.b
}

func (o *jsonText) memberConfig(m *model.Member, network, node string, version model.Version) {
	o.raw(`{"activeBridge":`)
	o.flag(m.ActiveBridge)
	o.raw(`,"address":"`)
	o.raw(node)
	o.raw(`","authorized":`)
	o.flag(m.Authorized)
	o.raw(`,"capabilities":`)
	o.list(len(m.Capabilities), func(i int) { o.number(int64(m.Capabilities[i])) })
	o.raw(`,"creationTime":`)
	o.number(m.CreationTime)
	o.raw(`,"id":"`)
	o.raw(node)
	o.raw(`","identity":`)
	o.text(m.Identity)
	o.raw(`,"ipAssignments":`)
	o.addresses(m.Addresses)
	o.raw(`,"lastAuthorizedTime":`)
	o.number(m.LastAuthorizedTime)
	o.raw(`,"lastDeauthorizedTime":`)
	o.number(m.LastDeauthorizedTime)
	o.raw(`,"noAutoAssignIps":`)
	o.flag(m.NoAutoAssignIPs)
	o.raw(`,"nwid":"`)
	o.raw(network)
	o.raw(`","objtype":"member","remoteTraceLevel":`)
	o.number(int64(m.TraceLevel))
	o.raw(`,"remoteTraceTarget":`)
	if m.TraceTarget == 0 {
		o.raw(`null`)
	} else {
		o.text(m.TraceTarget.String())
	}
	o.raw(`,"revision":`)
	o.b = strconv.AppendUint(o.b, m.Revision, 10)
	o.raw(`,"tags":`)
	o.tags(m.Tags)
	o.raw(`,"vMajor":`)
	o.number(int64(version.Major))
	o.raw(`,"vMinor":`)
	o.number(int64(version.Minor))
	o.raw(`,"vRev":`)
	o.number(int64(version.Revision))
	o.raw(`,"vProto":`)
	o.number(int64(version.Protocol))
	o.raw(`,"ssoExempt":`)
	o.flag(m.SSOExempt)
	o.raw(`}`)
}

// tags writes [id, value] for each tag; unset ones are left out (api-behaviour
// §11.8).
func (o *jsonText) tags(tags []model.MemberTag) {
	separator := `[`
	for _, t := range tags {
		if t.Unset {
			continue
		}
		o.raw(separator)
		o.raw(`[`)
		o.number(int64(t.ID))
		o.raw(`,`)
		o.number(int64(t.Value))
		o.raw(`]`)
		separator = `,`
	}
	if separator == `[` {
		o.raw(`[`)
	}
	o.raw(`]`)
}

// versionOf is the version that Central shows in each state of a member
// (api-behaviour §13.3): zeros before the first contact, minus ones until the
// member was let in once.
func versionOf(s model.MemberStatus) model.Version {
	switch m := s.Member; {
	case m.Identity == "":
		return model.Version{}
	case !m.Authorized && m.LastAuthorizedTime == 0:
		return model.Version{Major: -1, Minor: -1, Revision: -1, Protocol: -1}
	}
	return s.Seen.Version
}

// jsonText is JSON that is being written.
type jsonText struct{ b []byte }

func (o *jsonText) raw(s string)    { o.b = append(o.b, s...) }
func (o *jsonText) number(n int64)  { o.b = strconv.AppendInt(o.b, n, 10) }
func (o *jsonText) flag(is bool)    { o.b = strconv.AppendBool(o.b, is) }
func (o *jsonText) hexDigit(d byte) { o.b = append(o.b, "0123456789abcdef"[d&15]) }
func (o *jsonText) list(n int, entry func(i int)) {
	o.raw(`[`)
	for i := range n {
		if i > 0 {
			o.raw(`,`)
		}
		entry(i)
	}
	o.raw(`]`)
}

func (o *jsonText) addresses(all []netip.Addr) {
	o.list(len(all), func(i int) { o.address(all[i]) })
}

// address writes an address without a zone, of which nothing needs escaping.
func (o *jsonText) address(a netip.Addr) {
	o.raw(`"`)
	o.b = a.AppendTo(o.b)
	o.raw(`"`)
}

// text writes a string with the escapes of encoding/json: what ends a string or
// is not printable, <, > and & for texts that get into web pages, the two line
// ends that JavaScript does not allow, and U+FFFD for bytes that are not UTF-8.
func (o *jsonText) text(s string) {
	o.raw(`"`)
	start := 0 // of what is not yet written
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !mustEscape(c) {
				i++
				continue
			}
			o.raw(s[start:i])
			o.escape(c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			o.raw(s[start:i])
			o.raw(`\ufffd`)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			o.raw(s[start:i])
			o.raw(`\u202`)
			o.hexDigit(byte(r))
			start = i + size
		}
		i += size
	}
	o.raw(s[start:])
	o.raw(`"`)
}

func mustEscape(c byte) bool {
	return c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&'
}

func (o *jsonText) escape(c byte) {
	switch c {
	case '"', '\\':
		o.b = append(o.b, '\\', c)
	case '\b':
		o.raw(`\b`)
	case '\f':
		o.raw(`\f`)
	case '\n':
		o.raw(`\n`)
	case '\r':
		o.raw(`\r`)
	case '\t':
		o.raw(`\t`)
	default:
		o.raw(`\u00`)
		o.hexDigit(c >> 4)
		o.hexDigit(c)
	}
}
