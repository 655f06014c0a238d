package original

import "strings"

func words(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// reserved are words that nothing can be named and, in lower case, that cannot be
// an argument (protocol 10 §3.1).
var reserved = words(`macro tag cap default drop accept tee watch redirect break priority
	ztsrc ztdest vlan vlanpcp vlandei ethertype macsrc macdest ipsrc ipdest iptos ipprotocol icmp sport dport chr
	framesize random tand tor txor tdiff teq tseq treq
	type enum class define import include log not xor or and set var let`)

// properties are names that every object of JavaScript has: the original finds
// them in all of its tables (Q26).
var properties = words(`constructor toString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString
	__proto__ __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__`)

func isProperty(word string) bool { return properties[word] }

func isReserved(word string) bool { return reserved[word] || isProperty(word) }

// The symbols of arguments (protocol 10 §7).
var (
	etherTypes = map[string]int64{
		"ipv4": 0x0800, "arp": 0x0806, "wol": 0x0842, "rarp": 0x8035, "atalk": 0x809b, "aarp": 0x80f3,
		"ipx_a": 0x8137, "ipx_b": 0x8138, "ipv6": 0x86dd,
	}
	ipProtocols = map[string]int64{
		"icmp": 1, "icmp4": 1, "icmpv4": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "rdp": 27,
		"esp": 50, "ah": 51, "icmp6": 58, "icmpv6": 58, "l2tp": 115, "sctp": 132, "udplite": 136,
	}
	characteristics = map[string]int64{
		"inbound": 63, "multicast": 62, "broadcast": 61, "ipauth": 60, "macauth": 59,
		"tcp_rs0": 11, "tcp_rs1": 10, "tcp_rs2": 9, "tcp_ns": 8, "tcp_cwr": 7, "tcp_ece": 6,
		"tcp_urg": 5, "tcp_ack": 4, "tcp_psh": 3, "tcp_rst": 2, "tcp_syn": 1, "tcp_fin": 0,
	}
)

// IsName reports whether the original takes a word, in lower case, as the name of
// anything and wherever a name can stand. Strict mode takes more (protocol 10 §17,
// Q09, Q26).
func IsName(word string) bool { return isName(word) && !isReserved(word) }

// CanNameValue reports whether the original takes a word, in lower case, in the
// definition of a flag or enum. It may not take it in a match.
func CanNameValue(word string) bool { return isName(word) && !startsBlock(word) }

// startsBlock reports whether a word, wherever it stands, is taken for the
// beginning of a block (protocol 10 §16.1).
func startsBlock(word string) bool { return opensBlock[word] || isProperty(word) }
