package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asking is a standard error on which something is done when a token is asked for.
type asking struct {
	bytes.Buffer
	then func()
}

func (a *asking) Write(p []byte) (int, error) {
	n, err := a.Buffer.Write(p)
	if bytes.Contains(p, []byte("API token for ")) {
		a.then()
	}
	return n, err
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestPersonTypesTheTokenUnseen(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	nowhere(t, nil)
	token := readFile(t, filepath.Join(config.Data, "owner.token"))
	person, program := terminal(t)
	answer(t, program)
	answered := make(chan struct{})
	errOut := &asking{then: func() {
		go func() {
			defer close(answered)
			for echoes(t, program) { // as a person, who sees the question first
			}
			io.WriteString(person, token+"\n")
		}()
	}}
	code := Main([]string{"login", "http://" + s.HTTPAddr().String(), "--name", "x"}, io.Discard, errOut)
	<-answered
	if code != exitDone || !strings.Contains(errOut.String(), "API token for http://127.0.0.1:") || !strings.HasSuffix(errOut.String(), "this is the profile x, the default\n") {
		t.Errorf("status %d %q", code, errOut)
	}
	if !echoes(t, program) {
		t.Error("the terminal shows nothing anymore")
	}
	if got := profiles(t).Servers["x"].Token; got != token {
		t.Error("another token was kept")
	}
	program.Close()
	if seen, _ := io.ReadAll(person); strings.Contains(string(seen), token[:8]) || strings.Contains(errOut.String(), token[:8]) { // ends with an error
		t.Errorf("the terminal showed %q", seen)
	}
}

func TestPersonInterruptsInsteadOfAToken(t *testing.T) {
	nowhere(t, nil)
	_, program := terminal(t)
	answer(t, program)
	interrupted := make(chan struct{})
	errOut := &asking{then: func() {
		go func() {
			defer close(interrupted)
			for echoes(t, program) {
			}
			if err := unix.Kill(os.Getpid(), unix.SIGINT); err != nil {
				t.Error(err)
			}
		}()
	}}
	code := Main([]string{"login", "http://127.0.0.1:1"}, io.Discard, errOut)
	<-interrupted
	if code != exitFailed || !strings.HasSuffix(errOut.String(), "\norrery: interrupted\n") {
		t.Errorf("status %d %q", code, errOut)
	}
	if !echoes(t, program) {
		t.Error("the terminal shows nothing anymore")
	}
	if got := profiles(t); len(got.Servers) != 0 {
		t.Errorf("%+v", got)
	}
}

// newPipe is a pipe to standard input.
func newPipe(t *testing.T) (writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errors.Join(reader.Close(), writer.Close()) })
	answer(t, reader)
	return writer
}

// A pipe that nobody writes to holds nothing up when the person has had enough.
func TestWaitingForATokenEnds(t *testing.T) {
	nowhere(t, nil)
	newPipe(t)
	fifo := filepath.Join(t.TempDir(), "token")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"login", "http://127.0.0.1:1"}, {"login", "http://127.0.0.1:1", "--token-file", fifo}, {"network", "list", "--url", "http://127.0.0.1:1", "--token-file", fifo},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		command := rootCommand()
		command.SetArgs(args)
		ended := make(chan error)
		go func() { ended <- command.ExecuteContext(ctx) }()
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v: %v", args, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%v: it waits", args)
		}
	}
	newPipe(t).WriteString("token\n") // and is kept open
	if code, _, errOut := run("login", "http://127.0.0.1:1"); code != exitFailed || !strings.Contains(errOut, "nothing listens at") {
		t.Errorf("status %d %q", code, errOut)
	}
}
