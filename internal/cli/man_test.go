package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestManualPages renders every page with the program that people read it with.
func TestManualPages(t *testing.T) {
	needPackage(t, "man-db", hasProgram("man") && hasProgram("groff"))
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, errOut := run("man", "--dir", dir); code != 0 || !strings.Contains(errOut, dir) {
		t.Fatalf("%d %s", code, errOut)
	}
	commands := documented(rootCommand())
	pages, err := os.ReadDir(dir)
	if err != nil || len(pages) != len(commands) || len(pages) < 30 {
		t.Fatalf("%d pages of %d commands, %v", len(pages), len(commands), err)
	}
	for _, command := range commands {
		shown := render(t, filepath.Join(dir, pageName(command)+".1"))
		for _, want := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "2026-01-01", command.CommandPath(), "Orrery " + Version} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s does not show %q", command.CommandPath(), want)
			}
		}
		for line := range strings.Lines(command.Example) {
			if line = strings.TrimSpace(line); !strings.Contains(shown, line) {
				t.Errorf("%s does not show its example %q:\n%s", command.CommandPath(), line, shown)
			}
		}
	}
	code, out, errOut := run("man", "planet", "export")
	if page, err := os.ReadFile(filepath.Join(dir, "orrery-planet-export.1")); code != 0 || err != nil || out != string(page) {
		t.Errorf("%d %s %v: not the page that was installed:\n%s", code, errOut, err, out)
	}
}

// render fails the test for every warning.
func render(t *testing.T, path string) string {
	t.Helper()
	command := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", path)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=200", "MAN_KEEP_FORMATTING=", "PAGER=cat")
	var warnings strings.Builder
	command.Stderr = &warnings
	shown, err := command.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("%s: %v %s", path, err, warnings.String())
	}
	return string(shown)
}

// TestManualText has what man(7) would take for its own.
func TestManualText(t *testing.T) {
	needPackage(t, "man-db", hasProgram("man") && hasProgram("groff"))
	command := &cobra.Command{
		Use: "odd NAME", Short: `it's a \fBtest\fR`, Run: func(*cobra.Command, []string) {},
		Long:    "First line,\n.second 'line'.\n\n  a  `table`\n\n  b  ^~\n'Third' line.",
		Example: `  odd --name 'x' "C:\new" | grep -- '^a'`,
	}
	command.Flags().String("name", "a-b", "the `name`, don't leave it out")
	path := filepath.Join(t.TempDir(), "odd.1")
	page := manual{version: "1", date: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}
	if err := os.WriteFile(path, page.of(command), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := render(t, path)
	for _, want := range []string{
		`odd - it's a \fBtest\fR`, "odd NAME", "First line, .second 'line'.", "a  `table`\n\n", "b  ^~\n", "'Third' line.",
		`odd --name 'x' "C:\new" | grep -- '^a'`, "--name name", "the name, don't leave it out (default a-b)", "2026-02-03",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not show %q:\n%s", want, shown)
		}
	}
}

func TestManFaults(t *testing.T) {
	for _, args := range [][]string{{"man", "nothing"}, {"man", "member", "nothing"}, {"man", "--dir", ""}} {
		if code, out, errOut := run(args...); code != exitUsage || out != "" || !strings.Contains(errOut, "orrery man --help") {
			t.Errorf("%q: %d %s%s", args, code, out, errOut)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := run("man", "--dir", file); code != exitFailed || !strings.Contains(errOut, "choose another with --dir") {
		t.Errorf("a file for a folder: %d %s", code, errOut)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if code, _, errOut := run("man"); code != exitUsage || !strings.Contains(errOut, "SOURCE_DATE_EPOCH") {
		t.Errorf("a strange date: %d %s", code, errOut)
	}
}
