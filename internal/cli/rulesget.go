package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func getRulesCommand() *cobra.Command {
	var fromTables bool
	command := &cobra.Command{
		Use:   "get NETWORK",
		Short: "Print the rules of a network",
		Long: `Print the rules of a network: the text exactly as it is stored, byte for byte.

Members enforce tables, which are stored beside the text. If they are not what the
text says, because a program changed them without it, standard error says so, and
--from-tables prints a program of the tables instead.`,
		Example: `  orrery rules get office
  orrery rules get office > office.rules
  orrery rules get office --from-tables`,
		Args:              exactly("network"),
		ValidArgsFunction: completeFirst(1, completeNetworks),
		RunE: func(c *cobra.Command, args []string) error {
			stored, err := fetchRules(c, args[0])
			switch {
			case err != nil && (stored == nil || fromTables):
				return err
			case err != nil:
				fmt.Fprintf(c.ErrOrStderr(), "warning: %s\n", err)
			case fromTables:
				return decompile(c, stored.name, stored.set)
			default:
				stored.warn(c)
			}
			return writeText(c.OutOrStdout(), stored.text)
		},
	}
	command.Flags().BoolVar(&fromTables, "from-tables", false, "make a program of the tables that members enforce")
	return command
}

// warn says on standard error that a network's text is not what members enforce.
func (s *storedRules) warn(c *cobra.Command) {
	if !s.isEnforced() {
		fmt.Fprintf(c.ErrOrStderr(), "warning: the members of %s do not enforce what its text says; see orrery rules get --from-tables\n", s.name)
	}
}
