package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func manCommand() *cobra.Command {
	var dir string
	command := &cobra.Command{
		Use:   "man [COMMAND...]",
		Short: "Print or install manual pages",
		Long: `Print the manual page of a command, of orrery itself if none is named, in the form
that man(1) reads. With --dir the pages of the command and of all below it are
written into a folder instead, which is made if it is not there.

The date of the pages is SOURCE_DATE_EPOCH, or that of the source that the program
was built from: the same program always writes the same pages.`,
		Example: `  orrery man member export | man -l -
  sudo orrery man --dir /usr/local/share/man/man1`,
		ValidArgsFunction: completeCommands,
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage(c, fmt.Errorf("there is no command %q", strings.Join(args, " ")))
			}
			page := manual{version: Version}
			if page.date, err = sourceDate(c); err != nil {
				return err
			}
			if dir != "" {
				return page.install(c, about, dir)
			}
			if c.Flags().Changed("dir") {
				return usage(c, errors.New("--dir is empty; name a folder"))
			}
			_, err = c.OutOrStdout().Write(page.of(about))
			return err
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "write the pages into this `folder`")
	_ = command.MarkFlagDirname("dir") // the flag is there
	return command
}

// sourceDate is the date of the pages; the zero time if none is known.
func sourceDate(c *cobra.Command) (time.Time, error) {
	if text, ok := os.LookupEnv("SOURCE_DATE_EPOCH"); ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, usage(c, fmt.Errorf("SOURCE_DATE_EPOCH %q; want seconds since 1970", text))
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}, nil
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.time" {
			at, _ := time.Parse(time.RFC3339, setting.Value)
			return at, nil
		}
	}
	return time.Time{}, nil
}

// install writes the pages of a command and of all below it.
func (m manual) install(c, about *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the pages: %w; choose another with --dir, or run this with the right to write there", err)
	}
	count := 0
	for _, command := range documented(about) {
		if err := c.Context().Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, pageName(command)+".1")
		if err := os.WriteFile(path, m.of(command), 0o644); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("write a page: %w; run this with the right to write there", err)
			}
			return fmt.Errorf("write a page: %w", err)
		}
		count++
	}
	fmt.Fprintf(c.ErrOrStderr(), "wrote %d pages into %s\n", count, dir)
	return nil
}

// documented lists a command and all below it, in the order of the help.
func documented(about *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{about}
	for _, below := range about.Commands() {
		if below.Hidden || below.Name() == "help" {
			continue
		}
		all = append(all, documented(below)...)
	}
	return all
}

// pageName is what man calls the page of a command.
func pageName(command *cobra.Command) string {
	return strings.ReplaceAll(command.CommandPath(), " ", "-")
}

// completeCommands completes the words of a command.
func completeCommands(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	about, rest, err := c.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []cobra.Completion
	for _, below := range about.Commands() {
		if !below.Hidden && strings.HasPrefix(below.Name(), begun) {
			offers = append(offers, cobra.CompletionWithDesc(below.Name(), below.Short))
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
