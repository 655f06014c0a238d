package centralapi

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
)

// matrix says with which status each operation answers to whom: to nobody, to
// somebody with a token that is not valid, to a user of another organization
// (stranger), to users of the owner's organization with one right to the network
// each (api-behaviour §18), to its owner, who is the owner of the organization and
// of the server too, and to the owner with a token that may only read (reader) or
// is for this network (one).
//
// {inv} is an invitation of the owner's to someone else, {name} a token of the
// owner's.
const matrix = `
                                           none     bad    stranger    r        a        m        d      owner    reader    one
GET    /status                             200      200      200      200      200      200      200      200      200      200
GET    /randomToken                        401      401      200      200      200      200      200      200      200      200
GET    /self                               401      401      200      200      200      200      200      200      200      200
POST   /auth/_logout                       401      401      200      200      200      200      200      200      200      200
GET    /nothing                            404      404      404      404      404      404      404      404      404      404

GET    /network                            401      401      200      200      200      200      200      200      200      200
POST   /network                            401      401      200      200      200      200      200      200      403      403
GET    /network#csv                        401      401      200      200      200      200      200      200      200      200
GET    /network/{net}                      401      401      404      200      404      404      404      200      200      200
POST   /network/{net}                      401      401      404      403      404      200      404      200      403      200
DELETE /network/{net}                      401      401      404      403      404      404      200      200      403      200

GET    /network/{net}/member               401      401      404      200      404      404      404      200      200      200
GET    /network/{net}/member#csv           401      401      404      200      404      404      404      200      200      200
GET    /network/{net}/member/{node}        401      401      404      200      404      404      404      200      200      200
POST   /network/{net}/member/{node}        401      401      404      403      404      200      404      200      403      200
POST   /network/{net}/member/{node}#in     401      401      404      403      200      200      404      200      403      200
POST   /network/{net}/member/{node}#same   401      401      404      403      200      200      404      200      403      200
DELETE /network/{net}/member/{node}        401      401      404      403      404      200      404      200      403      200

GET    /network/{net}/users                401      401      404      200      404      404      404      200      200      200
POST   /network/{net}/users                401      401      404      403      404      200      404      200      403      200
POST   /network/{net}/users/{m}            401      401      404      403      404      200      404      200      403      200
DELETE /network/{net}/users/{m}            401      401      404      403      404      200      404      200      403      200

GET    /user                               401      401      200      200      200      200      200      200      200      403
GET    /user/{owner}                       401      401      404      200      200      200      200      200      200      200
POST   /user/{owner}                       401      401      404      403      403      403      403      200      403      403
DELETE /user/{owner}                       401      401      404      403      403      403      403      403      403      403
POST   /user/{owner}/token                 401      401      404      403      403      403      403      200      403      403
DELETE /user/{owner}/token/{name}           401      401      404      403      403      403      403      200      403      403

GET    /org                                401      401      404      200      200      200      200      200      200      403
GET    /org/{org}                          401      401      404      200      200      200      200      200      200      403
GET    /org/{org}/user                     401      401      404      200      200      200      200      200      200      403
GET    /org-invitation                     401      401      200      200      200      200      200      200      200      403
POST   /org-invitation                     401      401      403      403      403      403      403      200      403      403
GET    /org-invitation/{inv}               401      401      404      404      404      404      404      200      200      403
POST   /org-invitation/{inv}               401      401      404      404      404      404      404      403      403      403
DELETE /org-invitation/{inv}               401      401      404      404      404      404      404      200      403      403
`

// matrixBodies are what is posted, by the operation without its method.
var matrixBodies = map[string]string{
	"/network":                          `{}`,
	"/network/{net}":                    `{"description":"x"}`,
	"/network/{net}/member/{node}":      `{"name":"x"}`,
	"/network/{net}/member/{node}#in":   `{"config":{"authorized":true}}`,
	"/network/{net}/member/{node}#same": `{}`,
	"/network/{net}/users":              `{"id":"{m}","m":true}`,
	"/network/{net}/users/{m}":          `{"m":true}`,
	"/user/{owner}":                     `{"displayName":"x"}`,
	"/user/{owner}/token":               `{"tokenName":"new {n}","token":"{n}-` + someSecret + `"}`,
	"/org-invitation":                   `{"email":"new{n}@example.net"}`,
}

// TestMatrix asks each operation as everybody. After each request that may have
// changed something, network, invitation and tokens are new, so that no answer
// depends on another.
func TestMatrix(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	callers := strings.Fields(lines[0])
	w := newWorld(t)
	w.user("stranger", false)
	for _, right := range []string{"r", "a", "m", "d"} {
		w.user(right, true)
	}
	w.names["bad.token"] = "no token of anybody, which is as long as one"
	var operations []string
	changed := true
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		operations = append(operations, fields[0]+" "+fields[1])
		for i, caller := range callers {
			want, err := strconv.Atoi(fields[2+i])
			if err != nil {
				t.Fatal(err)
			}
			if changed {
				w.prepareCell(len(operations)*len(callers) + i)
			}
			status := w.checkCell(fields[0], fields[1], caller, want)
			changed = fields[0] != http.MethodGet && status == http.StatusOK
		}
	}
	for _, o := range slices.Concat(documented, undocumented) {
		if !slices.Contains(operations, o) {
			t.Errorf("the matrix does not have %s", o)
		}
	}
}

// prepareCell makes what operations work on, anew.
func (w *world) prepareCell(n int) {
	w.Helper()
	if w.names["n"] != "" { // a user can have so many tokens only
		w.do(del("/api/v1/user/{owner}/token/" + url.PathEscape(w.names["name"])))
		w.do(del("/api/v1/user/{owner}/token/" + url.PathEscape(w.fill("new {n}"))))
	}
	w.names["n"] = strconv.Itoa(n)
	w.network("{}")
	w.mustDo(post(atMember, `{}`))
	for _, right := range []string{"r", "a", "m", "d"} {
		w.mustDo(post(atUsers, fmt.Sprintf(`{"id":"{%s}","%s":true}`, right, right)))
	}
	w.limitedToken("reader", central.TokenRequest{ReadOnly: true})
	w.limitedToken("one", central.TokenRequest{Network: mustNetworkID(w, w.names["net"])})
	w.names["name"] = w.fill("token {n}")
	w.mustDo(post("/api/v1/user/{owner}/token", `{"tokenName":"{name}","token":"`+someSecret+`"}`))
	sent := invite("someone{n}@example.net")
	w.keepID(sent, w.mustDo(sent))
}

// limitedToken gives {name.token} a token of the owner's that may not do all, in
// place of an earlier one. Only the native API makes such.
func (w *world) limitedToken(name string, r central.TokenRequest) {
	w.Helper()
	ctx := context.Background()
	owner, err := w.service.Authenticate(ctx, w.token, netip.Addr{})
	if err != nil {
		w.Fatal(err)
	}
	if w.names[name+".token"] != "" {
		if err := w.service.DeleteToken(ctx, owner, owner.User.ID, name); err != nil {
			w.Fatal(err)
		}
	}
	r.Name = name
	if _, w.names[name+".token"], err = w.service.CreateToken(ctx, owner, owner.User.ID, r); err != nil {
		w.Fatal(err)
	}
}

// checkCell asks one operation as one caller and returns the status.
func (w *world) checkCell(method, path, caller string, want int) int {
	w.Helper()
	c := call{method: method, body: matrixBodies[path], auth: "token {" + caller + ".token}"}
	if caller == "none" {
		c.auth = "-"
	}
	var variant string
	if c.path, variant, _ = strings.Cut("/api/v1"+path, "#"); variant == "csv" {
		c.accept = "text/csv"
	}
	c.path = strings.ReplaceAll(c.path, "{name}", url.PathEscape(w.names["name"]))
	w.tick(60_000)
	r := w.do(c)
	if isCSV := strings.HasPrefix(r.header.Get("Content-Type"), "text/csv"); isCSV != (variant == "csv" && r.status == http.StatusOK) {
		w.Errorf("%s %s as %s: %d as %s", method, path, caller, r.status, r.header.Get("Content-Type"))
	}
	if r.status != want {
		w.Errorf("%s %s as %s: %d, want %d: %s", method, path, caller, r.status, want, r.body)
	}
	return r.status
}
