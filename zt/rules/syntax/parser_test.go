package syntax

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestParse reads a program with everything in it.
func TestParse(t *testing.T) {
	const source = `# Departments
tag dept id 0x10 default Sales
	flag 0,1 vip # of both kinds
	enum 1 sales;
MACRO Open( $port , $proto ) ACCEPT dport $port and ipprotocol $proto; include other(,x) ;
cap c accept; id 5 include Open(22,tcp) default tee 128 deadbeef11 or not chr inbound and;
;
include Open ( 80 , tcp ); drop`
	f := Parse(source)
	if len(f.Errors) > 0 {
		t.Fatal(f.Errors)
	}
	var got strings.Builder
	for _, s := range f.Statements {
		write(&got, "", s)
	}
	const want = `tag dept
  id 0x10
  default Sales
  flag 0,1 vip
  enum 1 sales
MACRO Open $port $proto
  ACCEPT dport $port; and ipprotocol $proto
  include other  x
cap c
  id 5
  default
  accept
  include Open 22 tcp
  tee 128 deadbeef11 or not chr inbound; and
include Open 80 tcp
drop
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if len(f.Comments) != 2 || f.Comments[1].Text != "# of both kinds" || f.Comments[1].Span.Start != (Position{3, 15}) {
		t.Errorf("comments %v", f.Comments)
	}
	if len(f.Warnings) != 1 || f.Warnings[0].Code != "W_EOF" || f.Warnings[0].Span != (Span{Position{8, 31}, Position{8, 32}}) {
		t.Errorf("warnings %v", f.Warnings)
	}
	wantSpans := []Span{
		{Position{2, 1}, Position{4, 15}}, {Position{5, 1}, Position{5, 91}}, {Position{6, 1}, Position{7, 2}},
		{Position{8, 1}, Position{8, 26}}, {Position{8, 28}, Position{8, 32}},
	}
	for i, s := range f.Statements {
		if s.Where() != wantSpans[i] {
			t.Errorf("statement %d is at %v, want %v", i, s.Where(), wantSpans[i])
		}
	}
	inCapability := f.Statements[2].(*Capability).Body[2].(*Rule)
	if m := inCapability.Matches[0]; !m.Not || !m.Or || m.Span() != (Span{Position{6, 68}, Position{6, 86}}) {
		t.Errorf("match %+v at %v", m, m.Span())
	}
}

// write writes a statement in words of its tree.
func write(b *strings.Builder, indent string, s Statement) {
	line := func(words ...[]Token) {
		var texts []string
		for _, w := range slices.Concat(words...) {
			texts = append(texts, w.Text)
		}
		fmt.Fprintf(b, "%s%s", indent, strings.Join(texts, " "))
	}
	items := func(items []Item) {
		for _, i := range items {
			b.WriteString("  ")
			line([]Token{i.Keyword}, i.Arguments)
			b.WriteString("\n")
		}
	}
	body := func(body []Statement) {
		for _, s := range body {
			write(b, indent+"  ", s)
		}
	}
	switch s := s.(type) {
	case *Rule:
		line([]Token{s.Action}, s.Arguments)
		for i, m := range s.Matches {
			if i > 0 {
				b.WriteString(";")
			}
			for _, w := range slices.Concat(m.Operators, []Token{m.Keyword}, m.Arguments) {
				b.WriteString(" " + w.Text)
			}
		}
		for _, w := range s.Trailing {
			b.WriteString("; " + w.Text)
		}
		b.WriteString("\n")
	case *Include:
		line([]Token{s.Keyword, s.Name}, s.Arguments)
		b.WriteString("\n")
	case *Macro:
		line([]Token{s.Keyword, s.Name}, s.Parameters)
		b.WriteString("\n")
		body(s.Body)
	case *Tag:
		line([]Token{s.Keyword, s.Name})
		b.WriteString("\n")
		items(s.Items)
	case *Capability:
		line([]Token{s.Keyword, s.Name})
		b.WriteString("\n")
		items(s.Items)
		body(s.Body)
	}
}

func TestPositions(t *testing.T) {
	for source, want := range map[string]Position{
		"x":                       {1, 1},
		"\ufeffx":                 {1, 1},
		"\tx":                     {1, 2},
		"\n x":                    {2, 2},
		"\r\n\r\nx":               {3, 1},
		"\r\rx":                   {3, 1},
		"\n\rx":                   {3, 1},
		"# c\r\n# d\r\nx":         {3, 1},
		"# c\rx":                  {2, 1},
		"accept;#é\nx":            {2, 1},
		"\u00a0\u2003\v\f\u0085x": {1, 6},
		"accept dport 𝔸; x":       {1, 17},
		"accept;x":                {1, 8},
		"x#y z":                   {1, 1},
		"\u2028x":                 {1, 2},
	} {
		f := Parse(source)
		if len(f.Errors) != 1 || f.Errors[0].Span != (Span{want, Position{want.Line, want.Column + 1}}) {
			t.Errorf("%q: %v, want an error at %v", source, f.Errors, want)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for source, want := range map[string]string{
		"accept;\n# M\xfcnchen\naccept;": "2:4 INVALID_UTF8",
		"accept \xff 1;":                 "1:8 INVALID_UTF8 1:8 UNKNOWN_MATCH",
		"x;\xff\xfe y;\xc3":              "1:1 UNKNOWN_ACTION 1:3 INVALID_UTF8 1:3 UNKNOWN_ACTION 1:8 UNKNOWN_ACTION",
		"accept; # \ufffd":               "",
	} {
		if got := summary(Parse(source).Errors); got != want {
			t.Errorf("%q: %s, want %s", source, got, want)
		}
	}
}

func summary(errors []Error) string {
	var all []string
	for _, e := range errors {
		all = append(all, fmt.Sprintf("%d:%d %s", e.Span.Start.Line, e.Span.Start.Column, e.Code))
	}
	return strings.Join(all, " ")
}

// TestRecovery: one mistake gives one error, and what stands behind it is read.
func TestRecovery(t *testing.T) {
	for source, want := range map[string]string{
		// A ; is missing: the next statement counts.
		"accept dport 22\ndrop dprot 23;\naccept;":                 "2:1 UNKNOWN_MATCH 2:6 UNKNOWN_MATCH",
		"accept dport 22\ntag t id 1;\naccept bad;":                "2:1 UNKNOWN_MATCH 3:8 UNKNOWN_MATCH",
		"accept dport 22\ninclude m\naccept bad;":                  "2:1 UNKNOWN_MATCH 3:8 UNKNOWN_MATCH",
		"accept dport\ndrop dport 23;":                             "2:1 MATCH_ARG_RESERVED",
		"accept dport 22 or\ndrop;":                                "2:1 UNKNOWN_MATCH",
		"tag t id 1\naccept;\naccept bad;":                         "2:1 TAG_UNKNOWN_KEYWORD 3:8 UNKNOWN_MATCH",
		"tag t id 1\ntag u id 2;":                                  "2:1 TAG_UNKNOWN_KEYWORD",
		"cap c id 1 accept dport 22;\ncap d id 2 accept; ;":        "2:1 UNKNOWN_ACTION",
		"cap c id 1 accept; tag t id 2; accept; ;\naccept;":        "1:20 UNKNOWN_ACTION",
		"macro m accept;\nmacro n accept; ;\ninclude m\ninclude n": "2:1 UNKNOWN_ACTION",
		// Blocks without end.
		"cap c id 1 accept;":            "1:1 UNTERMINATED_BLOCK",
		"accept;\ncap c id 1 accept":    "2:1 UNTERMINATED_BLOCK",
		"macro m accept dport 1;":       "1:1 UNTERMINATED_BLOCK",
		"tag t id 1":                    "1:1 UNTERMINATED_BLOCK",
		"cap c id 1 foo;":               "1:12 UNKNOWN_ACTION",
		"cap c\n  id 1\n  foo\n;\ndrop": "3:3 UNKNOWN_ACTION",
		// Unknown words: the rest of the rule is not looked at, the next line is.
		"foo bar baz;\nfoo;":              "1:1 UNKNOWN_ACTION 2:1 UNKNOWN_ACTION",
		"some words\naccept dport 22;":    "1:1 UNKNOWN_ACTION",
		"some words\ndport 22;\naccept;":  "1:1 UNKNOWN_ACTION",
		"accept foo 1 bar 2;\ndrop foo;":  "1:8 UNKNOWN_MATCH 2:6 UNKNOWN_MATCH",
		"accept foo\ndrop foo;":           "1:8 UNKNOWN_MATCH 2:6 UNKNOWN_MATCH",
		"accept dport 22, 80 , 443;":      "1:18 UNKNOWN_MATCH",
		"accept dport 22 dport 80 foo 1;": "1:26 UNKNOWN_MATCH",
		"priority 3 dport 22;\naccept;":   "1:1 UNKNOWN_ACTION",
		"accept priority 3;\naccept;":     "1:8 UNKNOWN_MATCH",
		"accept; }\n{ drop;":              "1:9 UNKNOWN_ACTION",
		// Arguments.
		"accept dport and ipprotocol tcp;":       "1:14 MATCH_ARG_RESERVED",
		"accept ipprotocol dport 22;":            "1:19 MATCH_ARG_RESERVED",
		"accept ztsrc class dport 22;":           "1:14 MATCH_ARG_RESERVED",
		"accept teq t dport 22;":                 "1:14 MATCH_ARG_RESERVED",
		"accept teq t icmp 8 0;":                 "1:14 MATCH_ARG_RESERVED",
		"accept teq not dport 22;":               "1:12 MATCH_ARG_RESERVED",
		"accept teq t log dport 22;":             "",
		"accept teq t and and dport 22;":         "",
		"accept teq t drop;":                     "",
		"accept ipprotocol ICMP or icmp 8 0;":    "",
		"accept dport;\naccept icmp 8;":          "1:8 MATCH_ARGS_MISSING 2:13 MATCH_ARGS_MISSING",
		"accept icmp":                            "1:8 MATCH_ARGS_MISSING",
		"accept not not not dport 22;":           "1:12 DANGLING_OPERATOR",
		"accept or and or dport 22;":             "1:15 DANGLING_OPERATOR",
		"accept dport 22 and or not;\ndrop not;": "1:21 DANGLING_OPERATOR 2:6 DANGLING_OPERATOR",
		"accept not not;":                        "1:12 DANGLING_OPERATOR",
		"drop and and;\ndrop dport 2 and;":       "",
		"accept Dport 1 OR NOT Not sport 2 And;": "1:23 DANGLING_OPERATOR",
		// Definitions.
		"tag t id;\ntag;\ncap":                              "1:7 TAG_ID_MISSING_VALUE 2:1 TAG_NAME_MISSING 3:1 CAP_NAME_MISSING",
		"tag t id default 5;":                               "1:7 TAG_ID_MISSING_VALUE",
		"tag t\nid 1\nflag 0\nenum 1 x\n;":                  "3:1 TAG_FLAG_INCOMPLETE",
		"tag t\nid 1\nenum 0\n;":                            "3:1 TAG_ENUM_INCOMPLETE",
		"tag t id 1 default;":                               "1:12 TAG_DEFAULT_MISSING_VALUE",
		"tag t id 1 enum 5 id flag 3 flag default default;": "",
		"tag t id 1 colour 5 red\ndefault 1;\naccept foo;":  "1:12 TAG_UNKNOWN_KEYWORD 3:8 UNKNOWN_MATCH",
		"tag t id 1 foo bar\naccept;":                       "1:12 TAG_UNKNOWN_KEYWORD 2:1 TAG_UNKNOWN_KEYWORD",
		"cap c id accept; ;":                                "1:7 CAP_ID_MISSING_VALUE",
		"cap c id 1 default true accept; ;\naccept foo;":    "1:20 UNKNOWN_ACTION 2:8 UNKNOWN_MATCH",
		"macro;\nmacro":                                     "1:1 MACRO_NAME_MISSING 2:1 MACRO_NAME_MISSING",
		"macro ($a) accept; ;\naccept;":                     "1:1 MACRO_NAME_MISSING",
		// Includes and their lists.
		"include\naccept foo;":                     "1:1 INCLUDE_NAME_MISSING 2:8 UNKNOWN_MATCH",
		"include;":                                 "1:1 INCLUDE_NAME_MISSING",
		"include (22) accept;":                     "1:1 INCLUDE_NAME_MISSING",
		"include m(22\naccept foo;":                "1:9 MACRO_ARGS_UNCLOSED 2:8 UNKNOWN_MATCH",
		"include m(22 23) accept foo;":             "1:9 MACRO_ARGS_UNCLOSED 1:25 UNKNOWN_MATCH",
		"include m(22;\naccept foo;":               "1:9 MACRO_ARGS_UNCLOSED 2:8 UNKNOWN_MATCH",
		"macro m($a\n accept dport $a; ;\naccept;": "1:7 MACRO_ARGS_UNCLOSED",
		"include m((1);":                           "1:9 MACRO_ARGS_UNCLOSED",
		"include m # (\n( 1 , # ,\n 2 )":           "",
		"include m(22)accept;":                     "",
	} {
		f := Parse(source)
		if got := summary(f.Errors); got != want {
			t.Errorf("%q: %s, want %s", source, got, want)
		}
		for _, e := range f.Errors {
			if e.Message == "" || e.Hint == "" {
				t.Errorf("%q: %+v", source, e)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	for source, want := range map[string]string{
		"accept":                             "1:6 W_EOF",
		"accept dport 22 # no end\n":         "1:15 W_EOF",
		";\naccept;;":                        "1:1 W_STRAY_SEMICOLON 2:8 W_STRAY_SEMICOLON",
		"include m; include n ;\n;":          "2:1 W_STRAY_SEMICOLON",
		"cap c\nid 1\ninclude m;\naccept;":   "3:10 W_INCLUDE_CLOSES_BLOCK",
		"cap c\nid 1\ninclude m ;\naccept;":  "3:11 W_INCLUDE_CLOSES_BLOCK",
		"cap c\nid 1\ninclude m\n;\naccept;": "",
		"cap c id 1 accept":                  "", // the error is enough
		"macro n include m;":                 "",
		"cap c id 1 accept; tag t id 2; ;":   "", // the ; is there for the capability
	} {
		if got := summary(Parse(source).Warnings); got != want {
			t.Errorf("%q: %s, want %s", source, got, want)
		}
	}
}

// TestEnough: a source full of mistakes gives the first ones.
func TestEnough(t *testing.T) {
	f := Parse(strings.Repeat("x;\n;\n", 1000))
	if len(f.Errors) != MaxErrors || len(f.Warnings) != MaxErrors || f.Errors[MaxErrors-1].Span.Start.Line != 2*MaxErrors-1 {
		t.Errorf("%d errors, %d warnings, the last error at %v", len(f.Errors), len(f.Warnings), f.Errors[len(f.Errors)-1].Span)
	}
}

// TestRandom parses random words: every token of the tree is where it says it is,
// everything is in order, and nothing panics.
func TestRandom(t *testing.T) {
	words := []string{" ", "\n", "\r\n", "\r", "\t", "; ", ";", "#x\n", "(", ")", ",", "$a", "é", "𝔸", "\xff", "\u00a0", "22", "x ", "\x00"}
	for w := range keywords {
		words = append(words, " "+w+" ", strings.ToUpper(w)+" ")
	}
	slices.Sort(words)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var b strings.Builder
		if r.IntN(4) == 0 {
			b.WriteString(byteOrderMark)
		}
		for range r.IntN(40) {
			b.WriteString(words[r.IntN(len(words))])
		}
		checkTokens(t, b.String(), Parse(b.String()))
		if t.Failed() {
			return
		}
	}
}

func checkTokens(t *testing.T, source string, f *File) {
	t.Helper()
	check := func(tokens ...Token) {
		for _, k := range tokens {
			if from, to := OffsetOf(source, k.Span.Start), OffsetOf(source, k.Span.End); source[from:to] != k.Text && k.Span != (Span{}) {
				t.Errorf("%q: %q is not at %v", source, k.Text, k.Span)
			} else if at := PositionOf(source, from); k.Text != "" && at != k.Span.Start {
				t.Errorf("%q: offset %d is at %v, not %v", source, from, at, k.Span.Start)
			}
		}
	}
	var last Position
	var walk func(body []Statement, in Span)
	walk = func(body []Statement, in Span) {
		for _, s := range body {
			at := s.Where()
			if at.Start.Compare(last) < 0 || at.End.Compare(at.Start) <= 0 || at.Start.Compare(in.Start) < 0 || at.End.Compare(in.End) > 0 {
				t.Errorf("%q: %T at %v in %v", source, s, at, in)
			}
			last = at.Start
			switch s := s.(type) {
			case *Rule:
				check(s.Action)
				check(s.Arguments...)
				check(s.Trailing...)
				for _, m := range s.Matches {
					check(m.Operators...)
					check(append(m.Arguments, m.Keyword)...)
					if len(m.Arguments) != keywords[keyword(m.Keyword.Text)].arguments {
						t.Errorf("%q: %v has %d arguments", source, m.Keyword, len(m.Arguments))
					}
				}
			case *Include:
				check(append(s.Arguments, s.Keyword, s.Name)...)
			case *Macro:
				check(append(s.Parameters, s.Keyword, s.Name)...)
				walk(s.Body, at)
			case *Tag:
				check(s.Keyword, s.Name)
			case *Capability:
				check(s.Keyword, s.Name)
				walk(s.Body, at)
			}
		}
	}
	check(f.Comments...)
	walk(f.Statements, Span{Position{1, 1}, PositionOf(source, len(source))})
	sorted := func(a, b Error) int { return a.Span.Start.Compare(b.Span.Start) }
	if !slices.IsSortedFunc(f.Errors, sorted) || !slices.IsSortedFunc(f.Warnings, sorted) {
		t.Errorf("%q: errors or warnings are not in order: %s, %s", source, summary(f.Errors), summary(f.Warnings))
	}
}

func TestNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"acept": "accept", "DORP": "drop", "dpotr": "dport", "ipprotcol": "ipprotocol", "ehtertpye": "ethertype",
		"foo": "", "x": "", "true": "", "": "", strings.Repeat("accept", 100): "", "acc\xffept": "",
	} {
		if got := Nearest(typed, slices.Values(slices.Concat(statementWords, matchWords))); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"ssh":                         `"ssh"`,
		"\x00\x1b[31m\u202e":          `"\x00\x1b[31m\u202e"`,
		strings.Repeat("é", 1000):     `"` + strings.Repeat("é", 20) + `…"`,
		strings.Repeat("a", 41):       `"` + strings.Repeat("a", 40) + `…"`,
		"a" + strings.Repeat("é", 30): `"a` + strings.Repeat("é", 19) + `…"`,
	} {
		if got := (Token{Text: text}).String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
