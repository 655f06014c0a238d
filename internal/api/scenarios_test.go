package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// step is one request of a story, and what it must lead to.
type step struct {
	name   string
	call          // with {names} in path and body
	status int    // 0: 200
	has    string // texts, separated by " … ", that the answer has in this order, {names} filled in
	not    string // a text that it does not have
	events string // the kinds of the events that follow, separated by spaces
	save   string // "name field": remember a field of the answer under a name
}

// play goes through a story in one world.
func play(w *world, story []step) {
	w.Helper()
	for _, s := range story {
		before := w.service.Latest()
		r := w.do(s.call)
		if s.status == 0 {
			s.status = 200
		}
		if r.status != s.status {
			w.Errorf("%s: status %d, not %d: %s", s.name, r.status, s.status, r.body)
		}
		rest := r.body
		for part := range strings.SplitSeq(w.fill(s.has), " … ") {
			at := strings.Index(rest, part)
			if at < 0 {
				w.Errorf("%s: no %q in order in %s", s.name, part, r.body)
				break
			}
			rest = rest[at+len(part):]
		}
		if s.not != "" && strings.Contains(r.body, w.fill(s.not)) {
			w.Errorf("%s: %q in %s", s.name, w.fill(s.not), r.body)
		}
		if events := strings.Fields(s.events); !slices.Equal(events, w.eventsAfter(before)) {
			w.Errorf("%s: events %v, not %v", s.name, w.eventsAfter(before), events)
		}
		if space := strings.LastIndexByte(s.save, ' '); space > 0 {
			w.names[s.save[:space]] = w.get(r.body, s.save[space+1:])
		}
	}
}

func TestAccountAndTokens(t *testing.T) {
	w := newWorld(t)
	w.newUser("alice", false)
	w.newNetwork("owner", "net")
	w.names["later"] = "1700000600000"
	play(w, []step{
		{name: "the owner", call: call{"", "GET", "/me", ""}, has: `"id":"{owner}" … "operator":true,"organization":{ … "owner":true},"token":{"name":"owner","readOnly":false,"expiryTime":0}`},
		{name: "somebody else", call: call{"alice", "GET", "/me", ""}, has: `"email":"alice@example.com" … "operator":false,"token":{"name":"first"`, not: "organization"},
		{name: "HEAD", call: call{"", "HEAD", "/me", ""}},

		{name: "a token", call: call{"", "POST", "/tokens", `{"name":"all of it"}`}, status: 201, events: "token.created",
			has: `{"token":{"name":"all of it","readOnly":false,"expiryTime":0,"creationTime":1700000000000,"lastUsedTime":0},"secret":"`, save: "token all secret"},
		{name: "it works at once", call: call{"all", "GET", "/me", ""}, has: `"token":{"name":"all of it"`},
		{name: "a limited token", call: call{"", "POST", "/tokens", `{"name":"ro","readOnly":true,"networkId":"{net}","expiryTime":{later},"secret":"0123456789$bcdef0123456789ABCDEF"}`}, status: 201,
			has: `"readOnly":true,"networkId":"{net}","expiryTime":{later} … "secret":"0123456789$bcdef0123456789ABCDEF"}`, events: "token.created", save: "token limited secret"},
		{name: "it says its limits", call: call{"limited", "GET", "/me", ""}, has: `"token":{"name":"ro","readOnly":true,"networkId":"{net}","expiryTime":{later}`, not: "organization"},
		{name: "the list has no secrets", call: call{"", "GET", "/tokens", ""}, has: `"name":"all of it" … "lastUsedTime":1700000000000,"lastUsedFrom":"127.0.0.1" … "name":"owner" … "name":"ro"`, not: "secret"},

		{name: "the name is taken", call: call{"", "POST", "/tokens", `{"name":"ro"}`}, status: 400, has: "you have a token of this name"},
		{name: "the secret is short", call: call{"", "POST", "/tokens", `{"name":"x","secret":"abcdefghijklmnopqrstuvwxyz01234"}`}, status: 400,
			has: `"detail":"body.secret: expected length >= 32" … "errors":[{"location":"body.secret"`, not: "abcdefg"},
		{name: "the secret has a space", call: call{"", "POST", "/tokens", `{"name":"x","secret":"abcdefghijklmnopqrstuvwxyz 012345"}`}, status: 400, has: "body.secret: … printable ASCII", not: "abcdefg"},
		{name: "the expiry is past", call: call{"", "POST", "/tokens", `{"name":"x","expiryTime":1}`}, status: 400, has: "expiryTime: is in the past"},
		{name: "the network is nobody's", call: call{"", "POST", "/tokens", `{"name":"x","networkId":"8056c2e21c000001"}`}, status: 400, has: "there is no network 8056c2e21c000001"},
		{name: "the network is another's", call: call{"alice", "POST", "/tokens", `{"name":"x","networkId":"{net}"}`}, status: 400, has: "there is no network {net}"},
		{name: "no name", call: call{"", "POST", "/tokens", `{}`}, status: 400, has: "expected required property name to be present"},
		{name: "a limited token makes none", call: call{"limited", "POST", "/tokens", `{"name":"x"}`}, status: 403},

		{name: "revoke", call: call{"", "DELETE", "/tokens/all%20of%20it", ""}, status: 204, events: "token.deleted"},
		{name: "it is over at once", call: call{"all", "GET", "/me", ""}, status: 401, has: `"kind":"unauthorized"`},
		{name: "revoke twice", call: call{"", "DELETE", "/tokens/all%20of%20it", ""}, status: 404},
		{name: "another's token", call: call{"alice", "DELETE", "/tokens/ro", ""}, status: 404},
	})
	w.tick(600_000)
	play(w, []step{{name: "expired", call: call{"limited", "GET", "/me", ""}, status: 401, has: "expired"}})
}

func TestOrganizationsAndInvitations(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"alice", "bob", "carol"} {
		w.newUser(name, false)
	}
	w.newNetwork("bob", "bobnet")
	play(w, []step{
		{name: "none yet", call: call{"alice", "GET", "/organization", ""}, status: 404},
		{name: "nothing to rename", call: call{"alice", "PATCH", "/organization", `{"name":"x"}`}, status: 404},
		{name: "nobody to invite to", call: call{"alice", "POST", "/organization/invitations", `{"email":"bob@example.com"}`}, status: 403, has: "make one"},
		{name: "make one", call: call{"alice", "POST", "/organization", `{"name":"Example <Ltd>"}`}, status: 201, events: "organization.created",
			has: `"name":"Example <Ltd>","ownerId":"{alice}","ownerEmail":"alice@example.com" … "users":[{"id":"{alice}"`},
		{name: "a second", call: call{"alice", "POST", "/organization", `{"name":"B"}`}, status: 409},
		{name: "rename", call: call{"alice", "PATCH", "/organization", `{"name":"Better"}`}, has: `"name":"Better"`, events: "organization.updated"},
		{name: "no name", call: call{"alice", "PATCH", "/organization", `{"name":"  "}`}, status: 400, has: "name: is empty"},
		{name: "a name with a line break", call: call{"alice", "PATCH", "/organization", `{"name":"a\nb"}`}, status: 400, has: "name: "},

		{name: "invite", call: call{"alice", "POST", "/organization/invitations", `{"email":"Bob@example.com"}`}, status: 201, events: "invitation.sent",
			has: `"organizationName":"Better","ownerEmail":"alice@example.com","email":"Bob@example.com","status":"pending" … "link":"http://127.0.0.1:`, save: "first id"},
		{name: "twice", call: call{"alice", "POST", "/organization/invitations", `{"email":"bob@EXAMPLE.com"}`}, status: 400, has: "was invited already"},
		{name: "no address", call: call{"alice", "POST", "/organization/invitations", `{"email":"nobody"}`}, status: 400, has: "email: "},
		{name: "herself", call: call{"alice", "POST", "/organization/invitations", `{"email":"alice@example.com"}`}, status: 400, has: "email: "},
		{name: "what was sent", call: call{"alice", "GET", "/organization/invitations", ""}, has: `{"invitations":[{"id":"{first}"`},
		{name: "nothing came", call: call{"alice", "GET", "/invitations", ""}, has: `{"invitations":[]}`},
		{name: "what came", call: call{"bob", "GET", "/invitations", ""}, has: `{"invitations":[{"id":"{first}"`},
		{name: "nothing was sent", call: call{"bob", "GET", "/organization/invitations", ""}, has: `{"invitations":[]}`},
		{name: "strangers see none", call: call{"carol", "GET", "/invitations", ""}, has: `{"invitations":[]}`},
		{name: "strangers accept none", call: call{"carol", "POST", "/invitations/{first}/accept", ""}, status: 404},
		{name: "strangers decline none", call: call{"carol", "POST", "/invitations/{first}/decline", ""}, status: 404},
		{name: "strangers withdraw none", call: call{"carol", "DELETE", "/invitations/{first}", ""}, status: 404},
		{name: "the owner cannot accept", call: call{"alice", "POST", "/invitations/{first}/accept", ""}, status: 403},

		{name: "accept", call: call{"bob", "POST", "/invitations/{first}/accept", ""}, has: `"status":"accepted"`,
			events: "invitation.accepted organization.user.added network.moved"},
		{name: "twice", call: call{"bob", "POST", "/invitations/{first}/accept", ""}, status: 400, has: "accepted already"},
		{name: "bob is in", call: call{"bob", "GET", "/organization", ""}, has: `"email":"alice@example.com" … "email":"bob@example.com"`},
		{name: "his network moved, his rights stay", call: call{"bob", "GET", "/networks/{bobnet}/users", ""},
			has: `{"users":[{"userId":"{alice}" … "userId":"{bob}" … "read":true,"authorize":true,"modify":true,"delete":true}]`},
		{name: "members do not rename", call: call{"bob", "PATCH", "/organization", `{"name":"x"}`}, status: 403},
		{name: "members do not transfer", call: call{"bob", "POST", "/organization/transfer", `{"userId":"{bob}"}`}, status: 403},
		{name: "members do not remove", call: call{"bob", "DELETE", "/organization/users/{alice}", ""}, status: 403},
		{name: "members do not invite", call: call{"bob", "POST", "/organization/invitations", `{"email":"dave@example.com"}`}, status: 403},
		{name: "the owner cannot leave", call: call{"alice", "DELETE", "/organization/users/{alice}", ""}, status: 409},
		{name: "nobody to remove", call: call{"alice", "DELETE", "/organization/users/{carol}", ""}, status: 404},

		{name: "invite carol", call: call{"alice", "POST", "/organization/invitations", `{"email":"carol@example.com"}`}, status: 201, save: "second id", events: "invitation.sent"},
		{name: "she declines", call: call{"carol", "POST", "/invitations/{second}/decline", ""}, has: `"status":"canceled"`, events: "invitation.declined"},
		{name: "she thinks again", call: call{"carol", "POST", "/invitations/{second}/accept", ""}, status: 400, has: "canceled already"},
		{name: "invite her again", call: call{"alice", "POST", "/organization/invitations", `{"email":"carol@example.com"}`}, status: 201, save: "third id", events: "invitation.sent"},
		{name: "and withdraw", call: call{"alice", "DELETE", "/invitations/{third}", ""}, status: 204, events: "invitation.canceled"},
		{name: "twice", call: call{"alice", "DELETE", "/invitations/{third}", ""}, status: 400},
		{name: "carol has her own", call: call{"carol", "POST", "/organization", `{"name":"C"}`}, status: 201, events: "organization.created"},
		{name: "bob cannot be in two", call: call{"carol", "POST", "/organization/invitations", `{"email":"bob@example.com"}`}, status: 201, save: "fourth id", events: "invitation.sent"},
		{name: "he is in one with others", call: call{"bob", "POST", "/invitations/{fourth}/accept", ""}, status: 409},

		{name: "no heir outside", call: call{"alice", "POST", "/organization/transfer", `{"userId":"{carol}"}`}, status: 400, has: "userId: "},
		{name: "transfer", call: call{"alice", "POST", "/organization/transfer", `{"userId":"{bob}"}`}, has: `"ownerId":"{bob}"`, events: "organization.updated network.moved"},
		{name: "alice stays, with all rights", call: call{"alice", "GET", "/networks/{bobnet}/users", ""}, has: `"userId":"{bob}" … "userId":"{alice}" … "delete":true`},
		{name: "she leaves", call: call{"alice", "DELETE", "/organization/users/{alice}", ""}, status: 204, events: "network.shared organization.user.removed"},
		{name: "without rights", call: call{"alice", "GET", "/networks/{bobnet}/users", ""}, status: 404},
	})
}

func TestNetworkUsers(t *testing.T) {
	w := newWorld(t)
	w.newUser("alice", true)
	w.newUser("bob", true)
	w.newUser("carol", false)
	w.newNetwork("owner", "net")
	all := `{"read":true,"authorize":true,"modify":true,"delete":true}`
	play(w, []step{
		{name: "only the owner", call: call{"", "GET", "/networks/{net}/users", ""}, has: `{"users":[{"userId":"{owner}" … "read":true,"authorize":true,"modify":true,"delete":true}]}`},
		{name: "grant", call: call{"", "PUT", "/networks/{net}/users/{alice}", `{"read":true,"authorize":false,"modify":true,"delete":false}`}, events: "network.shared",
			has: `{"userId":"{alice}","email":"alice@example.com","displayName":"alice","read":true,"authorize":false,"modify":true,"delete":false}`},
		{name: "again changes nothing", call: call{"", "PUT", "/networks/{net}/users/{alice}", `{"read":true,"authorize":false,"modify":true,"delete":false}`}},
		{name: "no more than one has", call: call{"alice", "PUT", "/networks/{net}/users/{bob}", all}, status: 403},
		{name: "but as much", call: call{"alice", "PUT", "/networks/{net}/users/{bob}", `{"read":true,"authorize":false,"modify":false,"delete":false}`}, events: "network.shared"},
		{name: "reading does not share", call: call{"bob", "PUT", "/networks/{net}/users/{alice}", all}, status: 403},
		{name: "reading lists", call: call{"bob", "GET", "/networks/{net}/users", ""}, has: `"userId":"{owner}" … "userId":"{alice}" … "userId":"{bob}"`},
		{name: "not to strangers", call: call{"", "PUT", "/networks/{net}/users/{carol}", all}, status: 404, has: "invite the user first"},
		{name: "not to nobody", call: call{"", "PUT", "/networks/{net}/users/nobody", all}, status: 404},
		{name: "not to the owner", call: call{"", "PUT", "/networks/{net}/users/{owner}", all}, status: 400},
		{name: "all four are needed", call: call{"", "PUT", "/networks/{net}/users/{alice}", `{"read":true}`}, status: 400, has: "authorize … delete … modify"},
		{name: "revoke", call: call{"alice", "DELETE", "/networks/{net}/users/{bob}", ""}, status: 204, events: "network.shared"},
		{name: "revoke nothing", call: call{"alice", "DELETE", "/networks/{net}/users/{bob}", ""}, status: 204},
		{name: "bob is out", call: call{"bob", "GET", "/networks/{net}/users", ""}, status: 404},
		{name: "no such network", call: call{"", "GET", "/networks/8056c2e21c000001/users", ""}, status: 404},
		{name: "no network id", call: call{"", "GET", "/networks/xyz/users", ""}, status: 400, has: "path.id"},
	})
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	w.newUser("alice", false)
	play(w, []step{
		{name: "make", call: call{"", "POST", "/users", `{"email":"Bob@example.com","displayName":"Bob","joinOrganization":true}`}, status: 201,
			has: `{"user":{"id":" … "email":"Bob@example.com","displayName":"Bob","organizationId":" … "tokens":["first"]},"secret":"`, save: "token bob secret",
			events: "user.created token.created organization.user.added"},
		{name: "the token works", call: call{"bob", "GET", "/me", ""}, has: `"email":"Bob@example.com" … "organization":{`},
		{name: "taken", call: call{"", "POST", "/users", `{"email":"bob@EXAMPLE.com"}`}, status: 400, has: "another user has this e-mail address"},
		{name: "no address", call: call{"", "POST", "/users", `{"email":"nobody"}`}, status: 400},
		{name: "a field too many", call: call{"", "POST", "/users", `{"email":"dave@example.com","admin":true}`}, status: 400, has: "body.admin: unexpected property"},
		{name: "list", call: call{"", "GET", "/users", ""}, has: `alice@example.com … Bob@example.com … owner@localhost`},
		{name: "find", call: call{"", "GET", "/users/bob@example.com", ""}, has: `"email":"Bob@example.com"`},
		{name: "find by id", call: call{"", "GET", "/users/{alice}", ""}, has: `"email":"alice@example.com"`},
		{name: "nobody", call: call{"", "GET", "/users/nobody@example.com", ""}, status: 404},
		{name: "nobody's id", call: call{"", "GET", "/users/nobody", ""}, status: 404},
		{name: "reset", call: call{"", "POST", "/users/bob@example.com/reset-token", ""}, has: `"tokens":["reset"]},"secret":"`, events: "token.deleted token.created", save: "token newbob secret"},
		{name: "the old token is over", call: call{"bob", "GET", "/me", ""}, status: 401},
		{name: "the new one works", call: call{"newbob", "GET", "/me", ""}},
		{name: "reset nobody", call: call{"", "POST", "/users/nobody/reset-token", ""}, status: 404},
		{name: "delete", call: call{"", "DELETE", "/users/bob@example.com", ""}, status: 204, events: "organization.user.removed token.deleted user.deleted"},
		{name: "he is out", call: call{"newbob", "GET", "/me", ""}, status: 401},
		{name: "delete nobody", call: call{"", "DELETE", "/users/bob@example.com", ""}, status: 404},
		{name: "not the owner", call: call{"", "DELETE", "/users/{owner}", ""}, status: 403},
		{name: "operators only: list", call: call{"alice", "GET", "/users", ""}, status: 403},
		{name: "operators only: make", call: call{"alice", "POST", "/users", `{"email":"x@example.com"}`}, status: 403},
		{name: "operators only: find", call: call{"alice", "GET", "/users/{alice}", ""}, status: 403},
		{name: "operators only: delete", call: call{"alice", "DELETE", "/users/{alice}", ""}, status: 403},
		{name: "operators only: reset", call: call{"alice", "POST", "/users/{alice}/reset-token", ""}, status: 403},
	})
}

// memberWorld has the network "net" with three members.
func memberWorld(t *testing.T) *world {
	w := newWorld(t)
	id := w.newNetwork("owner", "net")
	for i, name := range []string{"carol's phone", "Alice's laptop", "bob's laptop"} {
		w.tick(1000)
		w.newMember("net", zt.Address(0x1000000000+uint64(i)), func(m *model.Member) {
			m.Name = name
			m.Authorized = i > 0
			m.Hidden = i == 2
		})
	}
	w.presence.set(model.Seen{Network: id, Node: 0x1000000001, Time: testStart + 9000, Version: model.Version{Major: 1, Minor: 14, Revision: 2, Protocol: 12}}, true)
	w.names["phone"], w.names["alices"], w.names["bobs"] = "1000000000", "1000000001", "1000000002"
	return w
}

func TestMembers(t *testing.T) {
	play(memberWorld(t), []step{
		{name: "all", call: call{"", "GET", "/networks/{net}/members", ""}, has: `{"members":[{"networkId":"{net}","nodeId":"{phone}" … {alices} … "online":true … "lastSeen":1700000009000,"clientVersion":"1.14.2","protocolVersion":12 … {bobs} … "total":3}`, not: "nextCursor"},
		{name: "by name", call: call{"", "GET", "/networks/{net}/members?sort=name", ""}, has: "{alices} … {bobs} … {phone}"},
		{name: "by name, descending", call: call{"", "GET", "/networks/{net}/members?sort=-name", ""}, has: "{phone} … {bobs} … {alices}"},
		{name: "newest first", call: call{"", "GET", "/networks/{net}/members?sort=-created", ""}, has: "{bobs} … {alices} … {phone}"},
		{name: "by last seen", call: call{"", "GET", "/networks/{net}/members?sort=-lastSeen", ""}, has: `{"members":[{"networkId":"{net}","nodeId":"{alices}"`},
		{name: "by address", call: call{"", "GET", "/networks/{net}/members?sort=address", ""}, has: "{phone} … {alices} … {bobs}"},
		{name: "with a text", call: call{"", "GET", "/networks/{net}/members?q=LAPTOP", ""}, has: `{alices} … {bobs} … "total":2`, not: "{phone}"},
		{name: "authorized", call: call{"", "GET", "/networks/{net}/members?authorized=true", ""}, has: `"total":2`, not: "{phone}"},
		{name: "not authorized", call: call{"", "GET", "/networks/{net}/members?authorized=false", ""}, has: `{phone} … "total":1`},
		{name: "online", call: call{"", "GET", "/networks/{net}/members?online=true", ""}, has: `{alices} … "total":1`},
		{name: "hidden", call: call{"", "GET", "/networks/{net}/members?hidden=true", ""}, has: `{bobs} … "total":1`},
		{name: "none", call: call{"", "GET", "/networks/{net}/members?hidden=true&online=true", ""}, has: `{"members":[],"total":0}`},
		{name: "a page", call: call{"", "GET", "/networks/{net}/members?limit=2", ""}, has: `{phone} … {alices} … "nextCursor":" … "total":3`, not: `"{bobs}"`, save: "cursor nextCursor"},
		{name: "the next", call: call{"", "GET", "/networks/{net}/members?limit=2&cursor={cursor}", ""}, has: `{"members":[{"networkId":"{net}","nodeId":"{bobs}"`, not: "nextCursor"},
		{name: "a cursor of another query", call: call{"", "GET", "/networks/{net}/members?limit=2&sort=name&cursor={cursor}", ""}, status: 400, has: "cursor"},
		{name: "no cursor", call: call{"", "GET", "/networks/{net}/members?cursor=x", ""}, status: 400, has: "cursor"},
		{name: "no order", call: call{"", "GET", "/networks/{net}/members?sort=size", ""}, status: 400, has: "query.sort … -lastSeen"},
		{name: "no limit", call: call{"", "GET", "/networks/{net}/members?limit=0", ""}, status: 400, has: "query.limit: expected number >= 1"},
		{name: "no number", call: call{"", "GET", "/networks/{net}/members?limit=many", ""}, status: 400, has: "query.limit"},
		{name: "no choice", call: call{"", "GET", "/networks/{net}/members?online=perhaps", ""}, status: 400, has: "query.online"},
		{name: "a parameter twice", call: call{"", "GET", "/networks/{net}/members?online=true&online=false", ""}, status: 400, has: "query.online: expected once"},
		{name: "a parameter without a value", call: call{"", "GET", "/networks/{net}/members?online", ""}, status: 400, has: "query.online: expected a value"},
		{name: "an empty parameter", call: call{"", "GET", "/networks/{net}/members?q=", ""}, status: 400, has: "query.q: expected a value"},
		{name: "a lone %", call: call{"", "GET", "/networks/{net}/members?q=100%", ""}, status: 400, has: "query: expected name=value"},
		{name: "an escaped name", call: call{"", "GET", "/networks/{net}/members?%6cimit=1", ""}, has: "{phone} … nextCursor", not: "{alices}"},
		{name: "a parameter too many", call: call{"", "GET", "/networks/{net}/members?oline=true", ""}, status: 400, has: "query.oline: unknown query parameter"},
		{name: "no such network", call: call{"", "GET", "/networks/8056c2e21c000001/members", ""}, status: 404},
	})
}

func TestBulk(t *testing.T) {
	play(memberWorld(t), []step{
		{name: "authorize", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"authorize","members":["{alices}","{phone}","8A9D09E442"]}`}, events: "member.authorized",
			has: `{"results":[{"nodeId":"{alices}","outcome":"unchanged"},{"nodeId":"{phone}","outcome":"changed"},{"nodeId":"8a9d09e442","outcome":"missing"}],"changed":1,"unchanged":1,"missing":1}`},
		{name: "deauthorize", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"deauthorize","members":["{phone}","{bobs}"]}`}, has: `"changed":2`, events: "member.deauthorized member.deauthorized"},
		{name: "delete", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":["{phone}"]}`}, has: `"changed":1`, events: "member.deleted"},
		{name: "delete again", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":["{phone}"]}`}, has: `"missing":1`},
		{name: "twice", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":["{alices}","{alices}"]}`}, status: 400, has: "named twice"},
		{name: "no action", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"dance","members":["{alices}"]}`}, status: 400, has: "body.action … authorize, deauthorize, delete"},
		{name: "no node", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":["{alices}","5"]}`}, status: 400, has: "body.members[1]: expected string to be 10 hexadecimal digits"},
		{name: "a reserved node", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":["ff00000000"]}`}, status: 400, has: `body: \"ff00000000\" is not a node id`},
		{name: "nobody", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":[]}`}, status: 400, has: "body.members: expected array length >= 1"},
		{name: "null", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":null}`}, status: 400, has: "body.members: expected array"},
		{name: "objects", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":[{}]}`}, status: 400, has: "body.members[0]: expected string"},
		{name: "too many", call: call{"", "POST", "/networks/{net}/members/bulk", `{"action":"delete","members":[` + strings.Repeat(`"{alices}",`, 1000) + `"{bobs}"]}`}, status: 400, has: "body.members: expected array length <= 1000"},
		{name: "no such network", call: call{"", "POST", "/networks/8056c2e21c000001/members/bulk", `{"action":"delete","members":["{alices}"]}`}, status: 404},
		{name: "the others are there still", call: call{"", "GET", "/networks/{net}/members", ""}, has: "{alices} … {bobs}", not: "{phone}"},
	})
}

func TestActivity(t *testing.T) {
	w := memberWorld(t)
	w.newUser("alice", false)
	play(w, []step{
		{name: "newest first", call: call{"", "GET", "/activity?networkId={net}", ""}, has: `{"changes":[ … "kind":"member.authorized","actor":{"userId":"{owner}"},"networkId":"{net}","nodeId":"{bobs}" … "kind":"member.added" … {phone} … "kind":"network.created"`, not: "nextCursor"},
		{name: "of a node", call: call{"", "GET", "/activity?nodeId={phone}", ""}, has: `"nodeId":"{phone}"`, not: "{bobs}"},
		{name: "of kinds", call: call{"", "GET", "/activity?kind=network.created&kind=member.added", ""}, has: "member.added … network.created", not: "member.authorized"},
		{name: "of a user", call: call{"", "GET", "/activity?userId={alice}", ""}, has: "token.created … user.created … alice@example.com", not: "member."},
		{name: "by an actor", call: call{"", "GET", "/activity?actor={alice}", ""}, has: `{"changes":[]}`},
		{name: "since", call: call{"", "GET", "/activity?since=2023-11-14T22:13:23Z", ""}, has: "{bobs}", not: "{alices}"},
		{name: "since, in another zone", call: call{"", "GET", "/activity?since=2023-11-14T23:13:23%2B01:00", ""}, has: "{bobs}", not: "{alices}"},
		{name: "until, in milliseconds", call: call{"", "GET", "/activity?networkId={net}&until=1700000003000", ""}, has: "{alices}", not: "{bobs}"},
		{name: "a page", call: call{"", "GET", "/activity?networkId={net}&limit=2", ""}, has: `{bobs} … {alices} … "nextCursor":"`, not: "{phone}", save: "cursor nextCursor"},
		{name: "the next", call: call{"", "GET", "/activity?networkId={net}&limit=2&cursor={cursor}", ""}, has: "{phone} … network.created", not: "{bobs}"},
		{name: "others see their own", call: call{"alice", "GET", "/activity", ""}, has: "token.created … user.created", not: "network"},
		{name: "others' networks", call: call{"alice", "GET", "/activity?networkId={net}", ""}, status: 404},
		{name: "no kind", call: call{"", "GET", "/activity?kind=party", ""}, status: 400, has: "query.kind … member.authorized"},
		{name: "too many kinds", call: call{"", "GET", "/activity?kind=" + strings.Repeat("user.created&kind=", 32) + "user.created", ""}, status: 400, has: "query.kind: expected array length <= 32"},
		{name: "no time", call: call{"", "GET", "/activity?since=yesterday", ""}, status: 400, has: "query.since … 2006-01-02T15:04:05Z"},
		{name: "no limit", call: call{"", "GET", "/activity?limit=501", ""}, status: 400, has: "query.limit: expected number <= 500"},
		{name: "no cursor", call: call{"", "GET", "/activity?cursor=-1", ""}, status: 400, has: "query.cursor"},
		{name: "no node", call: call{"", "GET", "/activity?nodeId=0000000000", ""}, status: 400, has: "query.nodeId … not all 0"},
		{name: "no network", call: call{"", "GET", "/activity?networkId=", ""}, status: 400, has: "query.networkId: expected a value"},
		{name: "a kind without a value", call: call{"", "GET", "/activity?kind=network.created&kind=", ""}, status: 400, has: "query.kind: expected a value"},
	})
	for secret := range w.names {
		if !strings.HasPrefix(secret, "token ") {
			continue
		}
		if text := w.must("owner", "GET", "/activity?limit=500", ""); strings.Contains(text, w.names[secret]) {
			t.Errorf("the secret of %s is in %s", secret, text)
		}
	}
}

func TestEveryFailureIsAProblem(t *testing.T) {
	w := newWorld(t)
	for _, s := range []step{
		{name: "a slash too many", call: call{"", "GET", "//me", ""}, status: 404, has: `"detail":"there is nothing at this path`},
		{name: "a way up", call: call{"", "GET", "/../../v1/network", ""}, status: 404, has: `"detail":"there is nothing at this path`},
		{name: "no path", call: call{"", "GET", "/nothing", ""}, status: 404, has: `"detail":"there is nothing at this path; /api/orrery/v1/docs`},
		{name: "the root", call: call{"", "GET", "/", ""}, status: 404},
		{name: "no method", call: call{"", "PUT", "/tokens", "{}"}, status: 405, has: "it has GET, POST"},
		{name: "no token", call: call{"nobody", "POST", "/tokens", "garbage"}, status: 401},
		{name: "no JSON", call: call{"", "POST", "/tokens", `{"name":`}, status: 400, has: `"location":"body","message":"this is not JSON (byte 8)"`},
		{name: "two values", call: call{"", "POST", "/tokens", `{} {}`}, status: 400, has: "this is not JSON"},
		{name: "no body", call: call{"", "POST", "/tokens", ``}, status: 400, has: "request body is required"},
		{name: "an array", call: call{"", "POST", "/tokens", `[]`}, status: 400, has: "expected object"},
		{name: "a wrong type", call: call{"", "POST", "/tokens", `{"name":5}`}, status: 400, has: "body.name: expected string"},
		{name: "another case", call: call{"", "POST", "/tokens", `{"name":"a","ReadOnly":true}`}, status: 400, has: "body.ReadOnly: unexpected property"},
		{name: "two cases", call: call{"", "POST", "/tokens", `{"name":"a","Name":"b"}`}, status: 400, has: "body.Name: unexpected property"},
		{name: "a name twice", call: call{"", "POST", "/tokens", `{"name":"a","name":"b"}`}, status: 400, has: `the name \"name\" comes twice`},
		{name: "a large number", call: call{"", "POST", "/tokens", `{"name":"a","expiryTime":1e300}`}, status: 400, has: "the value of expiryTime"},
		{name: "unknown names", call: call{"", "POST", "/tokens", `{"name":"a","b":1,"` + strings.Repeat("x", 5000) + `":1}`}, status: 400, has: "body.b: unexpected property … xxx…", not: strings.Repeat("x", 200)},
		{name: "too large", call: call{"", "POST", "/tokens", strings.Repeat(" ", maxBody+1)}, status: 413, has: "larger than 1048576 bytes"},
		{name: "just not too large", call: call{"", "POST", "/tokens", strings.Repeat(" ", maxBody)}, status: 400},
		{name: "deep", call: call{"", "POST", "/tokens", strings.Repeat("[", 100_000)}, status: 400, has: "not JSON"},
	} {
		play(w, []step{s})
		r := w.do(s.call)
		var p problem
		if err := json.Unmarshal([]byte(r.body), &p); err != nil {
			t.Fatalf("%s: %v in %s", s.name, err, r.body)
		}
		if r.header.Get("Content-Type") != problemType || p.Type != "about:blank" || p.Status != s.status || p.Title == "" || p.Kind == "" ||
			p.Detail == "" || p.RequestID != r.header.Get("X-Request-Id") {
			t.Errorf("%s: %s %+v", s.name, r.header.Get("Content-Type"), p)
		}
		for _, text := range []string{"json:", "Go ", "struct", "sql", "SQL", "huma", "UNIQUE", "*", "0x"} {
			if strings.Contains(r.body, text) {
				t.Errorf("%s: %q in %s", s.name, text, r.body)
			}
		}
		if !strings.Contains(w.log.String(), p.RequestID) {
			t.Errorf("%s: the log does not have request %s", s.name, p.RequestID)
		}
	}
	if r := w.do(call{"", "PUT", "/tokens", ""}); r.header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %q", r.header.Get("Allow"))
	}
	if r := w.do(call{"nobody", "GET", "/me", ""}); r.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate: %q", r.header.Get("WWW-Authenticate"))
	}
}
