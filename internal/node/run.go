package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
)

// Runner runs a program to its end and returns what it printed, bounded, and its
// exit status. The error is for a program that could not be run or did not end
// while the context lasted.
type Runner func(ctx context.Context, program string, args ...string) (output string, status int, err error)

// maxOutput bounds what is kept of a program's output, in bytes.
const maxOutput = 64 << 10

// systemPath is where the system's own programs are, those of NixOS first. The
// caller's PATH may have folders of others before them.
const systemPath = "/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// findProgram finds a program of the system.
func findProgram(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	for folder := range strings.SplitSeq(systemPath, ":") {
		if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return found, nil
		}
	}
	return "", errors.New("there is no such program in " + systemPath)
}

// runProgram runs a program of the system with an environment of its own: the
// caller's holds the token of a server, which a service that is started would
// keep. It collects the output in a file: such a service may inherit it and keep
// it open, and a pipe would then never end.
func runProgram(ctx context.Context, program string, args ...string) (string, int, error) {
	found, err := findProgram(program)
	if err != nil {
		return "", -1, fmt.Errorf("run %s: %w", program, err)
	}
	output, err := os.CreateTemp("", "orrery-*")
	if err != nil {
		return "", -1, fmt.Errorf("run %s: %w", program, err)
	}
	defer os.Remove(output.Name())
	defer output.Close()
	command := exec.CommandContext(ctx, found, args...)
	command.Env = []string{"PATH=" + systemPath, "HOME=/", "LC_ALL=C"}
	apart(command)
	command.Stdout, command.Stderr = output, output
	err = command.Run()
	said := make([]byte, maxOutput)
	n, _ := output.ReadAt(said, 0)
	text := string(said[:n])
	var exit *exec.ExitError
	switch {
	case err == nil:
		return text, 0, nil
	case ctx.Err() != nil:
		return text, -1, fmt.Errorf("%s did not end in time", commandLine(program, args))
	case errors.As(err, &exit):
		return text, exit.ExitCode(), nil
	}
	return "", -1, fmt.Errorf("run %s: %w", program, reason(err))
}

func commandLine(program string, args []string) string {
	return strings.Join(append([]string{program}, args...), " ")
}

// must runs a program that has to succeed.
func (run Runner) must(ctx context.Context, program string, args ...string) error {
	output, status, err := run(ctx, program, args...)
	if err != nil || status == 0 {
		return err
	}
	return fmt.Errorf("%s: %s", commandLine(program, args), said(output, status))
}

// said is what a program that failed said, as part of a line.
func said(output string, status int) string {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			return strings.Map(func(r rune) rune {
				if unicode.IsPrint(r) {
					return r
				}
				return '\uFFFD'
			}, line[:min(len(line), 300)])
		}
	}
	return fmt.Sprintf("exit status %d", status)
}
