package api

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
)

const problemType = "application/problem+json"

// problem is what a request that failed is answered with (RFC 9457).
type problem struct {
	Type      string       `json:"type" doc:"Always about:blank: the status says it all, and kind." example:"about:blank"`
	Title     string       `json:"title" doc:"The HTTP status in words." example:"Bad Request"`
	Status    int          `json:"status" doc:"The HTTP status." example:"400"`
	Kind      string       `json:"kind" doc:"The sort of failure, for programs." enum:"notFound,unauthorized,forbidden,invalid,rules,conflict,tooLarge,rateLimited,methodNotAllowed,internal" example:"invalid"`
	Detail    string       `json:"detail" doc:"What happened and what to do, for people." example:"body.name: expected string"`
	RequestID string       `json:"requestId" doc:"The request's id, as in the server's log." example:"9f86d081884c7d65"`
	Errors    []fieldError `json:"errors,omitempty" nullable:"false" doc:"Which parts of the request are not valid."`
	// Diagnostics make a problem one of kind rules.
	Diagnostics []diagnostic `json:"diagnostics,omitempty" nullable:"false" doc:"Of kind rules: why the program does not compile, by position."`
}

// fieldError says what is wrong with one part of a request.
type fieldError struct {
	Location string `json:"location" doc:"Where: body, path, query or header, a dot, and the name." example:"body.name"`
	Message  string `json:"message" doc:"What is expected there." example:"expected string"`
	// Candidates are what could be written instead.
	Candidates []string `json:"candidates,omitempty" nullable:"false" doc:"What can be written there, some of it." example:"[\"department\"]"`
}

// failure carries the error of a use case through huma, which asks it for a
// status; transform makes a problem of it.
type failure struct{ cause error }

func (f failure) Error() string             { return f.cause.Error() }
func (f failure) ContentType(string) string { return problemType }
func (f failure) GetStatus() int            { return problemOf(f.cause, "").Status }

// validationError says which parts of a request, at least one, do not have the
// form that the document asks for.
type validationError struct{ fields []fieldError }

func (e *validationError) Error() string {
	const most = 3
	var texts []string
	for _, f := range e.fields[:min(most, len(e.fields))] {
		texts = append(texts, f.Location+": "+f.Message)
	}
	return strings.Join(texts, "; ")
}

// invalid returns the error of one part of a request.
func invalid(location, message string) error {
	return &validationError{[]fieldError{{Location: location, Message: message}}}
}

// The bounds of what an answer repeats of a request that is not valid.
const (
	maxFieldErrors = 20
	maxName        = 100 // bytes
)

// clip shortens a name that a request gave.
func clip(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// validationOf reads what huma found wrong with a request. The offending values,
// which may be secrets, are left out; only ids name themselves.
func validationOf(found *huma.ErrorModel) error {
	if found.Status >= http.StatusInternalServerError {
		return errors.New(found.Detail)
	}
	if len(found.Errors) == 0 {
		return invalid("body", found.Detail)
	}
	fields := make([]fieldError, 0, len(found.Errors))
	for _, e := range found.Errors {
		if e.Message == validation.MsgExpectedMatchAtLeastOneSchema { // there is one place of which that can be said
			e.Message = tagValueForm
		}
		fields = append(fields, fieldError{Location: clip(e.Location), Message: e.Message})
	}
	slices.SortStableFunc(fields, func(a, b fieldError) int { return cmp.Compare(a.Location, b.Location) })
	return &validationError{fields[:min(maxFieldErrors, len(fields))]}
}

// problemOf turns an error into what the user may see of it.
func problemOf(err error, requestID string) problem {
	p := problem{Type: "about:blank", RequestID: requestID}
	var fields *validationError
	if errors.As(err, &fields) {
		p.Status, p.Kind, p.Detail, p.Errors = http.StatusBadRequest, central.Invalid.String(), err.Error(), fields.fields
	} else {
		p.Status, p.Kind, p.Detail = gate.Classify(err)
	}
	var choice *central.ChoiceError
	if errors.As(err, &choice) {
		p.Errors = []fieldError{{"body." + choice.Field, choice.Reason, choice.Candidates}}
	}
	var program *central.ProgramError
	if errors.As(err, &program) {
		p.Kind, p.Diagnostics = "rules", diagnosticsOf(program.Diagnostics)
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// refuse logs a failed request and returns its answer; header sets what goes
// with it.
func (a *api) refuse(r *http.Request, header func(name, value string), err error) problem {
	p := problemOf(err, gate.RequestID(r.Context()))
	a.gate.LogFailure(r, p.Status, err)
	var method *gate.MethodError
	switch {
	case errors.As(err, &method):
		header("Allow", strings.Join(method.Allowed, ", "))
	case p.Status == http.StatusUnauthorized:
		header("WWW-Authenticate", "Bearer") // RFC 9110 §15.5.2
	}
	return p
}

// fail answers a request that ends with an error outside of huma.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.refuse(r, w.Header().Set, err)
	if strings.HasPrefix(r.URL.Path+"/", invitationPath) {
		a.failPage(w, p)
		return
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if err := encode(w, p); err != nil {
		a.log.Error("cannot encode a problem", "request", p.RequestID, "error", err)
	}
}

// transform is called by huma with every answer: it makes problems of errors, so
// that huma.NewError, which is for the whole process, can stay as it is.
func (a *api) transform(ctx huma.Context, _ string, answer any) (any, error) {
	r, _ := humago.Unwrap(ctx)
	switch answer := answer.(type) {
	case failure:
		if isKind(answer.cause, central.RateLimited) { // of what the gate let in: nothing says how long it takes
			ctx.SetHeader("Retry-After", "1")
		}
		return a.refuse(r, ctx.SetHeader, answer.cause), nil
	case *huma.ErrorModel:
		return a.refuse(r, ctx.SetHeader, validationOf(answer)), nil
	}
	return answer, nil
}
