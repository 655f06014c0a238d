package centralapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/orrery-net/orrery/internal/central"
)

var (
	errPath  = central.NewError(central.NotFound, "there is nothing at this path")
	errFault = errors.New("a fault of this program")
)

// methodError says that a path has other methods than the one asked for, which
// has no kind in internal/central.
type methodError struct{ allowed []string }

func (e *methodError) Error() string {
	return "this path does not have that method; it has " + strings.Join(e.allowed, ", ")
}

// errorBody is Central's error object (api-behaviour §4).
type errorBody struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// empty is the body of an answer that says nothing but that it is done.
type empty struct{}

func isUnauthorized(err error) bool {
	var known *central.Error
	return errors.As(err, &known) && known.Kind == central.Unauthorized
}

// classify turns an error into a status and what the user may see of it. It is
// the only place that does.
func classify(err error) (status int, body errorBody) {
	var method *methodError
	if errors.As(err, &method) {
		return http.StatusMethodNotAllowed, errorBody{"methodNotAllowed", err.Error()}
	}
	var known *central.Error
	if !errors.As(err, &known) {
		return http.StatusInternalServerError, errorBody{central.Internal.String(), "internal error"}
	}
	body = errorBody{known.Kind.String(), known.Message}
	switch known.Kind {
	case central.NotFound:
		return http.StatusNotFound, body
	case central.Unauthorized:
		return http.StatusUnauthorized, body
	case central.Forbidden:
		return http.StatusForbidden, body
	case central.Invalid:
		return http.StatusBadRequest, body
	case central.Conflict:
		return http.StatusConflict, body
	case central.TooLarge:
		return http.StatusRequestEntityTooLarge, body
	case central.RateLimited:
		return http.StatusTooManyRequests, body
	}
	return http.StatusInternalServerError, body
}

// fail answers with an error. The log has the same request id and the cause.
func (q *request) fail(err error) {
	status, body := classify(err)
	level := slog.LevelInfo
	switch {
	case q.r.Context().Err() != nil: // nobody is there anymore to read the answer
		level = slog.LevelDebug
	case status == http.StatusNotFound: // clients ask again and again until a member is there
		level = slog.LevelDebug
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
		body.Message += "; the log says more about request " + q.id
	}
	q.api.log.Log(q.r.Context(), level, "API request failed",
		"request", q.id, "method", q.r.Method, "path", q.r.URL.Path, "from", q.r.RemoteAddr, "status", status, "error", err)
	var method *methodError
	if errors.As(err, &method) {
		q.w.Header().Set("Allow", strings.Join(method.allowed, ", "))
	}
	text, encodeErr := json.Marshal(body)
	if encodeErr != nil {
		text = []byte(`{"type":"internal","message":"internal error"}`)
	}
	q.write(status, text)
}

// answer sends a value with status 200: one line of compact JSON with <, > and &
// escaped, no newline at its end (api-behaviour §2).
func answer[T any](q *request, value T) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	q.write(http.StatusOK, text)
	return nil
}

func (q *request) write(status int, body []byte) {
	q.begun = true
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(status)
	if _, err := q.w.Write(body); err != nil {
		q.api.log.Debug("API answer was not taken", "request", q.id, "error", err)
	}
}

// invalid makes a request's fault of an error found in its body.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return central.NewError(central.Invalid, "%s", err)
}
