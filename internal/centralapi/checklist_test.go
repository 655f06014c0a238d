package centralapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	ztcentral "github.com/zerotier/go-ztcentral/pkg/spec"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// The tests of this file are the checks that a replacement of the service should
// pass, each of which comes from a real client (api-behaviour §22). They have the
// numbers that they have there.

// want demands texts in an answer.
func (w *world) want(answer string, texts ...string) {
	w.Helper()
	for _, text := range texts {
		if !strings.Contains(answer, w.fill(text)) {
			w.Errorf("there is no %s in %s", w.fill(text), answer)
		}
	}
}

func (w *world) wantNot(answer string, texts ...string) {
	w.Helper()
	for _, text := range texts {
		if strings.Contains(answer, w.fill(text)) {
			w.Errorf("there is %s in %s", w.fill(text), answer)
		}
	}
}

// fullNetwork has a value in every field that can be written.
const fullNetwork = `{"description":"d","rulesSource":"accept;","tagsByName":{"server":{"id":2,"default":7}},"capabilitiesByName":{"superuser":1000},"ui":{"a":{"b":true}},
	"config":{"name":"home","private":false,"enableBroadcast":false,"mtu":1400,"multicastLimit":7,"routes":[{"target":"10.9.0.0/24"},{"target":"10.8.0.0/24","via":"10.9.0.1"}],
	"ipAssignmentPools":[{"ipRangeStart":"10.9.0.1","ipRangeEnd":"10.9.0.254"}],"rules":[{"type":"ACTION_ACCEPT"}],"tags":[{"id":2,"default":7},{"id":3}],"capabilities":[{"id":1000,"default":true,"rules":[{"type":"ACTION_ACCEPT"}]}],
	"v4AssignMode":{"zt":false},"v6AssignMode":{"6plane":true,"rfc4193":true,"zt":true},"dns":{"domain":"x.example","servers":["10.9.0.1"]},"ssoConfig":{"enabled":true,"mode":"default","clientId":"c","allowList":["a@example.org"]}}}`

const fullMember = `{"name":"n","description":"d","hidden":true,"config":{"authorized":true,"activeBridge":true,"noAutoAssignIps":true,"ssoExempt":true,"ipAssignments":["10.9.0.7","fd00::7"],"tags":[[3,false],[2,1]],"capabilities":[5,1000]}}`

func TestCheck01AuthorizeWithPlainCurl(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	request := w.request(call{method: "POST", path: atMember, body: `{"config":{"authorized":true}}`})
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r := w.send(request)
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	w.want(r.body, `"authorized":true`)
}

func TestCheck02EveryKeyNullButOne(t *testing.T) {
	w := newWorld(t)
	w.network(fullNetwork)
	w.mustDo(post(atMember, fullMember))
	const change = `"description":"only this"`
	for _, path := range []string{atNetwork, atMember} {
		before := w.mustDo(get(path)).body
		var o map[string]any
		if err := json.Unmarshal([]byte(before), &o); err != nil {
			t.Fatal(err)
		}
		nulls, err := json.Marshal(nulled(o))
		if err != nil {
			t.Fatal(err)
		}
		if after := w.mustDo(post(path, string(nulls))).body; after != before {
			t.Errorf("nulls changed\n%s\nto\n%s", before, after)
		}
		changed := replaceLast(string(nulls), `"description":null`, change) // config's comes before the object's own
		after := w.mustDo(post(path, changed)).body
		w.want(after, change)
		if constant(after) != constant(strings.ReplaceAll(before, `"description":"d"`, change)) {
			t.Errorf("%s\nbecame\n%s", before, after)
		}
	}
}

// nulled is an object with null for everything that is not an object.
func nulled(o map[string]any) map[string]any {
	for name, value := range o {
		if inner, ok := value.(map[string]any); ok && name != "tagsByName" && name != "capabilitiesByName" {
			o[name] = nulled(inner)
		} else {
			o[name] = nil
		}
	}
	return o
}

func replaceLast(s, old, new string) string {
	at := strings.LastIndex(s, old)
	return s[:at] + new + s[at+len(old):]
}

// constant takes from an answer what every change changes.
func constant(answer string) string {
	for _, name := range []string{`"lastModified":`, `"revision":`} {
		if at := strings.Index(answer, name); at >= 0 {
			end := at + strings.IndexByte(answer[at:], ',')
			answer = answer[:at] + answer[end:]
		}
	}
	return answer
}

func TestCheck03WritingBackWhatWasRead(t *testing.T) {
	w := newWorld(t)
	w.network(fullNetwork)
	w.mustDo(post(atMember, fullMember))
	position := w.lastEvent()
	for path, change := range map[string][2]string{
		atNetwork: {`"name":"home"`, `"name":"house"`},
		atMember:  {`"name":"n"`, `"name":"m"`},
	} {
		before := w.mustDo(get(path)).body
		nonsense := strings.Replace(before, `"identity":""`, `"identity":"{node}"`, 1)
		if after := w.mustDo(post(path, nonsense)).body; after != before {
			t.Errorf("%s\nbecame\n%s", before, after)
		}
		changed := strings.Replace(nonsense, change[0], change[1], 1)
		after := w.mustDo(post(path, changed)).body
		if constant(after) != constant(strings.Replace(before, change[0], change[1], 1)) {
			t.Errorf("%s\nbecame\n%s", before, after)
		}
	}
	if events := w.eventsAfter(position); len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
}

func TestCheck04RoutesWithoutVia(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	for _, via := range []string{`,"via":""`, `,"via":null`, ``} {
		answer := w.mustDo(post(atNetwork, `{"config":{"routes":[{"target":"10.0.0.0/24"`+via+`}]}}`)).body
		w.want(answer, `"routes":[{"target":"10.0.0.0/24"}]`)
		w.wantNot(answer, `"via"`)
	}
}

func TestCheck05NullServersLeaveDNSAlone(t *testing.T) {
	w := newWorld(t)
	w.network(fullNetwork)
	w.want(w.mustDo(post(atNetwork, `{"config":{"dns":{"servers":null}}}`)).body, `"dns":{"domain":"x.example","servers":["10.9.0.1"]}`)
}

func TestCheck06RulesSourceAlone(t *testing.T) {
	w := newWorld(t)
	w.network(`{"description":"d","config":{"name":"home"}}`)
	w.want(w.mustDo(post(atNetwork, `{"rulesSource":"drop;"}`)).body, `"rulesSource":"drop;"`, `"rules":[{"type":"ACTION_DROP"}]`, `"name":"home"`, `"description":"d"`)
}

func TestCheck07TagsThatAreFalse(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	w.want(w.mustDo(post(atMember, `{"config":{"tags":[[2,false],[3,4]]}}`)).body, `"tags":[[3,4]]`)
	// The vendor's terraform provider takes integers only.
	var members []struct{ Config struct{ Tags [][]int } }
	if err := json.Unmarshal([]byte(w.mustDo(get(atMembers)).body), &members); err != nil {
		t.Fatal(err)
	}
	var generated []ztcentral.Member
	if err := json.Unmarshal([]byte(w.mustDo(get(atMembers)).body), &generated); err != nil {
		t.Fatal(err)
	}
}

func TestCheck08Deleting(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	w.mustDo(deleteIt)
	w.mustDo(del(atNetwork))
	if r := w.do(get(atNetwork)); r.status == http.StatusOK {
		t.Errorf("a deleted network is shown: %s", r.body)
	}
}

func TestCheck09DeletedMembersComeBack(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	w.mustDo(authorizeIt)
	w.mustDo(deleteIt)
	w.mustDo(post(atMember, `{"hidden":false}`))
	w.want(w.mustDo(get(atMembers)).body, `"nodeId":"{node}"`, `"hidden":false`, `"authorized":false`)
}

func TestCheck10WrongTokens(t *testing.T) {
	w := newWorld(t)
	w.want(w.mustDo(call{method: "GET", path: "/api/v1/status", auth: "token wrong"}).body, `"user":null`)
	if r := w.do(call{method: "GET", path: "/api/v1/network", auth: "token wrong"}); r.status != http.StatusUnauthorized {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestCheck11Tokens(t *testing.T) {
	w := newWorld(t)
	w.mustDo(newToken("laptop"))
	with := call{method: "GET", path: "/api/v1/self", auth: "bearer " + someSecret}
	answer := w.mustDo(with).body
	w.want(answer, `"tokens":["laptop","owner"]`)
	w.wantNot(answer, someSecret)
	if r := w.do(post("/api/v1/user/{owner}/token", `{"tokenName":"short","token":"`+someSecret[:31]+`"}`)); r.status != http.StatusBadRequest {
		t.Errorf("31 characters: %d %s", r.status, r.body)
	}
}

func TestCheck12ListsAreBareArrays(t *testing.T) {
	w := newWorld(t)
	w.user("carl", false)
	for _, path := range []string{"/api/v1/network", atInvitations} {
		if answer := w.mustDo(get(path).as("carl")).body; answer != "[]" {
			t.Errorf("%s: %s", path, answer)
		}
	}
	w.network("{}")
	if answer := w.mustDo(get(atMembers)).body; answer != "[]" {
		t.Errorf("members: %s", answer)
	}
	w.mustDo(authorizeIt)
	w.mustDo(inviteCarl)
	for _, path := range []string{"/api/v1/network", atMembers, atUsers, "/api/v1/user", "/api/v1/org/{org}/user", atInvitations} {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(w.mustDo(get(path)).body), &list); err != nil || len(list) == 0 {
			t.Errorf("%s: %d entries, %v", path, len(list), err)
		}
	}
	w.want(w.mustDo(get(atNetwork)).body, `"ipAssignmentPools":[]`, `"routes":[]`, `"tags":[]`, `"capabilities":[]`)
	w.want(w.mustDo(get(atMember)).body, `"ipAssignments":[]`, `"tags":[]`, `"capabilities":[]`)
}

func TestCheck13TypesOfStatus(t *testing.T) {
	w := newWorld(t)
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(w.mustDo(get("/api/v1/status")).body), &o); err != nil {
		t.Fatal(err)
	}
	if string(o["apiVersion"]) != `"4"` {
		t.Errorf("apiVersion %s", o["apiVersion"])
	}
	for _, name := range []string{"uptime", "clock"} {
		var number int64
		if err := json.Unmarshal(o[name], &number); err != nil || number <= 0 {
			t.Errorf("%s: %s", name, o[name])
		}
	}
}

func TestCheck14PhysicalAddress(t *testing.T) {
	w := newWorld(t)
	id := mustNetworkID(t, w.network("{}"))
	w.mustDo(authorizeIt)
	w.want(w.mustDo(get(atMember)).body, `"physicalAddress":null`, `"lastSeen":0`, `"lastOnline":0`, `"clientVersion":"0.0.0"`)
	err := w.store.Update(context.Background(), func(tx *store.Tx) error {
		m, err := tx.Member(id, mustAddress(t, testNode))
		if err != nil {
			return err
		}
		m.Identity = testNode + ":0:00"
		if err := tx.PutMember(m); err != nil {
			return err
		}
		return tx.AppendEvent(&model.Event{Time: testStart, Kind: model.MemberJoined, Network: id, Node: m.Node, Actor: model.ActorController})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"203.0.113.7:9993", "[2001:db8::7]:9993"} {
		endpoint := netip.MustParseAddrPort(at)
		w.presence.set(model.Seen{Node: mustAddress(t, testNode), Time: testStart, Endpoint: endpoint}, true)
		w.want(w.mustDo(get(atMember)).body, `"physicalAddress":"`+endpoint.Addr().String()+`"`, `"lastSeen":1700000000000`, `"online":true`)
	}
}

// TestCheck15PutAndShortPaths asks everything that can be asked in the other
// ways: PUT for POST, /api for /api/v1, and with a slash at the end.
func TestCheck15PutAndShortPaths(t *testing.T) {
	spellings := []func(call) call{
		func(c call) call { c.path = strings.Replace(c.path, "/api/v1", "/api", 1); return c },
		func(c call) call { c.path += "/"; return c },
		func(c call) call {
			if c.method == http.MethodPost {
				c.method = http.MethodPut
			}
			return c
		},
	}
	for _, o := range slices.Concat(documented, undocumented) {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			for _, spell := range spellings {
				askSpelled(t, o, spell)
			}
		})
	}
}

func askSpelled(t *testing.T, operation string, spell func(call) call) {
	w := newWorld(t)
	w.user("m", true)
	w.user("carl", false)
	w.network("{}")
	w.mustDo(newToken("name"))
	w.names["name"] = "name"
	w.keepID(inviteCarl, w.mustDo(inviteCarl))
	method, path, _ := strings.Cut(operation, " ")
	c := spell(call{method: method, path: "/api/v1" + path, body: `{"id":"{m}","email":"x@example.net","tokenName":"other","token":"` + someSecret + `2"}`})
	switch path {
	case "/org-invitation/{inv}":
		c = c.as("carl")
	case "/user/{owner}": // the server's cannot be deleted
		c = c.as("m")
		c.path = strings.Replace(c.path, "{owner}", "{m}", 1)
	case "/network/{net}/member/{node}":
		w.mustDo(authorizeIt)
	}
	w.mustDo(c)
}
