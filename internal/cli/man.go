package cli

import "github.com/spf13/cobra"

func manCommand() *cobra.Command { return &cobra.Command{Use: "man"} }
