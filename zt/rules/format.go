package rules

import "github.com/orrery-net/orrery/zt/rules/syntax"

// Format writes a program in the one good form, see syntax.Format: it compiles to
// the same tables as before. Only the form of the program needs to be right, not
// its names and numbers. If it is not, the source comes back as it is, and the
// diagnostics say why.
func Format(source string) (string, []Diagnostic) {
	file := syntax.Parse(source)
	if len(file.Errors) > 0 {
		return source, arranged(fromSyntax(SeverityError, file.Errors))
	}
	return syntax.Format(file), nil
}
