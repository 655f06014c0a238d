package export

import (
	"bufio"
	"context"
	"fmt"
	"slices"
)

// sshConfig writes ssh_config(5): a Host block for each member, with its first
// address. Keys of hosts are remembered by node, so that one that gets another
// address or name is still the same host, and another one with its address not.
type sshConfig struct {
	*roster
	out     *bufio.Writer
	options Options
}

func newSSHConfig(out *bufio.Writer, o Options) *sshConfig {
	return &sshConfig{roster: newRoster(o), out: out, options: o}
}

func (f *sshConfig) write(_ context.Context, r Row) (bool, error) { return f.add(r) }

func (f *sshConfig) close(ctx context.Context) error {
	f.nameHosts(nil)
	var last *network
	for _, s := range f.stays {
		if err := ctx.Err(); err != nil {
			return err
		}
		names := f.names(s)
		if names == "" {
			continue
		}
		if s.network != last {
			writeNetworkComment(f.out, s.network)
			last = s.network
		}
		fmt.Fprintf(f.out, "Host %s\n  HostName %s\n  HostKeyAlias zerotier-%s\n", names, s.addresses[0], s.host.id)
	}
	return f.out.Flush()
}

// names are those that lead to a host in a network: the short one leads to the
// first network that the host is in, as do full ones that are the same in all.
func (f *sshConfig) names(s *stay) string {
	domain := s.network.domain(f.options)
	at := slices.Index(s.host.stays, s)
	known := slices.ContainsFunc(s.host.stays[:at], func(before *stay) bool { return before.network.domain(f.options) == domain })
	switch {
	case at == 0 && domain == "":
		return s.host.name
	case at == 0:
		return s.host.name + " " + s.host.name + "." + domain
	case domain == "" || known:
		return ""
	}
	return s.host.name + "." + domain
}

func (f *sshConfig) abort() {}
