package centralapi

import (
	"strings"

	"github.com/orrery-net/orrery/internal/model"
)

const (
	atInvitations = "/api/v1/org-invitation"
	atInvitation  = atInvitations + "/{inv}"
	atUsers       = atNetwork + "/users"

	someSecret = "0123456789abcdefghijklmnopqr$~!Z" // 32 characters
	unknownID  = "01234567-89ab-4def-8123-456789abcdef"
)

func del(path string) call { return call{method: "DELETE", path: path} }

// newToken makes a token of the owner's; its name is JSON text.
func newToken(name string) call {
	return post("/api/v1/user/{owner}/token", `{"tokenName":"`+name+`","token":"`+someSecret+`"}`)
}

var accountScenarios = []scenario{
	{name: "the own record", call: get("/api/v1/user/{owner}"), status: 200,
		has: []string{`{"id":"{owner}","type":"User","creationTime":1700000000000,"globalPermissions":{"a":false,"d":false,"m":false,"r":false},"displayName":"Owner","email":"{owner.email}","auth":{"local":"{owner.email}"},"tokens":["owner"],"accountLimits":{"enabled":false,`,
			`"marketingOptIn":false,"orgId":"{org}"}`}},
	{name: "self", call: get("/api/self/").as("ann"), status: 200, has: []string{`{"id":"{ann}","type":"User"`, `"email":"{ann.email}"`, `"tokens":["first"]`}},
	{name: "status names the organization", call: get("/api/v1/status"), status: 200, has: []string{`"user":{"id":"{owner}"`, `"orgId":"{org}"}`}},
	{name: "a colleague's record", call: get("/api/v1/user/{owner}").as("ann"), status: 200, has: []string{`"email":"{owner.email}"`, `"displayName":"Owner"`, `"tokens":[]`}},
	{name: "a stranger's record", call: get("/api/v1/user/{owner}").as("carl"), status: 404},
	{name: "a record of nobody", call: get("/api/v1/user/" + unknownID), status: 404},
	{name: "an id that is none", call: get("/api/v1/user/me"), status: 404},
	{name: "an operator lists all users", call: get("/api/v1/user").as("owner"), status: 200, has: []string{`"id":"{owner}"`}},
	{name: "others list themselves", before: []call{get("/api/v1/self").as("bob")}, call: get("/api/v1/user/").as("ann"), status: 200, has: []string{`[{"id":"{ann}"`}, hasNot: []string{"{owner}", "{bob}"}},
	{name: "an operator sees others' records", before: []call{get("/api/v1/self").as("carl")}, call: get("/api/v1/user"), status: 200, has: []string{`"id":"{carl}"`, `"id":"{owner}"`}},

	{name: "changing the name", call: post("/api/v1/user/{ann}", `{"displayName":"Ann <A>","smsNumber":"+1-800-555-1212"}`).as("ann"), status: 200,
		has: []string{`"displayName":"Ann \u003cA\u003e"`, `"smsNumber":"+1-800-555-1212","tokens":["first"]`}, events: []model.EventKind{model.UserUpdated}},
	{name: "PUT changes the name", call: call{method: "PUT", path: "/api/user/{owner}/", body: `{"displayName":"O"}`}, status: 200, has: []string{`"displayName":"O"`}, events: []model.EventKind{model.UserUpdated}},
	{name: "read-only fields of a user", call: post("/api/v1/user/{owner}", `{"id":5,"email":"x@example.org","orgId":[],"tokens":["x"],"auth":7,"globalPermissions":{"a":true},"creationTime":"x","displayName":null}`), status: 200,
		has: []string{`"displayName":"Owner","email":"{owner.email}"`, `"a":false`, `"tokens":["owner"]`}},
	{name: "nothing to change", call: post("/api/v1/user/{owner}", `{}`), status: 200},
	{name: "changing without a body", call: post("/api/v1/user/{owner}", ``), status: 400, has: []string{`JSON error`}},
	{name: "a name of the wrong type", call: post("/api/v1/user/{owner}", `{"displayName":["x"]}`), status: 400, has: []string{`displayName: want a string, not an array`}},
	{name: "a name with a control character", call: post("/api/v1/user/{owner}", `{"smsNumber":"1","displayName":"a\u0007b"}`), status: 400, has: []string{`displayName: has the control character U+0007`}},
	{name: "a name of two lines", call: post("/api/v1/user/{owner}", `{"displayName":"a\nb"}`), status: 400, has: []string{`displayName: `}},
	{name: "too long a name", call: post("/api/v1/user/{owner}", `{"displayName":"`+strings.Repeat("x", 300)+`"}`), status: 400, has: []string{`displayName: 300 bytes`}},
	{name: "changing a colleague", call: post("/api/v1/user/{owner}", `{"displayName":"x"}`).as("ann"), status: 403},
	{name: "changing a stranger", call: post("/api/v1/user/{owner}", `{"displayName":"x"}`).as("carl"), status: 404},

	{name: "leaving for good", call: del("/api/v1/user/{ann}").as("ann"), status: 200, has: []string{`{}`},
		events: []model.EventKind{model.OrganizationUserRemoved, model.TokenDeleted, model.UserDeleted}},
	{name: "leaving for good with networks", before: []call{post("/api/v1/network", `{}`).as("carl")}, call: del("/api/v1/user/{carl}").as("carl"), status: 200,
		events: []model.EventKind{model.NetworkDeleted, model.TokenDeleted, model.UserDeleted}},
	{name: "who has left has no token", before: []call{del("/api/v1/user/{ann}").as("ann")}, call: get("/api/v1/network").as("ann"), status: 401},
	{name: "the owner of the server stays", call: del("/api/v1/user/{owner}"), status: 403},
	{name: "deleting a colleague", call: del("/api/v1/user/{owner}").as("ann"), status: 403},
	{name: "an operator deletes an account", before: []call{get("/api/v1/self").as("carl")}, call: del("/api/v1/user/{carl}"), status: 200, events: []model.EventKind{model.TokenDeleted, model.UserDeleted}},
	{name: "an operator changes no account of others", call: post("/api/v1/user/{carl}", `{"displayName":"x"}`), status: 403},
	{name: "an operator makes no token for others", call: post("/api/v1/user/{carl}/token", `{"tokenName":"x","token":"`+someSecret+`"}`), status: 403},
	{name: "deleting a stranger", call: del("/api/v1/user/{owner}").as("carl"), status: 404},

	{name: "making a token", call: newToken("laptop"), status: 200, has: []string{`{"tokenName":"laptop","token":"` + someSecret + `"}`}, events: []model.EventKind{model.TokenCreated}},
	{name: "a token works at once", before: []call{newToken("laptop")}, call: call{method: "GET", path: "/api/v1/user/{owner}", auth: "Bearer " + someSecret}, status: 200,
		has: []string{`"tokens":["laptop","owner"]`}, hasNot: []string{someSecret}},
	{name: "a token of 31 characters", call: post("/api/v1/user/{owner}/token", `{"tokenName":"x","token":"`+someSecret[1:]+`"}`), status: 400, has: []string{`token: 31 characters; at least 32`}},
	{name: "a token with a space", call: post("/api/v1/user/{owner}/token", `{"tokenName":"x","token":"`+someSecret+` x"}`), status: 400, has: []string{`token: `}},
	{name: "a token that is long", call: post("/api/v1/user/{owner}/token", `{"tokenName":"x","token":"`+strings.Repeat("x", 5000)+`"}`), status: 400, has: []string{`token: 5000 characters`}},
	{name: "a token without a secret", call: post("/api/v1/user/{owner}/token", `{"tokenName":"x"}`), status: 400, has: []string{`token: is missing`}},
	{name: "a token with an empty secret", call: post("/api/v1/user/{owner}/token", `{"tokenName":"x","token":""}`), status: 400, has: []string{`token: is empty`}},
	{name: "a token without a name", call: post("/api/v1/user/{owner}/token", `{"tokenName":null,"token":"`+someSecret+`"}`), status: 400, has: []string{`tokenName: is missing`}},
	{name: "a token with an empty name", call: newToken(""), status: 400, has: []string{`tokenName: is empty`}},
	{name: "a token with a long name", call: newToken(strings.Repeat("n", 300)), status: 400, has: []string{`tokenName: 300 bytes`}},
	{name: "a token's name of the wrong type", call: post("/api/v1/user/{owner}/token", `{"tokenName":5,"token":"`+someSecret+`"}`), status: 400, has: []string{`tokenName: want a string, not a number`}},
	{name: "a token's name that is taken", call: newToken("owner"), status: 400, has: []string{`tokenName: `}},
	{name: "a token for a colleague", call: newToken("x").as("ann"), status: 403},
	{name: "a token for a stranger", call: newToken("x").as("carl"), status: 404},

	{name: "deleting a token", before: []call{newToken("laptop")}, call: del("/api/v1/user/{owner}/token/laptop"), status: 200, has: []string{`{}`}, events: []model.EventKind{model.TokenDeleted}},
	{name: "a deleted token is not valid", before: []call{newToken("laptop"), del("/api/user/{owner}/token/laptop/")}, call: call{method: "GET", path: "/api/v1/network", auth: "token " + someSecret}, status: 401},
	{name: "a token that deletes itself", before: []call{newToken("laptop")}, call: call{method: "DELETE", path: "/api/v1/user/{owner}/token/laptop", auth: "token " + someSecret}, status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a name with a space", before: []call{newToken("my laptop")}, call: del("/api/v1/user/{owner}/token/my%20laptop"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a name escaped twice", before: []call{newToken("my laptop")}, call: del("/api/v1/user/{owner}/token/my%2520laptop"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a name with a slash", before: []call{newToken("a/b")}, call: del("/api/v1/user/{owner}/token/a%2Fb"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a name with a slash, escaped twice", before: []call{newToken("a/b")}, call: del("/api/v1/user/{owner}/token/a%252Fb"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a slash that is not escaped", before: []call{newToken("a/b")}, call: del("/api/v1/user/{owner}/token/a/b"), status: 404},
	{name: "a name with percent signs", before: []call{newToken("100%"), post("/api/v1/user/{owner}/token", `{"tokenName":"a%20b","token":"`+someSecret+`2"}`)}, call: del("/api/v1/user/{owner}/token/100%25"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "the once-decoded name is meant first", before: []call{newToken("a%20b"), post("/api/v1/user/{owner}/token", `{"tokenName":"a b","token":"`+someSecret+`2"}`), del("/api/v1/user/{owner}/token/a%2520b")},
		call: get("/api/v1/user/{owner}"), status: 200, has: []string{`"tokens":["a b","owner"]`}},
	{name: "a name of other letters", before: []call{newToken("ключ é")}, call: del("/api/v1/user/{owner}/token/%D0%BA%D0%BB%D1%8E%D1%87%20%C3%A9"), status: 200, events: []model.EventKind{model.TokenDeleted}},
	{name: "a token that there is not", call: del("/api/v1/user/{owner}/token/none"), status: 404},
	{name: "a token in bad escapes", call: call{method: "DELETE", path: "/api/v1/user/{owner}/token/%25zz"}, status: 404},
	{name: "a colleague's token", call: del("/api/v1/user/{owner}/token/owner").as("ann"), status: 403},
	{name: "a stranger's token", call: del("/api/v1/user/{owner}/token/owner").as("carl"), status: 404},
	{name: "reading a token", call: get("/api/v1/user/{owner}/token/owner"), status: 405},
	{name: "logging out", call: post("/api/v1/auth/_logout", ``), status: 200, has: []string{`{}`}},
	{name: "after logging out the token works", before: []call{post("/api/auth/_logout/", ``)}, call: get("/api/v1/network"), status: 200},
}
