package centralapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var publishedContract = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("testdata/openapi-v1.json")
})

// deviations are the answers that knowingly differ from the published document
// because the recorded service differs from it too: fields that are null though
// the document does not say so.
var deviations = map[string]string{
	"GET /status":  "user",        // null without a valid token (api-behaviour §3)
	"GET /network": "permissions", // null in lists (api-behaviour §9)
}

// withoutDeviations takes from an answer what is known to differ.
func withoutDeviations(operation string, value any) any {
	field, known := deviations[operation]
	if !known {
		return value
	}
	objects, ok := value.([]any)
	if !ok {
		objects = []any{value}
	}
	for _, o := range objects {
		if o, ok := o.(map[string]any); ok && o[field] == nil {
			delete(o, field)
		}
	}
	return value
}

// checkContract holds a successful answer against the published document, if
// the operation is in it.
func checkContract(tb testing.TB, c call, r reply) {
	tb.Helper()
	document, err := publishedContract()
	if err != nil {
		tb.Fatal(err)
	}
	method := c.method
	switch method {
	case http.MethodPut:
		method = http.MethodPost
	case http.MethodHead, http.MethodOptions:
		return
	}
	item := document.Paths.Find(template(c.path))
	if item == nil || item.GetOperation(method) == nil || r.status != http.StatusOK {
		return
	}
	response := item.GetOperation(method).Responses.Status(http.StatusOK)
	if response == nil {
		tb.Fatalf("%s %s: the document has no answer", method, c.path)
	}
	if method == http.MethodDelete { // has no body in the document, and {} here
		return
	}
	content := response.Value.Content.Get("application/json")
	if content == nil {
		tb.Fatalf("%s %s: the document has no JSON answer", method, c.path)
	}
	var value any
	if err := json.Unmarshal([]byte(r.body), &value); err != nil {
		tb.Fatalf("%s %s: %v in %s", method, c.path, err, r.body)
	}
	value = withoutDeviations(method+" "+template(c.path), value)
	if err := content.Schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors()); err != nil {
		tb.Errorf("%s %s: %v", method, c.path, err)
	}
}

// template is the document's name of a path.
func template(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/api"), "/v1")
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(parts) > 2 && parts[1] == "network" {
		parts[2] = "{networkID}"
		if len(parts) > 4 {
			parts[4] = "{memberID}"
		}
	}
	return strings.Join(parts, "/")
}

func TestContractIsHeld(t *testing.T) {
	document, err := publishedContract()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/api/v1/status", "/api/randomToken", "/api/v1/network/", "/api/v1/network/a1b2c3d4e5000001",
		"/api/network/a1b2c3d4e5000001/member", "/api/v1/network/a1b2c3d4e5000001/member/" + testNode,
	} {
		if document.Paths.Find(template(path)) == nil {
			t.Errorf("%s: the document does not have %s", path, template(path))
		}
	}
	item := document.Paths.Find("/network/{networkID}")
	schema := item.Get.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value
	if err := schema.VisitJSON(map[string]any{"config": map[string]any{"mtu": "2800"}}); err == nil {
		t.Error("the check accepts an answer that the document does not allow")
	}
}
