package original

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// program is a case of the vectors.
type program struct {
	Name, Source string
	OK           bool
	Output       json.RawMessage
	Error        struct {
		Line, Column int
		Category     string
	}
}

func programs(t testing.TB) []program {
	t.Helper()
	data, err := os.ReadFile("../testdata/rules-language.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []program }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Cases) != 390 {
		t.Fatalf("%d cases; the vectors have 390", len(vectors.Cases))
	}
	return vectors.Cases
}

func TestVectors(t *testing.T) {
	for _, c := range programs(t) {
		set, err := Compile(c.Source)
		if !c.OK {
			var got *Error
			if !errors.As(err, &got) {
				t.Errorf("%s: compiles", c.Name)
			} else if got.Line != c.Error.Line || got.Column != c.Error.Column || got.Category != c.Error.Category {
				t.Errorf("%s: %d:%d %s, want %d:%d %s", c.Name, got.Line, got.Column, got.Category, c.Error.Line, c.Error.Column, c.Error.Category)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		var got, want any
		if json.Unmarshal(text, &got) != nil || json.Unmarshal(c.Output, &want) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", c.Name, text, c.Output)
		}
	}
}
