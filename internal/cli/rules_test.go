package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// programFile writes a program into a file of its own.
func programFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.rules")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLongPrograms(t *testing.T) {
	most := "accept;\n#" + strings.Repeat("x", maxProgram-9)
	if out := must(t, "rules", "check", programFile(t, most)); !strings.Contains(out, "no mistakes found") {
		t.Error(out)
	}
	long := programFile(t, most+"x")
	for _, command := range []string{"check", "format", "compile"} {
		refused(t, exitFailed, "is longer than 1 MiB, which is the most", "rules", command, long)
	}
	refused(t, exitFailed, "is longer than 16 MiB, which is the most", "rules", "decompile", programFile(t, strings.Repeat(" ", maxTables+1)))
	wide := programFile(t, strings.Repeat("accept dport x; ", maxProgram/16)) // in one line
	begun := time.Now()
	code, out, _ := run("rules", "check", wide)
	if lines := strings.Count(out, "\n"); code != exitFailed || lines > 6*rules.MaxDiagnostics || len(out) > 1000*lines {
		t.Errorf("status %d, %d bytes in %d lines", code, len(out), lines)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

// What a program says does not reach the terminal as it is.
func TestProgramsArePrintable(t *testing.T) {
	_, out, errOut := run("rules", "check", programFile(t, "accept \x1b[2J\u2028 dport 1;\naccept dport \x1b]0;x\a;"))
	if text := out + errOut; strings.ContainsAny(text, "\x1b\a\u2028") || !strings.Contains(text, "error") {
		t.Errorf("%q", text)
	}
}

func TestExcerpts(t *testing.T) {
	far := strings.Repeat("a", 300)
	for _, x := range []struct {
		line        string
		begin, end  int
		shown, mark string
	}{
		{"accept dport ssh;", 14, 17, "accept dport ssh;", "             ^~~"},
		{"\t\taccept;", 3, 9, "accept;", "^~~~~~"},
		{"\tx\taccept;", 4, 10, "x  accept;", "   ^~~~~~"},
		{"日本 accept;", 4, 10, "日本 accept;", "     ^~~~~~"},
		{"accept", 7, 7, "accept", "      ^"},
		{"accept", 99, 3, "accept", "      ^"},
		{"accept dport", 8, 0, "accept dport", "       ^~~~~"},
		{far + "b" + far, 301, 302, "…" + far[:40] + "b" + far[:59] + "…", strings.Repeat(" ", 41) + "^"},
		{far, 1, 301, far[:60] + "…", "^" + strings.Repeat("~", 60)},
		{"", 1, 1, "", "^"},
	} {
		if shown, mark := excerpt(x.line, x.begin, x.end); shown != x.shown || mark != x.mark {
			t.Errorf("%q %d to %d:\n%q\n%q\nwant\n%q\n%q", x.line, x.begin, x.end, shown, mark, x.shown, x.mark)
		}
	}
}

// A file is replaced as a whole, and is still what it was: readable for the same
// people, and behind the same link.
func TestFormatInPlace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes and links are others there")
	}
	file := programFile(t, "accept  ;")
	link := filepath.Join(t.TempDir(), "link.rules")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	must(t, "rules", "format", "-w", link)
	text, err := os.ReadFile(file)
	info, statErr := os.Lstat(link)
	target, targetErr := os.Stat(file)
	if err != nil || statErr != nil || targetErr != nil || string(text) != "accept;\n" || info.Mode()&os.ModeSymlink == 0 || target.Mode().Perm() != 0o640 {
		t.Errorf("%q %v %v %v", text, err, info, target)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("left %v %v", left, err)
	}
	if os.Getuid() == 0 {
		return // to whom a folder is never closed
	}
	if err := os.WriteFile(file, []byte("drop  ;"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(file), 0o500); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, "write ", "rules", "format", "-w", file)
}

// rulesServer has one network, of which every read may be another one, and takes
// changes.
func rulesServer(t *testing.T, reads ...string) (changes *[]string) {
	t.Helper()
	changes = new([]string)
	count := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/network/"+oneNetworkID); {
		case r.Method == http.MethodPost:
			body, _ := io.ReadAll(r.Body)
			*changes = append(*changes, string(body))
			fmt.Fprintf(w, `{"id":%q,%s`, oneNetworkID, body[1:])
		case path == "":
			_, _ = io.WriteString(w, reads[min(count, len(reads)-1)])
			count++
		case path == "/member":
			_, _ = io.WriteString(w, "[]")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("ORRERY_URL", s.URL)
	t.Setenv("ORRERY_TOKEN", hostedToken)
	return changes
}

func networkWithRules(source, rules string) string {
	return fmt.Sprintf(`{"id":%q,"rulesSource":%q,"config":{"name":"office","rules":[%s],"tags":[],"capabilities":[]}}`, oneNetworkID, source, rules)
}

// What somebody else did after the differences were looked at is not undone.
func TestRulesOfOthersStay(t *testing.T) {
	const accept, drop = `{"type":"ACTION_ACCEPT"}`, `{"type":"ACTION_DROP"}`
	file := programFile(t, "drop dport 23;\naccept;\n")
	before := networkWithRules("accept;", accept)
	for what, meanwhile := range map[string]string{
		"text":   networkWithRules("accept; # mine", accept),
		"tables": networkWithRules("accept;", drop),
		"names":  strings.Replace(before, `"config"`, `"tagsByName":{"x":{"id":1}},"config"`, 1),
	} {
		changes := rulesServer(t, before, before, meanwhile)
		code, _, errOut := run("rules", "set", oneNetworkID, file)
		if code != exitFailed || !strings.Contains(errOut, "somebody changed the rules of office just now; nothing was changed") || len(*changes) > 0 {
			t.Errorf("%s: status %d %q, sent %q", what, code, errOut, *changes)
		}
	}
	changes := rulesServer(t, before)
	must(t, "rules", "set", oneNetworkID, file)
	want := `{"capabilitiesByName":{},"config":{"capabilities":[],"rules":[{"end":23,"not":false,"or":false,"start":23,"type":"MATCH_IP_DEST_PORT_RANGE"},` +
		`{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"tags":[]},"rulesSource":"drop dport 23;\naccept;\n","tagsByName":{}}`
	if !slices.Equal(*changes, []string{want}) {
		t.Errorf("sent %q", *changes)
	}
}

// A text of a server is written as it is, and not to a terminal.
func TestStoredTextIsExact(t *testing.T) {
	text := "accept; # \x1b[31m\r\n\t\u2028ä\n\n"
	rulesServer(t, networkWithRules("", `{"type":"ACTION_ACCEPT"}`), strings.Replace(networkWithRules("TEXT", `{"type":"ACTION_ACCEPT"}`), "TEXT", `accept; # \u001b[31m\r\n\t\u2028ä\n\n`, 1))
	if out := must(t, "rules", "get", oneNetworkID); out != text {
		t.Errorf("%q", out)
	}
	if _, out, _ := run("rules", "diff", oneNetworkID, programFile(t, "accept;\n")); strings.ContainsAny(out, "\x1b\r\u2028") || !strings.Contains(out, "-accept; # ") {
		t.Errorf("%q", out)
	}
}

// Who keeps a default that changes is judged by its value before and after, and
// who has a value of its own is not touched.
func TestChangedDefaultsAreFollowed(t *testing.T) {
	compile := func(text string) *rules.Program {
		p, found := rules.Compile(text, rules.Strict)
		if p == nil {
			t.Fatal(found)
		}
		return p
	}
	const program = "tag t id 1 default %d; drop tseq t 5; accept;"
	before, after := compile(fmt.Sprintf(program, 4)), compile(fmt.Sprintf(program, 5))
	actors := []actor{{trace: trace.Member{Node: 1}}, {trace: trace.Member{Node: 2}, tags: []memberTag{{id: 1, value: 4}}}, {trace: trace.Member{Node: 3}, tags: []memberTag{{id: 1, unset: true}}}}
	moved, members := apart(&before.Set, &after.Set, actors)
	id := uint32(moved.Rules[0].ID)
	if id == 1 || after.Rules[0].ID != 1 {
		t.Fatalf("the tag is %d after, and %d in the program", id, after.Rules[0].ID)
	}
	for i, want := range []map[uint32]uint32{{1: 4, id: 5}, {1: 4, id: 4}, {}} {
		if got := members[i].Tags; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("member %d has %v, want %v", i, got, want)
		}
	}
	same, _ := apart(&before.Set, &before.Set, actors)
	if same.Rules[0].ID != 1 {
		t.Error("a tag whose default stays has another id")
	}
}

func TestLabelsTellMembersApart(t *testing.T) {
	var actors []actor
	for i, name := range []string{"alice", "laptop", "laptop", "", "dave", "eve"} {
		actors = append(actors, actor{label: name, trace: trace.Member{Node: zt.Address(0x8a9d09e440 + uint64(i))}})
	}
	labelActors(actors)
	for want, indexes := range map[string][]int{
		"nobody":         nil,
		"alice":          {0},
		"alice and dave": {0, 4},
		"laptop (8a9d09e441) and laptop (8a9d09e442)":                {1, 2},
		"alice, 8a9d09e443, dave and eve":                            {0, 3, 4, 5},
		"alice, laptop (8a9d09e441), laptop (8a9d09e442) and 3 more": {0, 1, 2, 3, 4, 5},
	} {
		if got := labels(actors, indexes); got != want {
			t.Errorf("%v is %q, want %q", indexes, got, want)
		}
	}
}
