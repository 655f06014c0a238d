package cli

import "github.com/spf13/cobra"

func orgCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "org"}) }
