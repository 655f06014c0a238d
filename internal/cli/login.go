package cli

import "github.com/spf13/cobra"

func loginCommand() *cobra.Command   { return &cobra.Command{Use: "login"} }
func logoutCommand() *cobra.Command  { return &cobra.Command{Use: "logout"} }
func profileCommand() *cobra.Command { return &cobra.Command{Use: "profile"} }
