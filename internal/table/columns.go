// Package table says what the lists of networks and members look like as
// columns, and writes them: for people as a table, for machines as JSON, YAML,
// CSV, TSV or Markdown. It knows an object only as JSON and nothing of where
// objects come from. The server and the command line both use it, so that both
// write the same.
package table

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Column is a column of a list.
type Column struct {
	Name string // in the header
	// Paths lead to the value: names and indices, as config.routes[0].target.
	// They are tried in turn until one leads to a value that is not null.
	Paths []string
	Kind  Kind // how people, spreadsheets and databases see the value
}

// Kind is what the values of a column mean.
type Kind int

// The kinds of columns.
const (
	Any  Kind = iota // text, or whatever the value is
	Time             // ms since 1970, 0: never
	Number
	Bool
)

// Networks are the documented columns of a list of networks: id, name,
// description, totalMemberCount, creationTime, ipRangeStart, ipRangeEnd.
func Networks() []Column {
	return []Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "name", Paths: []string{"config.name"}},
		{Name: "description", Paths: []string{"description", "config.description"}},
		{Name: "totalMemberCount", Paths: []string{"totalMemberCount"}, Kind: Number},
		{Name: "creationTime", Paths: []string{"config.creationTime"}, Kind: Time},
		{Name: "ipRangeStart", Paths: []string{"config.ipAssignmentPools[0].ipRangeStart"}},
		{Name: "ipRangeEnd", Paths: []string{"config.ipAssignmentPools[0].ipRangeEnd"}},
	}
}

// Members are the documented columns of a list of members: id, lastSeen,
// physicalAddress, ipAssignment, name.
func Members() []Column {
	return []Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "lastSeen", Paths: []string{"lastSeen"}, Kind: Time},
		{Name: "physicalAddress", Paths: []string{"physicalAddress"}},
		{Name: "ipAssignment", Paths: []string{"config.ipAssignments[0]", "ipAssignments[0]"}},
		{Name: "name", Paths: []string{"name"}},
	}
}

// maxColumns bounds what a row may cost.
const maxColumns = 100

// ParseColumns reads what a user wants to see, separated by commas. Each is
//
//	lastSeen                          a known column, in any case
//	config.mtu, routes[0].target      a path to any field of the object; where
//	                                  it has none, the one in config is taken
//	config["a.b"]                     a name with . [ ] , = in it, as JSON string
//	Last seen=lastSeen                any of these under another name
//
// Objects differ between servers, so a field that is not there is no error but
// an empty cell. The error names the column that is wrong. A well-known field
// (creationTime, config.authorized, …) gets its kind.
func ParseColumns(spec string, known []Column) ([]Column, error) {
	items := splitOutside(spec, ',')
	if len(items) > maxColumns {
		return nil, fmt.Errorf("%d columns are too many, at most %d can be", len(items), maxColumns)
	}
	columns := make([]Column, 0, len(items))
	seen := make(map[string]bool)
	for i, item := range items {
		item = strings.TrimSpace(item)
		if item == "" {
			return nil, fmt.Errorf("column %d of %d is empty", i+1, len(items))
		}
		c, err := parseColumn(item, known)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", clip(item), err)
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("column %q comes twice; give one another name, as in other=%s", clip(c.Name), clip(c.Name))
		}
		if !isPrintable(c.Name) {
			return nil, fmt.Errorf("column %q: its name is not printable; give it one, as in other=path", clip(c.Name))
		}
		seen[c.Name] = true
		columns = append(columns, c)
	}
	return columns, nil
}

func parseColumn(item string, known []Column) (Column, error) {
	path, name := item, ""
	if parts := splitOutside(item, '='); len(parts) > 1 {
		name, path = strings.TrimSpace(parts[0]), strings.TrimSpace(item[len(parts[0])+1:])
		if name == "" {
			return Column{}, errors.New("a name is missing before the =")
		}
	}
	for _, k := range known {
		if strings.EqualFold(k.Name, path) {
			if name != "" {
				k.Name = name
			}
			return k, nil
		}
	}
	if err := checkPath(path); err != nil {
		return Column{}, err
	}
	if name == "" {
		name = path
	}
	c := Column{Name: name, Paths: []string{path}, Kind: kindOf(lastName(path))}
	if first, _, _ := nextStep(path); first.index < 0 && first.name != "config" {
		c.Paths = append(c.Paths, inConfig(path))
	}
	return c, nil
}

// inConfig is the path of the same field in config.
func inConfig(path string) string {
	if path[0] == '[' {
		return "config" + path
	}
	return "config." + path
}

// splitOutside splits a text at a separator, except within JSON strings that
// begin after a bracket.
func splitOutside(text string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == separator:
			parts = append(parts, text[start:i])
			start = i + 1
		case strings.HasPrefix(text[i:], `["`):
			i = stringEnd([]byte(text), i+1) - 1
		}
	}
	return append(parts, text[start:])
}

// kindOf is the kind of a well-known field of the APIs.
func kindOf(name string) Kind {
	switch name {
	case "clock", "creationTime", "lastModified", "lastSeen", "lastOnline", "lastAuthorizedTime", "lastDeauthorizedTime",
		"expiryTime", "lastUsedTime", "updateTime", "time":
		return Time
	case "totalMemberCount", "authorizedMemberCount", "onlineMemberCount", "mtu", "multicastLimit", "remoteTraceLevel",
		"revision", "vMajor", "vMinor", "vRev", "vProto", "protocolVersion", "seq":
		return Number
	case "private", "enableBroadcast", "authorized", "activeBridge", "noAutoAssignIps", "ssoExempt", "hidden", "online",
		"supportsRulesEngine", "zt", "6plane", "rfc4193", "enabled", "readOnly":
		return Bool
	}
	return Any
}

// isPrintable says whether a name can stand in the header of any format.
func isPrintable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// clip keeps what a user wrote from filling an error message.
func clip(text string) string {
	const most = 60 // bytes
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
