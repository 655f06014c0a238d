package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// manyMembers is a server with networks of so many members, one of which it does
// not send to the end.
func manyMembers(t *testing.T, members []int, broken int, meanwhile func()) (url string) {
	t.Helper()
	api := http.NewServeMux()
	network := func(n int) string {
		return fmt.Sprintf(`{"id":"8056c2e21c%06x","totalMemberCount":%d,"config":{"name":"network %d"}}`, n, members[n], n)
	}
	api.HandleFunc("GET /api/v1/network", func(w http.ResponseWriter, _ *http.Request) {
		var all []string
		for n := range members {
			all = append(all, network(n))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(all, ","))
	})
	api.HandleFunc("GET /api/v1/network/{id}/member", func(w http.ResponseWriter, r *http.Request) {
		var n int
		id := r.PathValue("id")
		if _, err := fmt.Sscanf(id[10:], "%x", &n); err != nil {
			t.Error(err)
		}
		separator := "["
		for i := range members[n] {
			if n == broken && i == members[n]/2 {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprintf(w, `%s{"id":"%s-%010x","networkId":"%s","nodeId":"%010x","name":"member %d","lastSeen":1691078701874,"description":"%s",`+
				`"config":{"authorized":true,"ipAssignments":["10.%d.%d.%d"]}}`, separator, id, i+1, id, i+1, i, strings.Repeat("x", 500), i>>16, i>>8&255, i&255)
			separator = ","
			if i%20_000 == 0 && meanwhile != nil {
				meanwhile()
			}
		}
		fmt.Fprint(w, "]")
	})
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	return s.URL
}

// TestExportIsWholeOrNot has a server that fails in the second of three networks.
func TestExportIsWholeOrNot(t *testing.T) {
	url := manyMembers(t, []int{3, 2000, 3}, 1, nil)
	for _, name := range []string{"m.csv", "m.json", "m.xlsx", "m.db", "m.yml"} {
		folder := t.TempDir()
		file := filepath.Join(folder, name)
		args := []string{"member", "export", "--url", url, "--token", "secret", "--to", file}
		check := func(before []byte) {
			t.Helper()
			status, out, errOut := run(append(args, "--all-networks")...)
			if status != exitFailed || out != "" || !strings.Contains(errOut, "; nothing was written to "+file) {
				t.Errorf("%s: status %d: %s%s", name, status, out, errOut)
			}
			if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
				t.Errorf("%s: the file has changed", name)
			}
		}
		check(nil)
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s: there is %v, %v", name, left, err)
		}
		if status, _, errOut := run(append(args, "network 0", "network 2")...); status != exitDone || !strings.Contains(errOut, "exported 6 members of 2 networks to "+file) {
			t.Fatalf("%s: status %d: %s", name, status, errOut)
		}
		before, err := os.ReadFile(file)
		if err != nil || len(before) == 0 {
			t.Fatal(err)
		}
		check(before)
	}
}

// TestPruneNeedsSomethingThatIsLeft has a server that suddenly shows nothing, as
// to a token with less rights.
func TestPruneNeedsSomethingThatIsLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.db")
	members := []string{"member", "export", "--all-networks", "--token", "secret", "--to", file, "--url"}
	if status, _, errOut := run(append(members, manyMembers(t, []int{2}, -1, nil))...); status != exitDone {
		t.Fatalf("status %d: %s", status, errOut)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	nothing := manyMembers(t, nil, -1, nil)
	for _, args := range [][]string{
		append(members, nothing, "--prune"),
		{"network", "export", "--token", "secret", "--to", file, "--url", nothing, "--prune"},
	} {
		if status, _, errOut := run(args...); status != exitFailed || !strings.HasPrefix(errOut, "orrery: the server shows no network at all") {
			t.Errorf("status %d: %s", status, errOut)
		}
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("the database has changed")
	}
	status, _, errOut := run(append(members, manyMembers(t, []int{1}, -1, nil), "--prune")...)
	if want := "exported 1 member of 1 network to " + file + "\ndeleted 1 row there that the export does not have\n"; status != exitDone || errOut != want {
		t.Errorf("status %d: %s\nwant %s", status, errOut, want)
	}
}

// TestExportStreams looks at what lives while 100 000 members pass, 60 MB of JSON.
func TestExportStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	var peak uint64
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	url := manyMembers(t, []int{100_000}, -1, func() { peak = max(peak, live()) })
	file := filepath.Join(t.TempDir(), "members.csv")
	if status := Main([]string{"member", "export", "--all-networks", "--url", url, "--token", "secret", "--to", file}, io.Discard, io.Discard); status != exitDone {
		t.Fatalf("status %d", status)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(content, []byte("\r\n")); lines != 100_001 {
		t.Errorf("%d lines", lines)
	}
	if grown := max(peak, before) - before; grown > 8<<20 {
		t.Errorf("%d bytes live", grown)
	}
}
