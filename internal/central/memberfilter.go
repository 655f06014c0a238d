package central

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orrery-net/orrery/internal/model"
)

// textFilter finds a text in what is shown of a member, whatever the case of its
// letters. It goes through thousands of members for one page and therefore makes
// no garbage where it can.
type textFilter struct {
	text []byte // in lower case
	// Whether it can be part of a node's address and of an IP address at all,
	// which most texts cannot.
	inNode, inAddress bool
}

func newTextFilter(text string) textFilter {
	text = strings.ToLower(text)
	return textFilter{
		text:      []byte(text),
		inNode:    strings.Trim(text, "0123456789abcdef") == "",
		inAddress: strings.Trim(text, "0123456789abcdef.:%") == "",
	}
}

// accepts reports whether the text is in a member. seen is called only if that
// depends on it.
func (f *textFilter) accepts(m *model.Member, seen func() model.Seen) bool {
	if len(f.text) == 0 || f.in(m.Name) || f.in(m.Description) {
		return true
	}
	if f.inNode && bytes.Contains([]byte(m.Node.String()), f.text) {
		return true
	}
	if !f.inAddress {
		return false
	}
	if slices.ContainsFunc(m.Addresses, f.inIP) {
		return true
	}
	endpoint := seen().Endpoint
	return endpoint.IsValid() && f.inIP(endpoint.Addr())
}

func (f *textFilter) in(s string) bool {
	var space [64]byte
	return bytes.Contains(appendLower(space[:0], s), f.text)
}

func (f *textFilter) inIP(a netip.Addr) bool {
	var space [64]byte
	return bytes.Contains(a.AppendTo(space[:0]), f.text)
}

// appendLower appends strings.ToLower(s).
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return append(b[:len(b)-i], strings.ToLower(s)...)
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// compareLower is strings.Compare(strings.ToLower(a), strings.ToLower(b)).
func compareLower(a, b string) int {
	for a != "" && b != "" {
		x, xLen := utf8.DecodeRuneInString(a)
		y, yLen := utf8.DecodeRuneInString(b)
		if x != y {
			if order := cmp.Compare(unicode.ToLower(x), unicode.ToLower(y)); order != 0 {
				return order
			}
		}
		a, b = a[xLen:], b[yLen:]
	}
	return cmp.Compare(len(a), len(b))
}
