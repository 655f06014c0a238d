package cli

import "github.com/spf13/cobra"

func activityCommand() *cobra.Command { return withAccess(&cobra.Command{Use: "activity"}) }
