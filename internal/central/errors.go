package central

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules"
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

// ChoiceError is the cause of an Error about one field of a request that names
// something which is not there, or is not one thing.
type ChoiceError struct {
	Field      string   // its path in the request, such as tags.department
	Reason     string   // what is wrong with it
	Candidates []string // what can be written there, some of it; may be none
}

func (e *ChoiceError) Error() string { return e.Field + ": " + e.Reason }

// maxCandidates bounds the choices that an error lists.
const maxCandidates = 10

// noSuch returns an error about a field of a request, with what can be written
// there.
func noSuch(kind Kind, field, reason string, candidates []string) error {
	message := field + ": " + reason
	if len(candidates) > maxCandidates {
		candidates = candidates[:maxCandidates]
	}
	if len(candidates) > 0 {
		message += "; there is " + strings.Join(candidates, ", ")
	}
	return &Error{Kind: kind, Message: message, cause: &ChoiceError{field, reason, candidates}}
}

// ProgramError is the cause of an Error about a program that does not compile.
type ProgramError struct {
	Diagnostics []rules.Diagnostic // at least one of them is an error
}

func (e *ProgramError) Error() string { return fmt.Sprintf("%d diagnostics", len(e.Diagnostics)) }

// badProgram returns the error for a program with these diagnostics, nil if none
// of them is an error.
func badProgram(found []rules.Diagnostic) error {
	var first *rules.Diagnostic
	count := 0
	for i := range found {
		if found[i].Severity == rules.SeverityError {
			if count++; count == 1 {
				first = &found[i]
			}
		}
	}
	if first == nil {
		return nil
	}
	message := strings.TrimSpace(first.Message + " " + first.Hint)
	if first.Line > 0 {
		message = fmt.Sprintf("line %d column %d: %s", first.Line, first.Column, message)
	}
	switch count {
	case 1:
	case 2:
		message += " (1 more error)"
	default:
		message += fmt.Sprintf(" (%d more errors)", count-1)
	}
	return &Error{Kind: Invalid, Message: message, cause: &ProgramError{found}}
}

// clip shortens a word of a request that an error repeats.
func clip(word string) string {
	const most = 100 // bytes
	if len(word) <= most {
		return word
	}
	return strings.ToValidUTF8(word[:most], "") + "…"
}
