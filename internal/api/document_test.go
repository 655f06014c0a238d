package api

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/orrery-net/orrery/internal/model"
)

// document is what the API serves as its description.
func document(w *world) *openapi3.T {
	w.Helper()
	if w.document == nil {
		request := w.request(context.Background(), call{"nobody", http.MethodGet, "/openapi.json", ""})
		answer, err := w.client.Do(request)
		if err != nil {
			w.Fatal(err)
		}
		defer answer.Body.Close()
		if w.document, err = openapi3.NewLoader().LoadFromIoReader(answer.Body); err != nil {
			w.Fatal(err)
		}
	}
	return w.document
}

// findOperation returns the document's operation for a request, nil if it has
// none.
func findOperation(d *openapi3.T, method, path string) *openapi3.Operation {
	asked := strings.Split(path, "/")
	for template, item := range d.Paths.Map() {
		parts := strings.Split(template, "/")
		same := func(part, asked string) bool { return part == asked || strings.HasPrefix(part, "{") && asked != "" }
		if len(parts) == len(asked) && slices.EqualFunc(parts, asked, same) && item.GetOperation(method) != nil {
			return item.GetOperation(method)
		}
	}
	return nil
}

// checkAnswer holds an answer against the document: its status, its type and its
// body.
func checkAnswer(w *world, method, path string, r reply) {
	w.Helper()
	if r.header.Get("X-Request-Id") == "" {
		w.Errorf("%s %s: no request id", method, path)
	}
	op := findOperation(document(w), method, path)
	if op == nil {
		return
	}
	response := op.Responses.Status(r.status)
	if response == nil {
		w.Errorf("%s %s: the document does not have status %d: %s", method, path, r.status, r.body)
		return
	}
	if r.status == http.StatusNoContent {
		if r.body != "" {
			w.Errorf("%s %s: status 204 with a body: %s", method, path, r.body)
		}
		return
	}
	contentType, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	media := response.Value.Content[contentType]
	if err != nil || media == nil {
		w.Errorf("%s %s: status %d: the document does not have type %q", method, path, r.status, r.header.Get("Content-Type"))
		return
	}
	if media.Schema.Value.Type.Is("string") {
		return // a text as a whole, which has no form that the document says
	}
	var value any
	if err := json.Unmarshal([]byte(r.body), &value); err != nil {
		w.Errorf("%s %s: %v in %s", method, path, err, r.body)
		return
	}
	if err := media.Schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.EnableJSONSchema2020()); err != nil {
		w.Errorf("%s %s: %v in %s", method, path, err, r.body)
	}
}

func TestDocumentIsValid(t *testing.T) {
	d := document(newWorld(t))
	if d.OpenAPI != "3.1.0" || d.Info.Version != "9.8.7" {
		t.Errorf("OpenAPI %s of version %s", d.OpenAPI, d.Info.Version)
	}
	// Also that every example is one of its schema.
	if err := d.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
}

func TestDocumentIsComplete(t *testing.T) {
	d := document(newWorld(t))
	for path, item := range d.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			if op.Summary == "" || op.Description == "" || op.OperationID == "" || len(op.Tags) != 1 || d.Tags.Get(op.Tags[0]) == nil {
				t.Errorf("%s: no summary, description, id or tag", name)
			}
			for _, p := range op.Parameters {
				if p.Value.Description == "" {
					t.Errorf("%s: %s has no description", name, p.Value.Name)
				}
				checkSchema(t, name+" "+p.Value.Name, p.Value.Schema)
			}
			for _, status := range []string{"400", "401", "403", "429", "500"} {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s: no status %s", name, status)
				}
			}
			if op.RequestBody != nil {
				checkContent(t, name, op.RequestBody.Value.Content)
				if op.Responses.Value("413") == nil {
					t.Errorf("%s: no status 413", name)
				}
			}
			for status, response := range op.Responses.Map() {
				if response.Value.Description == nil || *response.Value.Description == "" {
					t.Errorf("%s: status %s has no description", name, status)
				}
				if status < "300" {
					checkContent(t, name+" "+status, response.Value.Content)
				}
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		checkSchema(t, name, schema)
		for field, property := range schema.Value.Properties {
			if property.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
}

func checkContent(t *testing.T, name string, content openapi3.Content) {
	t.Helper()
	for _, media := range content {
		if media.Example == nil {
			t.Errorf("%s has no example", name)
		}
		checkSchema(t, name, media.Schema)
	}
}

// checkSchema makes sure that a schema says what a value has to be: one type, or
// null.
func checkSchema(t *testing.T, name string, schema *openapi3.SchemaRef) {
	t.Helper()
	if schema == nil || schema.Value == nil {
		t.Errorf("%s has no schema", name)
		return
	}
	s := schema.Value
	if s.Type == nil || len(*s.Type) != 1 && !(len(*s.Type) == 2 && s.Type.Includes("null")) {
		t.Errorf("%s has not one type: %v", name, s.Type)
		return
	}
	if s.Type.Is("array") {
		checkSchema(t, name+"[]", s.Items)
	}
	if schema.Ref == "" {
		for field, property := range s.Properties {
			checkSchema(t, name+"."+field, property)
		}
	}
}

func TestEveryKindOfChangeIsDocumented(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "../model/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []model.EventKind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "EventKind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, model.EventKind(text))
		}
		return true
	})
	if len(kinds) < 20 || !slices.Equal(kinds, changeKinds()) {
		t.Errorf("the model has %v, the document %v", kinds, changeKinds())
	}
}

// TestTheCheckOfAnswersFindsMistakes: it would not be worth much otherwise.
func TestTheCheckOfAnswersFindsMistakes(t *testing.T) {
	op := findOperation(document(newWorld(t)), http.MethodGet, "/tokens")
	schema := op.Responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value
	for text, good := range map[string]bool{
		`{"tokens":[]}`:           true,
		`{"tokens":null}`:         false,
		`{}`:                      false,
		`{"tokens":[],"other":1}`: false,
		`{"tokens":[{"name":"a","readOnly":false,"expiryTime":0,"creationTime":0,"lastUsedTime":0}]}`:                     true,
		`{"tokens":[{"name":"a","readOnly":false,"expiryTime":"","creationTime":0,"lastUsedTime":0}]}`:                    false,
		`{"tokens":[{"name":"a","readOnly":false,"expiryTime":0,"creationTime":0,"lastUsedTime":0,"networkId":"short"}]}`: false,
	} {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.EnableJSONSchema2020()); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}
