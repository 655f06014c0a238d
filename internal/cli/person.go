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
)

// confirm asks a person at the terminal. Where there is none it is a usage
// error: a script has to say --yes.
func confirm(c *cobra.Command, question string) error {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !isTerminal(in) {
		return usage(c, errors.New("nobody is there to confirm this; add --yes"))
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	confirmed := make(chan bool, 1)
	go func() { // nothing but the program's end stops waiting for a terminal
		answer, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
		answer = strings.ToLower(strings.TrimSpace(answer))
		confirmed <- err == nil && (answer == "y" || answer == "yes")
	}()
	select {
	case yes := <-confirmed:
		if yes {
			return nil
		}
	case <-c.Context().Done():
		fmt.Fprintln(c.ErrOrStderr())
	}
	return errors.New("nothing was changed")
}

// isTerminal takes every character device for a terminal but the one that
// programs without a person have in its place.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// printable leaves out of a text what a terminal would act on.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
