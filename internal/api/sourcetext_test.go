package api

import (
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

func TestSourceText(t *testing.T) {
	text := newSourceText("\ufeffaccept é dport 22;\r\ndrop\rtee\n\nend")
	for _, x := range []struct {
		fromLine, fromColumn, toLine, toColumn int
		want                                   string
	}{
		{1, 1, 1, 7, "accept"},
		{1, 8, 1, 9, "é"},
		{1, 10, 1, 18, "dport 22"},
		{1, 18, 3, 2, ";\ndrop\nt"},
		{3, 1, 5, 4, "tee\n\nend"},
		{5, 2, 5, 100, "nd"},
		{0, 0, 0, 0, ""}, {6, 1, 7, 1, ""}, {2, 3, 2, 1, ""}, {2, 50, 2, 60, ""}, {4, 1, 2, 1, ""}, {-5, 1, -1, 1, ""},
	} {
		span := syntax.Span{Start: syntax.Position{Line: x.fromLine, Column: x.fromColumn}, End: syntax.Position{Line: x.toLine, Column: x.toColumn}}
		if got := text.at(span); got != x.want {
			t.Errorf("%+v: %q", x, got)
		}
	}
	long := newSourceText(strings.Repeat("é\n", 10_000))
	if got := long.at(syntax.Span{Start: syntax.Position{Line: 1, Column: 1}, End: syntax.Position{Line: 10_000, Column: 1}}); len(got) > maxSourceText+3 || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes", len(got))
	}
}
