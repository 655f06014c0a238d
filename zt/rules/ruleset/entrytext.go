package ruleset

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt"
)

// putText writes an operand that is a text in JSON to its bytes of the wire form.
func putText(bytes []byte, f form, text string) error {
	switch f {
	case nodeForm:
		value, err := strconv.ParseUint(text, 16, 8*zt.AddressLen)
		if err != nil {
			return wantText("the 10 hex digits of a node's address", text)
		}
		putNumber(bytes, value)
	case maskForm:
		value, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return wantText("up to 16 hex digits", text)
		}
		putNumber(bytes, value)
	case macForm:
		address, err := zt.ParseMAC(text)
		if err != nil {
			return wantText("12 hex digits, like aa:bb:cc:dd:ee:ff", text)
		}
		copy(bytes, address[:])
	case ipForm:
		return putIP(bytes, text)
	}
	return nil
}

// putIP reads address/prefix. Without a prefix its length is 0, as controllers
// have it; a greater length than the address has is cut.
func putIP(bytes []byte, text string) error {
	size := len(bytes) - 1
	want := "an IPv6 address with a prefix length, like fd00::/64"
	if size == 4 {
		want = "an IPv4 address with a prefix length, like 10.0.0.0/8"
	}
	host, length, hasLength := strings.Cut(text, "/")
	address, err := netip.ParseAddr(host)
	if err != nil || address.Zone() != "" || address.BitLen() != 8*size {
		return wantText(want, text)
	}
	if hasLength {
		bits, err := strconv.ParseUint(length, 10, 16)
		if err != nil {
			return wantText(want, text)
		}
		bytes[size] = byte(min(bits, uint64(8*size)))
	}
	if size == 4 {
		raw := address.As4()
		copy(bytes, raw[:])
	} else {
		raw := address.As16()
		copy(bytes, raw[:])
	}
	return nil
}

func wantText(want, got string) error {
	if got == "" {
		return errors.New("want " + want + ", got nothing")
	}
	return fmt.Errorf("want %s, got %q", want, clip(got))
}

// clip keeps what somebody wrote from filling an error message.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// readText does the same as controllers, which turn every text into something
// (protocol 07 §5, 10 §13.4). It never fails.
func readText(bytes []byte, f form, text string) error {
	text, _, _ = strings.Cut(text, "\x00")
	switch f {
	case nodeForm:
		putNumber(bytes, leadingNumber(text, 16)&(1<<(8*zt.AddressLen)-1))
	case maskForm:
		putNumber(bytes, leadingNumber(text, 16))
	case macForm:
		readMAC(bytes, text)
	case ipForm:
		readIP(bytes, text)
	}
	return nil
}

// leadingNumber reads the number that a text begins with, behind white space and a
// sign: 0 if there is none, the greatest if it has more than 64 bits.
func leadingNumber(text string, base int) uint64 {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	if base == 16 && len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' && isDigit(text[2], base) {
		text = text[2:]
	}
	n := 0
	for n < len(text) && isDigit(text[n], base) {
		n++
	}
	value, err := strconv.ParseUint(text[:n], base, 64)
	if negative && err == nil {
		value = -value
	}
	return value
}

func isDigit(c byte, base int) bool {
	return '0' <= c && c <= '9' || base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f'
}

// readMAC reads pairs of hex digits; a character that is none counts as 0.
func readMAC(bytes []byte, text string) {
	digits := strings.NewReplacer(":", "", "-", "").Replace(text)
	for i := 0; i < len(bytes) && 2*i+1 < len(digits); i++ {
		bytes[i] = byte(leadingNumber(digits[2*i:2*i+1], 16)<<4 | leadingNumber(digits[2*i+1:2*i+2], 16))
	}
}

// readIP reads address/prefix. What is no address of the family is all zeros; the
// prefix length counts nevertheless, its low 8 bits, unless the text has neither a
// dot nor a colon or is too long.
func readIP(bytes []byte, text string) {
	const tooLong = 64
	host, length, _ := strings.Cut(text, "/")
	if len(text) >= tooLong || !strings.ContainsAny(host, ".:") {
		return
	}
	size := len(bytes) - 1
	bytes[size] = min(byte(leadingNumber(length, 10)), byte(8*size))
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" && address.BitLen() == 8*size {
		copy(bytes, address.AsSlice())
	}
}
