package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
)

func orgCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "org",
		Short: "Your organization and its people",
		Long: `Your organization and its people, who can be given rights to its networks. All
networks of an organization belong to its owner.`,
		Example: `  orrery org show
  orrery org invite alice@example.com
  orrery org invitations`,
	}),
		showOrgCommand(), orgMembersCommand(), inviteCommand(), invitationsCommand(), acceptCommand(), declineCommand())
}

func showOrgCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "show",
		Short: "Show your organization",
		Example: `  orrery org show
  orrery org show -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			organization, err := readOrganization(c)
			if err != nil {
				return err
			}
			one, err := object(o, organization.Raw, struct {
				People int `json:"people"`
			}{len(organization.Members)})
			if err != nil {
				return err
			}
			return o.printOne(c, one)
		},
	}
	columns := []table.Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "owner", Paths: []string{"ownerEmail"}},
		{Name: "people", Paths: []string{"people"}, Kind: table.Number},
	}
	o = withOutput(command, columns, len(columns))
	return command
}

func readOrganization(c *cobra.Command) (*client.Organization, error) {
	api, err := connect(c)
	if err != nil {
		return nil, err
	}
	organization, err := api.Organization(c.Context())
	if errors.Is(err, client.ErrNotFound) {
		return nil, errors.New("you are in no organization")
	}
	return organization, err
}

func orgMembersCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "members",
		Short: "List the people of your organization",
		Example: `  orrery org members
  orrery org members -o csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			organization, err := readOrganization(c)
			if err != nil {
				return err
			}
			return o.print(c, objects(each(organization.Members), objectOf[client.OrganizationMember]))
		},
	}
	columns := []table.Column{
		{Name: "email", Paths: []string{"email"}},
		{Name: "name", Paths: []string{"name"}},
		{Name: "userId", Paths: []string{"userId"}},
	}
	o = withOutput(command, columns, len(columns))
	return command
}

func inviteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "invite EMAIL…",
		Short: "Invite people to your organization",
		Long: `Invite people to your organization, of which you are the owner. They accept with
orrery org accept and the invitation's id, or on the server's page.`,
		Example:           `  orrery org invite alice@example.com bob@example.com`,
		Args:              atLeast("e-mail address"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			people := distinct(args)
			r := newReport(c, len(people), words{thing: "person", done: "invited"})
			for _, email := range people {
				label := printable(email)
				invitation, err := api.Invite(c.Context(), email)
				if err == nil {
					label += ", invitation " + printable(invitation.ID)
				}
				r.add(label, true, err)
				if hopeless(c, err) {
					break
				}
			}
			return r.end()
		},
	}
}

func invitationsCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "invitations",
		Short: "List the invitations that you sent or got",
		Example: `  orrery org invitations
  orrery org invitations -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			all, err := api.Invitations(c.Context())
			if err != nil {
				return err
			}
			return o.print(c, objects(each(all), func(i client.Invitation) (table.Object, error) {
				return object(o, i.Raw, struct {
					Created int64 `json:"created"`
				}{i.CreationTime})
			}))
		},
	}
	columns := []table.Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "email", Paths: []string{"email"}},
		{Name: "from", Paths: []string{"ownerEmail"}},
		{Name: "status", Paths: []string{"status"}},
		{Name: "created", Paths: []string{"created"}, Kind: table.Time},
	}
	o = withOutput(command, columns, len(columns))
	o.none = "There are no invitations."
	return command
}

func acceptCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:   "accept INVITATION",
		Short: "Join an organization",
		Long: `Join an organization that you were invited to. All your networks belong to its owner
from then on, and you keep your rights to them. That cannot be taken back.`,
		Example: `  orrery org invitations
  orrery org accept 0d9c8b7a-6f5e-4d3c-8b2a-190817263544`,
		Args:              one("invitation's id"),
		ValidArgsFunction: completeInvitations,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			if !yes {
				if err := confirm(c, "Join? All your networks will belong to the organization's owner, which cannot be taken back."); err != nil {
					return err
				}
			}
			invitation, err := api.AcceptInvitation(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "joined the organization of %s\n", printable(invitation.OwnerEmail))
			return nil
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

func declineCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decline INVITATION",
		Short: "Decline an invitation, or withdraw one that you sent",
		Example: `  orrery org invitations
  orrery org decline 0d9c8b7a-6f5e-4d3c-8b2a-190817263544`,
		Args:              one("invitation's id"),
		ValidArgsFunction: completeInvitations,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			if err := api.DeclineInvitation(c.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "declined the invitation %s\n", printable(args[0]))
			return nil
		},
	}
}

func completeInvitations(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFirst(1, func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeFromServer(c, func(ctx context.Context, api *client.Client) []cobra.Completion {
			found := offer{begun: begun, given: args}
			invitations, _ := api.Invitations(ctx) // an error offers nothing
			for _, i := range invitations {
				if i.Status == "pending" {
					found.add(i.ID, i.Email)
				}
			}
			return found.all
		})
	})(c, args, begun)
}
