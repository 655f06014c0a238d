package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/zt/rules"
)

func formatRulesCommand() *cobra.Command {
	var write, check bool
	command := &cobra.Command{
		Use:   "format [FILE…]",
		Short: "Write programs in their usual form",
		Long: `Write programs in their usual form, to standard output, or with -w in their place.
What they mean stays the same, and so do their comments. Without FILE the program
comes from standard input. Nothing is written unless all of them can be read as
programs.

With --check nothing is written but the names of those that are not in this form;
if there are any, the exit status is 1.`,
		Example: `  orrery rules format -w office.rules
  orrery rules format --check *.rules
  orrery rules get office | orrery rules format`,
		RunE: func(c *cobra.Command, args []string) error {
			if write && check {
				return usage(c, errors.New("-w and --check exclude each other"))
			}
			args, err := orInput(c, args)
			if err != nil {
				return err
			}
			if write && slices.Contains(args, "-") {
				return usage(c, errors.New("-w is for files, not for standard input"))
			}
			programs, err := readPrograms(c, args)
			if err != nil {
				return err
			}
			texts, err := formatted(c, programs)
			switch {
			case err != nil:
				return err
			case check:
				return listUnformatted(c, programs, texts)
			case write:
				return rewrite(c, args, programs, texts)
			}
			for _, text := range texts {
				if err := writeText(c.OutOrStdout(), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().BoolVarP(&write, "write", "w", false, "change the files themselves")
	command.Flags().BoolVar(&check, "check", false, "only name the files that are not in this form, with the exit status 1")
	return command
}

func formatted(c *cobra.Command, programs []program) ([]string, error) {
	texts := make([]string, len(programs))
	var failed []error
	for i, p := range programs {
		text, found := rules.Format(p.text)
		p.explain(c.ErrOrStderr(), found)
		if err := p.refusal(found); err != nil {
			failed = append(failed, err)
		}
		texts[i] = text
	}
	if len(failed) > 1 {
		return nil, fmt.Errorf("%d programs have errors; nothing was written", len(failed))
	}
	return texts, errors.Join(failed...)
}

func listUnformatted(c *cobra.Command, programs []program, texts []string) error {
	var err error
	for i, p := range programs {
		if texts[i] != p.text {
			fmt.Fprintln(c.OutOrStdout(), p.name)
			err = errNo
		}
	}
	return err
}

// rewrite puts formatted texts in the place of files that have others.
func rewrite(c *cobra.Command, files []string, programs []program, texts []string) error {
	written := 0
	for i, file := range files {
		if texts[i] == programs[i].text {
			continue
		}
		if err := replaceFile(file, texts[i]); err != nil {
			if written > 0 {
				return partly("write %s: %w", programs[i].name, err)
			}
			return fmt.Errorf("write %s: %w", programs[i].name, err)
		}
		written++
		fmt.Fprintln(c.OutOrStdout(), "formatted", programs[i].name)
	}
	return nil
}

// replaceFile gives a file, not the link to one, another content: all of it or
// none. A file that nobody may write stays as it is.
func replaceFile(name, text string) (err error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	if info.Mode().Perm()&0o222 == 0 {
		return fs.ErrPermission
	}
	temporary, err := os.OpenFile(filepath.Join(filepath.Dir(real), ".orrery-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temporary.Name())
		}
	}()
	_, err = io.WriteString(temporary, text)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	if err := os.Chmod(temporary.Name(), info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), real)
}

// writeText writes a text as it is, but not what would control a terminal that
// shows it.
func writeText(to io.Writer, text string) error {
	if atTerminal(to) {
		to = tame(to)
	}
	_, err := io.WriteString(to, text)
	return err
}
