package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// The groups of operations.
const (
	tagAccount      = "Account"
	tagTokens       = "Tokens"
	tagActivity     = "Activity"
	tagOrganization = "Organization"
	tagInvitations  = "Invitations"
	tagNetworkUsers = "Network users"
	tagMembers      = "Members"
	tagRules        = "Rules"
	tagExport       = "Export"
	tagEvents       = "Events"
	tagUsers        = "Users"
)

const introduction = "What Orrery can do beyond ZeroTier Central's API, which it serves as well, at `/api/v1`. " +
	"Both take the same tokens.\n\n" +
	"Bodies are JSON, whatever the content type says, with at most 1 MiB, or 4 MiB where a program can be in it. Names that the documentation does not have are refused, " +
	"in bodies and in queries; so are parameters of a query without a value, or more than once where one is expected. " +
	"A name in a body that may be left out may also be null. Times are milliseconds since 1970 (UTC), 0 for never. Network ids are 16 and node ids 10 " +
	"hexadecimal digits; other ids are text without a meaning.\n\n" +
	"A request that fails is answered with a problem document (RFC 9457): `detail` says what happened and what to do, `errors` which " +
	"parts of the request are not valid, and `requestId` is the `X-Request-Id` that the server's log has as well. " +
	"What a caller may not know of does not exist for it: 404."

// config is how huma is set up: nothing that it offers by itself is on.
func (a *api) config(version string) huma.Config {
	c := huma.DefaultConfig("Orrery", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.transform}

	c.Info.Description = introduction
	c.Servers = []*huma.Server{{URL: Base}}
	c.Tags = []*huma.Tag{
		{Name: tagAccount, Description: "Who you are to the server."},
		{Name: tagTokens, Description: "API tokens: what programs show instead of a password. One can be limited to reading, to one network, and in time."},
		{Name: tagActivity, Description: "Who changed what, when and from where."},
		{Name: tagOrganization, Description: "A group of users with one owner, who has all rights to all networks of the group. A user is in one organization at most."},
		{Name: tagInvitations, Description: "How people come into an organization. On acceptance their networks move along."},
		{Name: tagNetworkUsers, Description: "What users of the organization may do to one network."},
		{Name: tagMembers, Description: "Members of large networks: a page at a time, and many at once; and what rules know about a member. All else about members is in Central's API."},
		{Name: tagRules, Description: "Flow rules: which packets may travel on a network. Programs are checked, formatted, tried and stored, and a trace says what becomes of a packet, and why."},
		{Name: tagExport, Description: "Networks and members as files for other programs."},
		{Name: tagEvents, Description: "What happens, as it happens."},
		{Name: tagUsers, Description: "The accounts on this server. For operators only: its owner is one."},
	}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token: `Authorization: Bearer …`; `Authorization: token …` means the same."},
	}
	c.Security = []map[string][]string{{"token": {}}}
	return c
}

// The statuses that requests can fail with, and what they mean.
var failures = map[int]string{
	http.StatusBadRequest:            "The request is not valid; nothing was done.",
	http.StatusUnauthorized:          "No token was shown, or one that is not valid.",
	http.StatusForbidden:             "The token or its user may not do this.",
	http.StatusNotFound:              "There is no such thing, or the caller may not know of it.",
	http.StatusConflict:              "The present state does not allow it.",
	http.StatusRequestEntityTooLarge: "The body is larger than 1 MiB, or 4 MiB where a program can be in it.",
	http.StatusTooManyRequests:       "Too many requests, event streams, exports, or programs to compile at a time. Retry-After says in how many seconds to try again.",
	http.StatusInternalServerError:   "A fault of the server; its log says more about requestId.",
}

// describe completes an operation: how it can fail, besides the ways in Errors,
// and that the body is read by admit.
func (a *api) describe(op huma.Operation, hasBody bool) huma.Operation {
	statuses := append(slices.Clone(op.Errors), http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusTooManyRequests, http.StatusInternalServerError)
	if hasBody {
		statuses = append(statuses, http.StatusRequestEntityTooLarge)
	}
	op.Errors = nil
	op.BodyReadTimeout = -1
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.MaxBodyBytes++ // huma refuses a body of this size
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "")
	responses := maps.Clone(op.Responses)
	if responses == nil {
		responses = make(map[string]*huma.Response)
	}
	for _, status := range statuses {
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: failures[status],
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
	}
	op.Responses = responses
	return op
}

// finishDocument takes out what huma adds by itself, and gives every body an
// example.
func (a *api) finishDocument() {
	document := a.huma.OpenAPI()
	schemas := document.Components.Schemas
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
	for _, schema := range schemas.Map() {
		for _, property := range schema.Properties {
			titlePattern(property)
		}
	}
	for _, op := range operations(document) {
		for _, p := range op.Parameters {
			titlePattern(p.Schema)
		}
		if op.RequestBody != nil {
			addExamples(schemas, op.RequestBody.Content)
		}
		for status, response := range op.Responses {
			if status < "300" {
				addExamples(schemas, response.Content)
			}
		}
	}
}

// titlePattern puts what a pattern asks for where OpenAPI has a place for it.
// huma made its messages of it already.
func titlePattern(schema *huma.Schema) {
	if schema.Items != nil {
		titlePattern(schema.Items)
	}
	if schema.PatternDescription != "" {
		schema.Title, schema.PatternDescription = schema.PatternDescription, ""
	}
}

func addExamples(schemas huma.Registry, content map[string]*huma.MediaType) {
	for _, media := range content {
		if media.Example == nil && media.Schema != nil {
			media.Example = example(schemas, media.Schema)
		}
	}
}

// example makes a value from the examples of a schema's parts. Optional fields
// without one are left out, and those that lead back to a shape around them.
func example(schemas huma.Registry, schema *huma.Schema, around ...string) any {
	for schema.Ref != "" {
		around = append(slices.Clip(around), schema.Ref)
		schema = schemas.SchemaFromRef(schema.Ref)
	}
	switch {
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Type == huma.TypeArray:
		return []any{example(schemas, schema.Items, around...)}
	case schema.Type == huma.TypeObject:
		object := make(map[string]any, len(schema.Properties))
		for name, property := range schema.Properties {
			if slices.Contains(around, property.Ref) {
				continue
			}
			if property.Ref != "" || len(property.Examples) > 0 || property.Items != nil || slices.Contains(schema.Required, name) {
				object[name] = example(schemas, property, around...)
			}
		}
		return object
	case schema.Type == huma.TypeBoolean:
		return false
	case schema.Type == huma.TypeInteger:
		return 0
	}
	return ""
}

// operations lists a document's operations by path, and of one path in the order
// of reading, creating, changing and deleting.
func operations(document *huma.OpenAPI) []*huma.Operation {
	var all []*huma.Operation
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		item := document.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

// serveDocument serves the OpenAPI document and the page made of it. They say
// nothing about this server but its version, so they need no token.
func (a *api) serveDocument() {
	a.finishDocument()
	a.serveText("/openapi.json", "application/json", func() ([]byte, error) { return json.Marshal(a.huma.OpenAPI()) })
	a.serveText("/openapi.yaml", "application/yaml", a.huma.OpenAPI().YAML)
	a.serveText("/docs", htmlType, a.documentation)
}

// serveText serves a text that is made once, at the first request.
func (a *api) serveText(path, contentType string, compose func() ([]byte, error)) {
	text := sync.OnceValues(compose)
	a.mux.HandleFunc("GET "+Base+path, func(w http.ResponseWriter, r *http.Request) {
		body, err := text()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		setPageHeaders(w, contentType)
		w.Write(body)
	})
}
