package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt/rules"
)

// Flow is what somebody wants to do over a network: "tcp 443", "udp 53", "ping",
// "icmp 8 0", "arp", "ip 47", "ethertype 0x88cc". In JSON it is that text.
type Flow struct {
	Protocol uint8  // of IP; counts if EtherType is 0
	Port     uint16 // of tcp, udp, sctp, udplite: where it goes to
	FromPort uint16 // where it comes from; 0: HighPort
	ICMP     bool   // ICMPType and ICMPCode count; ICMPv6 if Version is 6
	ICMPType uint8  // with Version 0 and type 8: a ping, whatever the family
	ICMPCode uint8
	// EtherType is set for flows that are not IP; arp is one.
	EtherType uint16
	// Version is 4 or 6; 0: 4 if both ends have an IPv4 address, otherwise 6.
	Version int
	Source  netip.Addr // if not the member's own address
	Dest    netip.Addr // the same; also for what lies behind the member, or a group
	// TCPFlags of a single packet; nil: a whole handshake.
	TCPFlags *uint16
	Size     int   // bytes of the first packet's payload; 0: a usual one
	TOS      uint8 // of all packets of IP; traffic class in IPv6
}

// HighPort is where flows come from that do not say it.
const HighPort = 50000

// The ICMP types of pings.
const (
	echoRequest   = 8
	echoReply     = 0
	echoRequestV6 = 128
	echoReplyV6   = 129
)

var errFlow = errors.New(`write "tcp 443", "udp 53", "sctp 80", "ping", "icmp 8 0", "icmp6 128", "arp", "ip 47" or "ethertype 0x88cc", ` +
	`with "ipv4" or "ipv6" before it, and "sport 1024", "flags syn,ack", "size 1400", "tos 184", "source 10.0.0.1" or "dest 10.0.0.2" behind it`)

// ParseFlow reads a flow as people write it; words are separated by spaces. Errors
// say what can be written.
func ParseFlow(text string) (Flow, error) {
	words := strings.Fields(strings.ToLower(text))
	for i, word := range words {
		if kind, port, ok := strings.Cut(word, "/"); ok && portProtocols[kind] != 0 {
			words = slices.Replace(slices.Clone(words), i, i+1, kind, port)
			break
		}
	}
	r := flowReader{words: words}
	f, err := r.read()
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return Flow{}, fmt.Errorf("flow %s: %w", quoted(text), err)
	}
	return f, nil
}

// portProtocols are the protocols that have ports.
var portProtocols = map[string]uint8{"tcp": protocolTCP, "udp": protocolUDP, "sctp": protocolSCTP, "udplite": protocolUDPLite}

// quoted keeps a long text from filling a message.
func quoted(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.QuoteToGraphic(strings.ToValidUTF8(text[:most], "")) + " …"
	}
	return strconv.QuoteToGraphic(text)
}

type flowReader struct{ words []string }

func (r *flowReader) next() string {
	if len(r.words) == 0 {
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

// number reads a decimal or 0x-hexadecimal number.
func (r *flowReader) number(what string, bits int) (uint64, error) {
	word := r.next()
	if word == "" {
		return 0, fmt.Errorf("%s is missing; %w", what, errFlow)
	}
	digits, base := word, 10
	if rest, ok := strings.CutPrefix(word, "0x"); ok {
		digits, base = rest, 16
	}
	value, err := strconv.ParseUint(digits, base, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is not %s from 0 to %d", quoted(word), what, uint64(1)<<bits-1)
	}
	return value, nil
}

func (r *flowReader) read() (f Flow, err error) {
	word := r.next()
	if word == "ipv4" || word == "ipv6" {
		f.Version = int(word[3] - '0')
		word = r.next()
	}
	var value uint64
	switch protocol := portProtocols[word]; {
	case protocol != 0:
		f.Protocol = protocol
		value, err = r.number("a port", 16)
		f.Port = uint16(value)
	case word == "ping" || word == "ping6":
		f.ICMP, f.Protocol, f.ICMPType = true, protocolICMP, echoRequest
		if word == "ping6" {
			f.Version = 6
		}
		if f.Version == 6 {
			f.Protocol, f.ICMPType = protocolICMPv6, echoRequestV6
		}
	case word == "icmp" || word == "icmp4" || word == "icmp6":
		err = r.icmp(&f, word)
	case word == "arp":
		f.EtherType = etherARP
	case word == "ip":
		f.Protocol, err = r.protocol()
	case word == "ethertype":
		f.EtherType, err = r.etherType()
	case word == "":
		err = errFlow
	default:
		err = fmt.Errorf("%s is not known; %w", quoted(word), errFlow)
	}
	for err == nil && len(r.words) > 0 {
		err = r.option(&f)
	}
	return f, err
}

func (r *flowReader) icmp(f *Flow, word string) error {
	f.ICMP = true
	if word == "icmp6" || f.Version == 6 {
		if word == "icmp4" {
			return errors.New("icmp4 is not of ipv6")
		}
		if f.Version == 4 {
			return errors.New("icmp6 is not of ipv4")
		}
		f.Version, f.Protocol = 6, protocolICMPv6
	} else {
		f.Version, f.Protocol = 4, protocolICMP
	}
	value, err := r.number("an ICMP type", 8)
	if err != nil {
		return err
	}
	f.ICMPType = uint8(value)
	if len(r.words) == 0 || r.words[0] == "" || r.words[0][0] < '0' || r.words[0][0] > '9' {
		return nil
	}
	value, err = r.number("an ICMP code", 8)
	f.ICMPCode = uint8(value)
	return err
}

// protocol reads a protocol's number or its symbol in the rules language.
func (r *flowReader) protocol() (uint8, error) {
	if len(r.words) > 0 {
		if number, ok := rules.ProtocolNamed(r.words[0]); ok {
			r.next()
			return number, nil
		}
	}
	value, err := r.number("a protocol", 8)
	return uint8(value), err
}

func (r *flowReader) etherType() (uint16, error) {
	if len(r.words) > 0 {
		if number, ok := rules.EtherTypeNamed(r.words[0]); ok {
			r.next()
			return number, nil
		}
	}
	value, err := r.number("an ethertype", 16)
	if err == nil && value == 0 {
		err = errors.New("0 is no ethertype")
	}
	return uint16(value), err
}

func (r *flowReader) option(f *Flow) (err error) {
	var value uint64
	switch word := r.next(); word {
	case "sport":
		value, err = r.number("a port", 16)
		f.FromPort = uint16(value)
	case "size":
		value, err = r.number("a size", 16)
		f.Size = int(value)
	case "tos":
		value, err = r.number("a type of service", 8)
		f.TOS = uint8(value)
	case "flags":
		f.TCPFlags, err = parseFlags(r.next())
	case "source":
		f.Source, err = r.address()
	case "dest":
		f.Dest, err = r.address()
	default:
		err = fmt.Errorf("%s is not known; %w", quoted(word), errFlow)
	}
	return err
}

func (r *flowReader) address() (netip.Addr, error) {
	word := r.next()
	address, err := netip.ParseAddr(word)
	if err != nil || address.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s is not an IP address", quoted(word))
	}
	return address.Unmap(), nil
}

// parseFlags reads TCP flags by their names in the rules language, with or
// without tcp_.
func parseFlags(list string) (*uint16, error) {
	flags := new(uint16)
	if list == "none" {
		return flags, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		bit := slices.Index(tcpFlagNames, strings.TrimPrefix(name, "tcp_"))
		if bit < 0 {
			return nil, fmt.Errorf("%s is not a TCP flag; write some of %s with commas between, or none", quoted(name), strings.Join(tcpFlagNames, ", "))
		}
		*flags |= 1 << bit
	}
	return flags, nil
}

// tcpFlagNames are the flags by their bits.
var tcpFlagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "rs2", "rs1", "rs0"}

// check refuses what does not go together.
func (f *Flow) check() error {
	isIP := f.EtherType == 0
	hasPorts := isIP && protocolHasPorts(f.Protocol)
	switch {
	case f.FromPort != 0 && !hasPorts:
		return errors.New("sport goes with tcp, udp, sctp and udplite")
	case f.TCPFlags != nil && (!isIP || f.Protocol != protocolTCP):
		return errors.New("flags go with tcp")
	case f.TOS != 0 && !isIP:
		return errors.New("tos goes with protocols of IP")
	case f.Source.IsMulticast():
		return fmt.Errorf("%s is a group, which sends nothing", f.Source)
	case f.Version != 0 && !isIP:
		return errors.New("ipv4 and ipv6 go with protocols of IP")
	case (f.Source.IsValid() || f.Dest.IsValid()) && !isIP && f.EtherType != etherARP:
		return errors.New("source and dest go with IP and arp")
	case f.EtherType == etherIPv4 || f.EtherType == etherIPv6:
		return errors.New(`IP is written by its protocol: "ipv4 ip 47"`)
	}
	for _, address := range []netip.Addr{f.Source, f.Dest} {
		if address.IsValid() && (f.Version == 4 || f.EtherType == etherARP) && !address.Is4() || address.IsValid() && f.Version == 6 && address.Is4() {
			return fmt.Errorf("%s is of another family", address)
		}
	}
	if f.Source.IsValid() && f.Dest.IsValid() && f.Source.Is4() != f.Dest.Is4() {
		return errors.New("source and dest are of different families")
	}
	return nil
}

// isPing reports whether the flow is a ping of a given family.
func (f *Flow) isPing() bool {
	return f.ICMP && f.ICMPCode == 0 && (f.Version == 6 && f.ICMPType == echoRequestV6 || f.Version == 4 && f.ICMPType == echoRequest)
}

// String writes the flow as ParseFlow reads it.
func (f Flow) String() string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch {
	case f.EtherType == etherARP:
		add("arp")
	case f.EtherType != 0:
		add("ethertype %s", rules.EtherTypeName(f.EtherType))
	case f.ICMP && f.Version == 0:
		add("ping")
	case f.isPing():
		add("ipv%d ping", f.Version)
	case f.ICMP && f.Version == 6:
		add("icmp6 %d %d", f.ICMPType, f.ICMPCode)
	case f.ICMP:
		add("icmp %d %d", f.ICMPType, f.ICMPCode)
	default:
		if f.Version != 0 {
			add("ipv%d", f.Version)
		}
		if name := rules.ProtocolName(f.Protocol); portProtocols[name] != 0 {
			add("%s %d", name, f.Port)
		} else {
			add("ip %s", name)
		}
	}
	if f.FromPort != 0 {
		add("sport %d", f.FromPort)
	}
	if f.TCPFlags != nil {
		names := make([]string, 0, len(tcpFlagNames))
		for bit, name := range tcpFlagNames {
			if *f.TCPFlags>>bit&1 != 0 {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			names = append(names, "none")
		}
		add("flags %s", strings.Join(names, ","))
	}
	if f.Size != 0 {
		add("size %d", f.Size)
	}
	if f.TOS != 0 {
		add("tos %d", f.TOS)
	}
	if f.Source.IsValid() {
		add("source %s", f.Source)
	}
	if f.Dest.IsValid() {
		add("dest %s", f.Dest)
	}
	return strings.Join(words, " ")
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (f Flow) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with the rules of ParseFlow.
func (f *Flow) UnmarshalText(text []byte) error {
	read, err := ParseFlow(string(text))
	if err == nil {
		*f = read
	}
	return err
}
