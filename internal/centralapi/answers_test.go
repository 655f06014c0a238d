package centralapi

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// checkAnswer holds an answer of any test against what all answers have in
// common.
func (w *world) checkAnswer(request *http.Request, r reply) {
	w.Helper()
	method, path := request.Method, request.URL.EscapedPath()
	fault := func(format string, args ...any) {
		w.Helper()
		w.Errorf("%s %s: %s", method, path, fmt.Sprintf(format, args...))
	}
	if r.header.Get("X-Request-Id") == "" {
		fault("no request id")
	}
	if r.header.Get("Access-Control-Allow-Origin") != "*" {
		fault("no Access-Control-Allow-Origin")
	}
	if r.status >= 300 && r.status < 400 {
		fault("is redirected")
	}
	if method == http.MethodOptions {
		return
	}
	got := r.header.Get("Content-Type")
	if strings.HasPrefix(got, "text/csv;") && request.Header.Get("Accept") != "" {
		if _, err := csv.NewReader(strings.NewReader(r.body)).ReadAll(); err != nil {
			fault("%v: %s", err, r.body)
		}
		return
	}
	if got != "application/json" {
		fault("Content-Type %q", got)
	}
	if r.status >= 400 && leaks.MatchString(r.body) {
		fault("shows something of the inside: %s", r.body)
	}
	if err := checkCompact(r.body); err != nil {
		fault("%v: %s", err, r.body)
	}
	if err := checkForAllReaders(r.body); err != nil {
		fault("%v", err)
	}
	if err := checkContract(method, path, r); err != nil {
		fault("%v", err)
	}
}

// checked is the API for clients over a socket, whose answers are looked at like
// all others.
func (w *world) checked() http.Handler {
	return http.HandlerFunc(func(to http.ResponseWriter, request *http.Request) {
		r := w.send(request)
		maps.Copy(to.Header(), r.header)
		to.WriteHeader(r.status)
		_, _ = io.WriteString(to, r.body)
	})
}

// leaks are words that only texts of the inside have.
var leaks = regexp.MustCompile(`(?i)sqlite|\bsql\b|json: |strconv|unmarshal|goroutine|\.go:|looking for beginning`)

// checkCompact demands one line without spaces between values, with the escapes
// that web pages need.
func checkCompact(body string) error {
	if strings.ContainsAny(body, "\n<>&") {
		return fmt.Errorf("has a line end, or <, > or &")
	}
	inString := false
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '"':
			inString = !inString
		case inString && body[i] == '\\':
			i++
		case !inString && body[i] == ' ':
			return fmt.Errorf("has a space between values")
		}
	}
	return nil
}

// checkForAllReaders refuses what PowerShell cannot read, names that are empty
// or differ only in case, and numbers that JavaScript gets wrong. It works on the
// text, where names can come twice.
func checkForAllReaders(body string) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	return walkJSON(d, "answer")
}

func walkJSON(d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("%s: not JSON: %w", path, err)
	}
	switch token := token.(type) {
	case json.Number:
		if number, err := token.Float64(); err != nil || math.Abs(number) >= 1<<53 {
			return fmt.Errorf("%s: the number %s is not below 2^53", path, token)
		}
	case json.Delim:
		var names []string
		for i := 0; d.More(); i++ {
			inner := fmt.Sprintf("%s[%d]", path, i)
			if token == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				inner = fmt.Sprintf("%s.%s", path, name)
				for _, other := range names {
					if strings.EqualFold(other, name.(string)) {
						return fmt.Errorf("%s: there is %q already", inner, other)
					}
				}
				if names = append(names, name.(string)); name == "" {
					return fmt.Errorf("%s: an empty name", path)
				}
			}
			if err := walkJSON(d, inner); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func TestReadersAreThoughtOf(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":1,"b":{"a":9007199254740991}}`: true, `[{"a":1},{"A":1}]`: true,
		`{"a":1,"A":2}`: false, `{"x":[{"a":1,"a":2}]}`: false, `{"":1}`: false, `[9007199254740993]`: false, `[-1e300]`: false, `{`: false,
	} {
		if err := checkForAllReaders(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{`{"a b":"c \" d"}`: true, `{"a": 1}`: false, `{"a":"<"}`: false, "{}\n": false} {
		if err := checkCompact(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
