package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const (
	// maxProgram is how long a program may be, in bytes; servers take no more.
	maxProgram = 1 << 20
	// maxTables is how long tables in JSON may be: a network's with its program.
	maxTables = 16 << 20
)

// program is a text in the rules language.
type program struct {
	name string // of the file or network that it comes from, printable
	text string
}

// readProgram reads a program from a file, or - for standard input.
func readProgram(c *cobra.Command, file string) (program, error) {
	text, err := readInput(c, file, maxProgram)
	return program{fileLabel(file), text}, err
}

// readPrograms reads programs from files; none are standard input, unless a person
// would have to type it.
func readPrograms(c *cobra.Command, files []string) ([]program, error) {
	files, err := orInput(c, files)
	if err != nil {
		return nil, err
	}
	all := make([]program, len(files))
	for i, file := range files {
		if all[i], err = readProgram(c, file); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// orInput is the files that were named, or standard input if none was.
func orInput(c *cobra.Command, files []string) ([]string, error) {
	if first := slices.Index(files, "-"); first >= 0 && slices.Contains(files[first+1:], "-") {
		return nil, usage(c, errors.New("- is there twice, and standard input can be read once"))
	}
	if len(files) > 0 {
		return files, nil
	}
	if in, ok := c.InOrStdin().(*os.File); ok && isTerminal(in) {
		return nil, usage(c, errors.New("which file? - is standard input"))
	}
	return []string{"-"}, nil
}

func readInput(c *cobra.Command, file string, most int64) (string, error) {
	read := func(from io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(from, most+1)) }
	var text []byte
	var err error
	switch file {
	case "":
		return "", usage(c, errors.New("the name of the file is empty"))
	case "-":
		if text, err = fromInput(c, read); err != nil {
			err = fmt.Errorf("read standard input: %w", err)
		}
	default:
		text, err = withFile(file, read)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no file %s", quoted(file))
	case err != nil:
		return "", err
	case int64(len(text)) > most:
		return "", fmt.Errorf("%s is longer than %d MiB, which is the most", fileLabel(file), most>>20)
	}
	return string(text), nil
}

// fileLabel is a file as messages name it.
func fileLabel(file string) string {
	if file == "-" {
		return "<stdin>"
	}
	return printable(file)
}

// oneOf makes sure that a flag has one of these values.
func oneOf(c *cobra.Command, flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	last := len(known) - 1
	return usage(c, fmt.Errorf("--%s %s; want %s or %s", flag, quoted(value), strings.Join(known[:last], ", "), known[last]))
}

// byteAt is where a column begins, which counts code points from 1.
func byteAt(line string, column int) int {
	for at := range line {
		if column <= 1 {
			return at
		}
		column--
	}
	return len(line)
}
