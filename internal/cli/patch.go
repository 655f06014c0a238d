package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// patch is what a command changes about a network or member: part of Central's
// object, as decoded JSON whose numbers are json.Number.
type patch map[string]any

// maxPatch is how large a file for --json may be, in bytes; servers take no more.
const maxPatch = 1 << 20

// readPatch reads what --json names: a file, or - for standard input.
func readPatch(c *cobra.Command, name string) (patch, error) {
	if err := noneEmpty(c, "json"); err != nil {
		return nil, err
	}
	readAll := func(from io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(from, maxPatch+1)) }
	var text []byte
	var err error
	if name == "-" {
		text, err = fromInput(c, readAll)
	} else {
		text, err = withFile(name, readAll)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read --json: %w", err)
	case len(text) > maxPatch:
		return nil, fmt.Errorf("read --json: more than %d bytes", maxPatch)
	}
	p, err := decodePatch(text)
	if err != nil {
		return nil, usage(c, fmt.Errorf("--json: %w", err))
	}
	return p, nil
}

func withFile(name string, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(file)
}

func decodePatch(text []byte) (patch, error) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	decoder.UseNumber()
	var p patch
	if err := decoder.Decode(&p); err != nil || p == nil {
		return nil, errors.New("want one JSON object, as an API shows it or part of it")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON object")
	}
	return p, nil
}

// set sets a field by its path of names with dots between them.
func (p patch) set(path string, value any) {
	at := map[string]any(p)
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		below, ok := at[name].(map[string]any)
		if !ok {
			below = make(map[string]any)
			at[name] = below
		}
		at = below
	}
	at[names[len(names)-1]] = value
}

// has reports whether the patch sets a field, other than to null, which keeps
// what is there.
func (p patch) has(path string) bool {
	var at any = map[string]any(p)
	for name := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at != nil
}

// leaves makes sure that a patch leaves alone what flags add to or take away from:
// by field, these flags.
func (p patch) leaves(c *cobra.Command, flags map[string][]string) error {
	for path, names := range flags {
		for _, name := range names {
			if c.Flags().Changed(name) && p.has(path) {
				return usage(c, fmt.Errorf("--json has %s, in the place of all that there are; leave that or --%s out", strings.TrimPrefix(path, "config."), name))
			}
		}
	}
	return nil
}

// readOnlyFields are fields of networks and members that servers pass over when
// an object that was read is written back.
func readOnlyFields() map[string]bool {
	fields := make(map[string]bool)
	for _, path := range strings.Fields(`id type clock permissions ownerId onlineMemberCount authorizedMemberCount totalMemberCount
		networkId nodeId controllerId online lastOnline lastSeen physicalAddress physicalLocation clientVersion protocolVersion
		supportsRulesEngine ipAssignments config.authTokens config.creationTime config.id config.lastModified config.remoteTraceLevel
		config.remoteTraceTarget config.address config.identity config.lastAuthorizedTime config.lastDeauthorizedTime config.nwid
		config.objtype config.revision config.vMajor config.vMinor config.vRev config.vProto`) {
		fields[path] = true
	}
	return fields
}

// changes says for people what the patch would change in an object, field by
// field; nothing if the object is like that already.
func (p patch) changes(object json.RawMessage) ([]string, error) {
	return p.changesInWords(object, nil)
}

// changesInWords is changes with words of their own for the values of some fields,
// by path.
func (p patch) changesInWords(object json.RawMessage, words map[string]func(any) string) ([]string, error) {
	now, err := decodePatch(object)
	if err != nil {
		return nil, errors.New("the server's answer is no JSON object")
	}
	wanted, err := json.Marshal(p) // as it will be sent, so that types are alike
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	next, err := decodePatch(wanted)
	if err != nil {
		return nil, err
	}
	return differences("", map[string]any(now), map[string]any(next), readOnlyFields(), words), nil
}

// differences goes through all that next names; null in it keeps what is there.
func differences(path string, now, next any, passed map[string]bool, words map[string]func(any) string) []string {
	object, ok := next.(map[string]any)
	if !ok {
		if next == nil || sameValue(now, next) {
			return nil
		}
		text := words[path]
		if text == nil {
			text = valueText
		}
		return []string{fmt.Sprintf("%s %s → %s", printable(strings.TrimPrefix(path, "config.")), text(now), text(next))}
	}
	before, _ := now.(map[string]any)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if !passed[at] {
			all = append(all, differences(at, before[name], object[name], passed, words)...)
		}
	}
	return all
}

// sameValue compares as servers do: nothing, null, an empty text and an empty
// list are the same, and so are routes with no gateway however that is written.
func sameValue(a, b any) bool { return reflect.DeepEqual(simplified(a), simplified(b)) }

func simplified(value any) any {
	switch value := value.(type) {
	case string:
		if value != "" {
			return value
		}
	case []any:
		if len(value) == 0 {
			break
		}
		list := make([]any, len(value))
		for i, entry := range value {
			list[i] = simplified(entry)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, field := range value {
			if field = simplified(field); field != nil {
				object[name] = field
			}
		}
		return object
	default:
		return value
	}
	return nil
}

// valueText is a value in a message.
func valueText(value any) string {
	const most = 200 // characters
	text := ""
	switch value := simplified(value).(type) {
	case nil:
		return "none"
	case bool:
		if value {
			return "yes"
		}
		return "no"
	case string:
		text = value
	case json.Number:
		text = value.String()
	case []any:
		entries := make([]string, len(value))
		for i, entry := range value {
			entries[i] = entryText(entry)
		}
		text = strings.Join(entries, ", ")
	default:
		text = jsonText(value)
	}
	if shown := []rune(text); len(shown) > most {
		text = string(shown[:most]) + "…"
	}
	return printable(text)
}

// entryText is an entry of a list in a message: routes, pools and tags as flags
// have them.
func entryText(entry any) string {
	if pair, ok := entry.([]any); ok && len(pair) == 2 { // a tag
		return valueText(pair[0]) + "=" + valueText(pair[1])
	}
	object, ok := entry.(map[string]any)
	if !ok {
		return valueText(entry)
	}
	text := func(name string) string { s, _ := object[name].(string); return s }
	switch {
	case text("via") != "":
		return text("target") + " via " + text("via")
	case text("target") != "":
		return text("target")
	case text("ipRangeStart") != "":
		return text("ipRangeStart") + "-" + text("ipRangeEnd")
	}
	return jsonText(entry)
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "…"
	}
	return string(text)
}

// clone copies what set would write to.
func (p patch) clone() patch { return cloneObject(p) }

func cloneObject(object map[string]any) map[string]any {
	copied := maps.Clone(object)
	for name, value := range copied {
		if below, ok := value.(map[string]any); ok {
			copied[name] = cloneObject(below)
		}
	}
	return copied
}
