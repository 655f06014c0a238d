package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a pseudo-terminal: where a person sits, and
// what a program has as standard input.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestPersonConfirms(t *testing.T) {
	config := newConfig(t)
	stopServer(t, startServer(t, config))
	must(t, "user", "create", "bob@example.com", "--data", config.Data)
	for _, x := range []struct {
		answer string
		code   int
		says   string
	}{
		{"n\n", exitFailed, "nothing was changed"},
		{"\n", exitFailed, "nothing was changed"},
		{"Y\n", exitDone, "deleted the user bob@example.com"},
	} {
		person, program := terminal(t)
		answer(t, program)
		if _, err := io.WriteString(person, x.answer); err != nil {
			t.Fatal(err)
		}
		code, _, errOut := run("user", "delete", "bob@example.com", "--data", config.Data)
		if code != x.code || !strings.Contains(errOut, "[y/N]") || !strings.Contains(errOut, x.says) {
			t.Errorf("%q: status %d %q", x.answer, code, errOut)
		}
	}
}

// interrupter is an output that interrupts this program when something is asked.
type interrupter struct {
	bytes.Buffer
	t *testing.T
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("[y/N]")) {
		if err := unix.Kill(os.Getpid(), unix.SIGINT); err != nil {
			i.t.Error(err)
		}
	}
	return i.Buffer.Write(p)
}

func TestPersonInterruptsInsteadOfAnAnswer(t *testing.T) {
	config := newConfig(t)
	stopServer(t, startServer(t, config))
	must(t, "user", "create", "bob@example.com", "--data", config.Data)
	_, program := terminal(t)
	answer(t, program)
	errOut := &interrupter{t: t}
	if code := Main([]string{"user", "delete", "bob@example.com", "--data", config.Data}, io.Discard, errOut); code != exitFailed || !strings.HasSuffix(errOut.String(), "\norrery: nothing was changed\n") {
		t.Errorf("status %d %q", code, errOut)
	}
	if all := list(t, config.Data); len(all) != 2 {
		t.Errorf("users %+v", all)
	}
}

// onScreen runs a command with a terminal of a width as standard output, and returns
// what came there.
func onScreen(t *testing.T, columns uint16, args ...string) string {
	t.Helper()
	person, program := terminal(t)
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(&hosted{log: io.Discard, asked: make(map[string]bool)})
	defer s.Close()
	t.Setenv("ORRERY_URL", s.URL)
	t.Setenv("ORRERY_TOKEN", hostedToken)
	at, err := time.Parse(time.RFC3339, hostedNow)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		text, _ := io.ReadAll(person) // ends with an error when the other end is closed
		read <- string(text)
	}()
	var errOut bytes.Buffer
	if code := execute(args, program, &errOut, func() time.Time { return at }); code != 0 {
		t.Errorf("%v: status %d %s", args, code, &errOut)
	}
	program.Close()
	return strings.ReplaceAll(<-read, "\r\n", "\n")
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, name := range []string{"COLUMNS", "NO_COLOR"} {
		t.Setenv(name, "")
	}
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("TZ", "UTC")
	const bold = "\x1b[1m"
	for _, columns := range []uint16{200, 100, 80, 60, 40} {
		text := onScreen(t, columns, "member", "list", "fervent_example")
		if !strings.Contains(text, bold) || !strings.Contains(text, "efcc1b0947") {
			t.Errorf("%d columns:\n%s", columns, text)
		}
		for _, line := range strings.Split(text, "\n") {
			line = strings.NewReplacer(bold, "", "\x1b[0m", "").Replace(line)
			if len([]rune(line)) > int(columns) {
				t.Errorf("a line of %d characters in %d columns: %s", len([]rune(line)), columns, line)
			}
		}
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if text := onScreen(t, 100, "network", "list"); strings.Contains(text, "\x1b") || !strings.Contains(text, "fervent_example") {
				t.Errorf("%q", text)
			}
		})
	}
	t.Setenv("COLUMNS", "50")
	for _, line := range strings.Split(onScreen(t, 200, "network", "list"), "\n") {
		if len([]rune(strings.NewReplacer(bold, "", "\x1b[0m", "").Replace(line))) > 50 {
			t.Errorf("COLUMNS is passed over: %s", line)
		}
	}
}

// A reader that has enough, as head, is no failure to speak of.
func TestBrokenPipeIsQuiet(t *testing.T) {
	s := httptest.NewServer(&hosted{log: io.Discard, asked: make(map[string]bool)})
	defer s.Close()
	t.Setenv("ORRERY_URL", s.URL)
	t.Setenv("ORRERY_TOKEN", hostedToken)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	var errOut bytes.Buffer
	if code := Main([]string{"network", "list", "-o", "json"}, writer, &errOut); code != exitFailed || errOut.Len() > 0 {
		t.Errorf("status %d %q", code, &errOut)
	}
}
