package central

import (
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/internal/model"
)

// Kind says what sort of failure an Error is.
type Kind uint8

// The kinds of failures.
const (
	Internal     Kind = iota // a failure of Orrery itself
	NotFound                 // there is no such thing, or the caller may not know of it
	Unauthorized             // no valid credentials
	Forbidden                // valid credentials without the right
	Invalid                  // the request contradicts itself or a rule
	Conflict                 // the state does not allow it
	TooLarge                 // the request is bigger than allowed
	RateLimited              // too many requests
)

// String returns the word for a kind that answers carry.
func (k Kind) String() string {
	switch k {
	case NotFound:
		return "notFound"
	case Unauthorized:
		return "unauthorized"
	case Forbidden:
		return "forbidden"
	case Invalid:
		return "invalid"
	case Conflict:
		return "conflict"
	case TooLarge:
		return "tooLarge"
	case RateLimited:
		return "rateLimited"
	}
	return "internal"
}

// Error is the failure of a use case. Message is made for the user; what Error
// returns is made for the log and may tell more.
type Error struct {
	Kind    Kind
	Message string
	cause   error
}

// NewError returns an error without a cause.
func NewError(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

func (e *Error) Unwrap() error { return e.cause }

// explain gives err a kind: an Error keeps its own, a field that is not valid
// makes the request invalid, all else is internal and its text for the log only.
func explain(doing string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var field *model.FieldError
	if errors.As(err, &field) {
		return &Error{Kind: Invalid, Message: field.Error()}
	}
	return &Error{Kind: Internal, Message: "internal error", cause: fmt.Errorf("%s: %w", doing, err)}
}
