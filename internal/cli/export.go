package cli

import "github.com/spf13/cobra"

func networkExportCommand() *cobra.Command { return &cobra.Command{Use: "export"} }
func memberExportCommand() *cobra.Command  { return &cobra.Command{Use: "export"} }
