package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
)

// maxBody is how large a request's body may be, in bytes, if its operation does
// not say otherwise.
const maxBody = 1 << 20

// admit lets a request in that shows a valid token, and reads its query and its
// body, within the limit, before huma looks at it.
func (a *api) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	caller, err := gate.Caller(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	e := &exchange{humaContext: ctx}
	if e.query, err = readQuery(r.URL.RawQuery, ctx.Operation()); err != nil {
		a.fail(w, r, err)
		return
	}
	if ctx.Operation().RequestBody != nil {
		most := ctx.Operation().MaxBodyBytes - 1 // see describe
		if most > maxBody {
			if !a.large.enter(caller.User.ID) {
				w.Header().Set("Retry-After", "1")
				a.fail(w, r, central.NewError(central.RateLimited, "you send %d programs already; let one be answered first", maxLarge))
				return
			}
			defer a.large.leave(caller.User.ID)
		}
		if e.body, err = readBody(w, r, most); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	next(e)
}

// readQuery refuses what would be passed over otherwise, or could be read in two
// ways: without a filter that was meant, an answer tells more than was asked for.
func readQuery(text string, op *huma.Operation) (url.Values, error) {
	query, err := url.ParseQuery(text)
	if err != nil {
		return nil, invalid("query", "expected name=value, joined by &; other than that, % is written as %25 and ; as %3B")
	}
	for _, p := range op.Parameters {
		if p.In != "query" {
			continue
		}
		switch values := query[p.Name]; {
		case len(values) > 1 && p.Schema.Type != huma.TypeArray:
			return nil, invalid("query."+p.Name, "expected once")
		case slices.Contains(values, ""):
			return nil, invalid("query."+p.Name, "expected a value; without one, leave the name out")
		}
	}
	return query, nil
}

func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, central.NewError(central.TooLarge, "the body is larger than %d bytes", most)
	case err != nil:
		return nil, central.NewError(central.Invalid, "the body did not arrive completely")
	}
	return body, nil
}

// maxLarge is how many requests with a program, whose bodies may be larger than
// others, one user may make at a time: reading one is work, too.
const maxLarge = 4

type humaContext huma.Context

// exchange is a request and its answer as huma sees them: query and body are
// there already, and the body is JSON whatever its type says, like the answer;
// and a request that is not valid is a bad one, not an unprocessable one.
type exchange struct {
	humaContext
	query url.Values
	body  []byte
}

// Unwrap returns what humago made.
func (e *exchange) Unwrap() huma.Context { return e.humaContext }

func (e *exchange) Query(name string) string { return e.query.Get(name) }

func (e *exchange) BodyReader() io.Reader { return bytes.NewReader(e.body) }

// SetReadDeadline does nothing: the body was read.
func (e *exchange) SetReadDeadline(time.Time) error { return nil }

func (e *exchange) Header(name string) string {
	switch name {
	case "Content-Type", "Accept":
		return ""
	}
	return e.humaContext.Header(name)
}

func (e *exchange) SetStatus(status int) {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	e.humaContext.SetStatus(status)
}

// jsonFormat is how huma reads and writes bodies.
func jsonFormat() huma.Format { return huma.Format{Marshal: encode, Unmarshal: decode} }

// encode writes an answer at once. That the client does not take it anymore is
// no fault of the operation.
func encode(w io.Writer, answer any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // it is for programs, and for people at a terminal
	if err := e.Encode(answer); err != nil {
		return err
	}
	w.Write(text.Bytes())
	return nil
}

// decode reads a body. Its errors are for the user and do not repeat the body.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var form formError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("this is not JSON (byte %d)", syntax.Offset)
	case errors.As(err, &wrong):
		return fmt.Errorf("the value of %s is of a wrong type or out of range", wrong.Field)
	case errors.As(err, &form):
		return form
	case err != nil:
		return errors.New("a value does not have the form that the documentation says")
	}
	return checkNames(json.NewDecoder(bytes.NewReader(text)))
}

// checkNames reads one JSON value and makes sure that no object in it has a name
// twice: readers differ in which of the two values they take.
func checkNames(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return errors.New("this is not JSON")
	}
	object := token == json.Delim('{')
	if !object && token != json.Delim('[') {
		return nil
	}
	seen := make(map[string]bool)
	for d.More() {
		if object {
			token, err := d.Token()
			name, ok := token.(string)
			switch {
			case err != nil, !ok:
				return errors.New("this is not JSON")
			case seen[name]:
				return fmt.Errorf("the name %q comes twice in one object", clip(name))
			}
			seen[name] = true
		}
		if err := checkNames(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}
