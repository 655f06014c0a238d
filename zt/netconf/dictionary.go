package netconf

import (
	"bytes"
	"iter"
	"math"

	"github.com/orrery-net/orrery/zt"
)

// Dictionary is the encoded form of a list of keys and values: lines of
// key=value with LF between them, in which five bytes of a value are escaped
// (protocol 05 §1). The zero value is empty. Readers see the first of several
// equal keys.
//
// The Append methods work like append: they may write into the array behind the
// dictionary and return the longer one. Keys are plain ASCII without NUL, CR, LF
// and '='.
type Dictionary []byte

// AppendText adds a text.
func (d Dictionary) AppendText(key, value string) Dictionary {
	return appendEscaped(d.appendKey(key), value)
}

// AppendBytes adds a binary value.
func (d Dictionary) AppendBytes(key string, value []byte) Dictionary {
	return appendEscaped(d.appendKey(key), value)
}

// AppendUint adds a number as 16 hex digits.
func (d Dictionary) AppendUint(key string, value uint64) Dictionary {
	return appendHex(d.appendKey(key), value, 16)
}

// AppendInt adds a number that is not negative as 16 hex digits. The format has
// no negative numbers; 0 is written for them.
func (d Dictionary) AppendInt(key string, value int64) Dictionary {
	return d.AppendUint(key, uint64(max(value, 0)))
}

// AppendBool adds 1 for true and 0 for false.
func (d Dictionary) AppendBool(key string, value bool) Dictionary {
	if value {
		return append(d.appendKey(key), '1')
	}
	return append(d.appendKey(key), '0')
}

// AppendAddress adds a node's address as 10 hex digits.
func (d Dictionary) AppendAddress(key string, value zt.Address) Dictionary {
	return appendHex(d.appendKey(key), uint64(value), 2*zt.AddressLen)
}

func (d Dictionary) appendKey(key string) Dictionary {
	if len(d) > 0 {
		d = append(d, '\n')
	}
	return append(append(d, key...), '=')
}

// Get returns a key's value and whether the key is there. The value shares
// memory with d when nothing in it is escaped.
func (d Dictionary) Get(key string) (value []byte, ok bool) {
	for k, escaped := range d.entries() {
		if string(k) == key {
			return unescape(escaped), true
		}
	}
	return nil, false
}

// Text returns a key's value cut to at most limit bytes, "" if it is missing.
func (d Dictionary) Text(key string, limit int) string {
	value, _ := d.Get(key)
	return string(value[:min(len(value), limit)])
}

// Uint returns a key's value as an unsigned number; missing if the key is not
// there or its value is empty. It reads numbers as C does: blanks and a sign in
// front, an optional 0x, anything after the digits ignored, the greatest number
// for one that is too great, 0 for what is no number.
func (d Dictionary) Uint(key string, missing uint64) uint64 {
	value, _ := d.Get(key)
	if len(value) == 0 {
		return missing
	}
	number, negative, overflow := scanHex(value)
	if negative && !overflow {
		return -number
	}
	return number
}

// Int returns a key's value as a signed number, with the rules of Uint.
func (d Dictionary) Int(key string, missing int64) int64 {
	value, _ := d.Get(key)
	if len(value) == 0 {
		return missing
	}
	switch number, negative, _ := scanHex(value); {
	case negative && number > math.MaxInt64:
		return math.MinInt64
	case negative:
		return -int64(number)
	default:
		return int64(min(number, math.MaxInt64))
	}
}

// Bool returns a key's value as a truth value: true if it begins with 1, t or T.
func (d Dictionary) Bool(key string, missing bool) bool {
	value, ok := d.Get(key)
	if !ok {
		return missing
	}
	return len(value) > 0 && (value[0] == '1' || value[0] == 't' || value[0] == 'T')
}

// Address returns a key's value as a node's address, 0 if it is missing.
func (d Dictionary) Address(key string) zt.Address {
	const mask = 1<<(8*zt.AddressLen) - 1
	return zt.Address(d.Uint(key, 0) & mask)
}

// entries yields keys and values that are still escaped, both sharing memory
// with d. A NUL byte ends a dictionary, CR or LF end a line, and lines without
// '=' are ignored (protocol 05 §1.2).
func (d Dictionary) entries() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, escaped []byte) bool) {
		rest := []byte(d)
		if end := bytes.IndexByte(rest, 0); end >= 0 {
			rest = rest[:end]
		}
		for len(rest) > 0 {
			line := rest
			if end := bytes.IndexByte(rest, '\n'); end >= 0 {
				line, rest = rest[:end], rest[end+1:]
			} else {
				rest = nil
			}
			for len(line) > 0 {
				part := line
				if end := bytes.IndexByte(line, '\r'); end >= 0 {
					part, line = line[:end], line[end+1:]
				} else {
					line = nil
				}
				if key, escaped, ok := bytes.Cut(part, []byte{'='}); ok && !yield(key, escaped) {
					return
				}
			}
		}
	}
}

// escapeLetter holds for each byte what stands for it behind a backslash, 0 if
// the byte stands for itself.
var escapeLetter = [256]byte{0: '0', '\r': 'r', '\n': 'n', '\\': '\\', '=': 'e'}

func appendEscaped[T string | []byte](d Dictionary, value T) Dictionary {
	plain := 0
	for i := 0; i < len(value); i++ {
		if letter := escapeLetter[value[i]]; letter != 0 {
			d = append(append(d, value[plain:i]...), '\\', letter)
			plain = i + 1
		}
	}
	return append(d, value[plain:]...)
}

func unescape(escaped []byte) []byte {
	first := bytes.IndexByte(escaped, '\\')
	if first < 0 {
		return escaped
	}
	value := append(make([]byte, 0, len(escaped)), escaped[:first]...)
	for i := first; i < len(escaped); i++ {
		c := escaped[i]
		if c == '\\' {
			if i++; i == len(escaped) {
				break
			}
			switch c = escaped[i]; c {
			case 'r':
				c = '\r'
			case 'n':
				c = '\n'
			case '0':
				c = 0
			case 'e':
				c = '='
			}
		}
		value = append(value, c)
	}
	return value
}

// scanHex reads a number in base 16 as C's strtoull does, the sign apart.
func scanHex(s []byte) (number uint64, negative, overflow bool) {
	s = bytes.TrimLeft(s, " \t\n\v\f\r")
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	for _, c := range s {
		digit, ok := hexDigit(c)
		if !ok {
			break
		}
		if number>>60 != 0 {
			return math.MaxUint64, negative, true
		}
		number = number<<4 | uint64(digit)
	}
	return number, negative, false
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// appendHex writes a number with a fixed count of lower-case hex digits.
func appendHex(b []byte, value uint64, digits int) []byte {
	const hex = "0123456789abcdef"
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, hex[value>>shift&15])
	}
	return b
}
