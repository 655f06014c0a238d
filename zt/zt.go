// Package zt holds the few values that every other room of the protocol names:
// node addresses, network ids, MAC addresses and multicast groups, and how they
// are written on the wire and as text. It knows nothing of keys, packets or
// sockets.
//
// All multi-byte numbers on the wire are big-endian (protocol 01 §0).
package zt

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// AddressLen is the size of an address on the wire, in bytes.
const AddressLen = 5

// Address is the 40-bit address of a node. The upper 24 bits are always zero.
// The zero value is no address.
type Address uint64

// ParseAddress reads the text form: exactly 10 hex digits, either case.
// Reserved addresses are refused (protocol 01 §1.3).
func ParseAddress(s string) (Address, error) {
	if len(s) != 2*AddressLen {
		return 0, fmt.Errorf("node address %q: want 10 hex digits", clip(s))
	}
	v, err := parseHex(s)
	if err != nil {
		return 0, fmt.Errorf("node address %q: want 10 hex digits", clip(s))
	}
	a := Address(v)
	if a.IsReserved() {
		return 0, fmt.Errorf("node address %q is reserved", s)
	}
	return a, nil
}

// AddressFrom reads the 5 wire bytes at the start of b, most significant first.
// It panics if b is shorter; callers check lengths once per structure.
func AddressFrom(b []byte) Address {
	_ = b[4]
	return Address(b[0])<<32 | Address(b[1])<<24 | Address(b[2])<<16 | Address(b[3])<<8 | Address(b[4])
}

// Append writes the 5 wire bytes to b.
func (a Address) Append(b []byte) []byte {
	return append(b, byte(a>>32), byte(a>>24), byte(a>>16), byte(a>>8), byte(a))
}

// Put writes the 5 wire bytes to the start of b.
func (a Address) Put(b []byte) {
	_ = b[4]
	b[0], b[1], b[2], b[3], b[4] = byte(a>>32), byte(a>>24), byte(a>>16), byte(a>>8), byte(a)
}

// IsReserved reports whether no identity may have this address: zero, more than
// 40 bits, or a first byte of ff (protocol 01 §1.3).
func (a Address) IsReserved() bool { return a == 0 || a>>32 >= 0xff }

// String returns 10 lower-case hex digits.
func (a Address) String() string {
	var raw [AddressLen]byte
	a.Put(raw[:])
	return hex.EncodeToString(raw[:])
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with the rules of ParseAddress.
func (a *Address) UnmarshalText(text []byte) error {
	v, err := ParseAddress(string(text))
	if err == nil {
		*a = v
	}
	return err
}

// NetworkIDLen is the size of a network id on the wire, in bytes.
const NetworkIDLen = 8

// NetworkID names a network. Its top 40 bits are the address of the network's
// controller, the low 24 a number that the controller chose.
type NetworkID uint64

// NewNetworkID joins a controller's address and the controller's own number
// for the network; only the low 24 bits of number are used.
func NewNetworkID(controller Address, number uint32) NetworkID {
	return NetworkID(controller)<<24 | NetworkID(number&0xffffff)
}

// ParseNetworkID reads the text form: exactly 16 hex digits, either case, not
// all zero.
func ParseNetworkID(s string) (NetworkID, error) {
	if len(s) != 2*NetworkIDLen {
		return 0, fmt.Errorf("network id %q: want 16 hex digits", clip(s))
	}
	v, err := parseHex(s)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("network id %q: want 16 hex digits", clip(s))
	}
	return NetworkID(v), nil
}

// NetworkIDFrom reads the 8 wire bytes at the start of b. It panics if b is
// shorter.
func NetworkIDFrom(b []byte) NetworkID {
	_ = b[7]
	return NetworkID(AddressFrom(b))<<24 | NetworkID(b[5])<<16 | NetworkID(b[6])<<8 | NetworkID(b[7])
}

// Append writes the 8 wire bytes to b.
func (n NetworkID) Append(b []byte) []byte {
	return append(n.Controller().Append(b), byte(n>>16), byte(n>>8), byte(n))
}

// Controller returns the address of the node that controls the network.
func (n NetworkID) Controller() Address { return Address(n >> 24) }

// String returns 16 lower-case hex digits.
func (n NetworkID) String() string {
	var raw [NetworkIDLen]byte
	return hex.EncodeToString(n.Append(raw[:0]))
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (n NetworkID) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with the rules of
// ParseNetworkID.
func (n *NetworkID) UnmarshalText(text []byte) error {
	v, err := ParseNetworkID(string(text))
	if err == nil {
		*n = v
	}
	return err
}

// MACLen is the size of a MAC address in bytes.
const MACLen = 6

// MAC is an Ethernet address.
type MAC [MACLen]byte

// MemberMAC derives the Ethernet address that a node has on a network
// (protocol 02 §5.4).
func MemberMAC(network NetworkID, node Address) MAC {
	first := byte(network)&0xfe | 0x02
	if first == 0x52 {
		first = 0x32
	}
	return MAC{
		first,
		byte(node>>32) ^ byte(network>>8),
		byte(node>>24) ^ byte(network>>16),
		byte(node>>16) ^ byte(network>>24),
		byte(node>>8) ^ byte(network>>32),
		byte(node) ^ byte(network>>40),
	}
}

// String returns the form aa:bb:cc:dd:ee:ff.
func (m MAC) String() string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 3*MACLen-1)
	for i, octet := range m {
		if i > 0 {
			text = append(text, ':')
		}
		text = append(text, digits[octet>>4], digits[octet&15])
	}
	return string(text)
}

// ParseMAC reads 12 hex digits, either case. Colons and hyphens do not count, wherever
// they stand (protocol 07 §5).
func ParseMAC(s string) (MAC, error) {
	digits := strings.NewReplacer(":", "", "-", "").Replace(s)
	v, err := parseHex(digits)
	if err != nil || len(digits) != 2*MACLen {
		return MAC{}, fmt.Errorf("MAC address %q: want 12 hex digits, like 02:00:5e:10:00:01", clip(s))
	}
	return MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}, nil
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with the rules of ParseMAC.
func (m *MAC) UnmarshalText(text []byte) error {
	v, err := ParseMAC(string(text))
	if err == nil {
		*m = v
	}
	return err
}

// MulticastGroupLen is the size of a multicast group on the wire, in bytes.
const MulticastGroupLen = MACLen + 4

// MulticastGroup is a multicast MAC and its additional distinguishing
// information, which is 0 except for IPv4 address resolution, where it is the
// address being asked for (protocol 02 §5.2).
type MulticastGroup struct {
	MAC MAC
	ADI uint32
}

// MulticastGroupFrom reads the 10 wire bytes at the start of b: MAC, then ADI.
func MulticastGroupFrom(b []byte) (MulticastGroup, error) {
	if len(b) < MulticastGroupLen {
		return MulticastGroup{}, fmt.Errorf("multicast group: %w", ErrShort)
	}
	g := MulticastGroup{ADI: uint32(b[6])<<24 | uint32(b[7])<<16 | uint32(b[8])<<8 | uint32(b[9])}
	copy(g.MAC[:], b)
	return g, nil
}

// Append writes the 10 wire bytes to b.
func (g MulticastGroup) Append(b []byte) []byte {
	return append(append(b, g.MAC[:]...), byte(g.ADI>>24), byte(g.ADI>>16), byte(g.ADI>>8), byte(g.ADI))
}

// parseHex reads hex digits only: no sign, prefix or underscore.
func parseHex(s string) (uint64, error) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.ParseUint(s, 16, 64)
}

// clip keeps what a stranger sent from filling an error message.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
