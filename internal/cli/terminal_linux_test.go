package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

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
