package centralapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// The limits of a request body.
const (
	maxBody  = 4 << 20 // bytes
	maxDepth = 100     // objects and arrays inside each other
	maxItems = 4096    // entries of one object or array
)

// body reads the request's body, which must be one JSON object. The content type
// does not matter (api-behaviour §7).
func (q *request) body() (object, error) {
	text, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return object{}, central.NewError(central.TooLarge, "the body is larger than %d bytes", maxBody)
	case err != nil:
		return object{}, central.NewError(central.Invalid, "the body did not arrive completely")
	}
	o, err := parseBody(text)
	return o, invalid(err)
}

func parseBody(text []byte) (object, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return object{}, errors.New("JSON error: the body is empty; send {} to set nothing")
	}
	if depthExceeds(text, maxDepth) {
		return object{}, fmt.Errorf("JSON error: more than %d levels deep", maxDepth)
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return object{}, fmt.Errorf("JSON error: %w (byte %d)", err, syntax.Offset)
		}
		return object{}, fmt.Errorf("JSON error: %w", err)
	}
	return readObject("", whole)
}

// depthExceeds looks at brackets only, so that hostile text costs one pass.
func depthExceeds(text []byte, most int) bool {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// object is a JSON object of a request. Of a name that comes twice, the last
// value counts; a null is the same as no value at all.
type object struct {
	path   string // of the object itself, "" for the body
	values map[string]json.RawMessage
}

// at is the path of one of the object's fields.
func (o object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

func (o object) has(name string) bool { return o.values[name] != nil }

// readObject takes an object apart. raw must be valid JSON.
func readObject(path string, raw json.RawMessage) (object, error) {
	if kindOf(raw) != anObject {
		return object{}, wrongType(path, raw, "an object")
	}
	o := object{path: path, values: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return object{}, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return object{}, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return object{}, err
		}
		if kindOf(value) == aNull {
			value = nil
		}
		text, _ := name.(string)
		o.values[text] = value
		if len(o.values) > maxItems {
			return object{}, refuse(path, "more than %d fields", maxItems)
		}
	}
	return o, nil
}

// jsonKind is what sort of JSON value a text is, in the words of error messages.
type jsonKind string

const (
	anObject jsonKind = "an object"
	anArray  jsonKind = "an array"
	aString  jsonKind = "a string"
	aBoolean jsonKind = "a boolean"
	aNull    jsonKind = "null"
	aNumber  jsonKind = "a number"
)

// kindOf looks at the first character; raw must be valid JSON.
func kindOf(raw json.RawMessage) jsonKind {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return aNull
	}
	switch raw[0] {
	case '{':
		return anObject
	case '[':
		return anArray
	case '"':
		return aString
	case 't', 'f':
		return aBoolean
	case 'n':
		return aNull
	}
	return aNumber
}

func refuse(path, format string, args ...any) error {
	if path == "" {
		path = "body"
	}
	return &model.FieldError{Field: path, Reason: fmt.Sprintf(format, args...)}
}

func wrongType(path string, raw json.RawMessage, want string) error {
	return refuse(path, "want %s, not %s", want, kindOf(raw))
}
