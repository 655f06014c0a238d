package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/server"
)

func userCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "user",
		Short: "The users of this machine's server",
		Long: `The users of this machine's server, whether it runs or not. Run these commands as
the user that runs the server; they need its data folder.`,
		Example: `  orrery user list
  orrery user create bob@example.com --name "Bob"`,
	}, createUserCommand(), listUsersCommand(), deleteUserCommand(), resetTokenCommand())
}

// onUsers makes a command that works on the users of a data folder.
func onUsers(command *cobra.Command, run func(c *cobra.Command, users server.Users, args []string) error) *cobra.Command {
	data := server.Default().Data
	command.Flags().StringVar(&data, "data", data, "`folder` of the server's data")
	command.RunE = func(c *cobra.Command, args []string) error {
		if err := fromEnvironment(c); err != nil {
			return err
		}
		users, err := server.OpenUsers(c.Context(), data, c.ErrOrStderr())
		if err != nil {
			return err
		}
		return errors.Join(run(c, users, args), users.Close())
	}
	return command
}

// one is for commands with one argument, not empty.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usage(c, fmt.Errorf("want one %s", what))
		}
		return nil
	}
}

func createUserCommand() *cobra.Command {
	var name string
	var join bool
	command := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Make a user and print the user's API token",
		Long: `Make a user and print the user's API token, alone on standard output. The token is
shown this once; only a digest of it is kept.`,
		Example: `  orrery user create bob@example.com --name "Bob"
  orrery user create carol@example.com --join-organization > carol.token`,
		Args: one("e-mail address"),
	}
	command.Flags().StringVar(&name, "name", "", "the user's `name`, as others see it")
	command.Flags().BoolVar(&join, "join-organization", false, "make the user a member of your organization")
	return onUsers(command, func(c *cobra.Command, users server.Users, args []string) error {
		u, secret, err := users.Create(c.Context(), args[0], name, join)
		if err != nil {
			return fmt.Errorf("%s: %w", printable(args[0]), err)
		}
		fmt.Fprintf(c.ErrOrStderr(), "made the user %s, id %s; this is the user's API token, shown only now:\n", u.Email, u.ID)
		return printSecret(c, secret)
	})
}

func listUsersCommand() *cobra.Command {
	output := "table"
	command := &cobra.Command{
		Use:   "list",
		Short: "List the users",
		Example: `  orrery user list
  orrery user list -o json --data /var/lib/orrery`,
		Args: cobra.NoArgs,
	}
	command.Flags().StringVarP(&output, "output", "o", output, "table or json")
	command.PreRunE = func(c *cobra.Command, _ []string) error {
		if output != "table" && output != "json" {
			return usage(c, fmt.Errorf("--output %q; want table or json", output))
		}
		return nil
	}
	return onUsers(command, func(c *cobra.Command, users server.Users, _ []string) error {
		all, err := users.List(c.Context())
		if err != nil {
			return err
		}
		if output == "json" {
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(all)
		}
		return printUsers(c.OutOrStdout(), all)
	})
}

func printUsers(to io.Writer, all []server.User) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EMAIL\tNAME\tID\tCREATED\tTOKENS")
	for _, u := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", printable(u.Email), printable(u.DisplayName), u.ID,
			time.UnixMilli(u.CreationTime).UTC().Format(time.DateOnly), printable(strings.Join(u.Tokens, ", ")))
	}
	return table.Flush()
}

func deleteUserCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "delete EMAIL|ID",
		Short: "Delete a user with everything that is the user's",
		Long: `Delete a user with everything that is the user's: tokens, rights, and networks
outside of an organization with all their members. Networks of an organization
stay.`,
		Example: `  orrery user delete bob@example.com
  orrery user delete bob@example.com --yes`,
		Args: one("e-mail address or id"),
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return onUsers(command, func(c *cobra.Command, users server.Users, args []string) error {
		u, err := find(c, users, args[0])
		if err != nil {
			return err
		}
		if !yes {
			if err := confirm(c, fmt.Sprintf("Delete %s and all networks that are this user's?", printable(u.Email))); err != nil {
				return err
			}
		}
		if err := users.Delete(c.Context(), u.ID); err != nil {
			return fmt.Errorf("%s: %w", u.Email, err)
		}
		fmt.Fprintf(c.ErrOrStderr(), "deleted the user %s, id %s\n", printable(u.Email), u.ID)
		return nil
	})
}

func resetTokenCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "reset-token EMAIL|ID",
		Short: "End all tokens of a user and print another one",
		Long: `End all API tokens of a user, at once, and print another one, alone on standard
output. The token is shown this once; only a digest of it is kept.`,
		Example: `  orrery user reset-token bob@example.com > bob.token`,
		Args:    one("e-mail address or id"),
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return onUsers(command, func(c *cobra.Command, users server.Users, args []string) error {
		u, err := find(c, users, args[0])
		if err != nil {
			return err
		}
		if !yes {
			if err := confirm(c, fmt.Sprintf("End all tokens of %s (%s)?", printable(u.Email), printable(strings.Join(u.Tokens, ", ")))); err != nil {
				return err
			}
		}
		secret, err := users.ResetToken(c.Context(), u.ID)
		if err != nil {
			err = fmt.Errorf("%s: %w", u.Email, err)
		}
		if secret == "" {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "ended all tokens of %s; this is the only one now, shown only now:\n", printable(u.Email))
		return errors.Join(printSecret(c, secret), err)
	})
}

func find(c *cobra.Command, users server.Users, idOrEmail string) (server.User, error) {
	u, err := users.Find(c.Context(), idOrEmail)
	if err != nil {
		return server.User{}, fmt.Errorf("%s: %w", printable(idOrEmail), err)
	}
	return u, nil
}

func printSecret(c *cobra.Command, secret string) error {
	if _, err := fmt.Fprintln(c.OutOrStdout(), secret); err != nil {
		// The text alone: a reader that is gone is no reason to say nothing here.
		return fmt.Errorf("the token could not be written (%v) and is lost; make another one with reset-token", err)
	}
	return nil
}
