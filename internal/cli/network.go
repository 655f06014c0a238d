package cli

import "github.com/spf13/cobra"

func networkCommand() *cobra.Command {
	command := withAccess(&cobra.Command{Use: "network"})
	command.AddCommand(networkExportCommand())
	return command
}
