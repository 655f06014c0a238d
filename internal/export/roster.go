package export

import (
	"errors"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// roster keeps hosts until all are known, because no two may have the same name.
// A node in several networks is one host.
type roster struct {
	hostReader
	detailed bool // keep details
	room     int  // for more of them, in bytes
	hosts    []*host
	byNode   map[zt.Address]*host
	stays    []*stay // in the order of the rows
}

// host is a node.
type host struct {
	id    string
	name  string // unique, once the roster is named
	stays []*stay
}

// stay is a host's place in a network.
type stay struct {
	host      *host
	network   *network
	addresses []netip.Addr // at least one

	*details // nil if they are not kept
}

// details are what Ansible gets to know of a host besides.
type details struct {
	name, description string // as people wrote them
	authorized        bool
	tags              []tag
}

// rosterRoom is for some millions of members.
const rosterRoom = 1 << 30

var errRosterFull = errors.New("these are too many members for a format that gives each a name of its own; export fewer networks at once")

func newRoster(o Options) *roster {
	return &roster{hostReader: hostReader{all: o.All}, room: rosterRoom, byNode: make(map[zt.Address]*host)}
}

// add reports whether the row is a host.
func (r *roster) add(row Row) (bool, error) {
	m, addresses := r.read(row)
	if m == nil {
		return false, nil
	}
	const (
		aMember   = 300 // bytes, about
		anAddress = 24
	)
	r.room -= aMember + anAddress*len(addresses)
	if r.detailed {
		r.room -= len(m.Name) + len(m.Description)
	}
	if r.room < 0 {
		return false, errRosterFull
	}
	h := r.byNode[m.node]
	if h == nil {
		h = &host{id: m.node.String()}
		r.byNode[m.node] = h
		r.hosts = append(r.hosts, h)
	}
	if h.name == "" {
		h.name = label(m.Name, '-')
	}
	s := &stay{host: h, network: r.network, addresses: addresses}
	if r.detailed {
		s.details = &details{name: printable(m.Name), description: printable(m.Description), authorized: m.Config.Authorized, tags: r.tags(m)}
	}
	h.stays = append(h.stays, s)
	r.stays = append(r.stays, s)
	return true, nil
}

// nameHosts makes the names unique, and others than those that are taken.
func (r *roster) nameHosts(taken map[string]bool) {
	all := make([]named, len(r.hosts))
	for i, h := range r.hosts {
		if h.name == "" {
			h.name = "zt-" + h.id
		}
		all[i] = named{h.name, h.id}
	}
	names := uniqueNames(all, "-", func(name string) bool { return reservedHost(name) || taken[name] })
	for i, h := range r.hosts {
		h.name = names[i]
	}
}
