package cli

import (
	"github.com/spf13/cobra"
)

func rulesCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "rules",
		Short: "Check, change and explain flow rules",
		Long: `Check, change and explain the flow rules of networks: which packets their members
may send each other. The language is ZeroTier's own.

A FILE holds a program in that language, - is standard input. What works with files
alone (check, format, compile, decompile) needs no server.

Programs are understood strictly: what the compiler of Central takes without a word,
and understands otherwise than it reads, is an error that says what to write.`,
		Example: `  orrery rules get office > office.rules
  orrery rules check office.rules
  orrery rules diff office office.rules
  orrery rules set office office.rules
  orrery rules trace office --from alice --to bob tcp 443`,
	}),
		getRulesCommand(), setRulesCommand(), checkRulesCommand(), formatRulesCommand(), diffRulesCommand(),
		traceRulesCommand(), compileRulesCommand(), decompileRulesCommand())
}

// completeNetworkAndFile completes a network, and then the name of a file.
func completeNetworkAndFile(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return completeNetworks(c, args, begun)
	case 1:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// withNetworkFlag gives a command that takes files a flag to take what a network
// has instead.
func withNetworkFlag(command *cobra.Command, network *string, what string) {
	command.Flags().StringVar(network, "network", "", what)
	_ = command.RegisterFlagCompletionFunc("network", func(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeNetworks(c, nil, begun)
	}) // the flag is there
}

// withForm gives a command the flag -o with the forms text and json, and reports
// whether JSON is asked for.
func withForm(command *cobra.Command) (isJSON func() bool) {
	form := "text"
	command.Flags().StringVarP(&form, "output", "o", form, "`form` of what is printed: text or json")
	fixedValues(command, "output", "text", "json")
	command.PreRunE = func(c *cobra.Command, _ []string) error {
		return oneOf(c, "output", form, "text", "json")
	}
	return func() bool { return form == "json" }
}
