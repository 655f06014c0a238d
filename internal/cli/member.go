package cli

import "github.com/spf13/cobra"

func memberCommand() *cobra.Command {
	command := withAccess(&cobra.Command{Use: "member"})
	command.AddCommand(memberExportCommand())
	return command
}
