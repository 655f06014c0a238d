package cli

import "github.com/spf13/cobra"

func doctorCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "doctor"}) }
