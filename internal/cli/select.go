package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
)

// findNetwork finds the network that a user names: by its id, or by its name if
// only one has it, in any case. One without a name is not named by an empty text,
// which a script's unset variable is.
func findNetwork(ctx context.Context, api *client.Client, name string) (*client.Network, error) {
	found, err := findNetworks(ctx, api, []string{name})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// findNetworks is findNetwork for several, of which one that is named twice comes
// once. The list of networks is read once, if it is needed.
func findNetworks(ctx context.Context, api *client.Client, names []string) ([]*client.Network, error) {
	var all []*client.Network
	var found []*client.Network
	for _, name := range names {
		n, err := oneNetwork(ctx, api, name, &all)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(other *client.Network) bool { return other.ID == n.ID }) {
			found = append(found, n)
		}
	}
	return found, nil
}

// oneNetwork finds a network by id, or by name in all, which it reads if need be.
func oneNetwork(ctx context.Context, api *client.Client, name string, all *[]*client.Network) (*client.Network, error) {
	if id, err := zt.ParseNetworkID(name); err == nil {
		return api.Network(ctx, id.String())
	}
	if *all == nil {
		for n, err := range api.Networks(ctx) {
			if err != nil {
				return nil, err
			}
			*all = append(*all, n)
		}
	}
	var candidates []string
	var found *client.Network
	for _, n := range *all {
		if name != "" && strings.EqualFold(n.Config.Name, name) {
			found, candidates = n, append(candidates, n.ID)
		}
	}
	switch len(candidates) {
	case 0:
		return nil, fmt.Errorf("there is no network %s; orrery network list shows those that you have", quoted(name))
	case 1:
		return found, nil
	}
	return nil, fmt.Errorf("%d networks have the name %s: %s; use the id", len(candidates), quoted(name), some(candidates))
}

// networkLabel is a network as messages name it.
func networkLabel(n *client.Network) string {
	return printable(cmp.Or(n.Config.Name, n.ID))
}

// choice is a member that a command works on.
type choice struct {
	node   string
	member *client.Member // nil: not read, or there is none
}

// String names the member in messages.
func (m choice) String() string {
	if m.member == nil || m.member.Name == "" {
		return printable(m.node)
	}
	return printable(fmt.Sprintf("%s (%s)", m.node, m.member.Name))
}

// selection says which members of a network a command works on: arguments name
// them, or these flags select them.
type selection struct {
	all        bool
	pending    bool
	offlineFor span

	// hidden: --all selects hidden members too.
	hidden bool
}

// withSelection gives a command the flags that select members, and completes
// their names.
func withSelection(command *cobra.Command, hidden bool) *selection {
	s := &selection{hidden: hidden}
	flags := command.Flags()
	all := "all members of the network"
	if !hidden {
		all += " that are not hidden"
	}
	flags.BoolVar(&s.all, "all", false, all)
	flags.BoolVar(&s.pending, "pending", false, "members that asked to join and are neither authorized nor hidden, nor were before")
	flags.Var(&s.offlineFor, "offline-for", "members not seen for this `time`, as 30d, 12h, 90m or 2w")
	command.Args = func(c *cobra.Command, args []string) error {
		flagged := s.all || s.pending || s.offlineFor > 0
		switch {
		case len(args) == 0:
			return usage(c, errors.New("which network?"))
		case len(args) == 1 && !flagged:
			return usage(c, errors.New("which members? name them, or select them with --all, --pending or --offline-for"))
		case len(args) > 1 && flagged:
			return usage(c, errors.New("name members or select them with flags, not both"))
		case s.all && (s.pending || s.offlineFor > 0):
			return usage(c, errors.New("--all selects all; leave it out to select by --pending and --offline-for"))
		}
		return nil
	}
	command.ValidArgsFunction = completeMembers
	return s
}

// members finds the members, each once, in the order of the arguments or of
// their addresses. All is found before anything is changed: a name that is
// unknown or not unique is an error.
func (s *selection) members(c *cobra.Command, api *client.Client, network *client.Network, names []string) ([]choice, error) {
	if len(names) > 0 {
		names, err := withInput(c, names)
		if err != nil {
			return nil, err
		}
		return namedMembers(c.Context(), api, network, names)
	}
	var chosen []choice
	for m, err := range api.Members(c.Context(), network.ID) {
		if err != nil {
			return nil, err
		}
		if s.selects(m, now(c)) {
			chosen = append(chosen, light(m))
		}
	}
	return chosen, nil
}

func (s *selection) selects(m *client.Member, now time.Time) bool {
	switch {
	case s.all:
		return s.hidden || !m.Hidden
	case s.pending && !isPending(m):
		return false
	}
	return s.offlineFor == 0 || offline(m, now) >= time.Duration(s.offlineFor)
}

// isPending reports whether a member asked to join and nobody has decided yet.
// One that was authorized before was put out by somebody.
func isPending(m *client.Member) bool {
	return wasSeen(m) && !m.Config.Authorized && !m.Hidden && m.Config.LastAuthorizedTime == 0
}

// wasSeen reports whether a member ever asked for its configuration. When it last
// did is something that the hosted service may forget at any time.
func wasSeen(m *client.Member) bool {
	return m.LastSeen > 0 || m.ClientVersion != "" && m.ClientVersion != "0.0.0"
}

// offline is for how long a member was certainly not seen, by the server's clock.
// One that was never seen may just not have been switched on since somebody added
// or authorized it.
func offline(m *client.Member, now time.Time) time.Duration {
	last, clock := m.LastSeen, m.Clock
	if !wasSeen(m) {
		last = max(m.Config.CreationTime, m.Config.LastAuthorizedTime)
	}
	if last <= 0 || clock > 0 && m.Online() { // nobody knows when it was, or it is here
		return 0
	}
	if clock == 0 {
		clock = now.UnixMilli()
	}
	return time.Duration(clock-last) * time.Millisecond
}

// light keeps of a member what many of them may take in memory.
func light(m *client.Member) choice {
	m.Raw = nil
	return choice{node: m.NodeID, member: m}
}

// namedMembers finds members by address, name or assigned IP. The list of members
// is read once, if a name or IP is among them.
func namedMembers(ctx context.Context, api *client.Client, network *client.Network, names []string) ([]choice, error) {
	chosen := make([]choice, len(names))
	wanted := make(map[string][]*client.Member) // by key
	byNode := make(map[string]*client.Member)
	for i, name := range names {
		node, err := nodeOf(name, network)
		if err != nil {
			return nil, err
		}
		if chosen[i].node = node; node == "" {
			wanted[key(name)] = nil
		} else {
			byNode[node] = nil
		}
	}
	if len(wanted) > 0 {
		if err := look(ctx, api, network.ID, wanted, byNode); err != nil {
			return nil, err
		}
	}
	var unknown []string
	for i, name := range names {
		if node := chosen[i].node; node != "" {
			chosen[i].member = byNode[node]
			continue
		}
		switch found := wanted[key(name)]; len(found) {
		case 0:
			unknown = append(unknown, quoted(name))
		case 1:
			chosen[i] = light(found[0])
		default:
			return nil, fmt.Errorf("%d members of %s are %s: %s; use an address", len(found), networkLabel(network), quoted(name), some(nodesOf(found)))
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("%s has no member %s; members are named by address, name or assigned IP", networkLabel(network), some(unknown))
	}
	return once(chosen), nil
}

// nodeOf reads a node address, alone or behind its network's id; empty if it is
// none.
func nodeOf(name string, network *client.Network) (string, error) {
	address := name
	if before, after, ok := strings.Cut(name, "-"); ok {
		id, err := zt.ParseNetworkID(before)
		if err != nil {
			return "", nil
		}
		address = after
		if _, err := zt.ParseAddress(after); err == nil && id.String() != network.ID {
			return "", fmt.Errorf("%s is a member of the network %s, not of %s", name, id, networkLabel(network))
		}
	}
	node, err := zt.ParseAddress(address)
	if err != nil {
		return "", nil
	}
	return node.String(), nil
}

// key makes the same of names and addresses that mean the same.
func key(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(name)
}

// look finds the members with the wanted keys, and those of the nodes that are
// there.
func look(ctx context.Context, api *client.Client, network string, wanted map[string][]*client.Member, byNode map[string]*client.Member) error {
	for m, err := range api.Members(ctx, network) {
		if err != nil {
			return err
		}
		if _, ok := byNode[m.NodeID]; ok {
			byNode[m.NodeID] = light(m).member
		}
		var keys []string
		if m.Name != "" {
			keys = append(keys, key(m.Name))
		}
		for _, ip := range m.Config.IPAssignments {
			keys = append(keys, key(ip))
		}
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			if found, ok := wanted[k]; ok {
				wanted[k] = append(found, light(m).member)
			}
		}
	}
	return nil
}

func nodesOf(members []*client.Member) []string {
	nodes := make([]string, len(members))
	for i, m := range members {
		nodes[i] = m.NodeID
	}
	return nodes
}

// once leaves out what comes again.
func once(chosen []choice) []choice {
	seen := make(map[string]bool, len(chosen))
	return slices.DeleteFunc(chosen, func(m choice) bool {
		before := seen[m.node]
		seen[m.node] = true
		return before
	})
}

// readEach reads the members of which only the address is known, so that
// messages can say their names and what is so already is known. Those that do
// not exist stay without.
func readEach(ctx context.Context, api *client.Client, network string, chosen []choice) error {
	const few = 20 // for more, the list is read
	var unread []*choice
	for i := range chosen {
		if chosen[i].member == nil {
			unread = append(unread, &chosen[i])
		}
	}
	if len(unread) > few {
		return readAll(ctx, api, network, unread)
	}
	for _, m := range unread {
		member, err := api.Member(ctx, network, m.node)
		if errors.Is(err, client.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		m.member = member
	}
	return nil
}

func readAll(ctx context.Context, api *client.Client, network string, unread []*choice) error {
	byNode := make(map[string]*choice, len(unread))
	for _, m := range unread {
		byNode[m.node] = m
	}
	for m, err := range api.Members(ctx, network) {
		if err != nil {
			return err
		}
		if wanted := byNode[m.NodeID]; wanted != nil {
			*wanted = light(m)
		}
	}
	return nil
}

// The bounds of what is read from standard input, in bytes.
const (
	maxInput     = 32 << 20
	maxInputLine = 4 << 10
)

// withInput puts the lines of standard input in the place of "-".
func withInput(c *cobra.Command, names []string) ([]string, error) {
	var all []string
	read := false
	for _, name := range names {
		file := c.Flags().Lookup("json")
		switch {
		case name != "-":
			all = append(all, name)
		case read || file != nil && file.Value.String() == "-":
			return nil, usage(c, errors.New("- is there twice, and standard input can be read once"))
		default:
			read = true
			lines, err := fromInput(c, readLines)
			if err != nil {
				return nil, fmt.Errorf("read standard input: %w", err)
			}
			all = append(all, lines...)
		}
	}
	return all, nil
}

// readLines reads names or addresses, one a line; empty lines and what begins
// with # are passed over, and so is # with what follows it after an address.
func readLines(from io.Reader) ([]string, error) {
	var lines []string
	limited := &io.LimitedReader{R: from, N: maxInput + 1}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(nil, maxInputLine)
	for number := 1; scanner.Scan(); number++ {
		line := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			return nil, fmt.Errorf("line %d is no text in UTF-8", number)
		}
		first, rest, _ := strings.Cut(line, " ")
		if _, err := zt.ParseAddress(first); err == nil && strings.HasPrefix(strings.TrimSpace(rest), "#") {
			line = first
		}
		lines = append(lines, line)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("more than %d MiB", maxInput>>20)
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line is longer than %d bytes", maxInputLine)
	}
	return lines, scanner.Err()
}

// quoted is a name as somebody gave it, which may be a mistake of any length.
func quoted(name string) string {
	const most = 60 // characters
	if shown := []rune(name); len(shown) > most {
		name = string(shown[:most]) + "…"
	}
	return strconv.Quote(name)
}

// some lists the first few.
func some(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
