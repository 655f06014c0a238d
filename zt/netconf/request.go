package netconf

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/orrery-net/orrery/zt"
)

// Request is the payload of NETWORK_CONFIG_REQUEST (protocol 05 §2).
type Request struct {
	Network   zt.NetworkID
	Metadata  Dictionary // shares memory with the payload it was parsed from
	Revision  uint64     // of the configuration that the node has, 0 if none
	Timestamp int64      // of that configuration, ms, 0 if none
}

// ParseRequest reads a request. Everything behind the network id may be
// missing.
func ParseRequest(payload []byte) (Request, error) {
	r := read(payload)
	q := Request{Network: r.Network()}
	if r.Err == nil && len(r.Rest) > 0 {
		q.Metadata = r.Take(int(r.Uint16()))
	}
	if r.Err != nil {
		return Request{}, fmt.Errorf("configuration request: %w", r.Err)
	}
	if len(r.Rest) >= 16 {
		q.Revision, q.Timestamp = r.Uint64(), int64(r.Uint64())
	}
	return q, nil
}

// Append writes the payload to b. Metadata of more than MaxMetadataLen bytes is
// cut.
func (q Request) Append(b []byte) []byte {
	metadata := q.Metadata[:min(len(q.Metadata), MaxMetadataLen)]
	b = q.Network.Append(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(metadata)))
	b = append(b, metadata...)
	b = binary.BigEndian.AppendUint64(b, q.Revision)
	return binary.BigEndian.AppendUint64(b, uint64(q.Timestamp))
}

// Metadata is what a node says about itself in a request (protocol 05 §2.1).
// Numbers that a node does not announce are 0.
type Metadata struct {
	ConfigVersion          int // the highest that the node understands
	Vendor                 int // 0 unspecified, 1 ZeroTier
	Protocol               int // VL1 protocol version
	Major, Minor, Revision int // software version

	MaxRules              int
	MaxCapabilities       int
	MaxRulesPerCapability int
	MaxTags               int
	Flags                 int // always 0
	RulesEngine           int // 0: the node knows no rules

	OS, Arch string // since 1.14.1: plain words such as linux and x86_64; "" otherwise
	Auth     string // authorization that the node presents, such as token:…; a secret
}

// ParseMetadata reads the metadata of a request: its first MaxMetadataLen bytes,
// as controllers do. Numbers are cut to 31 bits.
func ParseMetadata(d Dictionary) Metadata {
	const missing = -1
	m := Metadata{
		ConfigVersion: missing, Vendor: missing, Protocol: missing, Major: missing, Minor: missing, Revision: missing,
		MaxRules: missing, MaxCapabilities: missing, MaxRulesPerCapability: missing, MaxTags: missing, Flags: missing, RulesEngine: missing,
	}
	var seenSystem, seenAuth bool
	for key, escaped := range d[:min(len(d), MaxMetadataLen)].entries() {
		switch string(key) {
		case "o":
			if !seenSystem {
				seenSystem = true
				m.OS, m.Arch = parseSystem(unescape(escaped))
			}
		case "a":
			if !seenAuth {
				seenAuth = true
				m.Auth = string(unescape(escaped))
			}
		default:
			if n := m.number(key); n != nil && *n == missing {
				*n = parseCount(unescape(escaped))
			}
		}
	}
	for _, key := range metadataNumbers {
		if n := m.number([]byte(key)); *n == missing {
			*n = 0
		}
	}
	return m
}

// metadataNumbers are the keys with numbers, in the order in which nodes write
// them.
var metadataNumbers = [...]string{"v", "vend", "pv", "majv", "minv", "revv", "mr", "mc", "mcr", "mt", "f", "revr"}

// number returns the field that belongs to a key, nil for other keys.
func (m *Metadata) number(key []byte) *int {
	switch string(key) {
	case "v":
		return &m.ConfigVersion
	case "vend":
		return &m.Vendor
	case "pv":
		return &m.Protocol
	case "majv":
		return &m.Major
	case "minv":
		return &m.Minor
	case "revv":
		return &m.Revision
	case "mr":
		return &m.MaxRules
	case "mc":
		return &m.MaxCapabilities
	case "mcr":
		return &m.MaxRulesPerCapability
	case "mt":
		return &m.MaxTags
	case "f":
		return &m.Flags
	case "revr":
		return &m.RulesEngine
	}
	return nil
}

func parseCount(value []byte) int {
	number, negative, _ := scanHex(value)
	if negative {
		return 0
	}
	return int(min(number, math.MaxInt32))
}

// parseSystem splits os/arch and keeps each only if it is a plain word: it will
// be shown to users.
func parseSystem(value []byte) (os, arch string) {
	os, arch, _ = strings.Cut(string(value), "/")
	if !isPlainWord(os) {
		os = ""
	}
	if !isPlainWord(arch) {
		arch = ""
	}
	return os, arch
}

func isPlainWord(s string) bool {
	const limit = 31
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '_' && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return len(s) <= limit
}

// Append writes the metadata to b, which is empty or holds a dictionary that is
// continued, in the order of stock nodes. OS and Auth are left out if empty.
func (m Metadata) Append(b []byte) Dictionary {
	d := Dictionary(b)
	for _, key := range metadataNumbers {
		d = d.AppendInt(key, int64(*m.number([]byte(key))))
	}
	if m.OS != "" {
		d = d.AppendText("o", m.OS+"/"+m.Arch)
	}
	if m.Auth != "" {
		d = d.AppendText("a", m.Auth)
	}
	return d
}
