package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/centralapi"
	"github.com/orrery-net/orrery/internal/gate"
)

// TestExamples runs the examples of docs/native-api.md, one after the other in
// one shell, and holds what they print against what the document says.
func TestExamples(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "" {
				t.Skipf("SKIPPED: the examples need %s (Debian: apt-get install bash curl jq)", tool)
			}
			t.Fatalf("the examples need %s", tool)
		}
	}
	document, err := os.ReadFile("../../docs/native-api.md")
	if err != nil {
		t.Fatal(err)
	}
	const next = "-- the next example --\n"
	var wants []string
	script := "set -euo pipefail\n"
	for _, part := range strings.Split(string(document), "```sh\n")[1:] {
		example, text, _ := strings.Cut(part, "```")
		script += example + "echo -n '" + next + "'\n"
		wants = append(wants, printed(text))
	}

	w := newWorld(t)
	w.tick(time.Now().UnixMilli() - testStart) // the examples have dates
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	both := http.NewServeMux()
	both.Handle(Base+"/", w.server.Handler)
	both.Handle("/api/v1/", centralapi.New(centralapi.Options{
		Service: w.service, Gate: gate.New(gate.Options{Service: w.service, Logger: logger}), Logger: logger,
	}))
	server := httptest.NewServer(both)
	defer server.Close()
	command := exec.Command("bash", "-c", script)
	command.Env = append(os.Environ(), "ORRERY="+server.URL+"/api/v1", "NATIVE="+server.URL+Base, "TOKEN="+w.names["token owner"])
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checked := 0
	for i, got := range strings.Split(strings.TrimSuffix(string(out), next), next) {
		if !strings.HasPrefix(got, wants[i]) {
			t.Errorf("example %d prints\n%s\nthe document says\n%s", i+1, got, wants[i])
		}
		if wants[i] != "" {
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("the document says of %d examples what they print", checked)
	}
}

// printed is what the text after an example says that it prints, or begins with:
// a block, or the first words in backticks after "prints".
func printed(text string) string {
	if found := regexp.MustCompile("(?s)```\n(.*?)```").FindStringSubmatch(text); found != nil {
		return found[1]
	}
	if found := regexp.MustCompile("^\n\nprints `([^`]*)`").FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}
