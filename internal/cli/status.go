package cli

import "github.com/spf13/cobra"

func statusCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "status"}) }
