package cli

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
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
	var shown strings.Builder
	c := &cobra.Command{}
	c.SetOut(&shown)
	if err := printJSON(c, "\x1b[2J\u009b\u202eä"); err != nil || shown.String() != `"\u001b[2J\u009b\u202eä"`+"\n" {
		t.Errorf("%q %v", shown.String(), err)
	}
	shown.Reset()
	if _, err := io.WriteString(tame(&shown), "accept;\r\n\t# \x1b[2J\u009b\u202eä"); err != nil || shown.String() != "accept;\r\n\t# \uFFFD[2J\uFFFD\uFFFDä" {
		t.Errorf("%q %v", shown.String(), err)
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

// A text can be read even if the tables beside it cannot.
func TestTextBesideStrangeTables(t *testing.T) {
	rulesServer(t, networkWithRules("accept;", `{"type":"ACTION_DANCE"}`))
	code, out, errOut := run("rules", "get", oneNetworkID)
	if code != exitDone || out != "accept;" || !strings.Contains(errOut, "warning: the rules of office cannot be read") {
		t.Errorf("status %d %q %q", code, out, errOut)
	}
	refused(t, exitFailed, "the rules of office cannot be read", "rules", "get", oneNetworkID, "--from-tables")
	refused(t, exitFailed, "the rules of office cannot be read", "rules", "set", oneNetworkID, programFile(t, "accept;"), "--yes")
}

func compiled(t *testing.T, text string) *rules.Program {
	t.Helper()
	p, found := rules.Compile(text, rules.Strict)
	if p == nil {
		t.Fatal(found)
	}
	return p
}

// impactOn is what a change of rules means for members that all have an address.
func impactOn(t *testing.T, before, after string, actors ...actor) *impact {
	t.Helper()
	network := &client.Network{ID: oneNetworkID}
	for i := range actors {
		if actors[i].trace.Addresses == nil {
			actors[i].trace.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)})}
		}
	}
	labelActors(actors)
	i, err := compareRules(&storedRules{network, program{"office", before}, &compiled(t, before).Set}, "x.rules", after, compiled(t, after), actors)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Who keeps a default that changes is judged by its value before and after, and
// who has a value of its own is not touched.
func TestChangedDefaultsAreFollowed(t *testing.T) {
	const program = "tag t id 1 default %d; drop tseq t 5; accept;"
	actors := func() []actor {
		return []actor{
			{label: "default", trace: trace.Member{Node: 1}},
			{label: "own", trace: trace.Member{Node: 2}, tags: []memberTag{{id: 1, value: 4}}},
			{label: "unset", trace: trace.Member{Node: 3}, tags: []memberTag{{id: 1, unset: true}}},
		}
	}
	closes := impactOn(t, fmt.Sprintf(program, 4), fmt.Sprintf(program, 5), actors()...)
	all := strings.Join(closes.flows, "\n")
	if !strings.Contains(all, "  default → own") || !strings.Contains(all, "  default → unset") || strings.Contains(all, "  own → unset") || strings.Contains(all, "among own") {
		t.Errorf("%s", all)
	}
	if !slices.Contains(closes.losses, "something that works stops working") || closes.rules != nil {
		t.Errorf("%q %q", closes.losses, closes.rules)
	}
	if opens := impactOn(t, fmt.Sprintf(program, 5), fmt.Sprintf(program, 4), actors()...); len(opens.losses) > 0 || !strings.Contains(strings.Join(opens.flows, "\n"), "dropped → accepted") {
		t.Errorf("%q %q", opens.losses, opens.flows)
	}
}

// Rules of a table that was empty are shown once, and a capability that members get
// or get no more is shown though no rule changes.
func TestImpactOnTables(t *testing.T) {
	if i := impactOn(t, "", "accept;"); !slices.Equal(i.rules, []string{"base rules:", "  + accept  (line 1)"}) {
		t.Errorf("%q", i.rules)
	}
	const program = "cap x id 1 %s accept; ; break;"
	is, isNot := fmt.Sprintf(program, "default"), fmt.Sprintf(program, "")
	for want, texts := range map[string][2]string{
		"  ~ capability x (id 1): given to members at their first authorization from now on":     {isNot, is},
		"  ~ capability x (id 1): not given to members at their first authorization from now on": {is, isNot},
	} {
		if i := impactOn(t, texts[0], texts[1]); !slices.Equal(i.names, []string{want}) {
			t.Errorf("%q, want %q", i.names, want)
		}
	}
}

// Members without an address take part in no flow of IP. What they lose cannot be
// found, so somebody is asked; but not for members that never joined.
func TestWhatCannotBeTriedIsAsked(t *testing.T) {
	for _, seen := range []bool{true, false} {
		i := impactOn(t, "accept;", "accept; accept;",
			actor{label: "a", trace: trace.Member{Node: 1}}, actor{label: "b", seen: seen, trace: trace.Member{Node: 2, Addresses: []netip.Addr{}}})
		want := []string{"what members without an address do over IP could not be tried: b"}
		if seen != slices.Equal(i.losses, want) || seen != strings.Contains(i.tried, "have no address: b.") {
			t.Errorf("seen %t: %q %q", seen, i.losses, i.tried)
		}
	}
}

// What changes is told without the text to who sets it, and in any case.
func TestImpactWithoutChangesOfRules(t *testing.T) {
	for _, x := range []struct{ before, after, diff, set string }{
		{"accept;\n", "#\naccept;\n", "--- office\n+++ x.rules\n@@ -1 +1,2 @@\n+#\n accept;\n\nThe rules stay the same; only their text changes.\n", "The rules stay the same; only their text changes.\n"},
		{"accept;\n", "accept;\r\n", "The rules stay the same; only the form changes in which they are stored.\n", "The rules stay the same; only the form changes in which they are stored.\n"},
	} {
		i := impactOn(t, x.before, x.after)
		for withText, want := range map[bool]string{true: x.diff, false: x.set} {
			var out strings.Builder
			if err := i.write(&out, withText); err != nil || out.String() != want {
				t.Errorf("%q, want %q (%v)", out.String(), want, err)
			}
		}
	}
}

// The guide explains every code of a warning, and no others.
func TestGuideHasAllWarnings(t *testing.T) {
	codes := func(pattern string, files ...string) []string {
		found := make(map[string]bool)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
				found[string(match[1])] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	var sources []string
	for _, folder := range []string{"", "syntax"} {
		files, err := filepath.Glob(filepath.Join("../../zt/rules", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })...)
	}
	made, told := codes(`"([WI]_[A-Z_]+)"`, sources...), codes("(?m)^\\| `([WI]_[A-Z_]+)` \\|", "../../docs/rules.md")
	if len(made) < 20 || !slices.Equal(made, told) {
		t.Errorf("there are\n%q, explained are\n%q", made, told)
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
