package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/doctor"
	"github.com/orrery-net/orrery/internal/node"
	"github.com/orrery-net/orrery/internal/server"
	"github.com/orrery-net/orrery/internal/table"
)

func doctorCommand() *cobra.Command {
	var planet, home string
	var endpoints []string
	options := doctor.Options{Version: Version}
	var out *output
	command := withAccess(&cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong, and what to do about it",
		Long: `Look for what goes wrong in practice with a server, its machine and its networks,
and say what to do about it.

It works on the server's machine, where it sees most; on any other that has a URL
and a token, where it sees whether the server can be reached from there; and on a
device with neither, where a planet's file is enough to try the server's UDP port.
What cannot be seen from where it runs is skipped.

For the way of ZeroTier's packets a small node with an identity of its own asks
each endpoint of the planet for a root, and the controller for a network that does
not exist, which leaves no trace. With --join it also makes a network, joins it, is
let in, and deletes it again.

  api       the server answers, the certificate and the token are good
  clock     the server's and this machine's agree
  udp       roots and controller answer ZeroTier's packets, endpoint by endpoint
  join      with --join: a device can join and gets an address
  port      no other program, such as ZeroTier itself, has the server's UDP port
  planet    it names this server, and this machine's ZeroTier has the same one
  database  the server can use it, and the file is sound
  folder    there is room on the disk, and nobody else reads the secrets
  networks  pools lie in routes, routes of different networks do not overlap
  members   who waits to be let in, who gets no address, whose ZeroTier is too old

The exit status is 1 if there is a problem, 0 if all is well but for warnings.`,
		Example: `  orrery doctor
  orrery doctor --join
  orrery doctor --url https://orrery.example.com --token-file token --planet planet
  orrery doctor --planet planet --endpoint 203.0.113.5/9993
  orrery doctor -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, endpoint := range endpoints {
				at, err := parseEndpoint(endpoint)
				if err != nil {
					return usage(c, err)
				}
				options.Endpoints = append(options.Endpoints, at)
			}
			if planet != "" {
				var err error
				if options.Planet, err = doctor.ReadPlanet(planet); err != nil {
					return err
				}
			}
			if options.Home = home; home == "" {
				options.Home = node.This().HomeFolder()
			}
			if err := findPatient(c, &options); err != nil {
				return err
			}
			options.Now = func() time.Time { return now(c) }
			// With the terminal gone, what --join made is still to be taken away.
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGHUP)
			defer stop()
			return examine(c, out, doctor.Run(ctx, options))
		},
	})
	out = withOutput(command, []table.Column{
		{Name: "state", Paths: []string{"state"}}, {Name: "check", Paths: []string{"check"}},
		{Name: "found", Paths: []string{"found"}}, {Name: "do", Paths: []string{"do"}},
	}, 4)
	flags := command.Flags()
	flags.BoolVar(&options.Join, "join", false, "also make a temporary network, join it and delete it again")
	flags.StringVar(&planet, "planet", "", "`file` with the planet that clients have")
	flags.StringSliceVar(&endpoints, "endpoint", nil, "try this `IP/PORT` instead of the planet's endpoints (repeatable)")
	flags.StringVar(&home, "home", "", "home `folder` of this machine's ZeroTier, if it is not the usual one")
	_ = command.MarkFlagDirname("home") // the flag is there
	return command
}

// findPatient finds the server to look at: a client for it, a data folder, both
// or none. That none is known is for the doctor to say; that what the user named
// does not work is an error.
func findPatient(c *cobra.Command, options *doctor.Options) error {
	var err error
	named, _ := c.Flags().GetString("data")
	options.Client, err = connect(c)
	if err != nil {
		if named != "" { // the server may be down, but the folder has to be one's
			if _, err := server.Inspect(named); errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		for _, flag := range []string{"url", "token", "token-file", "profile"} {
			if c.Flags().Changed(flag) {
				return err
			}
		}
		if !errors.Is(err, server.ErrUsage) {
			options.NoClient = err
		}
	}
	folders := dataFolders()
	if named != "" {
		folders = []string{named}
	}
	for _, folder := range folders {
		if _, err := os.Stat(folder); err == nil {
			options.Data = folder
			return nil
		}
	}
	return nil
}

// parseEndpoint reads IP/PORT, as ZeroTier's tools write it, or IP:PORT. Unlike a
// root's it may be on loopback.
func parseEndpoint(s string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(s)
	if ip, port, ok := strings.Cut(s, "/"); ok {
		if strings.Contains(ip, ":") {
			ip = "[" + ip + "]"
		}
		at, err = netip.ParseAddrPort(ip + ":" + port)
	}
	if err != nil || at.Port() == 0 {
		return at, fmt.Errorf("--endpoint %q is no IP/PORT; write for example 203.0.113.5/9993", s)
	}
	return at, nil
}

// examine shows what the doctor finds, as it is found. Its error says that there
// are problems.
func examine(c *cobra.Command, out *output, findings iter.Seq[doctor.Finding]) error {
	problems := 0
	count := func(f doctor.Finding) {
		if f.State == doctor.Problem {
			problems++
		}
	}
	var err error
	if out.forPeople() && out.columns == "" {
		err = tell(c, findings, count)
	} else {
		err = out.print(c, func(yield func(table.Object, error) bool) {
			for f := range findings {
				count(f)
				if !yield(objectOf(f)) {
					return
				}
			}
		})
	}
	switch {
	case err != nil:
		return err
	case c.Context().Err() != nil:
		return c.Context().Err()
	case problems == 1:
		return errors.New("there is a problem; what to do about it is said above")
	case problems > 1:
		return fmt.Errorf("there are %d problems; what to do about them is said above", problems)
	}
	return nil
}

// tell writes findings for people: what was found, and below it what to do.
func tell(c *cobra.Command, findings iter.Seq[doctor.Finding], count func(doctor.Finding)) error {
	const stateWidth, checkWidth = len("problem"), len("database")
	const margin = stateWidth + 2 + checkWidth + 2
	const narrowest, widest = 40, 100
	room := width(c.OutOrStdout())
	if room == 0 || room > widest {
		room = widest
	}
	room = max(room-margin, narrowest)
	paint := painter(colored(c.OutOrStdout()))
	out := bufio.NewWriter(c.OutOrStdout())
	for f := range findings {
		count(f)
		fmt.Fprintf(out, "%s%*s  %-*s  ", paint(f.State), stateWidth-len(f.State), "", checkWidth, f.Check)
		indented(out, f.Found, room, margin, "")
		if f.Do != "" {
			fmt.Fprintf(out, "%*s", margin, "")
			indented(out, f.Do, room, margin, "→ ")
		}
		if err := out.Flush(); err != nil { // it may take a while until the next one
			return err
		}
	}
	return nil
}

// indented writes a text that begins at the margin, and its further lines there
// too, behind the mark.
func indented(out *bufio.Writer, said string, room, margin int, mark string) {
	marked := runewidth.StringWidth(mark)
	for i, line := range wrapped(strings.Fields(said), room-marked) {
		if i > 0 {
			mark = strings.Repeat(" ", margin+marked)
		}
		out.WriteString(mark + line + "\n")
	}
}

// wrapped puts words into lines of at most so many characters; a longer word has
// a line of its own.
func wrapped(words []string, room int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		word = printable(word)
		switch {
		case line == "":
			line = word
		case runewidth.StringWidth(line+" "+word) <= room:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

func painter(colors bool) func(doctor.State) string {
	codes := map[doctor.State]string{doctor.OK: "32", doctor.Warning: "33", doctor.Problem: "31", doctor.Skipped: "2"}
	return func(s doctor.State) string {
		if !colors {
			return string(s)
		}
		return "\x1b[" + codes[s] + "m" + string(s) + "\x1b[0m"
	}
}
