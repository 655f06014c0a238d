package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestNamesDoNotControlTheTerminal exports a name with escapes to a terminal, and
// elsewhere.
func TestNamesDoNotControlTheTerminal(t *testing.T) {
	const id = "8056c2e21c000001"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/member") {
			fmt.Fprintf(w, `[{"id":"%s-1000000000","name":"b\u001b[31mü\u009b1m"}]`, id)
			return
		}
		fmt.Fprintf(w, `{"id":"%s","config":{}}`, id)
	}))
	defer s.Close()
	args := []string{"member", "export", id, "--url", s.URL, "--token", "secret", "--columns", "name"}
	person, program := terminal(t)
	read := make(chan string)
	go func() {
		text, _ := io.ReadAll(person) // ends with an error when the other end is closed
		read <- string(text)
	}()
	var errOut bytes.Buffer
	if status := Main(args, program, &errOut); status != exitDone {
		t.Errorf("status %d %s", status, &errOut)
	}
	program.Close()
	if text := <-read; !strings.Contains(text, "b\ufffd[31mü\ufffd1m") {
		t.Errorf("the terminal gets %q", text)
	}
	if _, out, _ := run(args...); out != "name\r\nb\x1b[31mü\u009b1m\r\n" {
		t.Errorf("elsewhere it is %q", out)
	}
}
