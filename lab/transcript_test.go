package lab

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// document is a text with transcripts: blocks ```console of commands after "$ ",
// or after a host and "$ ", each followed by what it prints, errors included. A
// command goes on in the next line after a backslash.
type document struct {
	path string
	// real is what stands for an id of the document when its commands run.
	real map[string]string
}

// step is a command of a document with what the document says that it prints.
type step struct{ host, command, prints string }

var (
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	prompt       = regexp.MustCompile(`(?m)^(\w*)\$ `)
)

// steps are the commands of a section.
func (d *document) steps(t *testing.T, section string) []step {
	t.Helper()
	_, text := d.section(t, section)
	var steps []step
	for _, block := range consoleBlock.FindAllStringSubmatch(text, -1) {
		inCommand := false
		for _, line := range strings.SplitAfter(block[1], "\n") {
			begins := prompt.FindStringSubmatch(line)
			switch {
			case line == "":
				continue
			case begins != nil:
				steps = append(steps, step{host: begins[1], command: line[len(begins[0]):]})
			case len(steps) == 0:
				t.Fatalf("%s: a block of %q begins with no command: %s", d.path, section, line)
			case inCommand:
				steps[len(steps)-1].command += line
			default:
				steps[len(steps)-1].prints += line
			}
			inCommand = (inCommand || begins != nil) && strings.HasSuffix(line, "\\\n")
		}
	}
	if len(steps) == 0 {
		t.Fatalf("%s: section %q shows no command", d.path, section)
	}
	return steps
}

// section returns the whole document and the part of it that is a section.
func (d *document) section(t *testing.T, section string) (whole, part string) {
	t.Helper()
	content, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	whole = string(content)
	_, part, found := strings.Cut(whole, "\n## "+section+"\n")
	if !found {
		t.Fatalf("%s has no section %q", d.path, section)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	return whole, part
}

// nextStep stands behind what each command prints.
const nextStep = "-- the next command --\n"

// check runs the commands of a section, one after the other as one program of a
// shell, and holds what they print against what the document says.
func (d *document) check(t *testing.T, section string, shell func(program string) (printed string, err error)) {
	t.Helper()
	steps := d.steps(t, section)
	var program strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&program, "%sstatus=$?; echo -n '%s'; (exit $status)\n", d.made(s.command), nextStep)
	}
	printed, err := shell(program.String()) // the error says how the last command ended, too
	outputs := strings.SplitAfter(printed, nextStep)
	if len(outputs) != len(steps)+1 {
		t.Fatalf("%d of %d commands ran: %v\n%s", len(outputs)-1, len(steps), err, printed)
	}
	for i := range steps {
		outputs[i] = strings.TrimSuffix(outputs[i], nextStep)
	}
	d.compare(t, section, steps, outputs)
}

// compare holds what a section's commands print against what the document says. With
// UPDATE_TRANSCRIPTS in the environment it puts it there instead.
func (d *document) compare(t *testing.T, section string, steps []step, outputs []string) {
	t.Helper()
	if os.Getenv("UPDATE_TRANSCRIPTS") != "" {
		d.write(t, section, steps, outputs)
		return
	}
	var said, got sameness
	for i, s := range steps {
		want, have := said.normalize(d.made(s.prints)), got.normalize(outputs[i])
		if want != have {
			t.Errorf("$ %s\nprints\n%s\nwhere the document says\n%s\n(compared as\n%s\nand\n%s)", s.command, outputs[i], s.prints, have, want)
		}
	}
}

// made puts the real ids in the place of the document's.
func (d *document) made(text string) string {
	for said, real := range d.real {
		text = strings.ReplaceAll(text, said, real)
	}
	return text
}

// write puts what the commands print into the document.
func (d *document) write(t *testing.T, section string, steps []step, outputs []string) {
	t.Helper()
	whole, part := d.section(t, section)
	next := 0
	made := consoleBlock.ReplaceAllStringFunc(part, func(block string) string {
		text := "```console\n"
		for range prompt.FindAllString(block, -1) {
			printed := strings.ReplaceAll(outputs[next], "\r\n", "\n")
			for said, real := range d.real {
				printed = strings.ReplaceAll(printed, real, said)
			}
			text += steps[next].host + "$ " + steps[next].command + printed
			if !strings.HasSuffix(text, "\n") {
				text += "\n"
			}
			next++
		}
		return text + "```"
	})
	if err := os.WriteFile(d.path, []byte(strings.Replace(whole, part, made, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sameness gives what differs from run to run a name, the same for the same.
type sameness struct{ names map[string]string }

var (
	varying = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{10}\b`)
	address = regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b|\b127\.0\.0\.1[:/]\d+`)
	card    = regexp.MustCompile(`\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b|\bzt[a-z0-9]{8,}\b`)
	moment  = regexp.MustCompile(`\b\d+\.\d+(/\d+\.\d+)+ ms\b|\b1[0-9]{12}\b|\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?|\d\d:\d\d:\d\d|\b\d+ (s|min|h|days) ago\b|\bnow\b|\b\d+(\.\d+)? ?(ms|s|kB|MB|GB)\b`)
	blanks  = regexp.MustCompile(` +`)
)

func (s *sameness) normalize(text string) string {
	if s.names == nil {
		s.names = make(map[string]string)
	}
	text = varying.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] == "" {
			s.names[id] = fmt.Sprintf("<%d of %d>", len(s.names)+1, len(id))
		}
		return s.names[id]
	})
	text = address.ReplaceAllString(text, "<address>")
	text = card.ReplaceAllString(text, "<card>")
	text = moment.ReplaceAllString(text, "<moment>")
	lines := strings.Split(blanks.ReplaceAllString(text, " "), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
