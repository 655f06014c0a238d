package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

// memberChange is a command that does one thing to several members.
type memberChange struct {
	selection *selection
	action    client.Action // empty: patch does it
	words     words
	// so reports whether a member is like that already, so that nothing is sent.
	so func(*client.Member) bool
	// patch is what is sent, member by member, if there is no action.
	patch patch
	// settings, if set, make the patch in its place.
	settings *memberSettings
	// creates: who is no member becomes one, with this patch.
	creates patch
	// prepare, if set, looks at the flags once the members are known.
	prepare func(c *cobra.Command, network *client.Network, chosen []choice) error
	deletes bool
	// putsOut: who had access has none afterwards.
	putsOut bool

	dryRun, yes bool
}

// command makes the command.
func (m *memberChange) command(command *cobra.Command) *cobra.Command {
	m.words.thing = "member"
	command.Flags().BoolVar(&m.dryRun, "dry-run", false, "show what would be done, and do nothing")
	if m.deletes {
		command.Flags().BoolVar(&m.yes, "yes", false, "do not ask")
	}
	command.RunE = func(c *cobra.Command, args []string) error {
		api, err := connect(c)
		if err != nil {
			return err
		}
		network, err := findNetwork(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		chosen, err := m.selection.members(c, api, network, args[1:])
		if err != nil {
			return err
		}
		if len(chosen) == 0 {
			fmt.Fprintf(c.ErrOrStderr(), "nothing to do: no member of %s is meant\n", networkLabel(network))
			return nil
		}
		if m.prepare != nil {
			if err := m.prepare(c, network, chosen); err != nil {
				return err
			}
		}
		return m.run(c, api, network, chosen)
	}
	return command
}

func (m *memberChange) run(c *cobra.Command, api *client.Client, network *client.Network, chosen []choice) error {
	asks := m.deletes && !m.yes
	if m.dryRun || asks || m.action == "" {
		if err := readEach(c.Context(), api, network.ID, chosen); err != nil {
			return err
		}
	}
	switch {
	case m.dryRun:
		return m.preview(c, network, chosen)
	case asks:
		if err := confirmMembers(c, network, chosen); err != nil {
			return err
		}
	}
	r := newReport(c, len(chosen), m.words)
	if m.action == "" {
		m.singly(c, api, network, chosen, r)
	} else {
		m.together(c, api, network, chosen, r)
	}
	if m.putsOut && r.changed > 0 {
		sayEffect(c, api)
	}
	return r.end()
}

// together changes existing members, and makes those that are none if the action
// is that of members to be.
func (m *memberChange) together(c *cobra.Command, api *client.Client, network *client.Network, chosen []choice, r *report) {
	nodes := make([]string, len(chosen))
	for i, member := range chosen {
		nodes[i] = member.node
	}
	i, ended := 0, false
	// After a hopeless failure nothing more is sent, but what was on its way is
	// still to be told.
	for outcome := range api.ChangeMembers(c.Context(), network.ID, nodes, m.action) {
		member := chosen[i]
		i++
		label, changed, err := member.String(), outcome.Changed, outcome.Err
		if errors.Is(err, client.ErrNotFound) && !ended {
			label, changed, err = m.create(c.Context(), api, network, member)
		}
		r.add(label, changed, err)
		ended = ended || hopeless(c, err)
	}
}

// create makes a member of one that is none, which was named by its address. Who
// was in the list is not brought back after somebody deleted it.
func (m *memberChange) create(ctx context.Context, api *client.Client, network *client.Network, member choice) (label string, changed bool, err error) {
	if m.creates == nil || member.member != nil {
		return member.String(), false, noMember(member.node, network)
	}
	made, err := api.UpdateMember(ctx, network.ID, member.node, m.creates)
	if err == nil {
		err = m.check(ctx, api, network, made, member.node)
	}
	if err != nil {
		return member.String(), false, err
	}
	member.member = made
	return member.String() + ", which was no member yet", true, nil
}

// check makes sure that a server did what it was asked to do.
func (m *memberChange) check(ctx context.Context, api *client.Client, network *client.Network, after *client.Member, node string) error {
	if err := m.see(ctx, api, network, after); err != nil {
		return err
	}
	if m.so(after) {
		return nil
	}
	return errNotDone(node)
}

// see completes a member as far as what shall be set depends on it.
func (m *memberChange) see(ctx context.Context, api *client.Client, network *client.Network, of *client.Member) error {
	if m.settings == nil || of == nil {
		return nil
	}
	return m.settings.see(ctx, api, network.ID, of)
}

// errNotDone is for a server that lets in no more members than are paid for, as
// the hosted service.
func errNotDone(node string) error {
	return fmt.Errorf("the server accepted the change of %s and did not make it; does your plan allow more members?", node)
}

func noMember(node string, network *client.Network) error {
	return fmt.Errorf("%s is no member of %s", node, networkLabel(network))
}

// singly changes members that were read with one request each.
func (m *memberChange) singly(c *cobra.Command, api *client.Client, network *client.Network, chosen []choice, r *report) {
	for _, member := range chosen {
		label, changed, err := member.String(), false, m.see(c.Context(), api, network, member.member)
		switch {
		case err != nil:
		case member.member == nil:
			label, changed, err = m.create(c.Context(), api, network, member)
		case !m.so(member.member):
			label, changed, err = m.update(c.Context(), api, network, member)
		}
		r.add(label, changed, err)
		if hopeless(c, err) {
			return
		}
	}
}

// update changes a member, which may have another name afterwards.
func (m *memberChange) update(ctx context.Context, api *client.Client, network *client.Network, member choice) (label string, changed bool, err error) {
	after, err := m.send(ctx, api, network, member)
	if err == nil {
		err = m.check(ctx, api, network, after, member.node)
	}
	if err != nil {
		return member.String(), false, err
	}
	member.member = after
	return member.String(), true, nil
}

func (m *memberChange) send(ctx context.Context, api *client.Client, network *client.Network, member choice) (*client.Member, error) {
	if m.settings == nil {
		return api.UpdateMember(ctx, network.ID, member.node, m.patch)
	}
	p, err := m.settings.of(member.member)
	if err != nil {
		return nil, err
	}
	return m.settings.send(ctx, api, network.ID, member.member, p)
}

// preview says what would be done.
func (m *memberChange) preview(c *cobra.Command, network *client.Network, chosen []choice) error {
	missing, same := 0, 0
	for _, member := range chosen {
		switch {
		case member.member == nil && m.creates != nil:
			fmt.Fprintln(c.OutOrStdout(), m.words.would, member.String()+", which is no member yet")
		case member.member == nil:
			missing++
			fmt.Fprintln(c.ErrOrStderr(), noMember(member.node, network))
		case m.so != nil && m.so(member.member):
			same++
		default:
			fmt.Fprintln(c.OutOrStdout(), m.words.would, member)
		}
	}
	if same > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s %s\n", count(same, "member"), plural(same, m.words.already))
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d are no members; the others would be %s", missing, len(chosen), m.words.done)
	}
	return nil
}

// confirmMembers asks before members are deleted.
func confirmMembers(c *cobra.Command, network *client.Network, chosen []choice) error {
	const few = 10
	label := networkLabel(network)
	if len(chosen) > few {
		return confirmByName(c, fmt.Sprintf("Delete %d of the %s of %s?", len(chosen), count(network.TotalMemberCount, "member"), label), typeable(network))
	}
	labels := make([]string, len(chosen))
	for i, member := range chosen {
		labels[i] = member.String()
	}
	return confirm(c, fmt.Sprintf("Delete %s of %s: %s?", count(len(chosen), "member"), label, strings.Join(labels, ", ")))
}

// sayEffect says when those that were put out are out.
func sayEffect(c *cobra.Command, api *client.Client) {
	orrery, err := api.IsOrrery(c.Context())
	switch {
	case err != nil:
	case orrery:
		fmt.Fprintln(c.ErrOrStderr(), "It is effective at once: the other members were told.")
	default:
		fmt.Fprintln(c.ErrOrStderr(), "The hosted service lets a device talk to others until its credentials expire; orrery node cleanup, run on the device, ends that now.")
	}
}
