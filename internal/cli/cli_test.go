package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func run(args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = Main(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestStatusAndMessages(t *testing.T) {
	for _, x := range []struct {
		args             []string
		code             int
		out, errOut, env string
	}{
		{args: []string{"version"}, out: "orrery " + Version},
		{args: []string{"serve", "--help"}, out: "--root IP/PORT"},
		{args: []string{"srve"}, code: exitUsage, errOut: `unknown command "srve"`},
		{args: []string{"serve", "--prot", "1"}, code: exitUsage, errOut: "unknown flag: --prot; see orrery serve --help"},
		{args: []string{"serve", "extra"}, code: exitUsage, errOut: `unknown command "extra"`},
		{args: []string{"serve", "--root", "127.0.0.1/9993"}, code: exitUsage, errOut: "never use loopback"},
		{args: []string{"serve"}, env: "ORRERY_LOG_LEVEL=loud", code: exitUsage, errOut: "--log-level"},
		{args: []string{"serve"}, env: "ORRERY_ROOT=10.0.0.1/9993,10.0.0.x/1", code: exitUsage, errOut: `"10.0.0.x/1"`},
		{args: []string{"serve", "--rate-limit", "many"}, code: exitUsage, errOut: `invalid argument "many" for "--rate-limit"`},
		{args: []string{"serve", "--rate-limit", "500"}, code: exitUsage, errOut: "--rate-burst 400; want at least --rate-limit, which is 500"},
		{args: []string{"serve"}, env: "ORRERY_RATE_BURST=10", code: exitUsage, errOut: "--rate-burst 10; want at least"},
		{args: []string{"serve"}, env: "ORRERY_KEEP_ACTIVITY=ever", code: exitUsage, errOut: `--keep-activity "ever"; want days or hours`},
		{args: []string{"serve", "--keep-activity", "30m"}, code: exitUsage, errOut: "want from 1h0m0s"},
		{args: []string{"planet", "export", "--data", "/nowhere"}, code: exitFailed, errOut: "there is no planet in /nowhere; start the server once with --root"},
	} {
		t.Run(strings.Join(x.args, " "), func(t *testing.T) {
			if name, value, ok := strings.Cut(x.env, "="); ok {
				t.Setenv(name, value)
			}
			code, out, errOut := run(x.args...)
			if code != x.code || !strings.Contains(out, x.out) || !strings.Contains(errOut, x.errOut) {
				t.Errorf("status %d, want %d\n%s%s", code, x.code, out, errOut)
			}
		})
	}
}

func TestPlanetExport(t *testing.T) {
	config := newConfig(t)
	stopServer(t, startServer(t, config))
	want, err := os.ReadFile(filepath.Join(config.Data, "planet"))
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := run("planet", "export", "--data", config.Data, "-o", "-"); code != 0 || out != string(want) {
		t.Errorf("status %d: %q %s", code, out, errOut)
	}
	file := filepath.Join(t.TempDir(), "planet")
	t.Setenv("ORRERY_DATA", config.Data)
	if code, out, errOut := run("planet", "export", "--output", file); code != 0 || !strings.Contains(out, "192.0.2.1:9993") {
		t.Errorf("status %d: %s%s", code, out, errOut)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("exported %x, %v", got, err)
	}
}

// A fault of the program itself is a line, too, unless somebody wants to see more.
func TestFaultsAreOneLine(t *testing.T) {
	var errOut bytes.Buffer
	code := execute([]string{"network", "list"}, io.Discard, &errOut, func() time.Time { panic("no\nclock") })
	if code != exitFailed || strings.Count(errOut.String(), "\n") != 1 || !strings.Contains(errOut.String(), "please report it") {
		t.Errorf("status %d %q", code, &errOut)
	}
	t.Setenv("GOTRACEBACK", "all")
	defer func() {
		if recover() == nil {
			t.Error("the stack is hidden from whoever wants it")
		}
	}()
	execute([]string{"network", "list"}, io.Discard, io.Discard, func() time.Time { panic("no clock") })
}
