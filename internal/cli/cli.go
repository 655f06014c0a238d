// Package cli is Orrery's command line. Each command is small: it reads its
// flags and hands over to the room that does the work.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/server"
)

// Version is the version of this program; a release sets it.
const Version = "0.1.0"

// Main runs the command line and returns the exit status. Results go to out,
// logs and errors to errOut.
func Main(args []string, out, errOut io.Writer) int {
	return execute(args, out, errOut, time.Now)
}

// execute is Main with a clock.
func execute(args []string, out, errOut io.Writer, now func() time.Time) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	// A reader that goes away ends the program by default, in the middle of whatever
	// it changes; like this it is an error of the write.
	noReader := make(chan os.Signal, 1)
	signal.Notify(noReader, syscall.SIGPIPE)
	defer signal.Stop(noReader)
	defer func() {
		if os.Getenv("GOTRACEBACK") != "" { // whoever set this wants to see the stack
			return
		}
		if fault := recover(); fault != nil {
			status = exitFailed
			fmt.Fprintln(errOut, "orrery: a fault of this program, please report it; with GOTRACEBACK=all it says where:", printable(fmt.Sprint(fault)))
		}
	}()
	begun := false // nothing before that fails but what was typed
	root := rootCommand()
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true }
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(context.WithValue(ctx, clockKey{}, now))
	status, line := exitStatus(err, begun)
	if line != "" {
		fmt.Fprintln(errOut, "orrery:", line)
	}
	return status
}

type clockKey struct{}

// now is the time as a command shall see it.
func now(c *cobra.Command) time.Time {
	if clock, ok := c.Context().Value(clockKey{}).(func() time.Time); ok {
		return clock()
	}
	return time.Now()
}

// The groups of commands in the help.
const (
	groupNetworks = "networks"
	groupAccess   = "access"
	groupMachine  = "machine"
	groupServer   = "server"
)

func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "orrery",
		Short: "A self-hosted ZeroTier Central",
		Long: `Orrery controls ZeroTier networks: unmodified clients join them, and everything
written for ZeroTier Central's API manages them. This program is the server, and
the command line for it and for any other server with that API, the hosted
service included. It is compatible with, but not affiliated with, ZeroTier, Inc.

On the server's own machine the commands find it by themselves; elsewhere start
with orrery login.`,
		Example: `  orrery serve
  orrery network create office --easy
  orrery member authorize office --pending
  orrery member list office --offline-for 30d
  orrery member export office -o members.xlsx`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err) })
	root.AddGroup(
		&cobra.Group{ID: groupNetworks, Title: "Networks and their members:"},
		&cobra.Group{ID: groupAccess, Title: "Who may do what:"},
		&cobra.Group{ID: groupMachine, Title: "This device:"},
		&cobra.Group{ID: groupServer, Title: "The server:"},
	)
	for id, commands := range map[string][]*cobra.Command{
		groupNetworks: {statusCommand(), networkCommand(), memberCommand(), rulesCommand(), activityCommand()},
		groupAccess:   {loginCommand(), logoutCommand(), profileCommand(), tokenCommand(), orgCommand()},
		groupMachine:  {nodeCommand()},
		groupServer:   {serveCommand(), doctorCommand(), planetCommand(), userCommand()},
		"":            {completionCommand(), manCommand(), versionCommand()},
	} {
		for _, command := range commands {
			command.GroupID = id
			root.AddCommand(command)
		}
	}
	return root
}

// group makes a command that does nothing but have others below it.
func group(command *cobra.Command, below ...*cobra.Command) *cobra.Command {
	command.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		c.SuggestionsMinimumDistance = 2
		err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
		if alike := c.SuggestionsFor(args[0]); len(alike) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(alike, " or "))
		}
		return usage(c, err)
	}
	command.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	command.DisableFlagsInUseLine = true
	command.AddCommand(below...)
	return command
}

// usage makes the error of a command that was called in a wrong way.
func usage(c *cobra.Command, err error) error {
	return fmt.Errorf("%w: %w; see %s --help", server.ErrUsage, err, c.CommandPath())
}
