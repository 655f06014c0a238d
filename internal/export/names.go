package export

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Names of networks and members are whatever somebody typed. In files that
// configure other programs they become names that mean nothing else there:
// letters, digits and a joint only.

// maxLabel leaves room for an id behind it in the 63 bytes of RFC 1035.
const maxLabel = 40

// label makes a host name of one label, or with the joint _ a variable's name, of
// any text: lower-case ASCII letters and digits, with single joints in place of
// everything else. Accents are dropped. Empty if nothing is left.
func label(text string, joint byte) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(text[:min(len(text), 1024)]) {
		switch {
		case b.Len() == maxLabel:
			return b.String()
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		case unicode.Is(unicode.Mn, r):
			continue
		default:
			gap = true
			continue
		}
		if gap && b.Len() > 0 && b.Len() < maxLabel-1 {
			b.WriteByte(joint)
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// named is something that wants a name and has an id that nothing else has.
type named struct{ name, id string }

// uniqueNames gives each its name, and where several want the same, or one that
// is reserved, adds the id to the name of each of them: who is meant by it shall
// not depend on who comes first.
func uniqueNames(all []named, joint string, reserved func(string) bool) []string {
	wanted := make(map[string]int, len(all))
	for _, n := range all {
		wanted[n.name]++
	}
	names := make([]string, len(all))
	given := make(map[string]bool) // those with an id
	for i, n := range all {
		names[i] = n.name
		if wanted[n.name] > 1 || reserved(n.name) {
			names[i] = n.name + joint + n.id
			given[names[i]] = true
		}
	}
	// A plain name may be just what another one became by its id.
	for changed := true; changed; {
		changed = false
		for i, n := range all {
			if names[i] == n.name && given[n.name] {
				names[i] = n.name + joint + n.id
				given[names[i]] = true
				changed = true
			}
		}
	}
	return names
}

// reservedHost reports whether a name must not stand for a member: programs know
// it already, or read it as an IP address.
func reservedHost(name string) bool {
	switch name {
	case "localhost", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix",
		"ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "all", "ungrouped":
		return true
	}
	digits := strings.TrimPrefix(name, "0x")
	set := "0123456789"
	if digits != name {
		set += "abcdef"
	}
	return strings.Trim(digits, set) == ""
}

// reservedGroup reports whether Ansible has a group or a meaning of that name.
func reservedGroup(name string) bool {
	return slices.Contains([]string{"all", "ungrouped", "children", "hosts", "vars", "localhost", "_meta"}, name)
}

// cleanDomain is a domain that can be appended to names, without dots at its
// ends; empty if the text is none.
func cleanDomain(text string) string {
	domain := strings.ToLower(strings.Trim(text, "."))
	if len(domain) > 180 {
		return ""
	}
	for part := range strings.SplitSeq(domain, ".") {
		if part == "" || len(part) > 63 || strings.HasPrefix(part, "-") || strings.HasSuffix(part, "-") || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return ""
		}
	}
	return domain
}

// printable is a text for one line: what cannot be seen is replaced, line ends
// above all.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, text)
}
