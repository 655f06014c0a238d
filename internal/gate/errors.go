package gate

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/orrery-net/orrery/internal/central"
)

// MethodError says that a path has other methods than the one asked for.
type MethodError struct{ Allowed []string }

func (e *MethodError) Error() string {
	return "this path does not have that method; it has " + strings.Join(e.Allowed, ", ")
}

// Classify turns an error into an HTTP status, a word for its kind ("notFound")
// and the text that the user may see. It is the only place that does.
func Classify(err error) (status int, kind, message string) {
	var method *MethodError
	if errors.As(err, &method) {
		return http.StatusMethodNotAllowed, "methodNotAllowed", method.Error()
	}
	var known *central.Error
	if !errors.As(err, &known) {
		return http.StatusInternalServerError, central.Internal.String(), "internal error"
	}
	return statusOf(known.Kind), known.Kind.String(), known.Message
}

func statusOf(kind central.Kind) int {
	switch kind {
	case central.NotFound:
		return http.StatusNotFound
	case central.Unauthorized:
		return http.StatusUnauthorized
	case central.Forbidden:
		return http.StatusForbidden
	case central.Invalid:
		return http.StatusBadRequest
	case central.Conflict:
		return http.StatusConflict
	case central.TooLarge:
		return http.StatusRequestEntityTooLarge
	case central.RateLimited:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// LogFailure writes a failed request to the log with its id and cause, at a level
// that suits the status.
func (g *Gate) LogFailure(r *http.Request, status int, err error) {
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil: // nobody is there anymore to read the answer
		level = slog.LevelDebug
	case status == http.StatusNotFound: // clients ask again and again until a member is there
		level = slog.LevelDebug
	case status == http.StatusTooManyRequests: // whoever floods the server must not flood its log
		level = slog.LevelDebug
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	g.log.Log(r.Context(), level, "API request failed",
		"request", RequestID(r.Context()), "method", clip(r.Method), "path", clip(r.URL.Path), "from", r.RemoteAddr, "status", status, "error", err)
}

// clip shortens what a request has at any length, for the log.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
