package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
)

func tokenCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "token",
		Short: "Make and revoke your API tokens",
		Example: `  orrery token create monitoring --read-only --expires 90d > monitoring.token
  orrery token list
  orrery token delete monitoring`,
	}), listTokensCommand(), createTokenCommand(), deleteTokenCommand())
}

func listTokensCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "list",
		Short: "List your tokens, without their secrets",
		Long: `List your tokens, without their secrets, which nobody can see again. The hosted
service tells their names only.`,
		Example: `  orrery token list
  orrery token list -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			tokens, err := api.Tokens(c.Context())
			if err != nil {
				return err
			}
			return o.print(c, objects(each(tokens), objectOf[client.Token]))
		},
	}
	columns := []table.Column{
		{Name: "name", Paths: []string{"name"}},
		{Name: "readOnly", Paths: []string{"readOnly"}, Kind: table.Bool},
		{Name: "network", Paths: []string{"networkId"}},
		{Name: "created", Paths: []string{"creationTime"}, Kind: table.Time},
		{Name: "expires", Paths: []string{"expiryTime"}, Kind: table.Time},
		{Name: "lastUsed", Paths: []string{"lastUsedTime"}, Kind: table.Time},
		{Name: "lastUsedFrom", Paths: []string{"lastUsedFrom"}},
	}
	o = withOutput(command, columns, len(columns))
	o.none = "You have no tokens."
	return command
}

func createTokenCommand() *cobra.Command {
	var t client.Token
	var network, expires string
	command := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and print its secret",
		Long: `Make a token and print its secret, alone on standard output. It is shown this once.
A token can do what you can, unless it is limited, which needs an Orrery server.`,
		Example: `  orrery token create laptop > laptop.token
  orrery token create monitoring --read-only --expires 90d
  orrery token create branch --network branch --expires 2027-01-31`,
		Args:              one("name"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			t.Name = args[0]
			if err := noneEmpty(c, "network", "expires"); err != nil {
				return err
			}
			if expires != "" {
				at, err := parseExpiry(expires, now(c))
				if err != nil {
					return usage(c, fmt.Errorf("--expires: %w", err))
				}
				t.ExpiryTime = at.UnixMilli()
			}
			api, err := connect(c)
			if err != nil {
				return err
			}
			if network != "" {
				n, err := findNetwork(c.Context(), api, network)
				if err != nil {
					return err
				}
				t.NetworkID = n.ID
			}
			secret, err := api.CreateToken(c.Context(), t)
			if err != nil {
				return err
			}
			made := "made the token " + printable(t.Name)
			if limits := limits(t); len(limits) > 0 {
				made += ", which " + strings.Join(limits, " and ")
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s; its secret, shown only now:\n", made)
			if _, err := fmt.Fprintln(c.OutOrStdout(), secret); err != nil {
				return revokeLost(c, api, t.Name, err)
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.BoolVar(&t.ReadOnly, "read-only", false, "it may not change anything")
	flags.StringVar(&network, "network", "", "it opens this `network` only, by id or name")
	flags.StringVar(&expires, "expires", "", "`when` it ends: in 30d, 12h or 2w, or a date, as 2027-01-31")
	_ = command.RegisterFlagCompletionFunc("network", completeFirst(1, completeNetworks)) // the flag is there
	return command
}

// revokeLost revokes a token whose secret nobody got, because writing it failed.
func revokeLost(c *cobra.Command, api *client.Client, name string, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 10*time.Second)
	defer cancel()
	// The text alone: a reader that is gone is no reason to say nothing here.
	lost := fmt.Sprintf("the secret could not be written (%v)", failed)
	if err := api.DeleteToken(ctx, name); err != nil {
		return fmt.Errorf("%s and is lost, and the token could not be revoked: %w; do that with orrery token delete", lost, err)
	}
	return errors.New(lost + ", so the token was revoked again")
}

// parseExpiry reads a moment to come: how long until then, a date or a time.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if d, err := parseSpan(text); err == nil {
		return now.Add(d), nil
	}
	at, err := parseMoment(text, now)
	switch {
	case err != nil:
		return at, fmt.Errorf("%q is no time; write how long from now, as 30d, or a date, as 2027-01-31", text)
	case !at.After(now):
		return at, fmt.Errorf("%s is past", text)
	}
	return at, nil
}

// limits says what a token may not do.
func limits(t client.Token) []string {
	var all []string
	if t.ReadOnly {
		all = append(all, "only reads")
	}
	if t.NetworkID != "" {
		all = append(all, "opens "+t.NetworkID+" only")
	}
	if t.ExpiryTime != 0 {
		all = append(all, "ends at "+time.UnixMilli(t.ExpiryTime).Local().Format("2006-01-02 15:04"))
	}
	return all
}

func deleteTokenCommand() *cobra.Command {
	var yes, dryRun bool
	command := &cobra.Command{
		Use:     "delete NAME…",
		Aliases: []string{"revoke"},
		Short:   "Revoke tokens, at once",
		Long:    "Revoke tokens, at once. Whatever uses them is refused from then on.",
		Example: `  orrery token delete laptop
  orrery token delete ci-1 ci-2 --yes`,
		Args:              atLeast("token"),
		ValidArgsFunction: completeTokens,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			return deleteTokens(c, api, args, yes, dryRun)
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be revoked, and revoke nothing")
	return command
}

func deleteTokens(c *cobra.Command, api *client.Client, names []string, yes, dryRun bool) error {
	tokens, err := api.Tokens(c.Context())
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		known[t.Name] = true
	}
	names = distinct(names)
	labels := make([]string, len(names))
	for i, name := range names {
		if labels[i] = printable(name); !known[name] {
			return fmt.Errorf("you have no token %q; orrery token list shows those that you have", name)
		}
	}
	r := newReport(c, len(names), words{thing: "token", done: "revoked"})
	switch {
	case dryRun:
		for _, label := range labels {
			fmt.Fprintln(c.OutOrStdout(), "would revoke", label)
		}
		return nil
	case !yes:
		if err := confirm(c, fmt.Sprintf("Revoke the %s %s? Whatever uses it is refused from then on.", strings.TrimPrefix(count(len(names), "token"), "1 "), strings.Join(labels, ", "))); err != nil {
			return err
		}
	}
	for i, name := range names {
		err := api.DeleteToken(c.Context(), name)
		r.add(labels[i], true, err)
		if hopeless(c, err) {
			break
		}
	}
	return r.end()
}

func completeTokens(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFromServer(c, func(ctx context.Context, api *client.Client) []cobra.Completion {
		found := offer{begun: begun, given: args}
		tokens, _ := api.Tokens(ctx) // an error offers nothing
		for _, t := range tokens {
			found.add(t.Name, t.Name)
		}
		return found.all
	})
}
