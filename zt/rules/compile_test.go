package rules

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// vector is a case of testdata/rules-language.json.
type vector struct {
	Name   string
	Source string
	Quirk  string
	OK     bool
	Output json.RawMessage
	Error  vectorError
	Strict *struct {
		OK     bool
		Output json.RawMessage
		Error  struct {
			Line, Column int
			Category     string
		}
	}
}

type vectorError struct {
	Line, Column, Column1 int
	Category              string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/rules-language.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// strictly is what strict mode answers to a vector.
func (v *vector) strictly() (ok bool, output json.RawMessage, line, column int, category string) {
	if s := v.Strict; s != nil {
		return s.OK, s.Output, s.Error.Line, s.Error.Column, s.Error.Category
	}
	return v.OK, v.Output, v.Error.Line, v.Error.Column1, v.Error.Category
}

func firstError(diagnostics []Diagnostic) Diagnostic {
	for _, d := range diagnostics {
		if d.Severity == SeverityError {
			return d
		}
	}
	return Diagnostic{}
}

func TestStrictVectors(t *testing.T) {
	cases := vectors(t)
	if len(cases) != 390 {
		t.Fatalf("%d vectors", len(cases))
	}
	for _, v := range cases {
		t.Run(v.Name, func(t *testing.T) {
			ok, output, line, column, category := v.strictly()
			p, diagnostics := Compile(v.Source, Strict)
			if (p != nil) != ok {
				t.Fatalf("compiled: %v, want %v: %v", p != nil, ok, firstError(diagnostics))
			}
			if !ok {
				if d := firstError(diagnostics); d.Line != line || d.Column != column || d.Code != category {
					t.Errorf("%d:%d %s, want %d:%d %s", d.Line, d.Column, d.Code, line, column, category)
				}
				return
			}
			got, err := json.Marshal(&p.Set)
			if err != nil {
				t.Fatal(err)
			}
			if !sameJSON(t, got, output) {
				t.Errorf("%s\nwant %s", got, output)
			}
			if _, _, err := p.Tables(); err != nil {
				t.Error(err)
			}
			if len(p.Origins) != len(p.Rules) || len(p.CapabilityOrigins) != len(p.Capabilities) {
				t.Error("origins are missing")
			}
		})
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(left, right)
}
