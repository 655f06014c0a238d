package centralapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
)

var errPath = central.NewError(central.NotFound, "there is nothing at this path")

// errorBody is Central's error object (api-behaviour §4).
type errorBody struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// empty is the body of an answer that says nothing but that it is done.
type empty struct{}

func isKind(err error, kind central.Kind) bool {
	var known *central.Error
	return errors.As(err, &known) && known.Kind == kind
}

// fail answers with an error. The log has the same request id and the cause.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, kind, message := gate.Classify(err)
	var method *gate.MethodError
	if errors.As(err, &method) {
		w.Header().Set("Allow", strings.Join(method.Allowed, ", "))
	}
	if status >= http.StatusInternalServerError {
		message += "; the log says more about request " + gate.RequestID(r.Context())
	}
	a.gate.LogFailure(r, status, err)
	text, _ := json.Marshal(errorBody{kind, message}) // strings can always be written
	a.write(w, r, status, text)
}

// answer sends a value with status 200: one line of compact JSON with <, > and &
// escaped, no newline at its end (api-behaviour §2).
func answer[T any](q *request, value T) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	q.api.write(q.w, q.r, http.StatusOK, text)
	return nil
}

func (a *api) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		a.log.Debug("API answer was not taken", "request", gate.RequestID(r.Context()), "error", err)
	}
}

// invalid makes a request's fault of an error found in its body, unless it is one
// of the service.
func invalid(err error) error {
	var known *central.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return central.NewError(central.Invalid, "%s", err)
}
