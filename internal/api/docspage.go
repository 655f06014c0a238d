package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// docsPage is the documentation as its template shows it.
type docsPage struct {
	Title, Version, Introduction string
	Base                         string
	Groups                       []docsGroup
	Failures                     []docsAnswer
	Shapes                       []docsShape
}

type docsGroup struct {
	Name, ID, Description string
	Operations            []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description string
	Parameters                             []docsField
	Body                                   string // the name of its shape; "" without one
	Curl                                   string
	Answer                                 docsAnswer // with success
	Failures                               []string   // statuses
}

type docsAnswer struct {
	Status, Description, Shape, Example string
}

// docsShape is a JSON object.
type docsShape struct {
	Name   string
	Fields []docsField
}

type docsField struct {
	Name, In, Type string
	Shape          string // of the value or the array's entries; "" for plain values
	Required       bool
	Description    string
}

// documentation makes the page of the OpenAPI document.
func (a *api) documentation() ([]byte, error) {
	document := a.huma.OpenAPI()
	schemas := document.Components.Schemas
	page := docsPage{
		Title: "Orrery's API", Version: document.Info.Version, Introduction: document.Info.Description, Base: Base,
	}
	for _, tag := range document.Tags {
		group := docsGroup{Name: tag.Name, ID: anchor(tag.Name), Description: tag.Description}
		for _, op := range operations(document) {
			if !slices.Contains(op.Tags, tag.Name) {
				continue
			}
			shown, err := docsOperationOf(schemas, op)
			if err != nil {
				return nil, err
			}
			group.Operations = append(group.Operations, shown)
		}
		page.Groups = append(page.Groups, group)
	}
	for _, status := range slices.Sorted(maps.Keys(failures)) {
		page.Failures = append(page.Failures, docsAnswer{Status: strconv.Itoa(status), Description: failures[status]})
	}
	for _, name := range slices.Sorted(maps.Keys(schemas.Map())) {
		page.Shapes = append(page.Shapes, docsShape{name, docsFields(schemas.Map()[name])})
	}
	return render("docs.html", page)
}

func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func docsOperationOf(schemas huma.Registry, op *huma.Operation) (docsOperation, error) {
	shown := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		typeText, shape := typeOf(p.Schema)
		shown.Parameters = append(shown.Parameters, docsField{
			Name: p.Name, In: p.In, Type: typeText, Shape: shape, Required: p.Required, Description: p.Description,
		})
	}
	if op.RequestBody != nil {
		_, shown.Body = typeOf(op.RequestBody.Content["application/json"].Schema)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status >= "300" {
			shown.Failures = append(shown.Failures, status)
			continue
		}
		var err error
		if shown.Answer, err = docsAnswerOf(status, op.Responses[status]); err != nil {
			return docsOperation{}, fmt.Errorf("operation %s: %w", op.OperationID, err)
		}
	}
	var err error
	shown.Curl, err = curlOf(schemas, op)
	return shown, err
}

func docsAnswerOf(status string, response *huma.Response) (docsAnswer, error) {
	answer := docsAnswer{Status: status, Description: response.Description}
	for _, media := range response.Content {
		_, answer.Shape = typeOf(media.Schema)
		if text, isText := media.Example.(string); isText {
			answer.Example = text
			continue
		}
		example, err := json.MarshalIndent(media.Example, "", "  ")
		if err != nil {
			return docsAnswer{}, fmt.Errorf("encode example: %w", err)
		}
		answer.Example = string(example)
	}
	return answer, nil
}

func docsFields(schema *huma.Schema) []docsField {
	var fields []docsField
	for name, property := range schema.Properties {
		typeText, shape := typeOf(property)
		fields = append(fields, docsField{
			Name: name, Type: typeText, Shape: shape, Required: slices.Contains(schema.Required, name), Description: property.Description,
		})
	}
	slices.SortFunc(fields, func(a, b docsField) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}

// typeOf says in words what a value has to be; shape is the name of the object,
// if it is or holds one that has a name.
func typeOf(schema *huma.Schema) (text, shape string) {
	switch {
	case schema.Ref != "":
		return "", schema.Ref[strings.LastIndexByte(schema.Ref, '/')+1:]
	case schema.Type == huma.TypeArray:
		text, shape = typeOf(schema.Items)
		return strings.TrimSpace("array of " + text), shape
	case len(schema.Enum) > 0:
		var values []string
		for _, v := range schema.Enum {
			values = append(values, fmt.Sprint(v))
		}
		return strings.Join(values, ", "), ""
	}
	text = schema.Type
	if schema.Title != "" {
		text = schema.Title
	}
	if schema.Nullable {
		text += " or null"
	}
	if schema.Minimum != nil && schema.Maximum != nil {
		text += fmt.Sprintf(", %v to %v", *schema.Minimum, *schema.Maximum)
	}
	if schema.Default != nil {
		text += fmt.Sprintf(", default %v", schema.Default)
	}
	return text, ""
}

// curlOf writes a command that carries an operation out with example values.
func curlOf(schemas huma.Registry, op *huma.Operation) (string, error) {
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(example(schemas, p.Schema))))
		}
	}
	command := `curl -H "Authorization: Bearer $TOKEN"`
	if op.Method != http.MethodGet {
		command += " -X " + op.Method
	}
	if answer := op.Responses["200"]; answer != nil && answer.Content[eventStreamType] != nil {
		command += " -N"
	}
	command += " $NATIVE" + path
	if op.RequestBody != nil {
		body, err := json.Marshal(op.RequestBody.Content["application/json"].Example)
		if err != nil {
			return "", fmt.Errorf("operation %s: encode example: %w", op.OperationID, err)
		}
		command += " \\\n  -d " + shellQuote(string(body))
	}
	return command, nil
}

// shellQuote makes one word of a text, whatever is in it.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
