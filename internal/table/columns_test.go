package table

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// networkText and memberText have each sort of value.
const (
	networkText = `{"id":"a1b2c3d4e5000001","config":{"name":"home","creationTime":1767225600123,"mtu":2800,"private":true,"description":"inner",
		"routes":[{"target":"10.9.0.0/24"},{"target":"0.0.0.0/0","via":"10.9.0.1"}],"ipAssignmentPools":[{"ipRangeStart":"10.9.0.1","ipRangeEnd":"10.9.0.254"}],
		"dns":{"domain":"home.example","servers":["10.9.0.1","10.9.0.2"]},"a.b":{"c]":7},"tags":[[1,2]]},"description":null,"totalMemberCount":3,"tagsByName":{}}`
	memberText = `{"id":"a1b2c3d4e5000001-66a5132aaf","name":"alice's \"laptop\"","config":{"authorized":false,"ipAssignments":["10.9.0.7","fd00::7"]},
		"ipAssignments":["10.9.0.9"],"lastSeen":0,"physicalAddress":null}`
)

func decode(tb testing.TB, text string) Object {
	tb.Helper()
	o, err := Decode([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestDocumentedColumns(t *testing.T) {
	names := func(columns []Column) string {
		var names []string
		for _, c := range columns {
			names = append(names, c.Name)
		}
		return strings.Join(names, ",")
	}
	if got := names(Networks()); got != "id,name,description,totalMemberCount,creationTime,ipRangeStart,ipRangeEnd" {
		t.Error(got)
	}
	if got := names(Members()); got != "id,lastSeen,physicalAddress,ipAssignment,name" {
		t.Error(got)
	}
}

func TestParsedColumnsFindValues(t *testing.T) {
	for spec, want := range map[string]string{
		"id":                          "a1b2c3d4e5000001",
		"NAME":                        "home",
		"description":                 "inner", // null above, so the one in config
		"creationtime":                "1767225600123",
		"ipRangeStart":                "10.9.0.1",
		"mtu":                         "2800",
		"config.mtu":                  "2800",
		"routes[1].via":               "10.9.0.1",
		"config.routes[1].target":     "0.0.0.0/0",
		"routes[2].target":            "",
		"routes[0].via":               "",
		"routes.target":               "",
		"mtu[0]":                      "",
		"mtu.x":                       "",
		"id.x":                        "",
		"private":                     "true",
		"dns.servers":                 "10.9.0.1 10.9.0.2",
		"dns.domain":                  "home.example",
		"tagsByName":                  "{}",
		"tags":                        "[[1,2]]",
		"routes[0]":                   `{"target":"10.9.0.0/24"}`,
		"nothing":                     "",
		"config.nothing[3].x":         "",
		`config["a.b"]["c]"]`:         "7",
		`["a.b"]["c]"]`:               "7",
		`["config"].mtu`:              "2800",
		`["\u0069d"]`:                 "a1b2c3d4e5000001",
		"The name, of it=config.name": "",
		"The name of it=config.name":  "home",
		"x=name":                      "home",
		` x = ["config"]["name"] `:    "home",
	} {
		columns, err := ParseColumns(spec, Networks())
		if spec == "The name, of it=config.name" {
			if err == nil || !strings.Contains(err.Error(), `"The name"`) {
				t.Errorf("%s: %v", spec, err)
			}
			continue
		}
		if err != nil || len(columns) != 1 {
			t.Errorf("%s: %d columns, %v", spec, len(columns), err)
			continue
		}
		if got := columns[0].Text(decode(t, networkText), Milliseconds); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

func TestNamesAndKindsOfParsedColumns(t *testing.T) {
	columns, err := ParseColumns(`ID, at=creationTime,config.authorized,mtu,lastAuthorizedTime,["a,b=c"].enabled,x=config["mtu"]`, Networks())
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "at", Paths: []string{"config.creationTime"}, Kind: Time},
		{Name: "config.authorized", Paths: []string{"config.authorized"}, Kind: Bool},
		{Name: "mtu", Paths: []string{"mtu", "config.mtu"}, Kind: Number},
		{Name: "lastAuthorizedTime", Paths: []string{"lastAuthorizedTime", "config.lastAuthorizedTime"}, Kind: Time},
		{Name: `["a,b=c"].enabled`, Paths: []string{`["a,b=c"].enabled`, `config["a,b=c"].enabled`}, Kind: Bool},
		{Name: "x", Paths: []string{`config["mtu"]`}, Kind: Number},
	}
	if !slices.EqualFunc(columns, want, func(a, b Column) bool {
		return a.Name == b.Name && a.Kind == b.Kind && slices.Equal(a.Paths, b.Paths)
	}) {
		t.Errorf("got  %+v\nwant %+v", columns, want)
	}
}

func TestWrongColumnsAreNamed(t *testing.T) {
	for spec, part := range map[string]string{
		"":                                    "column 1 of 1 is empty",
		"id,,name":                            "column 2 of 3 is empty",
		"id,":                                 "column 2 of 2 is empty",
		"id,a..b":                             `"a..b"`,
		"a.":                                  "a dot is between",
		".a":                                  "a name is missing",
		"a[":                                  "number of a list's entry",
		"a[-1]":                               "number of a list's entry",
		"a[x]":                                "number of a list's entry",
		"a[1]b":                               "a dot is between",
		"a[99999999]":                         "number of a list's entry",
		"a]":                                  `["…"]`,
		"a b":                                 `["…"]`,
		`a["b`:                                `["a.b"]`,
		`a["b"`:                               `["a.b"]`,
		`a["\x"]`:                             `["a.b"]`,
		`a["b"]c`:                             "a dot is between",
		"=id":                                 "before the =",
		"x=":                                  "a name is missing",
		"id,ID":                               "twice",
		"x=name,x=id":                         "twice",
		"a\r\nb=id":                           "printable",
		"\x1b[2J=id":                          "printable",
		"\xff=id":                             "printable",
		"[\"\u202e\"]":                        "printable",
		strings.Repeat("a,", 100) + "a":       "101 columns",
		strings.Repeat("very long", 50) + "]": `…"`,
	} {
		if _, err := ParseColumns(spec, Networks()); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestDecodeTakesOneObject(t *testing.T) {
	for _, text := range []string{"", " ", "null", "[]", "1", `"a"`, "{", "{} {}", "{},", "{}]", `{"a":}`, `{'a':1}`, `{"a":01}`, `{"a":NaN}`, "\xef\xbb\xbf{}", "\u00a0{}", "{}\u2028", "\v{}",
		`{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}"} {
		if o, err := Decode([]byte(text)); err == nil || o != nil {
			t.Errorf("%.40q: %s", text, o)
		}
	}
	raw := []byte(" {\"a\\u0062\" : \"x\xff\xfey\", \"ab\":2}\r\n")
	o, err := Decode(raw)
	clear(raw)
	if err != nil || string(o) != "{\"a\\u0062\" : \"x\ufffdy\", \"ab\":2}" {
		t.Errorf("%s, %v", o, err)
	}
	if got := (Column{Paths: []string{"ab"}}).Value(o); got != "x\ufffdy" { // the first one counts
		t.Errorf("%v", got)
	}
}

// TestRecordedLists are answers of the hosted service.
func TestRecordedLists(t *testing.T) {
	for file, c := range map[string]struct {
		columns []Column
		want    string
	}{
		"network-list.json": {Networks(), "id,name,description,totalMemberCount,creationTime,ipRangeStart,ipRangeEnd\r\n" +
			"a1b2c3d4e5f60718,fervent_example,,1,1689164970409,10.147.17.1,10.147.17.254\r\n" +
			"a1b2c3d4e5c0443d,Example Gateway,gateway,5,1609407652789,192.168.195.1,192.168.195.254\r\n"},
		"member-list.json": {Members(), "id,lastSeen,physicalAddress,ipAssignment,name\r\n" +
			"a1b2c3d4e5f60718-0badc0ffee,1691078701874,203.0.113.7,10.147.17.9,tag none\r\n" +
			"a1b2c3d4e5f60718-1122334455,0,,10.147.17.168,name-22334455-ac\r\n" +
			"a1b2c3d4e5f60718-66a5132aaf,0,,10.147.17.168,\r\n" +
			"a1b2c3d4e5f60718-aa00bb11cc,1691078748000,198.51.100.23,,\r\n" +
			"a1b2c3d4e5f60718-efcc1b0947,1691078701874,203.0.113.7,10.147.17.31,bc\r\n"},
	} {
		text, err := os.ReadFile("../centralapi/testdata/fixtures/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		var objects []Object
		for _, raw := range list {
			objects = append(objects, decode(t, string(raw)))
		}
		if got := write(t, Options{Format: CSV, Columns: c.columns}, objects...); got != c.want {
			t.Errorf("%s:\n%s", file, got)
		}
	}
}

// write writes a list.
func write(tb testing.TB, o Options, objects ...Object) string {
	tb.Helper()
	var text strings.Builder
	list, err := NewWriter(&text, o)
	if err != nil {
		tb.Fatal(err)
	}
	for _, object := range objects {
		if err := list.Write(object); err != nil {
			tb.Fatal(err)
		}
	}
	if err := list.Close(); err != nil {
		tb.Fatal(err)
	}
	return text.String()
}
