package rules

import (
	"fmt"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// hintNode is about a word that is not a node's address.
func hintNode(t syntax.Token) func() string {
	return func() string {
		digits := strings.Map(func(r rune) rune {
			if strings.ContainsRune(":-.\"'", r) {
				return -1
			}
			return r
		}, strings.TrimPrefix(strings.ToLower(t.Text), "0x"))
		if address, ok := parseNode(digits); ok {
			return "Write " + address + "."
		}
		if _, err := netip.ParseAddr(t.Text); err == nil || strings.Contains(t.Text, "/") {
			return "Write the 10-digit address of a node, like 0123456789, or match the IP address with ipsrc or ipdest."
		}
		if isHex(t.Text) {
			return fmt.Sprintf("Addresses of nodes have 10 hex digits; this has %d.", len(t.Text))
		}
		return "Write the device's 10-digit node address, like 0123456789: names are not known here."
	}
}

// hintPrefix is about an address without prefix length.
func hintPrefix(t syntax.Token) func() string {
	return func() string {
		ip, err := netip.ParseAddr(t.Text)
		if err != nil || ip.Zone() != "" {
			return hintNetwork(t)()
		}
		return fmt.Sprintf("For this address alone, add /%d: %s/%d.", ip.BitLen(), t.Text, ip.BitLen())
	}
}

// hintNetwork is about a word that is not a network.
func hintNetwork(t syntax.Token) func() string {
	return func() string {
		address, suffix, _ := strings.Cut(t.Text, "/")
		if ip, err := netip.ParseAddr(address); err == nil && ip.Zone() != "" {
			return fmt.Sprintf("Addresses have no zone here: write %s and a prefix length.", ip.WithZone(""))
		}
		if ip, err := netip.ParseAddr(address); err == nil && ip.Zone() == "" {
			if length, ok := prefixLen(suffix); ok && ip.Is4() {
				return fmt.Sprintf("Write %s/%d.", address, length)
			}
			return fmt.Sprintf("The prefix length is a number from 0 to %d.", ip.BitLen())
		}
		if address != "" && strings.Trim(address, "0123456789.") == "" {
			return "IPv4 addresses are four numbers from 0 to 255 without zeros in front of them, like 10.0.0.0/8."
		}
		if first, _, ok := strings.Cut(address, "-"); ok {
			if _, err := netip.ParseAddr(first); err == nil {
				return "There are no ranges of addresses: write networks, joined by or."
			}
		}
		if strings.ContainsFunc(address, func(r rune) bool { return r > 'f' && r <= 'z' }) {
			return "Names are not known here: write an address with prefix length, like 10.0.0.1/32, or the device's 10-digit node address with ztsrc or ztdest."
		}
		return "Write an address and a prefix length, like 10.0.0.0/8 or fd00::/8."
	}
}

// prefixLen is the length of a network mask like 255.255.0.0.
func prefixLen(mask string) (int, bool) {
	ip, err := netip.ParseAddr(mask)
	if err != nil || !ip.Is4() {
		return 0, false
	}
	b := ip.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	length := bits.LeadingZeros32(^n)
	return length, n<<length == 0
}

// hintNumber is about a word that is neither a number that a match takes nor its
// name.
func hintNumber(name string, t syntax.Token, limit uint64, names map[string]uint64) func() string {
	return func() string {
		if n, ok := numbersElsewhere[name][strings.ToLower(t.Text)]; ok {
			return fmt.Sprintf("Use %s.", n)
		}
		if near := didYouMean(t.Text, maps.Keys(names)); near != "" {
			return near
		}
		if len(names) > 0 {
			return fmt.Sprintf("Write a number from 0 to %d, or one of %s.", limit, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
		return fmt.Sprintf("Write a number from 0 to %d.", limit)
	}
}

// hintRange is about a word that is neither a number nor a range.
func hintRange(name string, t syntax.Token, limit uint64, example string) func() string {
	return func() string {
		if n, ok := numbersElsewhere[name][strings.ToLower(t.Text)]; ok {
			return fmt.Sprintf("Use %s.", n)
		}
		if strings.ContainsAny(t.Text, "<>=") {
			return fmt.Sprintf("There are no comparisons: write a range like %s.", example)
		}
		first, last, isRange := strings.Cut(strings.NewReplacer(":", "-", "..", "-").Replace(t.Text), "-")
		from, ok := parseNumber(first)
		to, okTo := parseNumber(last)
		switch {
		case isRange && ok && from <= limit && last == "":
			return fmt.Sprintf("Write %d-%d.", from, limit)
		case isRange && ok && okTo && max(from, to) <= limit:
			return fmt.Sprintf("Write %d-%d.", min(from, to), max(from, to))
		}
		return fmt.Sprintf("Write a number from 0 to %d, or a range like %s.", limit, example)
	}
}

// hintUnlessList is a hint about the operand of a match with one, but for quotes,
// which there are none of, and lists: they are written as several matches.
func hintUnlessList(name string, t syntax.Token, hint func() string) func() string {
	if unquoted := strings.Trim(t.Text, "\"'"); unquoted != t.Text && unquoted != "" {
		return hintf("Write it without quotes: %s %s.", name, plain(word(unquoted)))
	}
	if !strings.Contains(t.Text, ",") {
		return hint
	}
	return func() string {
		var matches []string
		for part := range strings.SplitSeq(plain(t), ",") {
			if part != "" && len(matches) < maxListed {
				matches = append(matches, name+" "+part)
			}
		}
		if len(matches) == 0 {
			return hint()
		}
		return fmt.Sprintf("There are no lists here: write %s. "+syntax.GroupingHint, strings.Join(matches, " or "))
	}
}

func hintICMP(t syntax.Token) func() string {
	if n, ok := numbersElsewhere["icmp"][strings.ToLower(t.Text)]; ok {
		return hintf("Use %s.", n)
	}
	return hint("Types are numbers from 0 to 255: a ping is 8 and its reply 0, with IPv6 128 and 129.")
}

func hintCharacteristic(text string) func() string {
	return func() string {
		lower := strings.ToLower(text)
		if name := strings.TrimPrefix(lower, "!"); name != lower {
			return fmt.Sprintf("A list has what may be there. For what must not be there, write a match of its own: and not chr %s.", plain(word(name)))
		}
		if _, ok := characteristics["tcp_"+lower]; ok {
			return "Write tcp_" + lower + "."
		}
		if near := didYouMean(text, maps.Keys(characteristics)); near != "" {
			return near
		}
		return "Write bit numbers from 0 to 63, or " + strings.Join(slices.Sorted(maps.Keys(characteristics)), ", ") + "; several with commas."
	}
}

func hintProbability(t syntax.Token) func() string {
	if percent, ok := strings.CutSuffix(t.Text, "%"); ok {
		if n, ok := parseNumber(percent); ok && n <= 100 {
			return hintf("Write %g.", float64(n)/100)
		}
	}
	return hint("Write a number from 0 to 1, like 0.05.")
}

// numbersElsewhere are the numbers of names that are common elsewhere, but not
// part of the language, by match.
var numbersElsewhere = map[string]map[string]string{
	"sport": portNumbers,
	"dport": portNumbers,
	"ipprotocol": {
		"gre": "47", "ospf": "89", "pim": "103", "vrrp": "112", "eigrp": "88", "dccp": "33",
		"ipv4": "ethertype ipv4 instead (the protocol of tunnels is 4)", "ipv6": "ethertype ipv6 instead (the protocol of tunnels is 41)",
		"arp":       "ethertype arp instead",
		"ipv6-icmp": "icmp6", "icmpv4": "icmp4", "ping": "icmp4 or icmp6", "ipencap": "4", "hopopt": "0", "any": "no match at all",
	},
	"ethertype": {
		"lldp": "0x88cc", "vlan": "0x8100", "mpls": "0x8847", "pppoe": "0x8864", "eapol": "0x888e", "ptp": "0x88f7",
		"ip": "ipv4", "ip4": "ipv4", "ip6": "ipv6", "ipx": "ipx_a or ipx_b", "lacp": "0x8809", "macsec": "0x88e5",
		"tcp": "ipprotocol tcp instead", "udp": "ipprotocol udp instead", "icmp": "ipprotocol icmp4 instead", "icmp4": "ipprotocol icmp4 instead",
		"icmp6": "ipprotocol icmp6 instead", "icmpv6": "ipprotocol icmp6 instead",
	},
	"icmp": {
		"any": anyICMP, "all": anyICMP, "-1": anyICMP, "*": anyICMP,
		"echo": "8 for IPv4, 128 for IPv6", "ping": "8 for IPv4, 128 for IPv6", "request": "8 for IPv4, 128 for IPv6",
		"echo-request": "8 for IPv4, 128 for IPv6", "echo_request": "8 for IPv4, 128 for IPv6",
		"reply": "0 for IPv4, 129 for IPv6", "pong": "0 for IPv4, 129 for IPv6",
		"echo-reply": "0 for IPv4, 129 for IPv6", "echo_reply": "0 for IPv4, 129 for IPv6",
		"unreachable": "3 for IPv4, 1 for IPv6", "destination-unreachable": "3 for IPv4, 1 for IPv6",
		"redirect": "5 for IPv4, 137 for IPv6", "time-exceeded": "11 for IPv4, 3 for IPv6", "ttl-exceeded": "11 for IPv4, 3 for IPv6",
		"packet-too-big": "2 (IPv6)", "too-big": "2 (IPv6)", "router-solicitation": "133", "router-advertisement": "134",
		"neighbor-solicitation": "135", "neighbour-solicitation": "135", "neighbor-advertisement": "136", "neighbour-advertisement": "136",
	},
}

const anyICMP = "ipprotocol icmp4 or ipprotocol icmp6 in place of icmp, for all types"

var portNumbers = map[string]string{
	"ftp": "21", "ssh": "22", "sftp": "22", "telnet": "23", "smtp": "25", "dns": "53", "domain": "53", "dhcp": "67-68", "tftp": "69",
	"http": "80", "kerberos": "88", "pop3": "110", "ntp": "123", "netbios": "137-139", "imap": "143", "snmp": "161", "ldap": "389",
	"https": "443", "smb": "445", "cifs": "445", "syslog": "514", "ldaps": "636", "imaps": "993", "pop3s": "995", "mssql": "1433",
	"nfs": "2049", "mysql": "3306", "rdp": "3389", "postgres": "5432", "postgresql": "5432", "sip": "5060", "mdns": "5353",
	"vnc": "5900", "redis": "6379", "zerotier": "9993", "wireguard": "51820", "openvpn": "1194", "mongodb": "27017",
}
