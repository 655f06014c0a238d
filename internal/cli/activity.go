package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
	"github.com/orrery-net/orrery/zt"
)

// activityFlags select changes.
type activityFlags struct {
	network, member, actor, since, until string
	kinds                                []string
	limit                                int
}

func activityCommand() *cobra.Command {
	var o *output
	f := &activityFlags{}
	command := withAccess(&cobra.Command{
		Use:   "activity",
		Short: "Show who changed what, the newest first",
		Long: `Show who changed what, the newest first: changes of networks that you may see, of
your account, and of the organization that you own. Needs an Orrery server.`,
		Example: `  orrery activity
  orrery activity --network office --since 24h
  orrery activity --kind member.authorized --kind member.deauthorized --since 2026-01-01
  orrery activity --network office --member 8a9d09e442 --limit 0 -o ndjson`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return showActivity(c, f, o) },
	})
	flags := command.Flags()
	flags.StringVar(&f.network, "network", "", "changes of this `network` and its members, by id or name")
	flags.StringVar(&f.member, "member", "", "changes of this `member`, by address, or with --network by name or IP")
	flags.StringVar(&f.actor, "actor", "", "changes that this `user` made, by e-mail address or id")
	flags.StringSliceVar(&f.kinds, "kind", nil, "changes of this `kind`, as member.authorized, or member for all of members; repeatable")
	flags.StringVar(&f.since, "since", "", "changes since `then`: 24h or 7d ago, a date, or a time")
	flags.StringVar(&f.until, "until", "", "changes before `then`")
	flags.IntVar(&f.limit, "limit", 100, "at most so many `changes`; 0: all")
	fixedValues(command, "kind", changeKinds()...)
	_ = command.RegisterFlagCompletionFunc("network", completeNetworks) // the flag is there
	columns := []table.Column{
		{Name: "time", Paths: []string{"time"}, Kind: table.Time},
		{Name: "by", Paths: []string{"by"}},
		{Name: "what", Paths: []string{"kind"}},
		{Name: "network", Paths: []string{"network"}},
		{Name: "member", Paths: []string{"nodeId"}},
		{Name: "change", Paths: []string{"change"}},
		{Name: "from", Paths: []string{"actor.from"}},
		{Name: "networkId", Paths: []string{"networkId"}},
		{Name: "userId", Paths: []string{"userId"}},
		{Name: "actorId", Paths: []string{"actor.userId"}},
		{Name: "seq", Paths: []string{"seq"}, Kind: table.Number},
	}
	o = withOutput(command, columns, 6)
	o.none = "Nothing changed, or nothing that you may know of."
	return command
}

// changeKinds are the kinds of changes that a server knows.
func changeKinds() []string {
	return []string{
		"network.created", "network.updated", "network.deleted", "network.shared", "network.moved",
		"member.joined", "member.added", "member.updated", "member.authorized", "member.deauthorized", "member.deleted",
		"user.created", "user.updated", "user.deleted", "token.created", "token.deleted",
		"organization.created", "organization.updated", "organization.deleted", "organization.user.added", "organization.user.removed",
		"invitation.sent", "invitation.accepted", "invitation.declined", "invitation.canceled",
	}
}

// query checks the flags that need no server.
func (f *activityFlags) query(c *cobra.Command) (client.ActivityQuery, error) {
	var q client.ActivityQuery
	err := noneEmpty(c, "network", "member", "actor", "since", "until")
	if err != nil {
		return q, err
	}
	if f.since != "" {
		if q.Since, err = parseMoment(f.since, now(c)); err != nil {
			return q, usage(c, fmt.Errorf("--since: %w", err))
		}
	}
	if f.until != "" {
		if q.Until, err = parseMoment(f.until, now(c)); err != nil {
			return q, usage(c, fmt.Errorf("--until: %w", err))
		}
	}
	if f.limit < 0 {
		return q, usage(c, fmt.Errorf("--limit %d; want 0 or more", f.limit))
	}
	for _, kind := range f.kinds {
		found := slices.DeleteFunc(changeKinds(), func(k string) bool { return k != kind && !strings.HasPrefix(k, kind+".") })
		if len(found) == 0 {
			return q, usage(c, fmt.Errorf("--kind %q; want one of %s", kind, strings.Join(changeKinds(), ", ")))
		}
		q.Kinds = append(q.Kinds, found...)
	}
	return q, nil
}

func showActivity(c *cobra.Command, f *activityFlags, o *output) error {
	q, err := f.query(c)
	if err != nil {
		return err
	}
	api, err := connect(c)
	if err != nil {
		return err
	}
	people, err := peopleOf(c, api)
	if err != nil {
		return err
	}
	if f.actor != "" {
		q.Actor = people.id(f.actor)
	}
	if err := f.place(c, api, &q); err != nil {
		return err
	}
	networks, err := networkNames(c, api)
	if err != nil {
		return err
	}
	more := false
	changes := limited(api.Activity(c.Context(), q), f.limit, &more)
	if err := o.print(c, objects(changes, func(change *client.Change) (table.Object, error) {
		return changeObject(o, change, people, networks)
	})); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(c.ErrOrStderr(), "There is more; --limit 0 shows all, --since and --until less.\n")
	}
	return nil
}

// place finds the network and the member that are asked for.
func (f *activityFlags) place(c *cobra.Command, api *client.Client, q *client.ActivityQuery) error {
	if f.network == "" {
		if f.member == "" {
			return nil
		}
		node, err := zt.ParseAddress(f.member)
		if err != nil {
			return usage(c, errors.New("--member without --network takes an address of 10 hex digits"))
		}
		q.Node = node.String()
		return nil
	}
	if id, err := zt.ParseNetworkID(f.network); err == nil && f.member == "" {
		q.Network = id.String() // also one that was deleted
		return nil
	}
	network, err := findNetwork(c.Context(), api, f.network)
	if err != nil {
		return err
	}
	q.Network = network.ID
	if f.member == "" {
		return nil
	}
	chosen, err := namedMembers(c.Context(), api, network, []string{f.member})
	if err != nil {
		return err
	}
	q.Node = chosen[0].node
	return nil
}

// limited ends a list after so many; more tells whether something was left out.
func limited(list iter.Seq2[*client.Change, error], limit int, more *bool) iter.Seq2[*client.Change, error] {
	return func(yield func(*client.Change, error) bool) {
		count := 0
		for change, err := range list {
			if count++; limit > 0 && count > limit && err == nil {
				*more = true
				return
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// people are the e-mail addresses of users by their ids, as far as the caller may
// know them.
type people map[string]string

func peopleOf(c *cobra.Command, api *client.Client) (people, error) {
	found := make(people)
	status, err := api.Status(c.Context())
	if err != nil {
		return nil, err
	}
	if status.User != nil {
		found[status.User.ID] = status.User.Email
	}
	organization, err := api.Organization(c.Context())
	if err != nil {
		return found, nil // a token for one network may not, and there may be none
	}
	for _, m := range organization.Members {
		found[m.UserID] = m.Email
	}
	return found, nil
}

// id is the id of a user that is named by e-mail address or id.
func (p people) id(name string) string {
	for id, email := range p {
		if strings.EqualFold(email, name) {
			return id
		}
	}
	return name
}

func networkNames(c *cobra.Command, api *client.Client) (map[string]string, error) {
	names := make(map[string]string)
	for n, err := range api.Networks(c.Context()) {
		if err != nil {
			return nil, err
		}
		names[n.ID] = n.Config.Name
	}
	return names, nil
}

// changeObject is a change with what people read: who, where and what.
func changeObject(o *output, change *client.Change, people people, networks map[string]string) (table.Object, error) {
	var shown struct {
		Actor         struct{ UserID, Part string }
		NetworkID     string
		UserID        string
		Before, After json.RawMessage
	}
	_ = json.Unmarshal(change.Raw, &shown) // what is strange is not shown
	by := shown.Actor.UserID
	if email := people[by]; email != "" {
		by = email
	}
	if shown.Actor.Part != "" {
		by = shown.Actor.Part
	}
	network := networks[shown.NetworkID]
	if network == "" {
		network = shown.NetworkID
	}
	text := changeText(shown.Before, shown.After)
	if user := people[shown.UserID]; user != "" {
		text = strings.TrimSpace(user + " " + text)
	}
	return object(o, change.Raw, struct {
		By      string `json:"by"`
		Network string `json:"network"`
		Change  string `json:"change"`
	}{by, network, text})
}

// changeText says which fields changed. What appears or disappears as a whole is
// named, no more.
func changeText(before, after json.RawMessage) string {
	was, errBefore := decodePatch(before)
	is, errAfter := decodePatch(after)
	if errBefore == nil && errAfter == nil {
		// What every change sets says nothing.
		passed := map[string]bool{"revision": true, "lastModified": true, "lastAuthorizedTime": true, "lastDeauthorizedTime": true, "authorizedBy": true, "deletedTime": true}
		return strings.Join(differences("", map[string]any(was), map[string]any(is), passed, nil), "; ")
	}
	whole := is
	if errAfter != nil {
		whole = was
	}
	for _, name := range []string{"name", "displayName", "email"} {
		if text, ok := whole[name].(string); ok && text != "" {
			return printable(text)
		}
	}
	return ""
}
