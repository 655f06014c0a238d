package centralapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// The limits of a request body. They hold for all of it, also for fields that
// are not looked at.
const (
	maxBody  = 4 << 20 // bytes
	maxDepth = 100     // objects and arrays inside each other
	maxItems = 4096    // entries of one object or array
)

// readBody reads a request's body, which must be one JSON object, and what the
// operation wants of it. The content type does not matter (api-behaviour §7).
func readBody[V any](q *request, read func(object) (V, error)) (V, error) {
	var none V
	text, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return none, central.NewError(central.TooLarge, "the body is larger than %d bytes", maxBody)
	case err != nil:
		return none, central.NewError(central.Invalid, "the body did not arrive completely")
	}
	o, err := parseBody(text)
	if err != nil {
		return none, invalid(err)
	}
	value, err := read(o)
	return value, invalid(err)
}

// byteOrderMark is what some editors and shells put before UTF-8 in a file.
const byteOrderMark = "\xef\xbb\xbf"

func parseBody(text []byte) (object, error) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if len(bytes.TrimSpace(text)) == 0 {
		return object{}, errors.New("JSON error: the body is empty; send {} to set nothing")
	}
	if !utf8.Valid(text) {
		return object{}, errors.New("JSON error: the body is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return object{}, fmt.Errorf("JSON error: the body is not valid JSON at byte %d of %d", syntax.Offset, len(text))
		}
		return object{}, errors.New("JSON error: the body is not valid JSON")
	}
	if err := checkStructure(whole); err != nil {
		return object{}, err
	}
	return readObject("", whole)
}

// object is a JSON object of a request. A null is the same as no value at all.
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
	o := object{path: path}
	if err := json.Unmarshal(raw, &o.values); err != nil {
		return object{}, refuse(path, "cannot be read")
	}
	for name, value := range o.values {
		if kindOf(value) == aNull {
			delete(o.values, name)
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

// clip keeps a long value from filling an error message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
