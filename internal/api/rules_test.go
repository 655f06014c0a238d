package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// rulesWorld has the network "net" with alice, bob, carol, who is not authorized,
// and a server called files.
func rulesWorld(t testing.TB) *world {
	w := newWorld(t)
	w.newNetwork("owner", "net")
	for i, name := range []string{"alice", "bob", "carol", "files"} {
		node := zt.Address(0x1000000001 + uint64(i))
		w.names[name] = node.String()
		w.newMember("net", node, func(m *model.Member) {
			m.Name = name
			m.Authorized = name != "carol"
			m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)})}
		})
	}
	return w
}

// body is a JSON object with texts as they are.
func body(t testing.TB, fields map[string]any) string {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func source(t testing.TB, program string) string {
	return body(t, map[string]any{"source": program})
}

const departments = `accept ethertype arp;

tag department
	id 1000
	enum 0 none
	enum 100 sales
	enum 200 engineering
	default none
;

tag role
	id 7
	flag 0 server
	flag 1 printer
;

cap ssh
	id 1
	accept ipprotocol tcp and dport 22;
;

# Within a department.
accept
	tdiff department 0
	and not tseq department none
;
break;
`

func TestCheckRules(t *testing.T) {
	w := newWorld(t)
	play(w, []step{
		{name: "good", call: call{"", "POST", "/rules/check", source(t, departments)},
			has: `{"ok":true,"diagnostics":[ … "usage":{"rules":6,"maxRules":1024,"capabilities":1,"maxCapabilities":128,"largestCapability":3,"maxRulesPerCapability":64,"tags":2,"maxTags":128},` +
				`"rules":[{ … "etherType":2054 … "capabilities":[{"id":1,"rules":[ … "tags":[{"id":1000,"default":0},{"id":7,"default":null}],"tagsByName":{"department":{ … "enums":{"none":0 … "role": … "capabilitiesByName":{"ssh":1}}`},
		{name: "nothing", call: call{"", "POST", "/rules/check", source(t, "")}, has: `"ok":true … "rules":[],"capabilities":[],"tags":[],"tagsByName":{},"capabilitiesByName":{}}`},
		{name: "two mistakes", call: call{"", "POST", "/rules/check", source(t, "accept dport 22,80;\n\tdrop ipsrc 10.0.0.0;\naccept;")},
			has: `{"ok":false,"diagnostics":[{"severity":"error","code":" … "line":1,"column":14 … "line":2,"column":13 … "usage":{"rules":0,"maxRules":1024 … "rules":[]`},
		{name: "what the original takes", call: call{"", "POST", "/rules/check", body(t, map[string]any{"source": "accept dport 22,80;", "mode": "compatible"})}, has: `{"ok":true,"diagnostics":[] … "end":22 … "start":22`},
		{name: "with warnings", call: call{"", "POST", "/rules/check", body(t, map[string]any{"source": "accept dport 22,80;", "mode": "lenient"})}, has: `{"ok":true,"diagnostics":[{"severity":"warning" … "end":22`},
		{name: "no mode", call: call{"", "POST", "/rules/check", body(t, map[string]any{"source": "", "mode": "loose"})}, status: 400, has: "body.mode"},
		{name: "no source", call: call{"", "POST", "/rules/check", `{}`}, status: 400, has: "source"},
		{name: "no text", call: call{"", "POST", "/rules/check", `{"source":5}`}, status: 400, has: "body.source: expected string"},
		{name: "as large as it gets", call: call{"", "POST", "/rules/check", source(t, strings.Repeat("#\n", model.MaxRulesSourceLen/2))}, has: `{"ok":true`},
		{name: "too large", call: call{"", "POST", "/rules/check", source(t, strings.Repeat("#", model.MaxRulesSourceLen+1))}, status: 400, has: "body.source"},
		{name: "too large in bytes", call: call{"", "POST", "/rules/check", source(t, "#"+strings.Repeat("é", model.MaxRulesSourceLen-1))}, status: 413, has: "source: 2097151 bytes"},
		{name: "a large body", call: call{"", "POST", "/rules/check", strings.Repeat(" ", maxRulesBody+1)}, status: 413, has: "4194304"},
	})
}

func TestFormatAndDecompileRules(t *testing.T) {
	w := newWorld(t)
	play(w, []step{
		{name: "format", call: call{"", "POST", "/rules/format", source(t, "accept   ipprotocol tcp and dport 22; # ssh\naccept;")}, has: `{"source":"accept … ipprotocol tcp … dport 22 … # ssh … ","diagnostics":[]}`},
		{name: "what cannot be read", call: call{"", "POST", "/rules/format", source(t, "accept dport;\ncap x id 1")}, has: `{"source":"accept dport;\ncap x id 1","diagnostics":[{"severity":"error"`},
		{name: "decompile", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":[{"type":"MATCH_ETHERTYPE","etherType":2054,"not":false,"or":false},{"type":"ACTION_ACCEPT"}],` +
			`"capabilities":[{"id":1,"rules":[{"type":"ACTION_ACCEPT"}]}],"tags":[{"id":7,"default":null}]},"capabilitiesByName":{"ssh":1}}`},
			has: `{"source":"tag … 7 … cap ssh … accept … ethertype arp … ","diagnostics":[]}`},
		{name: "no rule", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":[{"type":"ACTION_ACCEPT"},{"type":"DANCE"}]}}`}, status: 400, has: `"location":"body.config.rules[1]"`},
		{name: "no object", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":["accept"]}}`}, status: 400, has: "body.config.rules[0]: expected object"},
		{name: "no tables", call: call{"", "POST", "/rules/decompile", `{}`}, status: 400, has: "config"},
		{name: "more than nodes take", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":[` + strings.Repeat(`{"type":"ACTION_DROP"},`, 1024) + `{"type":"ACTION_DROP"}]}}`},
			status: 400, has: `"location":"body.config.rules","message":"1025 entries; at most 1024 are allowed"`},
		{name: "more in a capability", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":[],"capabilities":[{"id":1,"rules":[` + strings.Repeat(`{"type":"ACTION_DROP"},`, 64) + `{"type":"ACTION_DROP"}]}]}}`},
			status: 400, has: `"location":"body.config.capabilities","message":"65 entries in one`},
		{name: "more tags, by their names", call: call{"", "POST", "/rules/decompile", body(t, map[string]any{"config": map[string]any{"rules": []any{}}, "tagsByName": manyTags(129)})},
			status: 400, has: `"location":"body.config.tags","message":"129 tags`},
		{name: "as much as nodes take", call: call{"", "POST", "/rules/decompile", body(t, map[string]any{"config": map[string]any{"rules": []any{}}, "tagsByName": manyTags(128)})}, has: `"diagnostics":[]`},
		{name: "a bad operand", call: call{"", "POST", "/rules/decompile", `{"config":{"rules":[{"type":"MATCH_IPV4_SOURCE","ip":{}}]}}`}, status: 400, has: `"location":"body.config.rules[0]`},
	})
}

// manyTags is an object of names of tags.
func manyTags(count int) map[string]any {
	tags := make(map[string]any)
	for i := range count {
		tags[fmt.Sprint("t", i)] = map[string]any{"id": i}
	}
	return tags
}

func TestNetworkRules(t *testing.T) {
	w := rulesWorld(t)
	play(w, []step{
		{name: "at first", call: call{"", "GET", "/networks/{net}/rules", ""}, has: `{"networkId":"{net}","revision":1,"source":"# Only IPv4 … ","agree":true,"diagnostics":[ … "usage":{"rules":5, … "rules":[{"etherType":2048`},
		{name: "tried", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": "drop ipprotocol tcp and dport 23;\naccept;", "dryRun": true})},
			has: `{"networkId":"{net}","revision":1,"stored":false,"tablesChanged":true … "changes":[ … "flow":"tcp 23","before":"accepted","after":"dropped" … "whole":true}`},
		{name: "nothing was stored", call: call{"", "GET", "/networks/{net}/rules", ""}, has: `"revision":1`},
		{name: "stored", call: call{"", "PUT", "/networks/{net}/rules", source(t, departments)}, events: "network.updated",
			has: `"revision":2,"stored":true,"tablesChanged":true … "removedTags":[],"removedCapabilities":[],"changes":[{"from":{"nodeId":" … "before":"accepted","after":"dropped"`},
		{name: "it is there", call: call{"", "GET", "/networks/{net}/rules", ""}, has: `"revision":2,"source":"accept ethertype arp; … ","agree":true … "tagsByName":{"department":`},
		{name: "again", call: call{"", "PUT", "/networks/{net}/rules", source(t, departments)}, has: `"revision":2,"stored":true,"tablesChanged":false … "changes":[],"moreChanges":0,"whole":true`},
		{name: "another text for the same", call: call{"", "PUT", "/networks/{net}/rules", source(t, "# mine\n"+departments)}, events: "network.updated", has: `"revision":3,"stored":true,"tablesChanged":false`},
		{name: "it does not compile", call: call{"", "PUT", "/networks/{net}/rules", source(t, "accept;\naccept dport 22,80;\ndrop ipsrc 10.0.0.0;")}, status: 400,
			has: `"kind":"rules","detail":"line 2 column 14: … (1 more error)" … "diagnostics":[{"severity":" … "line":2,"column":14`},
		{name: "as seen", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": departments, "ifRevision": 3})}, events: "network.updated", has: `"revision":4`},
		{name: "others changed it", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": "accept;", "ifRevision": 3})}, status: 409, has: `"kind":"conflict" … revision 4`},
		{name: "also tried", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": "accept;", "ifRevision": 3, "dryRun": true})}, status: 409},
		{name: "a revision below 0", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": "accept;", "ifRevision": -1})}, status: 400, has: "ifRevision"},
		{name: "somebody carries it", call: call{"", "PATCH", "/networks/{net}/members/{alice}", `{"tags":{"department":"sales"},"capabilities":{"ssh":true}}`}, events: "member.updated"},
		{name: "nobody else does", call: call{"", "PATCH", "/networks/{net}/members/{bob}", `{"tags":{"department":false}}`}, events: "member.updated"},
		{name: "it goes", call: call{"", "PUT", "/networks/{net}/rules", body(t, map[string]any{"source": "accept;", "dryRun": true})},
			has: `"removedTags":[{"id":7,"name":"role","count":0,"members":[]},{"id":1000,"name":"department","count":1,"members":[{"nodeId":"{alice}","name":"alice"}]}],"removedCapabilities":[{"id":1,"name":"ssh","count":1,"members":[{"nodeId":"{alice}","name":"alice"}]}]`},
		{name: "nothing passes", call: call{"", "PUT", "/networks/{net}/rules", source(t, "")}, events: "network.updated", has: `"revision":5,"stored":true`},
		{name: "a NUL", call: call{"", "PUT", "/networks/{net}/rules", source(t, "accept;#\x00")}, status: 400},
		{name: "no such network", call: call{"", "PUT", "/networks/8056c2e21c000001/rules", source(t, "accept;")}, status: 404},
	})
}

// TestTextAndTables: who stores tables of their own is told that the text is not
// theirs, and traces go by the tables.
func TestTextAndTables(t *testing.T) {
	w := rulesWorld(t)
	w.setTables("net", `[{"type":"MATCH_IP_DEST_PORT_RANGE","start":23,"end":23},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}]`)
	play(w, []step{
		{name: "they differ", call: call{"", "GET", "/networks/{net}/rules", ""}, has: `"source":"# Only IPv4 … "agree":false … "rules":[{"end":23`},
		{name: "members obey the tables", call: call{"", "POST", "/rules/trace", `{"networkId":"{net}","from":"alice","to":"bob","flow":"tcp 23"}`},
			has: `"works":false,"outcome":"dropped" … "decidedBy":{"text":"drop dport 23","line": … "source":"drop … dport 23 … "text":"decompiled","source":"`},
	})
}

// setTables stores rules as a client does that brings them itself.
func (w *world) setTables(network, rules string) {
	w.Helper()
	id, err := zt.ParseNetworkID(w.names[network])
	if err != nil {
		w.Fatal(err)
	}
	_, err = w.service.UpdateNetwork(w.Context(), w.caller("owner"), id, func(n *model.Network) error {
		return json.Unmarshal([]byte(rules), &n.Rules)
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestClassify(t *testing.T) {
	w := rulesWorld(t)
	w.must("owner", "PUT", "/networks/{net}/rules", source(t, departments))
	at := "/networks/{net}/members/{bob}"
	play(w, []step{
		{name: "the default", call: call{"", "GET", "/networks/{net}/members?q=bob", ""}, has: `"tags":[{"id":1000,"value":0,"name":"department","labels":["none"],"default":true}],"unsetTags":[],"capabilities":[],"capabilitiesByName":{}`},
		{name: "by name", call: call{"", "PATCH", at, `{"tags":{"Department":"SALES","role":["server","printer"]},"capabilities":{"SSH":true}}`}, events: "member.updated",
			has: `"tags":[{"id":7,"value":3,"name":"role","labels":["server","printer"],"default":false},{"id":1000,"value":100,"name":"department","labels":["sales"],"default":false}],"unsetTags":[],"capabilities":[1],"capabilitiesByName":{"ssh":1}`},
		{name: "again changes nothing", call: call{"", "PATCH", at, `{"tags":{"department":"sales"},"capabilities":{"ssh":true}}`}, has: `"revision":2`},
		{name: "by id", call: call{"", "PATCH", at, `{"tags":{"0x3e8":201,"7":1}}`}, events: "member.updated",
			has: `"tags":[{"id":7,"value":1,"name":"role","labels":["server"],"default":false},{"id":1000,"value":201,"name":"department","default":false}]`},
		{name: "one flag", call: call{"", "PATCH", at, `{"tags":{"role":"printer"}}`}, events: "member.updated", has: `{"id":7,"value":2,"name":"role","labels":["printer"]`},
		{name: "none", call: call{"", "PATCH", at, `{"tags":{"department":false}}`}, events: "member.updated", has: `"tags":[{"id":7, … }],"unsetTags":[{"id":1000,"name":"department"}]`},
		{name: "the default again", call: call{"", "PATCH", at, `{"tags":{"department":null,"role":null},"capabilities":{"1":false}}`}, events: "member.updated",
			has: `"tags":[{"id":1000,"value":0,"name":"department","labels":["none"],"default":true}],"unsetTags":[],"capabilities":[],`},
		{name: "nothing", call: call{"", "PATCH", at, `{}`}, has: `"nodeId":"{bob}"`},
		{name: "null is nothing", call: call{"", "PATCH", at, `{"tags":null,"capabilities":null}`}},

		{name: "no such tag", call: call{"", "PATCH", at, `{"tags":{"team":"sales"}}`}, status: 400,
			has: `"detail":"tags.team: the network's rules define no such tag; there is department, role" … "errors":[{"location":"body.tags.team" … "candidates":["department","role"]}]`},
		{name: "no such value", call: call{"", "PATCH", at, `{"tags":{"department":"marketing"}}`}, status: 400, has: `no value called \"marketing\" … "candidates":["engineering","none","sales"]`},
		{name: "an enum is no flag", call: call{"", "PATCH", at, `{"tags":{"department":["sales","none"]}}`}, status: 400, has: "cannot be combined"},
		{name: "no such capability", call: call{"", "PATCH", at, `{"capabilities":{"http":true}}`}, status: 400, has: `body.capabilities.http … "candidates":["ssh"]`},
		{name: "no such id", call: call{"", "PATCH", at, `{"tags":{"8":1}}`}, status: 400, has: "body.tags.8"},
		{name: "the same twice", call: call{"", "PATCH", at, `{"tags":{"7":1,"role":1}}`}, status: 400, has: "the same tag as"},
		{name: "true", call: call{"", "PATCH", at, `{"tags":{"role":true}}`}, status: 400, has: `body.tags.role: expected a number`},
		{name: "a fraction", call: call{"", "PATCH", at, `{"tags":{"role":1.5}}`}, status: 400, has: `body.tags.role: expected a number`},
		{name: "an exponent", call: call{"", "PATCH", at, `{"tags":{"role":1e2}}`}, status: 400, has: `expected a number`},
		{name: "too large", call: call{"", "PATCH", at, `{"tags":{"role":4294967296}}`}, status: 400, has: `body.tags.role: expected a number`},
		{name: "an object", call: call{"", "PATCH", at, `{"tags":{"role":{}}}`}, status: 400, has: `body.tags.role: expected a number`},
		{name: "an empty list", call: call{"", "PATCH", at, `{"tags":{"role":[]}}`}, status: 400, has: `body.tags.role: expected a number`},
		{name: "Central's fields", call: call{"", "PATCH", at, `{"name":"robert"}`}, status: 400, has: "body.name: unexpected property"},
		{name: "no member", call: call{"", "PATCH", "/networks/{net}/members/1000000099", `{}`}, status: 404, has: "no member 1000000099"},

		{name: "it stays when the rules lose it", call: call{"", "PATCH", at, `{"tags":{"role":"server"},"capabilities":{"ssh":true}}`}, events: "member.updated"},
		{name: "the rules lose it", call: call{"", "PUT", "/networks/{net}/rules", source(t, "accept;")}, events: "network.updated", has: `"count":1,"members":[{"nodeId":"{bob}","name":"bob"}]`},
		{name: "without a name", call: call{"", "PATCH", at, `{}`}, has: `"tags":[{"id":7,"value":1,"default":false}],"unsetTags":[],"capabilities":[1],"capabilitiesByName":{}`},
		{name: "it can be taken", call: call{"", "PATCH", at, `{"tags":{"7":null},"capabilities":{"1":false}}`}, events: "member.updated", has: `"tags":[],"unsetTags":[],"capabilities":[],`},
		{name: "not twice", call: call{"", "PATCH", at, `{"capabilities":{"1":false}}`}, status: 400},
		{name: "no name is the tag 0", call: call{"", "PATCH", at, `{"tags":{"role":null}}`}, status: 400},
	})
}

func TestTrace(t *testing.T) {
	w := rulesWorld(t)
	w.must("owner", "PUT", "/networks/{net}/rules", source(t, departments))
	w.must("owner", "PATCH", "/networks/{net}/members/{alice}", `{"tags":{"department":"sales"}}`)
	w.must("owner", "PATCH", "/networks/{net}/members/{bob}", `{"tags":{"department":"sales"}}`)
	ask := func(more string) call {
		return call{"", "POST", "/rules/trace", `{"networkId":"{net}",` + more + `}`}
	}
	play(w, []step{
		{name: "colleagues", call: ask(`"from":"alice","to":"bob","flow":"tcp 445"`),
			has: `"from":{"nodeId":"{alice}","name":"alice","authorized":true,"tags":[{"id":1000,"value":100,"name":"department","labels":["sales"],"default":false}] … "flow":"tcp 445","works":true,"outcome":"accepted" … "name":"ARP request" … "decidedBy":{"text":"accept ethertype arp","line":1,"column":1,"endLine":1,"source":"accept ethertype arp;"} … "name":"SYN" … "decidedBy":{"text":"accept tdiff department … "line":23,"column":1,"endLine":26,"source":"accept\n\ttdiff department 0 … "text":"stored"}`},
		{name: "others", call: ask(`"from":"10.9.0.1","to":"{files}","flow":"tcp 445"`), has: `"works":false,"outcome":"dropped" … "name":"SYN" … "decidedBy":{"text":"break","line":27 … "why":"`},
		{name: "who is not in", call: ask(`"from":"Alice","to":"carol","flow":"tcp 445"`), has: `"authorized":false … "notes":["member {carol} is not authorized`},
		{name: "another program", call: ask(`"from":"alice","to":"files","flow":"tcp 445","source":"accept;"`), has: `"works":true … "source":"accept;" … "text":"given"`},
		{name: "a packet", call: ask(`"from":"alice","to":"bob","packet":{"protocol":6,"destPort":22}`), has: `"works":true … "legs":[{"name":"packet","back":false,"result":{"outcome":"accepted" … "packet":{"etherType":2048,"sourceMac":" … "source":"10.9.0.1","dest":"10.9.0.2","protocol":6,"destPort":22`, not: `"flow":`},
		{name: "a packet of another kind", call: ask(`"from":"alice","to":"bob","packet":{"etherType":35020,"sourceMac":"02:00:5e:10:00:01"}`), has: `"packet":{"etherType":35020,"sourceMac":"02:00:5e:10:00:01"`, not: `"source":"10.`},

		{name: "nobody of this name", call: ask(`"from":"alic","to":"bob","flow":"ping"`), status: 404, has: `"kind":"notFound" … "errors":[{"location":"body.from" … "candidates":["alice"]}]`},
		{name: "nobody at this address", call: ask(`"from":"alice","to":"10.9.0.99","flow":"ping"`), status: 404, has: `"location":"body.to" … "candidates":["alice","bob","carol","files"]`},
		{name: "itself", call: ask(`"from":"alice","to":"10.9.0.1","flow":"ping"`), status: 400, has: "body.to … same member"},
		{name: "no flow", call: ask(`"from":"alice","to":"bob","flow":"dance"`), status: 400, has: `"location":"body.flow" … tcp 443`},
		{name: "nothing to trace", call: ask(`"from":"alice","to":"bob"`), status: 400, has: "body.flow"},
		{name: "two things to trace", call: ask(`"from":"alice","to":"bob","flow":"ping","packet":{}`), status: 400, has: "body.packet"},
		{name: "no address of the family", call: ask(`"from":"alice","to":"bob","flow":"ipv6 tcp 22"`), status: 400, has: "body.flow … no IPv6 address"},
		{name: "two families", call: ask(`"from":"alice","to":"bob","packet":{"source":"10.9.0.1","dest":"fd00::1"}`), status: 400, has: "body.packet."},
		{name: "no MAC", call: ask(`"from":"alice","to":"bob","packet":{"sourceMac":"02"}`), status: 400, has: "body.packet.sourceMac: expected string to be 12 hexadecimal digits"},
		{name: "no address", call: ask(`"from":"alice","to":"bob","packet":{"source":"here"}`), status: 400, has: "body.packet.source"},
		{name: "the program does not compile", call: ask(`"from":"alice","to":"bob","flow":"ping","source":"accept dport ssh;"`), status: 400, has: `"kind":"rules" … "diagnostics":[{`},
		{name: "no such network", call: call{"", "POST", "/rules/trace", `{"networkId":"8056c2e21c000001","from":"a","to":"b","flow":"ping"}`}, status: 404, has: "there is no network"},
	})
	w.newMember("net", 0x1000000009, func(m *model.Member) { m.Name = "Bob" })
	w.newMember("net", 0x100000000a, func(m *model.Member) { m.Name = " dora " })
	play(w, []step{
		{name: "blanks around a name", call: ask(`"from":"dora","to":"alice","flow":"ethertype 0x88cc"`), has: `"from":{"nodeId":"100000000a"`},
		{name: "exactly", call: ask(`"from":"alice","to":"bob","flow":"arp"`), has: `"to":{"nodeId":"{bob}"`},
		{name: "two of one name", call: ask(`"from":"alice","to":"BOB","flow":"arp"`), status: 400, has: `"location":"body.to" … "candidates":["{bob}","1000000009"]`},
	})
}

// TestLargestTrace: the answer to the largest rules that there can be is bounded,
// and says what it leaves out.
func TestLargestTrace(t *testing.T) {
	w := rulesWorld(t)
	var program strings.Builder
	program.WriteString("accept ethertype arp;\n")
	for i := range 500 {
		fmt.Fprintf(&program, "drop dport %d;\n", i+1)
	}
	all := make(map[string]bool)
	for i := range 128 {
		fmt.Fprintf(&program, "cap c%d id %d\n", i, i)
		for port := range 32 {
			fmt.Fprintf(&program, "accept dport %d;\n", 1000+port)
		}
		program.WriteString(";\n")
		all[fmt.Sprint(i)] = true
	}
	w.must("owner", "PUT", "/networks/{net}/rules", source(t, program.String()))
	for _, who := range []string{"{alice}", "{bob}"} {
		w.must("owner", "PATCH", w.fill("/networks/{net}/members/"+who), body(t, map[string]any{"capabilities": all}))
	}
	answer := w.must("owner", "POST", "/rules/trace", `{"networkId":"{net}","from":"alice","to":"bob","flow":"tcp 2000"}`)
	rules, left := strings.Count(answer, `"steps"`), strings.Count(answer, `"moreRules"`)-strings.Count(answer, `"moreRules":0`)
	if len(answer) > 6<<20 || rules > maxTracedEntries || rules < maxTracedEntries/3 || left < 2 {
		t.Errorf("%d bytes, %d rules, %d tables cut: %.300s", len(answer), rules, left, answer)
	}
}

// TestDocumentedExamplesOfRulesWork sends what the document has as examples.
func TestDocumentedExamplesOfRulesWork(t *testing.T) {
	w := rulesWorld(t)
	sent := 0
	for path, item := range document(w).Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil || op.Tags[0] != tagRules && op.OperationID != "classify-member" {
				continue
			}
			w.must("owner", "PUT", "/networks/{net}/rules", source(t, departments)) // one of the examples stores others
			text := body(t, op.RequestBody.Value.Content["application/json"].Example.(map[string]any))
			path := strings.NewReplacer("{id}", w.names["net"], "{node}", w.names["alice"]).Replace(path)
			w.must("owner", method, path, strings.ReplaceAll(text, "8056c2e21c000001", w.names["net"]))
			sent++
		}
	}
	if sent < 6 {
		t.Errorf("%d examples", sent)
	}
}

// TestVectorsThroughTheAPI: what compiles in a mode compiles there, and nothing is
// a fault of the server.
func TestVectorsThroughTheAPI(t *testing.T) {
	text, err := os.ReadFile("../../zt/rules/testdata/rules-language.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Name   string          `json:"name"`
			Source string          `json:"source"`
			Output json.RawMessage `json:"output"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	for _, v := range vectors.Cases {
		for _, mode := range []string{"strict", "lenient", "compatible"} {
			w.tick(1000) // for the rate limit
			answer := w.must("owner", "POST", "/rules/check", body(t, map[string]any{"source": v.Source, "mode": mode}))
			ok := strings.HasPrefix(answer, `{"ok":true`)
			if mode == "compatible" && ok != (v.Output != nil) {
				t.Errorf("%s: %s", v.Name, answer)
			}
		}
	}
	if len(vectors.Cases) < 300 {
		t.Errorf("%d vectors", len(vectors.Cases))
	}
}

// TestLargeBodiesAreFew: a user who sends programs and does not end is refused
// more, and others are not.
func TestLargeBodiesAreFew(t *testing.T) {
	w := newWorld(t)
	w.newUser("alice", false)
	document(w) // before anybody else reads it
	check := call{"", "POST", "/rules/check", source(t, "accept;")}
	var bodies []*io.PipeWriter
	var answered sync.WaitGroup
	for range maxLarge {
		reader, writer := io.Pipe()
		bodies = append(bodies, writer)
		request := w.request(context.Background(), check)
		request.Body, request.ContentLength = reader, -1
		answered.Go(func() {
			if r := w.send(request); r.status != http.StatusOK {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		})
		if _, err := writer.Write([]byte(`{"source":`)); err != nil {
			t.Fatal(err)
		}
	}
	refused := false
	for range 10_000 {
		w.tick(1000) // for the rate limit
		if r := w.do(check); r.status == http.StatusTooManyRequests {
			refused = r.header.Get("Retry-After") == "1"
			break
		}
	}
	if !refused {
		t.Error("one more was not refused")
	}
	if r := w.do(call{"alice", check.method, check.path, check.body}); r.status != http.StatusOK {
		t.Errorf("another user: status %d: %s", r.status, r.body)
	}
	for _, writer := range bodies {
		if _, err := writer.Write([]byte(`""}`)); err != nil {
			t.Error(err)
		}
		writer.Close()
	}
	answered.Wait()
	w.must("owner", check.method, check.path, check.body)
}
