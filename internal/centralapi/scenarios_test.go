package centralapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
)

// scenario is one request to a network that is there already, what its answer
// must and must not hold, and which events it leaves. {net} is the network,
// {node} a member's address, {token} the owner's token, {ann} a user: see world.
type scenario struct {
	name   string
	before []call // requests that come first and must work
	call
	status int
	has    []string
	hasNot []string
	events []model.EventKind
}

const (
	atNetwork = "/api/v1/network/{net}"
	atMembers = atNetwork + "/member"
	atMember  = atMembers + "/{node}"
)

var (
	authorizeIt = call{method: "POST", path: atMember, body: `{"config":{"authorized":true}}`}
	deleteIt    = call{method: "DELETE", path: atMember}
)

func post(path, body string) call { return call{method: "POST", path: path, body: body} }
func get(path string) call        { return call{method: "GET", path: path} }

var transportScenarios = []scenario{
	{name: "status says who one is", call: get("/api/v1/status"), status: 200,
		has: []string{`"id":"central_status","type":"CentralStatus","online":true`, `"version":"9.8.7","apiVersion":"4","uptime":`, `"user":{"id":"`, `"tokens":["owner"]`}},
	{name: "status with a wrong token", call: call{method: "GET", path: "/api/v1/status", auth: "token wrong"}, status: 200, has: []string{`"user":null`}},
	{name: "status without a token", call: call{method: "GET", path: "/api/status/", auth: "-"}, status: 200, has: []string{`"user":null`}},
	{name: "networks with a wrong token", call: call{method: "GET", path: "/api/v1/network", auth: "bearer wrong"}, status: 401, has: []string{`{"type":"unauthorized","message":"`}},
	{name: "networks without a token", call: call{method: "GET", path: "/api/v1/network", auth: "-"}, status: 401, has: []string{`"message":"`}},
	{name: "an unknown scheme", call: call{method: "GET", path: "/api/v1/network", auth: "Basic {token}"}, status: 401},
	{name: "scheme token", call: call{method: "GET", path: "/api/v1/network", auth: "token {token}"}, status: 200},
	{name: "scheme Token", call: call{method: "GET", path: "/api/v1/network", auth: "Token {token}"}, status: 200},
	{name: "scheme bearer", call: call{method: "GET", path: "/api/v1/network", auth: "bearer {token}"}, status: 200},
	{name: "scheme Bearer", call: call{method: "GET", path: "/api/v1/network", auth: "Bearer  {token} "}, status: 200},
	{name: "no scheme", call: call{method: "GET", path: "/api/v1/network", auth: "{token}"}, status: 200},
	{name: "who am I", call: get("/api/self"), status: 200, has: []string{`"type":"User"`}},
	{name: "random token", call: get("/api/v1/randomToken"), status: 200, has: []string{`"hex":"`, `"raw":"`, `"token":"`}},
	{name: "random token without a token", call: call{method: "GET", path: "/api/v1/randomToken", auth: "-"}, status: 401},
	{name: "unknown path", call: get("/api/v1/nothing"), status: 404, has: []string{`{"type":"notFound","message":"`}},
	{name: "unknown path below a member", call: get(atMember + "/x"), status: 404},
	{name: "unknown path below a network", call: get(atNetwork + "/x"), status: 404},
	{name: "the API's root", call: get("/api/v1"), status: 404},
	{name: "path below status", call: get("/api/v1/status/x"), status: 404},
	{name: "an id of bytes that are no text", call: get("/api/v1/user/" + strings.Repeat("%80", 70)), status: 404, has: []string{`is not an id`}},
	{name: "a network of bytes that are no text", call: get("/api/v1/network/" + strings.Repeat("%80", 70)), status: 404},
	{name: "a long id", call: get("/api/v1/org/" + strings.Repeat("%F0%9F%98%80", 5000)), status: 404, hasNot: []string{strings.Repeat("😀", 20), "\ufffd"}},
	{name: "method that there is not", call: call{method: "PATCH", path: atNetwork}, status: 405, has: []string{`"message":"`}},
	{name: "deleting the list", call: call{method: "DELETE", path: "/api/v1/network"}, status: 405},
	{name: "preflight", call: call{method: "OPTIONS", path: atMember, auth: "-"}, status: 204},
	{name: "PUT changes a network", call: call{method: "PUT", path: "/api/network/{net}/", body: `{"description":"x"}`}, status: 200,
		has: []string{`"description":"x"`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "PUT makes a network", call: call{method: "PUT", path: "/api/network/", body: `{}`}, status: 200, events: []model.EventKind{model.NetworkCreated}},
	{name: "PUT changes a member", call: call{method: "PUT", path: atMember, body: `{"name":"x"}`}, status: 200,
		has: []string{`"name":"x"`}, events: []model.EventKind{model.MemberAdded}},
	{name: "query strings do not matter", call: post("/api/v1/network?easy=1", `{}`), status: 200, events: []model.EventKind{model.NetworkCreated}},
}

var networkScenarios = []scenario{
	{name: "list", call: get("/api/v1/network"), status: 200, has: []string{`[{"id":"{net}","type":"Network"`, `"permissions":null`, `"ui":null`, `"onlineMemberCount":0`}},
	{name: "defaults of {}", call: post("/api/v1/network", `{}`), status: 200, events: []model.EventKind{model.NetworkCreated},
		has: []string{`"private":true`, `"enableBroadcast":true`, `"mtu":2800`, `"multicastLimit":32`, `"name":""`, `"description":""`, `"lastModified":0`,
			`"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}`, `"routes":[]`, `"ipAssignmentPools":[]`,
			`"dns":{"domain":"","servers":null}`, `"ssoConfig":{"enabled":false,"mode":""}`, `"ui":{}`, `"authTokens":null`, `{"a":true,"d":true,"m":true,"r":true}`}},
	{name: "create without a body", call: post("/api/v1/network", ""), status: 400, has: []string{`JSON error`}},
	{name: "create with blanks", call: post("/api/v1/network", " \n"), status: 400, has: []string{`JSON error`}},
	{name: "malformed JSON", call: post(atNetwork, `{"description":"x"`), status: 400, has: []string{`JSON error`}},
	{name: "two values", call: post(atNetwork, `{} {}`), status: 400, has: []string{`JSON error`}},
	{name: "not an object", call: post(atNetwork, `[]`), status: 400, has: []string{`body: want an object, not an array`}},
	{name: "null", call: post(atNetwork, `null`), status: 400, has: []string{`want an object`}},
	{name: "deep nesting", call: post(atNetwork, `{"ui":`+strings.Repeat(`{"a":`, 200)+`1`+strings.Repeat("}", 200)+`}`), status: 400, has: []string{`levels deep`}},
	{name: "too large", call: post(atNetwork, `{"description":"`+strings.Repeat("x", 4<<20)+`"}`), status: 413, has: []string{`"type":"tooLarge"`}},
	{name: "too long a description", call: post(atNetwork, `{"description":"`+strings.Repeat("x", 1<<20)+`"}`), status: 400, has: []string{`description: `}},
	{name: "string for a boolean", call: post(atNetwork, `{"config":{"private":"false"}}`), status: 400, has: []string{`config.private: want true or false, not a string`}},
	{name: "number for a string", call: post(atNetwork, `{"config":{"name":5}}`), status: 400, has: []string{`config.name: want a string, not a number`}},
	{name: "string for a number", call: post(atNetwork, `{"config":{"mtu":"1500"}}`), status: 400, has: []string{`config.mtu: want an integer, not a string`}},
	{name: "array for an object", call: post(atNetwork, `{"config":[]}`), status: 400, has: []string{`config: want an object, not an array`}},
	{name: "object for an array", call: post(atNetwork, `{"config":{"routes":{}}}`), status: 400, has: []string{`config.routes: want an array, not an object`}},
	{name: "number beyond range", call: post(atNetwork, `{"config":{"mtu":1e400}}`), status: 400, has: []string{`config.mtu: `}},
	{name: "number beyond 64 bits", call: post(atNetwork, `{"config":{"multicastLimit":18446744073709551616}}`), status: 400, has: []string{`config.multicastLimit: `}},
	{name: "fraction", call: post(atNetwork, `{"config":{"mtu":1500.5}}`), status: 400, has: []string{`config.mtu: want an integer`, `not 1500.5`}},
	{name: "too small an MTU", call: post(atNetwork, `{"config":{"mtu":5}}`), status: 400, has: []string{`config.mtu: 5`}},
	{name: "upside-down range", call: post(atNetwork, `{"description":"no","config":{"ipAssignmentPools":[{"ipRangeStart":"10.0.0.9","ipRangeEnd":"10.0.0.1"}]}}`), status: 400,
		has: []string{`config.ipAssignmentPools[0]: the range is upside down`}},
	{name: "range with one end", call: post(atNetwork, `{"config":{"ipAssignmentPools":[{"ipRangeStart":"10.0.0.9"}]}}`), status: 400, has: []string{`config.ipAssignmentPools[0].ipRangeEnd`}},
	{name: "null range", call: post(atNetwork, `{"config":{"ipAssignmentPools":[null]}}`), status: 400, has: []string{`config.ipAssignmentPools[0]: want an object, not null`}},
	{name: "route that is no prefix", call: post(atNetwork, `{"config":{"routes":[{"target":"10.0.0.0/24"},{"target":"10.0.0.1"}]}}`), status: 400, has: []string{`config.routes[1].target: `}},
	{name: "route in two families", call: post(atNetwork, `{"config":{"routes":[{"target":"::ffff:10.0.0.0/120"}]}}`), status: 400, has: []string{`config.routes[0].target: `}},
	{name: "route without a target", call: post(atNetwork, `{"config":{"routes":[{}]}}`), status: 400, has: []string{`config.routes[0].target: `}},
	{name: "gateway that is no address", call: post(atNetwork, `{"config":{"routes":[{"target":"10.0.0.0/24","via":"x"}]}}`), status: 400, has: []string{`config.routes[0].via: `}},
	{name: "gateway of the other family", call: post(atNetwork, `{"config":{"routes":[{"target":"10.0.0.0/24","via":"fd00::1"}]}}`), status: 400, has: []string{`config.routes[0].via: `}},
	{name: "empty and null gateways", call: post(atNetwork, `{"config":{"routes":[{"target":"10.0.0.0/24","via":""},{"target":"10.1.0.0/24","via":null},{"target":"10.2.0.0/24","via":"10.0.0.9"}]}}`), status: 200,
		has: []string{`"routes":[{"target":"10.0.0.0/24"},{"target":"10.1.0.0/24"},{"target":"10.2.0.0/24","via":"10.0.0.9"}]`}, hasNot: []string{`"via":""`, `"via":null`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "name servers", call: post(atNetwork, `{"config":{"dns":{"domain":"home.example","servers":["10.0.0.1"]}}}`), status: 200,
		has: []string{`"dns":{"domain":"home.example","servers":["10.0.0.1"]}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "null name servers keep", before: []call{post(atNetwork, `{"config":{"dns":{"domain":"home.example","servers":["10.0.0.1"]}}}`)},
		call: post(atNetwork, `{"config":{"dns":{"servers":null}}}`), status: 200, has: []string{`"dns":{"domain":"home.example","servers":["10.0.0.1"]}`}},
	{name: "clearing name servers", before: []call{post(atNetwork, `{"config":{"dns":{"domain":"home.example","servers":["10.0.0.1"]}}}`)},
		call: post(atNetwork, `{"config":{"dns":{"domain":"","servers":[]}}}`), status: 200, has: []string{`"dns":{"domain":"","servers":null}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "every key null but one", call: post(atNetwork, `{"id":null,"clock":null,"config":{"name":null,"private":null,"mtu":null,"routes":null,"rules":null,"tags":null,"dns":null,"v4AssignMode":null,"v6AssignMode":{"zt":null},"ssoConfig":null},"description":"only this","rulesSource":null,"permissions":null,"ui":null,"tagsByName":null,"capabilitiesByName":null}`), status: 200,
		has:    []string{`"name":"home"`, `"description":"only this"`, `"routes":[{"target":"10.9.0.0/24"}]`, `"type":"ACTION_ACCEPT"`},
		events: []model.EventKind{model.NetworkUpdated}},
	{name: "read-only fields of any type", call: post(atNetwork, `{"id":7,"type":[],"clock":"x","ownerId":{},"permissions":"x","onlineMemberCount":"x","unknown":1,"config":{"id":[],"creationTime":"x","authTokens":5,"lastModified":{},"remoteTraceTarget":9,"unknown":{"a":1}}}`), status: 200,
		has: []string{`"id":"{net}"`, `"name":"home"`}},
	{name: "a change moves lastModified", call: post(atNetwork, `{"description":"x"}`), status: 200, has: []string{`"lastModified":1700000001000`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "two values of one name", call: post(atNetwork, `{"description":"first","description":"second"}`), status: 400, has: []string{`description: comes twice`}},
	{name: "two values of one unknown name", call: post(atNetwork, `{"description":"no","x":[{"y":1,"y":2}]}`), status: 400, has: []string{`x[0].y: comes twice`}},
	{name: "no difference, no event", call: post(atNetwork, `{"config":{"name":"home","v4AssignMode":{"zt":true}}}`), status: 200, has: []string{`"lastModified":0`}},
	{name: "escaping", call: post(atNetwork, `{"description":"a<b>&c"}`), status: 200, has: []string{`"description":"a\u003cb\u003e\u0026c"`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "ui merges and comes back sorted", before: []call{post(atNetwork, `{"ui":{"b":true,"a":{"x":1}}}`)}, call: post(atNetwork, `{"ui":{"a":{"y":[2]},"b":null}}`), status: 200,
		has: []string{`"ui":{"a":{"x":1,"y":[2]},"b":true}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "ui of the wrong type", call: post(atNetwork, `{"ui":[1]}`), status: 400, has: []string{`ui: want an object`}},
	{name: "rules, tags and capabilities together", call: post(atNetwork, `{"rulesSource":"accept;","config":{"rules":[{"type":"ACTION_ACCEPT"}],"tags":[{"id":2,"default":0},{"default":null,"id":1000}],"capabilities":[{"id":1000,"default":false,"rules":[{"type":"ACTION_ACCEPT"}]}]},"tagsByName":{"server":{"id":2,"default":null}},"capabilitiesByName":{"superuser":1000}}`), status: 200,
		has: []string{`"rulesSource":"accept;"`, `"rules":[{"type":"ACTION_ACCEPT"}]`, `"tags":[{"default":0,"id":2},{"default":null,"id":1000}]`,
			`"capabilities":[{"default":false,"id":1000,"rules":[{"type":"ACTION_ACCEPT"}]}]`, `"tagsByName":{"server":{"default":null,"id":2}}`, `"capabilitiesByName":{"superuser":1000}`},
		events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules text alone", call: post(atNetwork, `{"description":"yes","rulesSource":"drop not ethertype ipv4;"}`), status: 200,
		has: []string{`"description":"yes"`, `"rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules text with everything", call: post(atNetwork, `{"rulesSource":"tag Dept id 7 enum 100 sales enum 200 it default sales; cap admin id 9 default accept; ; break;"}`), status: 200,
		has: []string{`"tags":[{"default":100,"id":7}]`, `"capabilities":[{"default":true,"id":9,"rules":[{"type":"ACTION_ACCEPT"}]}]`, `"capabilitiesByName":{"admin":9}`,
			`"tagsByName":{"dept":{"default":100,"enums":{"it":200,"sales":100},"flags":{},"id":7}}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules text with names that it does not define", call: post(atNetwork, `{"rulesSource":"accept;","tagsByName":{"a":{"id":2}},"capabilitiesByName":{"b":3}}`), status: 200,
		has: []string{`"tagsByName":{}`, `"capabilitiesByName":{}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules text with tables that are null", call: post(atNetwork, `{"rulesSource":"accept;","config":{"rules":null,"tags":null,"capabilities":null}}`), status: 200,
		has: []string{`"rules":[{"type":"ACTION_ACCEPT"}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "an empty rules text", call: post(atNetwork, `{"rulesSource":""}`), status: 200, has: []string{`"rulesSource":""`, `"rules":[]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "a rules text that is null", call: post(atNetwork, `{"rulesSource":null,"config":{"name":"home"}}`), status: 200, has: []string{quote(model.DefaultRulesSource), `"etherType":34525`}},
	{name: "a rules text that is no string", call: post(atNetwork, `{"rulesSource":["accept;"]}`), status: 400, has: []string{`rulesSource: want a string`}},
	{name: "a rules text with errors", call: post(atNetwork, `{"description":"no","rulesSource":"accept\n  dport ssh;\ndrop foo;\n"}`), status: 400, has: []string{`"message":"line 2 column 9: `, `ssh`, `(1 more error)"`}},
	{name: "a rules text of too many rules", call: post(atNetwork, `{"rulesSource":"`+strings.Repeat(`accept;`, 1025)+`"}`), status: 400, has: []string{`"message":"line 1 column `, `1024`}},
	{name: "a rules text that is too long", call: post(atNetwork, `{"rulesSource":"#`+strings.Repeat(`x`, model.MaxRulesSourceLen)+`"}`), status: 400, has: []string{`rulesSource: `, `1048576`}},
	{name: "tables of one's own with a rules text", call: post(atNetwork, `{"rulesSource":"not a program","config":{"rules":[{"type":"ACTION_DROP"}]}}`), status: 200,
		has: []string{`"rulesSource":"not a program"`, `"rules":[{"type":"ACTION_DROP"}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "tags of one's own with a rules text", call: post(atNetwork, `{"rulesSource":"drop;","config":{"tags":[{"id":3,"default":null}]}}`), status: 200,
		has: []string{`"rulesSource":"drop;"`, `"etherType":34525`, `"tags":[{"default":null,"id":3}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules alone leave the text", call: post(atNetwork, `{"config":{"rules":[{"type":"ACTION_DROP"}]}}`), status: 200,
		has: []string{quote(model.DefaultRulesSource), `"rules":[{"type":"ACTION_DROP"}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "capabilities that do not fit into a configuration", call: post(atNetwork, `{"config":{"capabilities":[`+bulkyCapabilities(95)+`]}}`), status: 400, has: []string{`config.capabilities: up to capability 94 `, `140000`}},
	{name: "as many capabilities as fit into a configuration", call: post(atNetwork, `{"config":{"capabilities":[`+bulkyCapabilities(94)+`]}}`), status: 200, events: []model.EventKind{model.NetworkUpdated}},
	{name: "rules text of one action", before: []call{post(atNetwork, `{"config":{"tags":[{"id":2}],"capabilities":[{"id":3}]},"tagsByName":{"a":{"id":2}},"capabilitiesByName":{"b":3}}`)}, call: post(atNetwork, `{"rulesSource":" accept;\n"}`), status: 200,
		has: []string{`"rulesSource":" accept;\n"`, `"rules":[{"type":"ACTION_ACCEPT"}]`, `"tags":[]`, `"capabilities":[]`, `"tagsByName":{}`, `"capabilitiesByName":{}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "the same rules text after other rules", before: []call{post(atNetwork, `{"rulesSource":"drop;"}`), post(atNetwork, `{"config":{"rules":[{"type":"ACTION_ACCEPT"}]}}`)}, call: post(atNetwork, `{"rulesSource":"drop;"}`), status: 200,
		has: []string{`"rulesSource":"drop;"`, `"rules":[{"type":"ACTION_DROP"}]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "the default rules text after other rules", before: []call{post(atNetwork, `{"config":{"rules":[],"tags":[{"id":2}]}}`)}, call: post(atNetwork, `{"rulesSource":`+quote(model.DefaultRulesSource)+`}`), status: 200,
		has: []string{`{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}]`, `"tags":[]`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "a rules text that is there already", before: []call{post(atNetwork, `{"rulesSource":"x","config":{"rules":[{"type":"ACTION_ACCEPT"}]}}`)}, call: post(atNetwork, `{"rulesSource":"x"}`), status: 200, has: []string{`"rules":[{"type":"ACTION_ACCEPT"}]`}},
	{name: "ui that grows too large to be sent back", before: []call{post(atNetwork, `{"ui":{"x":`+manyNames("a", 3000)+`}}`)}, call: post(atNetwork, `{"ui":{"x":`+manyNames("b", 3000)+`}}`), status: 400, has: []string{`ui.x: more than 4096 entries`}},
	{name: "names that differ in case", call: post(atNetwork, `{"description":"no","ui":{"a":1,"b":{"Name":1,"name":2}}}`), status: 400, has: []string{`ui.b: has the names \"Name\" and \"name\", which differ only in case`}},
	{name: "names that come to differ in case", before: []call{post(atNetwork, `{"ui":{"a":{"Name":1}}}`)}, call: post(atNetwork, `{"description":"no","ui":{"a":{"name":2}}}`), status: 400, has: []string{`ui.a: has the names`}},
	{name: "tag names that differ in case", call: post(atNetwork, `{"tagsByName":{"server":{"id":2},"Server":{"id":3}}}`), status: 400, has: []string{`tagsByName: has the names`}},
	{name: "capability names that differ in case", call: post(atNetwork, `{"capabilitiesByName":{"x":2,"X":3}}`), status: 400, has: []string{`capabilitiesByName: has the names`}},
	{name: "an empty name", call: post(atNetwork, `{"capabilitiesByName":{"":2}}`), status: 400, has: []string{`capabilitiesByName: has a field without a name`}},
	{name: "an empty name inside", call: post(atNetwork, `{"ui":{"a":[{"":2}]}}`), status: 400, has: []string{`ui.a[0]: has a field without a name`}},
	{name: "a number beyond 2^53", call: post(atNetwork, `{"ui":{"a":[9007199254740993]}}`), status: 400, has: []string{`ui.a[0]: the number 9007199254740993 is not below 2^53`}},
	{name: "a number beyond all", call: post(atNetwork, `{"tagsByName":{"a":{"id":1e999}}}`), status: 400, has: []string{`tagsByName.a.id: the number 1e999 is not below`}},
	{name: "a rule with large numbers", call: post(atNetwork, `{"config":{"rules":[{"type":"INTEGER_RANGE","bits":64,"start":18446744073709551615,"end":"ffffffffffffffff"}]}}`), status: 200, has: []string{`"start":"ffffffffffffffff"`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "a rule with a number beyond all", call: post(atNetwork, `{"config":{"rules":[{"type":"MATCH_ETHERTYPE","not":1e999,"etherType":1}]}}`), status: 400, has: []string{`config.rules[0]: has a number that is too large`}},
	{name: "a control character", call: post(atNetwork, `{"description":"a\u0000b"}`), status: 400, has: []string{`description: has the control character U+0000`}},
	{name: "a control character in a name", call: post(atNetwork, `{"config":{"name":"a\u001bb"}}`), status: 400, has: []string{`config.name: has the control character U+001B`}},
	{name: "a name of two lines", call: post(atNetwork, `{"config":{"name":"a\nb"}}`), status: 400, has: []string{`config.name: `}},
	{name: "too long a name", call: post(atNetwork, `{"config":{"name":"`+strings.Repeat("é", 64)+`"}}`), status: 400, has: []string{`config.name: 128 bytes; at most 127`}},
	{name: "a negative limit", call: post(atNetwork, `{"config":{"multicastLimit":-1}}`), status: 400, has: []string{`config.multicastLimit: `}},
	{name: "too many routes", call: post(atNetwork, `{"config":{"routes":[`+strings.Repeat(`{"target":"10.0.0.0/24"},`, 128)+`{"target":"10.0.0.0/24"}]}}`), status: 400, has: []string{`config.routes: 129 routes`}},
	{name: "too many rules", call: post(atNetwork, `{"config":{"rules":[`+strings.Repeat(`{"type":"ACTION_ACCEPT"},`, 1024)+`{"type":"ACTION_ACCEPT"}]}}`), status: 400, has: []string{`config.rules: 1025 rules`}},
	{name: "too many rules in a capability", call: post(atNetwork, `{"config":{"capabilities":[{"id":1,"rules":[`+strings.Repeat(`{"type":"ACTION_ACCEPT"},`, 64)+`{"type":"ACTION_ACCEPT"}]}]}}`), status: 400, has: []string{`config.capabilities[0].rules: 65 rules`}},
	{name: "too many name servers", call: post(atNetwork, `{"config":{"dns":{"servers":["10.0.0.1","10.0.0.2","10.0.0.3","10.0.0.4","10.0.0.5"]}}}`), status: 400, has: []string{`config.dns.servers: 5 servers`}},
	{name: "a body that is not UTF-8", call: post(atNetwork, "{\"description\":\"\xff\"}"), status: 400, has: []string{`not UTF-8`}},
	{name: "rules text that is there already", call: post(atNetwork, `{"description":"yes","rulesSource":`+quote(model.DefaultRulesSource)+`}`), status: 200,
		has: []string{`"description":"yes"`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "back to the default rules", before: []call{post(atNetwork, `{"rulesSource":"accept;","config":{"rules":[{"type":"ACTION_ACCEPT"}],"tags":[{"id":2}]},"tagsByName":{"a":{"id":2}}}`)},
		call: post(atNetwork, `{"rulesSource":`+quote(model.DefaultRulesSource)+`}`), status: 200,
		has: []string{`"etherType":34525`, `"tags":[]`, `"tagsByName":{}`}, events: []model.EventKind{model.NetworkUpdated}},
	{name: "unknown rule type", call: post(atNetwork, `{"config":{"rules":[{"type":"ACTION_ACCEPT"},{"type":"ACTION_WHAT"}]}}`), status: 400, has: []string{`config.rules[1]: `, `ACTION_WHAT`}},
	{name: "rule that is no object", call: post(atNetwork, `{"config":{"rules":["accept"]}}`), status: 400, has: []string{`config.rules[0]: `}},
	{name: "tag without an id", call: post(atNetwork, `{"config":{"tags":[{"default":1}]}}`), status: 400, has: []string{`config.tags[0].id: is missing`}},
	{name: "tag id beyond range", call: post(atNetwork, `{"config":{"tags":[{"id":4294967296}]}}`), status: 400, has: []string{`config.tags[0].id: `}},
	{name: "wrong rule in a capability", call: post(atNetwork, `{"config":{"capabilities":[{"id":1,"rules":[{}]}]}}`), status: 400, has: []string{`config.capabilities[0].rules[0]: `}},
	{name: "too many entries", call: post(atNetwork, `{"config":{"rules":[`+strings.Repeat(`{"type":"ACTION_ACCEPT"},`, 5000)+`{"type":"ACTION_ACCEPT"}]}}`), status: 400, has: []string{`config.rules: more than`}},
	{name: "upper-case id", call: get("/api/v1/network/{NET}"), status: 200, has: []string{`"id":"{net}"`}},
	{name: "unknown network", call: get("/api/v1/network/a1b2c3d4e5ffffff"), status: 404, has: []string{`there is no network a1b2c3d4e5ffffff`}},
	{name: "changing an unknown network", call: post("/api/v1/network/a1b2c3d4e5ffffff", `{}`), status: 404},
	{name: "deleting an unknown network", call: call{method: "DELETE", path: "/api/v1/network/a1b2c3d4e5ffffff"}, status: 404},
	{name: "malformed network id", call: get("/api/v1/network/1"), status: 404},
	{name: "delete", call: call{method: "DELETE", path: atNetwork}, status: 200, has: []string{`{}`}, events: []model.EventKind{model.NetworkDeleted}},
	{name: "a deleted network is gone", before: []call{{method: "DELETE", path: atNetwork}}, call: get(atNetwork), status: 404},
	{name: "a deleted network is not listed", before: []call{{method: "DELETE", path: atNetwork}}, call: get("/api/v1/network"), status: 200, has: []string{`[]`}},
	{name: "a deleted network has no members", before: []call{authorizeIt, {method: "DELETE", path: atNetwork}}, call: get(atMember), status: 404},
	{name: "a deleted network takes no members", before: []call{{method: "DELETE", path: atNetwork}}, call: authorizeIt, status: 404},
	{name: "counts", before: []call{authorizeIt, post(atMembers+"/0badc0ffee", `{}`), post(atMembers+"/1122334455", `{"hidden":true}`)}, call: get(atNetwork), status: 200,
		has: []string{`"authorizedMemberCount":1,"totalMemberCount":2`}},
}

var memberScenarios = []scenario{
	{name: "authorize a node never seen", call: authorizeIt, status: 200,
		has:    []string{`"id":"{net}-{node}","type":"Member"`, `"authorized":true`, `"identity":""`, `"lastAuthorizedTime":1700000001000`, `"revision":1`, `"clientVersion":"0.0.0"`, `"physicalAddress":null`, `"lastSeen":0`},
		events: []model.EventKind{model.MemberAuthorized}},
	{name: "authorize it twice", before: []call{authorizeIt}, call: authorizeIt, status: 200, has: []string{`"lastAuthorizedTime":1700000001000`, `"revision":1`}},
	{name: "add with {}", call: post(atMember, `{}`), status: 200, has: []string{`"authorized":false`}, events: []model.EventKind{model.MemberAdded}},
	{name: "add with hidden:false", call: post(atMember, `{"hidden":false}`), status: 200, events: []model.EventKind{model.MemberAdded}},
	{name: "add without a body", call: post(atMember, ``), status: 400},
	{name: "everything at once", call: post(atMember, `{"name":"n","description":"d","hidden":true,"config":{"authorized":true,"activeBridge":true,"noAutoAssignIps":true,"ssoExempt":true,"ipAssignments":["10.9.0.7","fd00::7","10.9.0.7"],"tags":[[1000,400],[2,1]],"capabilities":[1000]}}`), status: 200,
		has: []string{`"hidden":true,"name":"n","online":false,"description":"d"`, `"activeBridge":true`, `"capabilities":[1000]`, `"ipAssignments":["10.9.0.7","fd00::7"]`,
			`"noAutoAssignIps":true`, `"tags":[[2,1],[1000,400]]`, `"ssoExempt":true`, `"supportsRulesEngine":false,"ipAssignments":["10.9.0.7","fd00::7"]}`},
		events: []model.EventKind{model.MemberAuthorized}},
	{name: "deauthorize", before: []call{authorizeIt, post(atMember, `{"name":"n","config":{"ipAssignments":["10.9.0.7"],"tags":[[2,1]]}}`)}, call: post(atMember, `{"config":{"authorized":false}}`), status: 200,
		has: []string{`"authorized":false`, `"lastAuthorizedTime":1700000001000,"lastDeauthorizedTime":1700000003000`, `"ipAssignments":["10.9.0.7"]`, `"name":"n"`, `"tags":[[2,1]]`}, events: []model.EventKind{model.MemberDeauthorized}},
	{name: "default tags and capabilities", before: []call{post(atNetwork, `{"config":{"tags":[{"id":2,"default":7},{"id":3}],"capabilities":[{"id":9,"default":true,"rules":[]}]}}`)}, call: authorizeIt, status: 200,
		has: []string{`"tags":[[2,7]]`, `"capabilities":[9]`}, events: []model.EventKind{model.MemberAuthorized}},
	{name: "a tag set to none", call: post(atMember, `{"config":{"tags":[[2,false],[1000,100]]}}`), status: 200, has: []string{`"tags":[[1000,100]]`}, hasNot: []string{`false]`}, events: []model.EventKind{model.MemberAdded}},
	{name: "none withholds the default", before: []call{post(atNetwork, `{"config":{"tags":[{"id":2,"default":7}]}}`), post(atMember, `{"config":{"tags":[[2,false]]}}`), post(atMember, `{"config":{"tags":[]}}`)}, call: authorizeIt, status: 200,
		has: []string{`"tags":[]`}, events: []model.EventKind{model.MemberAuthorized}},
	{name: "tag of three", call: post(atMember, `{"config":{"tags":[[1,2,3]]}}`), status: 400, has: []string{`config.tags[0]: `}},
	{name: "tag set to true", call: post(atMember, `{"config":{"tags":[[1,true]]}}`), status: 400, has: []string{`config.tags[0][1]: `}},
	{name: "tag set to null", call: post(atMember, `{"config":{"tags":[[1,null]]}}`), status: 400, has: []string{`config.tags[0][1]: `}},
	{name: "negative capability", call: post(atMember, `{"config":{"capabilities":[-1]}}`), status: 400, has: []string{`config.capabilities[0]: `}},
	{name: "null capability", call: post(atMember, `{"config":{"capabilities":[null]}}`), status: 400, has: []string{`config.capabilities[0]: `}},
	{name: "string for hidden", call: post(atMember, `{"hidden":"false"}`), status: 400, has: []string{`"message":"hidden: want true or false, not a string"`}},
	{name: "number for authorized", call: post(atMember, `{"name":"no","config":{"authorized":1}}`), status: 400, has: []string{`config.authorized: `}},
	{name: "address that is none", call: post(atMember, `{"config":{"ipAssignments":["10.9.0.1","2"]}}`), status: 400, has: []string{`config.ipAssignments[1]: \"2\" is not an IP address`}},
	{name: "address with a prefix", call: post(atMember, `{"config":{"ipAssignments":["10.9.0.1/24"]}}`), status: 400, has: []string{`config.ipAssignments[0]: `}},
	{name: "address with a zone", call: post(atMember, `{"config":{"ipAssignments":["fe80::1%eth0"]}}`), status: 400, has: []string{`config.ipAssignments[0]: `}},
	{name: "too many addresses", call: post(atMember, `{"config":{"ipAssignments":[`+manyAddresses(33)+`]}}`), status: 400, has: []string{`config.ipAssignments: `}},
	{name: "address that another member has", before: []call{post(atMembers+"/0badc0ffee", `{"config":{"ipAssignments":["10.9.0.7"]}}`)}, call: post(atMember, `{"config":{"ipAssignments":["10.9.0.7"]}}`), status: 200,
		has: []string{`"ipAssignments":["10.9.0.7"]`}, events: []model.EventKind{model.MemberAdded}},
	{name: "dropping addresses", before: []call{post(atMember, `{"config":{"ipAssignments":["10.9.0.7"]}}`)}, call: post(atMember, `{"config":{"ipAssignments":[]}}`), status: 200,
		has: []string{`"ipAssignments":[]`}, events: []model.EventKind{model.MemberUpdated}},
	{name: "read-only fields of any type", before: []call{authorizeIt}, call: post(atMember, `{"id":1,"nodeId":[],"clock":"x","online":"x","physicalAddress":5,"clientVersion":{},"lastSeen":"x","ipAssignments":"x","config":{"identity":{"a":[1]},"id":5,"address":7,"nwid":[],"vMajor":"x","revision":"x","lastAuthorizedTime":"x","remoteTraceTarget":5,"hidden":"x"}}`), status: 200,
		has: []string{`"identity":""`, `"revision":1`, `"hidden":false`}},
	{name: "unknown member", call: get(atMember), status: 404, has: []string{`has no member {node}`}},
	{name: "nine-digit node id", call: get(atMembers + "/66a5132aa"), status: 404},
	{name: "reserved node id", call: post(atMembers+"/ff00000001", `{}`), status: 404},
	{name: "upper-case node id", before: []call{authorizeIt}, call: get("/api/v1/network/{NET}/member/{NODE}"), status: 200, has: []string{`"nodeId":"{node}"`}},
	{name: "member of an unknown network", call: get("/api/v1/network/a1b2c3d4e5ffffff/member/{node}"), status: 404},
	{name: "members of an unknown network", call: get("/api/v1/network/a1b2c3d4e5ffffff/member"), status: 404},
	{name: "adding to an unknown network", call: post("/api/v1/network/a1b2c3d4e5ffffff/member/{node}", `{}`), status: 404},
	{name: "deleting from an unknown network", call: call{method: "DELETE", path: "/api/v1/network/a1b2c3d4e5ffffff/member/{node}"}, status: 404},
	{name: "no members", call: get(atMembers), status: 200, has: []string{`[]`}},
	{name: "members ascend, hidden ones included", before: []call{authorizeIt, post(atMembers+"/0badc0ffee", `{"hidden":true}`)}, call: get("/api/network/{net}/member/"), status: 200,
		has: []string{`[{"id":"{net}-0badc0ffee"`, `},{"id":"{net}-{node}"`}},
	{name: "delete", before: []call{authorizeIt}, call: deleteIt, status: 200, has: []string{`{}`}, events: []model.EventKind{model.MemberDeleted}},
	{name: "delete an unknown member", call: deleteIt, status: 200, has: []string{`{}`}},
	{name: "delete twice", before: []call{authorizeIt, deleteIt}, call: deleteIt, status: 200},
	{name: "a deleted member is not listed", before: []call{authorizeIt, deleteIt}, call: get(atMembers), status: 200, has: []string{`[]`}},
	{name: "a deleted member is not found", before: []call{authorizeIt, deleteIt}, call: get(atMember), status: 404},
	{name: "a deleted member comes back outside", before: []call{post(atMember, `{"name":"n","hidden":true,"config":{"authorized":true,"ipAssignments":["10.9.0.7"]}}`), deleteIt}, call: post(atMember, `{"hidden":false}`), status: 200,
		has: []string{`"authorized":false`, `"hidden":false`, `"name":"n"`, `"ipAssignments":[]`, `"revision":3`}, events: []model.EventKind{model.MemberAdded}},
	{name: "a deleted member comes back to be seen", before: []call{post(atMember, `{"hidden":true}`), deleteIt}, call: post(atMember, `{}`), status: 200, has: []string{`"hidden":false`}, events: []model.EventKind{model.MemberAdded}},
	{name: "a deleted member comes back hidden", before: []call{authorizeIt, deleteIt}, call: post(atMember, `{"hidden":true}`), status: 200, has: []string{`"hidden":true`}, events: []model.EventKind{model.MemberAdded}},
	{name: "a deleted member comes back with {}", before: []call{authorizeIt, deleteIt, post(atMember, `{}`)}, call: get(atMembers), status: 200, has: []string{`"authorized":false`}},
	{name: "a deleted member is let in again", before: []call{authorizeIt, deleteIt}, call: authorizeIt, status: 200, has: []string{`"authorized":true`}, events: []model.EventKind{model.MemberAuthorized}},
	{name: "a failed change brings nothing back", before: []call{authorizeIt, deleteIt}, call: post(atMember, `{"name":"a\nb"}`), status: 400, has: []string{`name: `}},
}

// bulkyCapabilities is a list of capabilities that are as long as they can be.
func bulkyCapabilities(count int) string {
	rules := strings.Repeat(`{"type":"INTEGER_RANGE","bits":1},`, 63) + `{"type":"INTEGER_RANGE","bits":1}`
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf(`{"id":%d,"rules":[%s]}`, i, rules)
	}
	return strings.Join(all, ",")
}

func TestScenarios(t *testing.T) {
	for group, scenarios := range map[string][]scenario{
		"transport": transportScenarios, "network": networkScenarios, "member": memberScenarios,
		"account": accountScenarios, "organization": organizationScenarios, "sharing": sharingScenarios,
	} {
		for _, s := range scenarios {
			t.Run(group+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				s.run(t)
			})
		}
	}
}

func (s scenario) run(t *testing.T) {
	w := newWorld(t)
	w.network(`{"config":{"name":"home","routes":[{"target":"10.9.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.9.0.1","ipRangeEnd":"10.9.0.254"}]}}`)
	for name, join := range map[string]bool{"ann": true, "bob": true, "carl": false, "dora": false} {
		if s.mentions(name) {
			w.user(name, join)
		}
	}
	for _, c := range s.before {
		w.tick(1000)
		w.keepID(c, w.mustDo(c))
	}
	w.tick(1000)
	unchanged := w.everything()
	position := w.lastEvent()
	r := w.do(s.call)
	if r.status != s.status {
		t.Fatalf("status %d, want %d: %s", r.status, s.status, r.body)
	}
	for _, text := range s.has {
		if !strings.Contains(r.body, w.fill(text)) {
			t.Errorf("%s\nis not in\n%s", w.fill(text), r.body)
		}
	}
	for _, text := range s.hasNot {
		if strings.Contains(r.body, w.fill(text)) {
			t.Errorf("%s\nmust not be in\n%s", w.fill(text), r.body)
		}
	}
	if r.status >= 400 {
		w.checkLogged(r)
		if now := w.everything(); now != unchanged {
			t.Errorf("a refused request changed\n%s\nto\n%s", unchanged, now)
		}
	}
	var kinds []model.EventKind
	for _, e := range w.eventsAfter(position) {
		kinds = append(kinds, e.Kind)
		if e.Actor.UserID == "" || e.Actor.From != "192.0.2.1" {
			t.Errorf("event %s: actor %+v", e.Kind, e.Actor)
		}
		if text := string(e.Before) + string(e.After); strings.Contains(text, w.token) || strings.Contains(text, someSecret) {
			t.Errorf("event %s shows a secret", e.Kind)
		}
	}
	if !slices.Equal(kinds, s.events) {
		t.Errorf("events %v, want %v", kinds, s.events)
	}
	if strings.Contains(w.log.String(), w.token) || strings.Contains(w.log.String(), someSecret) {
		t.Error("a token is in the log")
	}
}

// mentions reports whether the requests need a user.
func (s scenario) mentions(name string) bool {
	for _, c := range append(s.before, s.call) {
		if text := c.path + c.body + c.auth; strings.Contains(text, "{"+name+"}") || strings.Contains(text, "{"+name+".") {
			return true
		}
	}
	return false
}

// keepID gives {inv} the id of an invitation that was just made.
func (w *world) keepID(c call, r reply) {
	w.Helper()
	if c.method != http.MethodPost || c.path != atInvitations {
		return
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(r.body), &made); err != nil {
		w.Fatal(err)
	}
	w.names["inv"] = made.ID
}

// everything is what the owner sees of what there is.
func (w *world) everything() string {
	w.Helper()
	text := w.must("GET", "/api/v1/network", "")
	for _, path := range []string{atNetwork, atMembers, "/api/v1/user", "/api/v1/org", atInvitations} {
		text += w.do(get(path)).body // the network may be deleted
	}
	return text
}

// checkLogged demands the request's id in the log.
func (w *world) checkLogged(r reply) {
	w.Helper()
	if !strings.Contains(w.log.String(), "request="+r.header.Get("X-Request-Id")) {
		w.Error("the failure is not in the log with its request id")
	}
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// manyNames is an object with many fields.
func manyNames(prefix string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"%s%d":1`, prefix, i))
	}
	return "{" + strings.Join(all, ",") + "}"
}

func manyAddresses(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"10.9.1.%d"`, i+1))
	}
	return strings.Join(all, ",")
}
