package cli

import "github.com/spf13/cobra"

func tokenCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "token"}) }
