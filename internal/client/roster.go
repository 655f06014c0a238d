package client

import (
	"cmp"
	"slices"
)

// roster is how the members that are watched were when they were last seen.
type roster map[memberKey]standing

type memberKey struct{ network, node string }

type standing struct{ authorized, online bool }

func keyOf(m *Member) memberKey { return memberKey{m.NetworkID, m.NodeID} }

// changes are what has happened to a member since, in the words of Orrery's
// events.
func (r roster) changes(m *Member) []Coming {
	was, known := r[keyOf(m)]
	var kinds []string
	switch is := m.Config.Authorized; {
	case !known:
		kinds = append(kinds, "member.added")
	case is && !was.authorized:
		kinds = append(kinds, "member.authorized")
	case !is && was.authorized:
		kinds = append(kinds, "member.deauthorized")
	}
	changes := r.presence(m)
	for _, kind := range kinds {
		changes = slices.Insert(changes, 0, comingOf(m, kind))
	}
	return changes
}

// presence is whether a member has come or gone since.
func (r roster) presence(m *Member) []Coming {
	switch was, is := r[keyOf(m)].online, m.Online(); {
	case is && !was:
		return []Coming{comingOf(m, kindOnline)}
	case !is && was:
		return []Coming{comingOf(m, kindOffline)}
	}
	return nil
}

// missing are the members of an older roster that are not in this one, which was
// read at a time.
func (r roster) missing(older roster, now int64) []Coming {
	var gone []Coming
	for key := range older {
		if _, here := r[key]; !here {
			gone = append(gone, Coming{Time: now, Network: key.network, Node: key.node, Kind: kindDeleted})
		}
	}
	slices.SortFunc(gone, func(a, b Coming) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Node, b.Node))
	})
	return gone
}

func comingOf(m *Member, kind string) Coming {
	return Coming{Time: m.Clock, Network: m.NetworkID, Node: m.NodeID, Kind: kind, Member: m}
}

const (
	kindOnline  = "online"
	kindOffline = "offline"
	kindDeleted = "member.deleted"
)
