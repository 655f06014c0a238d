// Package cli is Orrery's command line. Each command is small: it reads its
// flags and hands over to the room that does the work.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/server"
)

// Version is the version of this program; a release sets it.
const Version = "0.1.0"

// Main runs the command line and returns the exit status. Results go to out,
// logs and errors to errOut.
func Main(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	begun := false               // nothing before that fails but what was typed
	root := &cobra.Command{
		Use:           "orrery",
		Short:         "A self-hosted ZeroTier Central",
		Long:          "Orrery controls ZeroTier networks: unmodified clients join them, and everything written for\nZeroTier Central's API manages them. It is compatible with, but not affiliated with, ZeroTier, Inc.",
		SilenceErrors: true,
		SilenceUsage:  true,

		PersistentPreRun: func(*cobra.Command, []string) { begun = true },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", server.ErrUsage, err, c.CommandPath())
	})
	root.AddCommand(
		networkCommand(), memberCommand(), tokenCommand(), orgCommand(), activityCommand(), statusCommand(),
		nodeCommand(), doctorCommand(), loginCommand(), logoutCommand(), profileCommand(),
		serveCommand(), planetCommand(), userCommand(), manCommand(), versionCommand(),
	)
	status, line := exitStatus(root.ExecuteContext(ctx), begun)
	if line != "" {
		fmt.Fprintln(errOut, "orrery:", line)
	}
	return status
}
