package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// matrix is what each operation answers to whom. The columns:
//
//	nobody    no token; unknown: one that nobody has; expired: one that was good
//	stranger  a user with nothing to do with the owner
//	r … rd    users of the owner's organization with these rights to {net}
//	a         one with the right to authorize and no right to read
//	owner     the server's owner, an operator, who owns {net} and the organization
//	reading   a read-only token of the owner's; net: one for {net}; other: one for another network
const matrix = `
                                                            nobody unknown expired stranger r   ra  rm  rd  a   owner reading net other
GET    /me                                                  401    401     401     200      200 200 200 200 200 200   200     200 200
GET    /tokens                                              401    401     401     200      200 200 200 200 200 200   200     403 403
POST   /tokens                                              401    401     401     201      201 201 201 201 201 201   403     403 403
DELETE /tokens/new                                          401    401     401     204      204 204 204 204 204 204   403     403 403
GET    /activity                                            401    401     401     200      200 200 200 200 200 200   200     200 200
GET    /activity?networkId={net}                            401    401     401     404      200 200 200 200 404 200   200     200 404
HEAD   /events                                              401    401     401     200      200 200 200 200 200 200   200     200 200
HEAD   /events?networkId={net}                              401    401     401     404      200 200 200 200 404 200   200     200 404
GET    /organization                                        401    401     401     404      200 200 200 200 200 200   200     403 403
PATCH  /organization                                        401    401     401     404      403 403 403 403 403 200   403     403 403
GET    /organization/invitations                            401    401     401     200      200 200 200 200 200 200   200     403 403
POST   /organization/invitations                            401    401     401     403      403 403 403 403 403 201   403     403 403
GET    /invitations                                         401    401     401     200      200 200 200 200 200 200   200     403 403
POST   /invitations/{first}/accept                          401    401     401     404      404 404 404 404 404 403   403     403 403
POST   /invitations/{first}/decline                         401    401     401     404      404 404 404 404 404 200   403     403 403
DELETE /invitations/{second}                                401    401     401     404      404 404 404 404 404 204   403     403 403
GET    /networks/{net}/users                                401    401     401     404      200 200 200 200 404 200   200     200 404
PUT    /networks/{net}/users/{colleague}                    401    401     401     404      403 403 200 403 404 200   403     200 404
DELETE /networks/{net}/users/{colleague}                    401    401     401     404      403 403 204 403 404 204   403     204 404
GET    /networks/{net}/members                              401    401     401     404      200 200 200 200 404 200   200     200 404
PATCH  /networks/{net}/members/8a9d09e442                   401    401     401     404      403 403 200 403 404 200   403     200 404
GET    /networks/{net}/rules                                401    401     401     404      200 200 200 200 404 200   200     200 404
PUT    /networks/{net}/rules                                401    401     401     404      403 403 200 403 404 200   403     200 404
PUT    /networks/{net}/rules+                               401    401     401     404      403 403 200 403 404 200   403     200 404
POST   /rules/check                                         401    401     401     200      200 200 200 200 200 200   200     200 200
POST   /rules/format                                        401    401     401     200      200 200 200 200 200 200   200     200 200
POST   /rules/decompile                                     401    401     401     200      200 200 200 200 200 200   200     200 200
POST   /rules/trace                                         401    401     401     404      200 200 200 200 404 200   200     200 404
POST   /networks/{net}/members/bulk                         401    401     401     404      403 200 200 403 200 200   403     200 404
POST   /networks/{net}/members/bulk+                        401    401     401     404      403 403 200 403 404 200   403     200 404
GET    /export?of=networks                                  401    401     401     200      200 200 200 200 200 200   200     200 200
GET    /export?networkId={net}                              401    401     401     404      200 200 200 200 404 200   200     200 404
GET    /export?of=networks&networkId={net}                  401    401     401     404      200 200 200 200 404 200   200     200 404
GET    /export?format=prometheus                            401    401     401     200      200 200 200 200 200 200   200     200 200
GET    /export?format=ansible&networkId={net}               401    401     401     404      200 200 200 200 404 200   200     200 404
GET    /users                                               401    401     401     403      403 403 403 403 403 200   200     403 403
POST   /users                                               401    401     401     403      403 403 403 403 403 201   403     403 403
GET    /users/{colleague}                                   401    401     401     403      403 403 403 403 403 200   200     403 403
POST   /users/{colleague}/reset-token                       401    401     401     403      403 403 403 403 403 200   403     403 403
DELETE /users/{colleague}                                   401    401     401     403      403 403 403 403 403 204   403     403 403
DELETE /organization/users/{partner}                        401    401     401     404      403 403 403 403 403 204   403     403 403
POST   /organization/transfer                               401    401     401     404      403 403 403 403 403 200   403     403 403
POST   /organization                                        401    401     401     201      409 409 409 409 409 409   403     403 403
`

// matrixBodies are the bodies of the matrix's requests.
var matrixBodies = map[string]string{
	"POST /tokens":                             `{"name":"new"}`,
	"POST /organization":                       `{"name":"New"}`,
	"PATCH /organization":                      `{"name":"Renamed"}`,
	"POST /organization/invitations":           `{"email":"new@example.com"}`,
	"POST /organization/transfer":              `{"userId":"{r}"}`,
	"PUT /networks/{net}/users/{colleague}":    `{"read":true,"authorize":false,"modify":false,"delete":false}`,
	"POST /networks/{net}/members/bulk":        `{"action":"authorize","members":["8a9d09e442"]}`,
	"POST /networks/{net}/members/bulk+":       `{"action":"delete","members":["8a9d09e442"]}`,
	"PATCH /networks/{net}/members/8a9d09e442": `{"tags":{}}`,
	"PUT /networks/{net}/rules":                `{"source":"accept;"}`,
	"PUT /networks/{net}/rules+":               `{"source":"drop;","dryRun":true}`,
	"POST /rules/check":                        `{"source":"accept;"}`,
	"POST /rules/format":                       `{"source":"accept;"}`,
	"POST /rules/decompile":                    `{"config":{"rules":[{"type":"ACTION_ACCEPT"}]}}`,
	"POST /rules/trace":                        `{"networkId":"{net}","from":"8a9d09e442","to":"8a9d09e443","flow":"ethertype 0x88cc"}`,
	"POST /users":                              `{"email":"newuser@example.com"}`,
}

func TestPermissions(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	asked := make(map[string]bool)
	for column, who := range strings.Fields(lines[0]) {
		w := matrixWorld(t)
		for _, line := range lines[1:] {
			fields := strings.Fields(line)
			method, path := fields[0], fields[1]
			body := matrixBodies[method+" "+path]
			r := w.do(call{who, method, strings.TrimSuffix(path, "+"), body})
			if strconv.Itoa(r.status) != fields[2+column] {
				t.Errorf("%s: %s %s: status %d, not %s: %s", who, method, path, r.status, fields[2+column], r.body)
			}
			path, _, _ = strings.Cut(strings.TrimSuffix(path, "+"), "?")
			if method == http.MethodHead {
				method = http.MethodGet
			}
			if op := findOperation(document(w), method, path); op != nil {
				asked[op.OperationID] = true
			}
		}
	}
	for _, item := range document(newWorld(t)).Paths.Map() {
		for method, op := range item.Operations() {
			if !asked[op.OperationID] {
				t.Errorf("%s %s is not in the matrix", method, op.OperationID)
			}
		}
	}
}

// matrixWorld has everybody and everything that the matrix names.
func matrixWorld(t *testing.T) *world {
	w := newWorld(t)
	ctx := context.Background()
	net, other := w.newNetwork("owner", "net"), w.newNetwork("owner", "othernet")
	w.newMember("net", 0x8a9d09e442, func(*model.Member) {})
	w.newMember("net", 0x8a9d09e443, func(*model.Member) {})
	rights := map[string]model.Rights{
		"r":  {Read: true},
		"ra": {Read: true, Authorize: true},
		"rm": {Read: true, Modify: true},
		"rd": {Read: true, Delete: true},
		"a":  {Authorize: true},
	}
	for _, name := range slices.Sorted(maps.Keys(rights)) {
		w.newUser(name, true)
		if _, err := w.service.SetRights(ctx, w.caller("owner"), net, w.names[name], replaceRights(rights[name])); err != nil {
			t.Fatal(err)
		}
	}
	w.newUser("stranger", false)
	w.newUser("colleague", true)
	w.newUser("partner", true)
	for name, request := range map[string]central.TokenRequest{
		"reading": {ReadOnly: true}, "net": {Network: net}, "other": {Network: other}, "expired": {ExpiryTime: testStart + 1},
	} {
		request.Name = name
		_, secret, err := w.service.CreateToken(ctx, w.caller("owner"), w.names["owner"], request)
		if err != nil {
			t.Fatal(err)
		}
		w.names["token "+name] = secret
	}
	w.names["token unknown"] = central.NewToken()
	w.tick(1)
	for _, name := range []string{"first", "second"} {
		i, err := w.service.Invite(ctx, w.caller("owner"), "", name+"@example.com")
		if err != nil {
			t.Fatal(err)
		}
		w.names[name] = i.ID
	}
	return w
}
