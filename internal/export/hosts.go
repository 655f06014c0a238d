package export

import (
	"bufio"
	"context"
	"fmt"
)

// hostsFile writes hosts(5): a line for each address of each member, with the
// member's name and, where there is a domain, the full name before it.
type hostsFile struct {
	*roster
	out     *bufio.Writer
	options Options
}

func newHosts(out *bufio.Writer, o Options) *hostsFile {
	return &hostsFile{roster: newRoster(o), out: out, options: o}
}

func (f *hostsFile) write(_ context.Context, r Row) (bool, error) { return f.add(r) }

func (f *hostsFile) close(ctx context.Context) error {
	f.nameHosts(nil)
	var last *network
	for _, s := range f.stays {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.network != last {
			writeNetworkComment(f.out, s.network)
			last = s.network
		}
		names := s.host.name
		if domain := s.network.domain(f.options); domain != "" {
			names = s.host.name + "." + domain + " " + names
		}
		for _, a := range s.addresses {
			fmt.Fprintf(f.out, "%s\t%s\t# %s\n", a, names, s.host.id)
		}
	}
	return f.out.Flush()
}

func (f *hostsFile) abort() {}

// writeNetworkComment says which network the lines below are of.
func writeNetworkComment(out *bufio.Writer, n *network) {
	fmt.Fprintf(out, "# %s %s\n", printable(n.ID), printable(n.Config.Name))
}
