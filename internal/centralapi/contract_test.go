package centralapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var publishedContract = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("testdata/openapi-v1.json")
})

// deviation is a knowing difference between answers and the published document.
type deviation struct {
	operation string // "" for all
	status    int
	// adapt makes of a successful answer one that the document allows; nil for
	// a status that the document does not have.
	adapt  func(any) any
	reason string
}

// deviations are all of them.
var deviations = []deviation{
	{"GET /status", 200, without("user"), "null without a valid token (api-behaviour §3)"},
	{"GET /network", 200, without("permissions"), "null in lists (api-behaviour §9)"},
	{"POST /user/{userID}/token", 200, withoutAny("token"), "the request's secret is repeated; the document calls it write-only, no client minds (§16)"},
	{"GET /org/{orgID}/user", 200, firstOf, "an array, as all clients read it; the document has one object by mistake (§17)"},

	{"", http.StatusBadRequest, nil, "the caller's mistakes, which the service answers with 500 (§4)"},
	{"", http.StatusRequestEntityTooLarge, nil, "the body is too large"},
	{"", http.StatusTooManyRequests, nil, "the document says it in words (§5)"},
	{"", http.StatusInternalServerError, nil, "a failure of the server"},
	{"", http.StatusMethodNotAllowed, nil, "the document has no such operation"},
	{"GET /network", http.StatusUnauthorized, nil, "the document says 403 with the words of a 401 (§3)"},
	{"POST /network", http.StatusUnauthorized, nil, "the same"},
	{"GET /randomToken", http.StatusUnauthorized, nil, "the document lists no error at all (§3)"},
	{"POST /org-invitation/{inviteID}", http.StatusConflict, nil, "the invitee is in another organization (§17)"},
	{"POST /user/{userID}/token", http.StatusConflict, nil, "the user has as many tokens as a user can have"},
}

// without takes a field from an object, or each object of a list, if it is null.
func without(field string) func(any) any {
	return func(answer any) any {
		for _, o := range objectsOf(answer) {
			if o[field] == nil {
				delete(o, field)
			}
		}
		return answer
	}
}

func withoutAny(field string) func(any) any {
	return func(answer any) any {
		for _, o := range objectsOf(answer) {
			delete(o, field)
		}
		return answer
	}
}

// firstOf stands for all entries of a list: they are made by one function.
func firstOf(answer any) any {
	if objects := objectsOf(answer); len(objects) > 0 {
		return objects[0]
	}
	return answer
}

func objectsOf(answer any) []map[string]any {
	list, ok := answer.([]any)
	if !ok {
		list = []any{answer}
	}
	var objects []map[string]any
	for _, o := range list {
		if o, ok := o.(map[string]any); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// checkContract holds an answer against the published document, if the operation
// is in it.
func checkContract(method, path string, r reply) error {
	document, err := publishedContract()
	if err != nil {
		return err
	}
	switch method {
	case http.MethodPut:
		method = http.MethodPost
	case http.MethodHead:
		return nil
	}
	operation := method + " " + template(path)
	item := document.Paths.Find(template(path))
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	response := item.GetOperation(method).Responses.Status(r.status)
	if response == nil {
		known := slices.ContainsFunc(deviations, func(d deviation) bool {
			return d.adapt == nil && d.status == r.status && (d.operation == "" || d.operation == operation)
		})
		if !known {
			return fmt.Errorf("%s may not answer with status %d", operation, r.status)
		}
	}
	if r.status != http.StatusOK {
		return checkErrorObject(r.body)
	}
	return checkSuccess(operation, response, r.body)
}

// checkErrorObject demands Central's error object, which the document does not
// describe (api-behaviour §4).
func checkErrorObject(body string) error {
	var o map[string]string
	if err := json.Unmarshal([]byte(body), &o); err != nil || len(o) != 2 || o["type"] == "" || o["message"] == "" {
		return fmt.Errorf("not an error object: %s", body)
	}
	return nil
}

func checkSuccess(operation string, response *openapi3.ResponseRef, body string) error {
	if strings.HasPrefix(operation, http.MethodDelete) {
		if body != "{}" { // nothing, by the document; {} for those who parse it anyway (api-behaviour §10)
			return fmt.Errorf("answered %s", body)
		}
		return nil
	}
	content := response.Value.Content.Get("application/json")
	if content == nil {
		return errors.New("the document has no JSON answer")
	}
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		return err
	}
	for _, d := range deviations {
		if d.operation == operation && d.adapt != nil {
			value = d.adapt(value)
		}
	}
	return content.Schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors())
}

// template is the document's name of a path.
func template(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/api"), "/v1")
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for at, names := range map[int]map[string]string{
		2: {"network": "{networkID}", "user": "{userID}", "org": "{orgID}", "org-invitation": "{inviteID}"},
		4: {"network": "{memberID}", "user": "{tokenName}"},
	} {
		if len(parts) > at && names[parts[1]] != "" {
			parts[at] = names[parts[1]]
		}
	}
	return strings.Join(parts, "/")
}

// documented are the 24 operations (api-behaviour §21).
var documented = []string{
	"GET /status", "GET /randomToken",
	"GET /network", "POST /network", "GET /network/{net}", "POST /network/{net}", "DELETE /network/{net}",
	"GET /network/{net}/member", "GET /network/{net}/member/{node}", "POST /network/{net}/member/{node}", "DELETE /network/{net}/member/{node}",
	"GET /user/{owner}", "POST /user/{owner}", "DELETE /user/{owner}", "POST /user/{owner}/token", "DELETE /user/{owner}/token/{name}",
	"GET /org", "GET /org/{org}", "GET /org/{org}/user",
	"GET /org-invitation", "POST /org-invitation", "GET /org-invitation/{inv}", "POST /org-invitation/{inv}", "DELETE /org-invitation/{inv}",
}

// undocumented are the operations that clients use besides (api-behaviour §19).
var undocumented = []string{
	"GET /self", "GET /user", "POST /auth/_logout",
	"GET /network/{net}/users", "POST /network/{net}/users", "POST /network/{net}/users/{m}", "DELETE /network/{net}/users/{m}",
}

func TestTheDocumentIsComplete(t *testing.T) {
	document, err := publishedContract()
	if err != nil {
		t.Fatal(err)
	}
	operations := 0
	for _, item := range document.Paths.Map() {
		operations += len(item.Operations())
	}
	if operations != len(documented) || operations != 24 {
		t.Errorf("the document has %d operations, %d are listed", operations, len(documented))
	}
	for _, o := range documented {
		method, path, _ := strings.Cut(o, " ")
		item := document.Paths.Find(template("/api/v1" + path))
		if item == nil || item.GetOperation(method) == nil {
			t.Errorf("the document does not have %s", o)
		}
	}
}

func TestTheContractCheckChecks(t *testing.T) {
	const path = "/api/v1/network/a1b2c3d4e5000001"
	for _, r := range []reply{
		{status: 200, body: `{"config":{"mtu":"2800"}}`},
		{status: 200, body: `[]`},
		{status: 418, body: `{"type":"t","message":"m"}`},
		{status: 409, body: `{"type":"t","message":"m"}`},
		{status: 404, body: `{"message":"m"}`},
	} {
		if checkContract("GET", path, r) == nil {
			t.Errorf("accepts %d %s", r.status, r.body)
		}
	}
	if err := checkContract("GET", path, reply{status: 404, body: `{"type":"t","message":"m"}`}); err != nil {
		t.Error(err)
	}
	for _, d := range deviations {
		if d.reason == "" {
			t.Errorf("%s %d: no reason", d.operation, d.status)
		}
	}
}
