package original

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// lower folds a word as JavaScript does: by Unicode's full mapping (protocol 10
// §16.5). It differs from the simple one, which is far quicker, for two letters.
func lower(s string) string {
	if strings.ContainsAny(s, "\u0130\u03a3") {
		return cases.Lower(language.Und).String(s)
	}
	return strings.ToLower(s)
}

// isName reports whether a word can be a name: letters, _ and, not in front,
// digits.
func isName(s string) bool {
	for i, c := range s {
		isDigit := '0' <= c && c <= '9'
		if c != '_' && !isLetter(c) && (!isDigit || i == 0) {
			return false
		}
	}
	return s != ""
}

// digits returns the value of the longest number at the start of s, after white
// space and a sign; false if there is none. Values are exact up to 2^53.
func digits(s string, base int) (float64, bool) {
	s = strings.TrimLeftFunc(s, isSpace)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	n := 0
	for n < len(s) && isDigit(s[n], base) {
		n++
	}
	if n == 0 {
		return 0, false
	}
	value := float(s[:n], base)
	if negative {
		value = -value
	}
	return value, true
}

// float is the number that digits are.
func float(digits string, base int) float64 {
	if exact, err := strconv.ParseUint(digits, base, 53); err == nil {
		return float64(exact)
	}
	if base == 16 {
		digits = "0x" + digits + "p0"
	}
	value, _ := strconv.ParseFloat(digits, 64) // out of range: infinity, as it should be
	return value
}

func isDigit(c byte, base int) bool {
	return '0' <= c && c <= '9' || base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f'
}

// isSpace reports whether c is white space in JavaScript.
func isSpace(c rune) bool {
	return c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r' || c == 0xfeff || c == 0x2028 || c == 0x2029 || unicode.Is(unicode.Zs, c)
}

// number reads a number: what follows its digits does not count, and what has
// none is -1 (Q11). Of numbers beyond 2^53 only that they are great is exact.
func number(s string) int64 {
	s = lower(s)
	base := 10
	if strings.HasPrefix(s, "0x") && len(s) > 2 {
		s, base = s[2:], 16
	}
	value, ok := digits(s, base)
	if !ok {
		return -1
	}
	return int64(max(-1<<53, min(value, 1<<53)))
}

// symbolOr reads a symbol, in lower case only, or a number.
func symbolOr[N int64 | uint64](symbols map[string]N, s string) int64 {
	if value, ok := symbols[s]; ok {
		return int64(value)
	}
	return number(s)
}

// numberRange reads A-B, or A for A-A; false if it is none within 0 and most.
func numberRange(s string, most int64) (start, end int64, ok bool) {
	from, to := s, s
	if strings.IndexByte(s, '-') > 0 {
		from, to, _ = strings.Cut(s, "-")
		if strings.Contains(to, "-") {
			return 0, 0, false
		}
	}
	start, end = number(from), number(to)
	return start, end, 0 <= start && start <= end && end <= most
}

// defaultValue reads the default of a tag that is no name of a value: 0 if it is
// no number, otherwise its absolute value as a signed number of 32 bits (Q10,
// Q13).
func defaultValue(s string) int64 {
	unsigned := strings.TrimLeft(strings.TrimLeftFunc(s, isSpace), "+-")
	base := 10
	if strings.HasPrefix(unsigned, "0x") || strings.HasPrefix(unsigned, "0X") {
		base = 16
	}
	value, ok := digits(s, base)
	if !ok || math.IsInf(value, 0) {
		return 0
	}
	return int64(int32(uint32(math.Mod(math.Abs(value), 1<<32))))
}

// fraction reads the longest decimal fraction at the start of s, 0 if there is
// none, cut to 0 … 1 (Q18).
func fraction(s string) float64 {
	s = strings.TrimLeftFunc(s, isSpace)
	value, _ := strconv.ParseFloat(s[:fractionLen(s)], 64) // out of range: infinity, as it should be
	return max(0, min(value, 1))
}

// fractionLen is how long the decimal fraction at the start of s is.
func fractionLen(s string) int {
	n := signLen(s)
	if strings.HasPrefix(s[n:], "Infinity") {
		return n + len("Infinity")
	}
	whole := digitsLen(s[n:])
	n += whole
	if n < len(s) && s[n] == '.' {
		part := digitsLen(s[n+1:])
		if whole+part == 0 {
			return 0
		}
		n += 1 + part
	} else if whole == 0 {
		return 0
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		sign := 1 + signLen(s[n+1:])
		if exponent := digitsLen(s[n+sign:]); exponent > 0 {
			n += sign + exponent
		}
	}
	return n
}

func signLen(s string) int {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return 1
	}
	return 0
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n], 10) {
		n++
	}
	return n
}

// hexDigits returns the hex digits in s.
func hexDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && isDigit(byte(c), 16) {
			return c
		}
		return -1
	}, s)
}

// nodeAddress reads 10 hex digits; whatever else is in s does not count (Q19).
func nodeAddress(s string) (string, bool) {
	s = hexDigits(s)
	return strings.ToLower(s), len(s) == 10
}

// macAddress reads the first 12 hex digits (Q19).
func macAddress(s string) (string, bool) {
	s = strings.ToLower(hexDigits(s))
	if len(s) < 12 {
		return "", false
	}
	return s[:2] + ":" + s[2:4] + ":" + s[4:6] + ":" + s[6:8] + ":" + s[8:10] + ":" + s[10:12], true
}

// likeIPv6 reports whether there is something in s that looks like an IPv6 address
// to the original, which only searches for it (Q17): "::", eight groups of hex
// digits, or "fe80:%" with a letter or digit behind it.
func likeIPv6(s string) bool {
	if strings.Contains(s, "::") {
		return true
	}
	groups, last := 0, ""
	for part := range strings.SplitSeq(s, ":") {
		if groups == 7 && startsWith(part, 16) || strings.HasSuffix(last, "fe80") && len(part) > 1 && part[0] == '%' && isAlphanumeric(part[1]) {
			return true
		}
		switch {
		case len(part) <= 4 && part != "" && len(hexDigits(part)) == len(part):
			groups++
		case endsWith(part, 16):
			groups = 1
		default:
			groups = 0
		}
		last = part
	}
	return false
}

// likeIPv4 is the same for IPv4: two octets with dots and digits around them.
func likeIPv4(s string) bool {
	numbers := 0
	for part := range strings.SplitSeq(s, ".") {
		if numbers >= 3 && startsWith(part, 10) {
			return true
		}
		switch {
		case isOctet(part):
			numbers++
		case endsWith(part, 10):
			numbers = 1
		default:
			numbers = 0
		}
	}
	return false
}

// isOctet reports whether s is a number up to 255, of up to two digits if the first
// one is 0.
func isOctet(s string) bool {
	if len(s) > 3 || len(s) == 3 && s[0] == '0' {
		return false
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return err == nil && n <= 255
}

func startsWith(s string, base int) bool { return s != "" && isDigit(s[0], base) }
func endsWith(s string, base int) bool   { return s != "" && isDigit(s[len(s)-1], base) }

func isAlphanumeric(c byte) bool { return isDigit(c, 10) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// utf16Len is the length of s as JavaScript counts it.
func utf16Len(s string) int {
	n := 0
	for _, c := range s {
		if n++; c > 0xffff {
			n++
		}
	}
	return n
}

// mask is the number of a list of characteristics as 16 hex digits. Each half with
// its highest bit set is written as 2^32 less its value (Q12).
func mask(bits uint64) string {
	half := func(h uint32) string {
		if h >= 1<<31 {
			h = -h
		}
		const zeros = "00000000"
		text := strconv.FormatUint(uint64(h), 16)
		return zeros[len(text):] + text
	}
	return half(uint32(bits>>32)) + half(uint32(bits))
}
