package centralapi

import "github.com/orrery-net/orrery/internal/model"

// invite asks someone to join the owner's organization.
func invite(email string) call { return post(atInvitations, `{"email":"`+email+`"}`) }

var (
	inviteCarl = invite("{carl.email}")
	acceptIt   = call{method: "POST", path: atInvitation}
)

var organizationScenarios = []scenario{
	{name: "the own organization", before: []call{get("/api/v1/self").as("ann")}, call: get("/api/v1/org"), status: 200,
		has: []string{`{"id":"{org}","ownerId":"{owner}","ownerEmail":"{owner.email}","members":[{"orgId":"{org}","userId":"`, `"userId":"{ann}","name":"Ann","email":"{ann.email}"}`, `"userId":"{owner}","name":"Owner"`, `],"ssoConfig":{"enabled":false,"issuers":[]}}`}},
	{name: "by its id", call: get("/api/org/{org}/").as("ann"), status: 200, has: []string{`{"id":"{org}"`}},
	{name: "its users", call: get("/api/v1/org/{org}/user").as("ann"), status: 200, has: []string{`[{"orgId":"{org}","userId":"`, `"userId":"{owner}","name":"Owner","email":"{owner.email}"}`}},
	{name: "who is in none", call: get("/api/v1/org").as("carl"), status: 404},
	{name: "that of others", call: get("/api/v1/org/{org}").as("carl"), status: 404},
	{name: "the users of that of others", call: get("/api/v1/org/{org}/user").as("carl"), status: 404},
	{name: "one that there is not", call: get("/api/v1/org/" + unknownID), status: 404},
	{name: "an id that is none", call: get("/api/v1/org/x/user"), status: 404},
	{name: "other paths below it", call: get("/api/v1/org/{org}/hooks"), status: 404},
	{name: "it cannot be changed here", call: post("/api/v1/org/{org}", `{}`), status: 405},

	{name: "inviting", call: inviteCarl, status: 200,
		has:    []string{`{"orgId":"{org}","email":"{carl.email}","id":"`, `","creation_time":1700000001000,"status":"pending","update_time":1700000001000,"ownerEmail":"{owner.email}"}`},
		events: []model.EventKind{model.InvitationSent}},
	{name: "inviting who is no user yet", call: invite("new@example.net"), status: 200, events: []model.EventKind{model.InvitationSent}},
	{name: "inviting with the organization's id", call: post(atInvitations, `{"orgId":"{org}","email":"{carl.email}"}`), status: 200, events: []model.EventKind{model.InvitationSent}},
	{name: "inviting with its id in upper case", call: post(atInvitations, `{"orgId":"{ORG}","email":"{carl.email}"}`), status: 200, has: []string{`"orgId":"{org}"`}, events: []model.EventKind{model.InvitationSent}},
	{name: "inviting with another organization's id", call: post(atInvitations, `{"orgId":"`+unknownID+`","email":"{carl.email}"}`), status: 404},
	{name: "inviting as a member", call: invite("new@example.net").as("ann"), status: 403},
	{name: "inviting without an organization", call: invite("new@example.net").as("carl"), status: 403},
	{name: "inviting nobody", call: post(atInvitations, `{}`), status: 400, has: []string{`email: is missing`}},
	{name: "inviting what is no address", call: invite("x"), status: 400, has: []string{`email: `}},
	{name: "inviting a number", call: post(atInvitations, `{"email":5}`), status: 400, has: []string{`email: want a string, not a number`}},
	{name: "inviting a member", call: invite("{ann.email}"), status: 400, has: []string{`email: `}},
	{name: "inviting twice", before: []call{inviteCarl}, call: invite("CARL@example.org"), status: 400, has: []string{`email: `}},

	{name: "no invitations", call: get(atInvitations).as("carl"), status: 200, has: []string{`[]`}},
	{name: "invitations sent", before: []call{invite("new@example.net"), inviteCarl}, call: get(atInvitations), status: 200, has: []string{`"email":"new@example.net"`, `"email":"{carl.email}"`}},
	{name: "invitations received", before: []call{invite("new@example.net"), inviteCarl}, call: get("/api/org-invitation/").as("carl"), status: 200, has: []string{`[{"orgId":"{org}","email":"{carl.email}"`}, hasNot: []string{"new@example.net"}},
	{name: "members do not see them", before: []call{inviteCarl}, call: get(atInvitations).as("ann"), status: 200, has: []string{`[]`}},
	{name: "one invitation", before: []call{inviteCarl}, call: get(atInvitation).as("carl"), status: 200, has: []string{`"id":"{inv}"`, `"status":"pending"`}},
	{name: "one that was sent", before: []call{inviteCarl}, call: get(atInvitation), status: 200, has: []string{`"id":"{inv}"`}},
	{name: "one of others", before: []call{inviteCarl}, call: get(atInvitation).as("dora"), status: 404},
	{name: "one of others, for a member", before: []call{inviteCarl}, call: get(atInvitation).as("ann"), status: 404},
	{name: "one that there is not", call: get(atInvitations + "/" + unknownID), status: 404},
	{name: "one with an id that is none", call: get(atInvitations + "/1"), status: 404},

	{name: "accepting", before: []call{inviteCarl}, call: acceptIt.as("carl"), status: 200, has: []string{`"id":"{inv}","creation_time":1700000001000,"status":"accepted","update_time":1700000002000`},
		events: []model.EventKind{model.InvitationWasAccepted, model.OrganizationUserAdded}},
	{name: "accepting with any body", before: []call{inviteCarl}, call: post(atInvitation, `nonsense`).as("carl"), status: 200,
		events: []model.EventKind{model.InvitationWasAccepted, model.OrganizationUserAdded}},
	{name: "networks move along", before: []call{post("/api/v1/network", `{}`).as("carl"), inviteCarl}, call: acceptIt.as("carl"), status: 200,
		events: []model.EventKind{model.InvitationWasAccepted, model.OrganizationUserAdded, model.NetworkMoved}},
	{name: "moved networks are shown to both", before: []call{post("/api/v1/network", `{"description":"carl's"}`).as("carl"), inviteCarl, acceptIt.as("carl")}, call: get("/api/v1/network").as("carl"), status: 200,
		has: []string{`"description":"carl's"`, `"ownerId":"{owner}"`}},
	{name: "who accepted is in the organization", before: []call{inviteCarl, acceptIt.as("carl")}, call: get("/api/v1/org").as("carl"), status: 200, has: []string{`"userId":"{carl}"`}},
	{name: "accepting twice", before: []call{inviteCarl, acceptIt.as("carl")}, call: acceptIt.as("carl"), status: 400},
	{name: "accepting one of others", before: []call{inviteCarl}, call: acceptIt.as("dora"), status: 404},
	{name: "accepting what one sent", before: []call{inviteCarl}, call: acceptIt, status: 403},

	{name: "withdrawing", before: []call{inviteCarl}, call: del(atInvitation), status: 200, has: []string{`{}`}, events: []model.EventKind{model.InvitationWithdrawn}},
	{name: "declining", before: []call{inviteCarl}, call: del(atInvitation).as("carl"), status: 200, has: []string{`{}`}, events: []model.EventKind{model.InvitationDeclined}},
	{name: "declined ones stay to be seen", before: []call{inviteCarl, del(atInvitation).as("carl")}, call: get(atInvitation), status: 200, has: []string{`"status":"canceled"`}},
	{name: "withdrawing twice", before: []call{inviteCarl, del(atInvitation)}, call: del(atInvitation), status: 400},
	{name: "withdrawing what is accepted", before: []call{inviteCarl, acceptIt.as("carl")}, call: del(atInvitation), status: 400},
	{name: "accepting what is withdrawn", before: []call{inviteCarl, del(atInvitation)}, call: acceptIt.as("carl"), status: 400},
	{name: "declining for others", before: []call{inviteCarl}, call: del(atInvitation).as("dora"), status: 404},
}

// share gives a user rights to the network.
func share(name, rights string) call { return post(atUsers, `{"id":"{`+name+`}",`+rights+`}`) }

var sharingScenarios = []scenario{
	{name: "nobody but the owner", call: get(atUsers), status: 200, has: []string{`[{"id":"{owner}","displayName":"Owner","email":"{owner.email}","r":true,"a":true,"m":true,"d":true}]`}},
	{name: "granting", call: share("ann", `"r":true,"a":true,"m":false,"d":false`), status: 200,
		has: []string{`{"id":"{ann}","displayName":"Ann","email":"{ann.email}","r":true,"a":true,"m":false,"d":false}`}, events: []model.EventKind{model.NetworkShared}},
	{name: "granting to a path", call: call{method: "PUT", path: atUsers + "/{ann}/", body: `{"r":true}`}, status: 200, has: []string{`"r":true,"a":false,"m":false,"d":false}`}, events: []model.EventKind{model.NetworkShared}},
	{name: "the path's user counts", call: post(atUsers+"/{ann}", `{"id":"{bob}","r":true}`), status: 200, has: []string{`{"id":"{ann}"`}, events: []model.EventKind{model.NetworkShared}},
	{name: "rights that are not named stay", before: []call{share("ann", `"r":true,"m":true`)}, call: share("ann", `"m":null,"a":true`), status: 200, has: []string{`"r":true,"a":true,"m":true,"d":false}`}, events: []model.EventKind{model.NetworkShared}},
	{name: "granting the same again", before: []call{share("ann", `"r":true`)}, call: share("ann", `"r":true`), status: 200},
	{name: "rights are shown in the network", before: []call{share("ann", `"r":true,"a":true`)}, call: get(atNetwork), status: 200, has: []string{`"{ann}":{"a":true,"d":false,"m":false,"r":true}`, `"{owner}":{"a":true,"d":true,"m":true,"r":true}`}},
	{name: "rights are not in lists", before: []call{share("ann", `"r":true`)}, call: get("/api/v1/network").as("ann"), status: 200, has: []string{`[{"id":"{net}"`, `"permissions":null`}},
	{name: "rights are not written with the network", call: post(atNetwork, `{"permissions":{"{ann}":{"a":true,"d":true,"m":true,"r":true}}}`), status: 200, hasNot: []string{"{ann}"}},
	{name: "lastModified stays", before: []call{share("ann", `"r":true`)}, call: get(atNetwork), status: 200, has: []string{`"lastModified":0`}},
	{name: "who has rights", before: []call{share("ann", `"r":true`), share("bob", `"d":true`)}, call: get(atUsers).as("ann"), status: 200,
		has: []string{`[{"id":"{owner}"`, `{"id":"{ann}","displayName":"Ann","email":"{ann.email}","r":true,"a":false,"m":false,"d":false},{"id":"{bob}"`}},
	{name: "revoking", before: []call{share("ann", `"r":true`)}, call: del(atUsers + "/{ann}"), status: 200, has: []string{`{}`}, events: []model.EventKind{model.NetworkShared}},
	{name: "revoked is gone", before: []call{share("ann", `"r":true`), del(atUsers + "/{ann}")}, call: get(atNetwork).as("ann"), status: 404},
	{name: "revoking what was not granted", call: del(atUsers + "/{ann}"), status: 200},
	{name: "granting to a stranger", call: share("carl", `"r":true`), status: 400},
	{name: "granting to nobody", call: post(atUsers, `{"id":"`+unknownID+`","r":true}`), status: 400, has: []string{`id: there is no such user`}},
	{name: "granting to what is no id", call: post(atUsers, `{"id":"","r":true}`), status: 400, has: []string{`id: `, `is not an id`}},
	{name: "granting to an upper-case id", call: post(atUsers, `{"id":"{ANN}","r":true}`), before: []call{get("/api/v1/self").as("ann")}, status: 200, has: []string{`{"id":"{ann}"`}, events: []model.EventKind{model.NetworkShared}},
	{name: "granting to a stranger's path", call: post(atUsers+"/{carl}", `{"r":true}`), status: 404, has: []string{`invite the user first`}},
	{name: "granting to nobody's path", call: post(atUsers+"/"+unknownID, `{"r":true}`), status: 404},
	{name: "revoking from nobody", call: del(atUsers + "/" + unknownID), status: 404},
	{name: "granting without a user", call: post(atUsers, `{"r":true}`), status: 400, has: []string{`id: is missing`}},
	{name: "granting with the wrong type", call: share("ann", `"r":"true"`), status: 400, has: []string{`r: want true or false, not a string`}},
	{name: "changing the owner's rights", call: post(atUsers+"/{owner}", `{"d":false}`), status: 400},
	{name: "taking the owner's rights", call: del(atUsers + "/{owner}"), status: 400},
	{name: "a user id that is none", call: post(atUsers+"/5", `{"r":true}`), status: 404},
	{name: "reading a user's rights", call: get(atUsers + "/{ann}"), status: 405},
	{name: "granting more than one has", before: []call{share("ann", `"r":true,"m":true`)}, call: share("bob", `"d":true`).as("ann"), status: 403},
	{name: "granting what one has", before: []call{share("ann", `"r":true,"m":true`)}, call: share("bob", `"r":true`).as("ann"), status: 200, events: []model.EventKind{model.NetworkShared}},
	{name: "who may read may not grant", before: []call{share("ann", `"r":true`)}, call: share("bob", `"r":true`).as("ann"), status: 403},
	{name: "granting in a deleted network", before: []call{del(atNetwork)}, call: share("ann", `"r":true`), status: 404},

	{name: "authorizing with a alone", before: []call{share("ann", `"a":true`)}, call: authorizeIt.as("ann"), status: 200, has: []string{`"authorized":true`}, events: []model.EventKind{model.MemberAuthorized}},
	{name: "naming with a alone", before: []call{share("ann", `"r":true,"a":true`)}, call: post(atMember, `{"name":"x","config":{"authorized":true}}`).as("ann"), status: 403},
	{name: "writing back what was read, with a alone", before: []call{share("ann", `"r":true,"a":true`), post(atMember, `{"name":"x"}`)}, call: post(atMember, `{"name":"x","config":{"authorized":true}}`).as("ann"), status: 200, events: []model.EventKind{model.MemberAuthorized}},
	{name: "deleting a member with a alone", before: []call{share("ann", `"r":true,"a":true`), authorizeIt}, call: deleteIt.as("ann"), status: 403},
	{name: "a network of a member of the organization", call: post("/api/v1/network", `{}`).as("ann"), status: 200, has: []string{`"ownerId":"{owner}"`, `"{ann}":{"a":true,"d":true,"m":true,"r":true}`}, events: []model.EventKind{model.NetworkCreated}},
}
