package rules

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// parseNumber reads a number: decimal, or hexadecimal with 0x. Numbers that are
// too large for an uint64 are math.MaxUint64.
func parseNumber(text string) (uint64, bool) {
	base := uint64(10)
	if len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' {
		base, text = 16, text[2:]
	}
	if text == "" {
		return 0, false
	}
	var n uint64
	for i := range len(text) {
		digit := hexDigit(text[i])
		if digit >= base {
			return 0, false
		}
		if n > (math.MaxUint64-digit)/base {
			n = math.MaxUint64
			continue
		}
		n = n*base + digit
	}
	return n, true
}

// hexDigit is the value of a digit, more than 15 if it is none.
func hexDigit(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return math.MaxUint64
}

func isHex(text string) bool {
	for i := range len(text) {
		if hexDigit(text[i]) > 15 {
			return false
		}
	}
	return true
}

// parseRange reads a number or two with - between them. The first is not larger
// than the second.
func parseRange(text string) (from, to uint64, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, ok1 := parseNumber(first)
	to, ok2 := parseNumber(last)
	return from, to, ok1 && ok2 && from <= to
}

// parseNode reads the address of a node; it comes back in lower case.
func parseNode(text string) (string, bool) {
	return strings.ToLower(text), len(text) == nodeDigits && isHex(text)
}

const nodeDigits = 10

// parseMAC reads a MAC with or without separators; it comes back in lower case
// with colons.
func parseMAC(text string) (string, bool) {
	digits := text
	switch {
	case len(text) == 17 && (isSeparated(text, 2, ':') || isSeparated(text, 2, '-')):
		digits = strings.ReplaceAll(text, text[2:3], "")
	case len(text) == 14 && isSeparated(text, 4, '.'):
		digits = strings.ReplaceAll(text, ".", "")
	}
	if len(digits) != 12 || !isHex(digits) {
		return "", false
	}
	mac := make([]byte, 0, 17)
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			mac = append(mac, ':')
		}
		mac = append(mac, digits[i]|0x20, digits[i+1]|0x20)
	}
	return string(mac), true
}

// isSeparated reports whether there is a separator after each group of some
// characters.
func isSeparated(text string, group int, separator byte) bool {
	for i := group; i < len(text); i += group + 1 {
		if text[i] != separator {
			return false
		}
	}
	return true
}

// parseNetwork reads an address with a prefix length, and reports whether it is
// IPv6. A text without / is no network at all.
func parseNetwork(text string) (is6, ok bool) {
	address, bits, _ := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" || len(bits) > 3 || strings.ContainsAny(bits, "xX") {
		return false, false
	}
	n, ok := parseNumber(bits)
	return ip.Is6(), ok && n <= uint64(ip.BitLen())
}

// parseProbability reads a decimal fraction from 0 to 1 as nodes have it
// (protocol 10 §6).
func parseProbability(text string) (int64, bool) {
	if strings.Trim(text, "0123456789.eE+-") != "" || strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		return 0, false
	}
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || p > 1 {
		return 0, false
	}
	return int64(math.Floor(math.MaxUint32 * p)), true
}
