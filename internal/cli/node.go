package cli

import "github.com/spf13/cobra"

func nodeCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "node"}) }
