package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
)

// readPlainly is decodeMember without its second way.
func readPlainly(text string) (m model.Member, whole bool) {
	d := document{all: text}
	d.member(&m)
	return m, d.whole()
}

// agree fails if a text that is read plainly means something else to
// encoding/json.
func agree(t interface {
	Helper()
	Errorf(format string, arguments ...any)
}, text string) (plain bool) {
	t.Helper()
	got, plain := readPlainly(text)
	if !plain {
		return false
	}
	var want model.Member
	if err := json.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nis read as %+v,\nbut it is  %+v: %v", text, got, want, err)
	}
	return true
}

func TestEveryMemberDocumentIsReadPlainly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw[model.Member](t)
		text, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, text) {
			t.Errorf("not read plainly: %s", text)
		}
	})
}

// Documents with a few bytes changed are read as they are or not plainly.
func TestAlmostMemberDocuments(t *testing.T) {
	pieces := []string{"", "", `"`, `\`, `\u00`, "0", "-", "1e3", ".5", "null", "true", "{", "}", "[", "]", ",", ",,", ":", " ", "\x00", "\xff", "ü", `"name":"b",`}
	rapid.Check(t, func(t *rapid.T) {
		text, err := encode(draw[model.Member](t))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			end := min(len(text), at+rapid.IntRange(0, 3).Draw(t, "length"))
			agree(t, text[:at]+rapid.SampledFrom(pieces).Draw(t, "piece")+text[end:])
		}
	})
}

// memberDocument is a document with something in every field.
const memberDocument = `{"networkId":"8056c2e21c000001","nodeId":"8056c2e21c","name":"a","description":"ü \"b\" \u2028","hidden":false,` +
	`"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":["10.0.0.1","","fd00::1%eth0"],` +
	`"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}],"capabilities":[1,4294967295],"identity":"8056c2e21c:0:00",` +
	`"remoteTraceTarget":"8056c2e21d","remoteTraceLevel":-1,"creationTime":1760000000000,"lastAuthorizedTime":0,` +
	`"lastDeauthorizedTime":0,"authorizedBy":"api","deletedTime":5,"revision":18446744073709551615}`

func TestMemberDocumentsOfOthers(t *testing.T) {
	if !agree(t, memberDocument) {
		t.Error("not read plainly")
	}
	// What an earlier program may have written, or a later one.
	for text, want := range map[string]model.Member{
		`{}`:                               {},
		` {"name":"a","revision":3}`:       {Name: "a", Revision: 3},
		`{"revision":3,"name":"a"}`:        {Name: "a", Revision: 3},
		`{"name":"a","color":["blue",{}]}`: {Name: "a"},
	} {
		if m, err := decodeMember(text); err != nil || !reflect.DeepEqual(*m, want) {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	for was, is := range map[string][]string{
		`"name":"a"`:                 {"\"name\":\"\x00\"", "\"name\":\"\xff\"", `"name":"\ud800"`, `"name":"\x"`, `"name":a`, `"name":"\"`},
		`"nodeId":"8056c2e21c"`:      {`"nodeId":"8056C2E21C"`, `"nodeId":"\u0038056c2e21c"`, `"nodeId":""`, `"nodeId":"ff00000000"`},
		`"capabilities":[1`:          {`"capabilities":[01`, `"capabilities":[1,`, `"capabilities":[,1`, `"capabilities":[1 `, `"capabilities":[-0`},
		`"tags":[`:                   {`"tags":[null,`, `"tags":[{},`, `"tags":{`, `"tags":[{"id":4294967296,"value":1},`},
		`"creationTime":1760`:        {`"creationTime":01760`, `"creationTime":-01760`, `"creationTime":-1760`, `"creationTime":1e1760`},
		`"hidden":false`:             {`"hidden":true`, `"hidden":null`, `"hidden":falsee`},
		`"10.0.0.1"`:                 {`"10.0.0.01"`, `"10.0.0.1/8"`, `"::ffff:10.0.0.1"`, `null`},
		`"deletedTime":5`:            {`"deletedTime":0`, `"deletedTime":5.0`, `"deletedTime":`},
		`"remoteTraceLevel":-1`:      {`"remoteTraceLevel":9223372036854775808`, `"remoteTraceLevel":-`},
		`"revision":184467440737095`: {`"revision":9184467440737095`, `"revision":-184467440737095`},
	} {
		for _, is := range is {
			text := strings.Replace(memberDocument, was, is, 1)
			if text == memberDocument {
				t.Errorf("%s is not in the document", was)
			}
			agree(t, text)
		}
	}
	for _, text := range []string{``, `{`, `[]`, memberDocument + "x", memberDocument[:len(memberDocument)-1], `{"name":1}`} {
		if m, err := decodeMember(text); err == nil {
			t.Errorf("%s: %+v", text, m)
		}
	}
}

func FuzzMemberDocument(f *testing.F) {
	f.Add(memberDocument)
	f.Add(`{"networkId":"8056c2e21c000001","nodeId":"8056c2e21c","name":"\ud800\\","description":"` + "\xff\x00" + `","hidden":false,` +
		`"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":null,"tags":[],` +
		`"capabilities":[01],"creationTime":-0,"lastAuthorizedTime":1e3,"lastDeauthorizedTime":-,"revision":9223372036854775808}`)
	f.Fuzz(func(t *testing.T, text string) { agree(t, text) })
}
