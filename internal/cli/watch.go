package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

func watchCommand() *cobra.Command {
	format := "table"
	command := &cobra.Command{
		Use:   "watch [NETWORK]",
		Short: "Show who comes and goes, as it happens",
		Long: `Show who comes and goes in a network, or in all of them, as it happens, until Ctrl-C.
An Orrery server tells it live; the hosted service is asked every few seconds.`,
		Example: `  orrery member watch
  orrery member watch office
  orrery member watch office -o ndjson | jq -r 'select(.kind == "online") | .name'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(1, completeNetworks),
	}
	command.Flags().StringVarP(&format, "output", "o", format, "table, for people, or ndjson, an object a line")
	fixedValues(command, "output", "table", "ndjson")
	command.PreRunE = func(c *cobra.Command, _ []string) error {
		if format != "table" && format != "ndjson" {
			return usage(c, fmt.Errorf("--output %q; want table or ndjson", format))
		}
		return nil
	}
	command.RunE = func(c *cobra.Command, args []string) error {
		api, err := connect(c)
		if err != nil {
			return err
		}
		w := &watch{c: c, api: api, json: format == "ndjson", names: make(map[string]string)}
		if err := w.run(args); err != nil && c.Context().Err() == nil {
			return err
		}
		return nil // Ctrl-C is how it ends
	}
	return command
}

// watch is one run of the command.
type watch struct {
	c      *cobra.Command
	api    *client.Client
	json   bool
	names  map[string]string // of networks, by id
	widest int               // name of a network
}

func (w *watch) run(args []string) error {
	network := ""
	if len(args) > 0 {
		n, err := findNetwork(w.c.Context(), w.api, args[0])
		if err != nil {
			return err
		}
		network = n.ID
		w.learn(n)
	} else {
		for n, err := range w.api.Networks(w.c.Context()) {
			if err != nil {
				return err
			}
			w.learn(n)
		}
	}
	if atTerminal(w.c.OutOrStdout()) {
		fmt.Fprintln(w.c.ErrOrStderr(), "Waiting for members to come and go; stop with Ctrl-C.")
	}
	out := bufio.NewWriter(w.c.OutOrStdout())
	for coming, err := range w.api.Watch(w.c.Context(), network) {
		if err != nil {
			return err
		}
		if err := w.write(out, coming); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) learn(n *client.Network) {
	w.names[n.ID] = networkLabel(n)
	w.widest = max(w.widest, min(len([]rune(networkLabel(n))), 24))
}

// name is a network's name. One that is new is asked for once: it may be deleted
// already, with thousands of members of which each is told.
func (w *watch) name(network string) string {
	if _, known := w.names[network]; !known {
		n, err := w.api.Network(w.c.Context(), network)
		if err != nil {
			n = &client.Network{}
		}
		n.ID = network
		w.learn(n)
	}
	return w.names[network]
}

func (w *watch) write(out *bufio.Writer, coming *client.Coming) error {
	name := ""
	if coming.Member != nil {
		name = coming.Member.Name
	}
	if w.json {
		line, err := json.Marshal(struct {
			Time    int64           `json:"time"`
			Network string          `json:"networkId"`
			Node    string          `json:"nodeId"`
			Name    string          `json:"name"`
			Kind    string          `json:"kind"`
			Member  json.RawMessage `json:"member,omitempty"`
		}{coming.Time, coming.Network, coming.Node, name, coming.Kind, rawMember(coming.Member)})
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	}
	at := time.UnixMilli(coming.Time).Local().Format(time.TimeOnly)
	line := fmt.Sprintf("%s  %-*s  %s  %-18s  %s", at, w.widest, w.name(coming.Network), printable(coming.Node), happened(coming.Kind), printable(name))
	_, err := fmt.Fprintln(out, strings.TrimRight(line, " "))
	return err
}

func rawMember(m *client.Member) json.RawMessage {
	if m == nil {
		return nil
	}
	return m.Raw
}

// happened says in words what became of a member.
func happened(kind string) string {
	switch kind {
	case "online":
		return "is online"
	case "offline":
		return "went offline"
	case "member.joined":
		return "asks to join"
	case "member.added":
		return "was added"
	case "member.updated":
		return "was changed"
	case "member.authorized":
		return "was authorized"
	case "member.deauthorized":
		return "was deauthorized"
	case "member.deleted":
		return "was deleted"
	}
	return printable(kind)
}
