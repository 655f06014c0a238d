package centralapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules"
)

// program is a text in the rules language with what it compiles to.
type program struct {
	source   string
	compiled *rules.Program
	err      error // why it was not compiled
}

// setOn gives a network the program. A text that cannot be compiled can only be
// the one that is there: it came with tables that were made elsewhere, and whoever
// sends it back with a change of something else changes no rules.
func (p program) setOn(n *model.Network) error {
	switch {
	case p.err == nil:
		return n.SetProgram(p.source, p.compiled)
	case p.source == n.RulesSource:
		return nil
	}
	return p.err
}

// compiler makes a program of a text, nil if it cannot be compiled. The error says
// why it was not tried.
type compiler func(source string) (*rules.Program, []rules.Diagnostic, error)

// shortText is the length in bytes up to which a text is compiled without waiting:
// it takes a few milliseconds at most, and programs change many networks at once.
const shortText = 16 << 10

// compile takes texts as clients of the hosted service write them.
func (q *request) compile(source string) (*rules.Program, []rules.Diagnostic, error) {
	if len(source) > shortText {
		return q.api.service.CompileRules(q.r.Context(), q.caller, source, rules.Lenient)
	}
	made, found := rules.Compile(source, rules.Lenient)
	return made, found, nil
}

// programReader reads texts of rules and compiles them; what is to be said about
// one goes to w. It runs before the transaction, since a long text takes its time.
func programReader(compile compiler, w *warnings) reader[program] {
	return func(path string, raw json.RawMessage) (program, error) {
		source, err := readSource(path, raw)
		if err != nil {
			return program{}, err
		}
		compiled, diagnostics, err := compile(source)
		if err != nil {
			return program{}, err
		}
		if compiled == nil {
			return program{source: source, err: invalid(refusal(diagnostics))}, nil
		}
		if _, _, err := compiled.Tables(); err != nil {
			return program{source: source, err: invalid(refuse(path, "%s", err))}, nil
		}
		for _, d := range diagnostics {
			if d.Severity == rules.SeverityWarning {
				w.add("%s", describe(d))
			}
		}
		return program{source: source, compiled: compiled}, nil
	}
}

// readSource reads a text of rules, which is kept byte for byte: unlike other
// texts it may have any characters that can be stored.
func readSource(path string, raw json.RawMessage) (string, error) {
	if kindOf(raw) != aString {
		return "", wrongType(path, raw, "a string")
	}
	if len(raw) > model.MaxRulesSourceLen*maxEscape {
		return "", refuse(path, "more than %d bytes", model.MaxRulesSourceLen)
	}
	var source string
	if err := json.Unmarshal(raw, &source); err != nil {
		return "", refuse(path, "cannot be read")
	}
	if len(source) > model.MaxRulesSourceLen {
		return "", refuse(path, "%d bytes; at most %d are allowed", len(source), model.MaxRulesSourceLen)
	}
	return source, nil
}

// maxEscape is how many bytes of JSON a byte of text can take, \u0000.
const maxEscape = 6

// refusal is the first error of a program, and how many more there are.
func refusal(diagnostics []rules.Diagnostic) error {
	var first *rules.Diagnostic
	count := 0
	for i := range diagnostics {
		if diagnostics[i].Severity != rules.SeverityError {
			continue
		}
		if count++; first == nil {
			first = &diagnostics[i]
		}
	}
	if first == nil {
		return errors.New("rulesSource: cannot be compiled")
	}
	text := place(*first) + sentence(*first)
	switch more := count - 1; {
	case more == 1:
		text += " (1 more error)"
	case more > 1:
		text += fmt.Sprintf(" (%d more errors)", more)
	}
	return errors.New(text)
}

// describe is a diagnostic in one line.
func describe(d rules.Diagnostic) string { return place(d) + d.Code + ": " + sentence(d) }

// place is where a diagnostic is, "" if it is about the whole.
func place(d rules.Diagnostic) string {
	if d.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d column %d: ", d.Line, d.Column)
}

func sentence(d rules.Diagnostic) string { return strings.TrimSpace(d.Message + " " + d.Hint) }
