package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirm asks a person at the terminal a question that y answers. Where there
// is no terminal it is a usage error: a script has to say --yes.
func confirm(c *cobra.Command, question string) error {
	return ask(c, question+" [y/N] ", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// confirmByName is confirm for what is large: not a key, but a name answers it.
func confirmByName(c *cobra.Command, question, name string) error {
	return ask(c, question+"\nType "+name+" to go on: ", func(answer string) bool { return answer == name })
}

func ask(c *cobra.Command, question string, confirms func(answer string) bool) error {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !isTerminal(in) {
		return usage(c, errors.New("nobody is there to confirm this; add --yes"))
	}
	fmt.Fprint(c.ErrOrStderr(), question)
	answer, err := fromInput(c, func(in io.Reader) (string, error) {
		return bufio.NewReader(io.LimitReader(in, 1000)).ReadString('\n')
	})
	switch {
	case c.Context().Err() != nil:
		fmt.Fprintln(c.ErrOrStderr())
	case err == nil && confirms(strings.TrimSpace(answer)):
		return nil
	}
	return errors.New("nothing was changed")
}

// fromInput reads from standard input until the command ends: nothing but the
// program's end stops the read itself, which waits for a person or a pipe.
func fromInput[T any](c *cobra.Command, read func(io.Reader) (T, error)) (T, error) {
	type result struct {
		read T
		err  error
	}
	done, in := make(chan result, 1), c.InOrStdin()
	go func() {
		all, err := read(in)
		done <- result{all, err}
	}()
	select {
	case r := <-done:
		return r.read, r.err
	case <-c.Context().Done():
		return *new(T), c.Context().Err()
	}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// printable leaves out of a text what a terminal would act on.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
