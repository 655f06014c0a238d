package central

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// MemberSort is what a page of members is ordered by.
type MemberSort string

// The orders of members. Members that are equal in it are ordered by node.
const (
	SortNode     MemberSort = "node"
	SortName     MemberSort = "name" // whatever the case of its letters
	SortCreated  MemberSort = "created"
	SortLastSeen MemberSort = "lastSeen"
	SortAddress  MemberSort = "address" // the first assigned one; members without come last
)

const (
	// MaxMemberPage is how many members a page can have.
	MaxMemberPage = 1000
	maxFilterLen  = 255  // bytes
	maxCursorLen  = 4096 // bytes
)

// MemberQuery asks for a page of a network's members.
type MemberQuery struct {
	Limit      int        // 1..MaxMemberPage
	Cursor     string     // of the page before; "" for the first
	Sort       MemberSort // "": SortNode
	Descending bool       // members without an address come last all the same
	Text       string     // part of name, description, node address, assigned or physical address; any case
	Online     *bool
	Authorized *bool
	Hidden     *bool // nil: both
}

// MemberPage is one page. Next is the Cursor of the page that follows, "" at the
// end. Total counts all members that the query's filters select. The network must
// not be changed.
type MemberPage struct {
	Network *model.Network
	Members []model.MemberStatus
	Next    string
	Total   int
}

// MemberPage returns a page of members. Pages are stable: while others change,
// members that stay as they are come exactly once. Invalid: a cursor of another
// query. Needs r.
func (s *Service) MemberPage(ctx context.Context, caller Caller, id zt.NetworkID, q MemberQuery) (MemberPage, error) {
	n, err := s.readNetwork(ctx, caller, id)
	if err != nil {
		return MemberPage{}, err
	}
	q.Sort = cmp.Or(q.Sort, SortNode)
	if err := q.validate(); err != nil {
		return MemberPage{}, explain("check a query", err)
	}
	p := memberPicker{service: s, query: &q, filter: newTextFilter(q.Text)}
	if q.Cursor != "" {
		after, err := parseCursor(q.Cursor, q.fingerprint(id))
		if err != nil {
			return MemberPage{}, err
		}
		p.after = &after
	}
	if err := s.eachMember(ctx, id, p.offer); err != nil {
		return MemberPage{}, err
	}
	page, err := p.page(q.fingerprint(id))
	page.Network = n
	return page, err
}

func (q *MemberQuery) validate() error {
	switch {
	case q.Limit < 1 || q.Limit > MaxMemberPage:
		return NewError(Invalid, "limit: %d is outside 1–%d", q.Limit, MaxMemberPage)
	case !slices.Contains([]MemberSort{SortNode, SortName, SortCreated, SortLastSeen, SortAddress}, q.Sort):
		return NewError(Invalid, "sort: is none of node, name, created, lastSeen and address")
	case len(q.Text) > maxFilterLen:
		return NewError(Invalid, "q: %d bytes; at most %d are allowed", len(q.Text), maxFilterLen)
	}
	return nil
}

// fingerprint is a number that cursors of a query have in common and those of
// others have not. Limit may change from page to page.
func (q *MemberQuery) fingerprint(id zt.NetworkID) uint64 {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s %s %t %s %s %s %q", id, q.Sort, q.Descending, tristate(q.Online), tristate(q.Authorized), tristate(q.Hidden), q.Text)
	return sum.Sum64()
}

func tristate(b *bool) string {
	if b == nil {
		return "both"
	}
	return fmt.Sprint(*b)
}

// memberPicker collects a page from all members of a network.
type memberPicker struct {
	service *Service
	query   *MemberQuery
	filter  textFilter
	after   *memberKey // nil for the first page

	total int
	now   memberKey // of the member that is offered
	// best is the first members that follow after, in order: those of the page,
	// and one more that tells whether a page follows.
	best []*pickedMember
}

type pickedMember struct {
	key    memberKey
	member *model.Member
	row    model.Seen
}

// offer takes a member, with when the store last saw it, into account.
func (p *memberPicker) offer(m *model.Member, row model.Seen) error {
	q := p.query
	if q.Authorized != nil && m.Authorized != *q.Authorized || q.Hidden != nil && m.Hidden != *q.Hidden ||
		q.Online != nil && p.service.presence.Online(m.Network, m.Node) != *q.Online ||
		!p.filter.accepts(m, func() model.Seen { return p.service.seen(m, row) }) {
		return nil
	}
	p.total++
	p.now = p.key(m, row)
	full := len(p.best) > q.Limit
	if p.after != nil && p.compare(&p.now, p.after) <= 0 || full && p.compare(&p.now, &p.best[q.Limit].key) > 0 {
		return nil
	}
	at, _ := slices.BinarySearchFunc(p.best, &p.now, func(other *pickedMember, key *memberKey) int { return p.compare(&other.key, key) })
	var picked *pickedMember
	if full {
		picked = p.best[q.Limit]
		p.best = p.best[:q.Limit]
	} else {
		picked = new(pickedMember)
	}
	*picked = pickedMember{p.now, m, row}
	p.best = slices.Insert(p.best, at, picked)
	return nil
}

func (p *memberPicker) page(fingerprint uint64) (MemberPage, error) {
	page := MemberPage{Total: p.total}
	if len(p.best) > p.query.Limit {
		p.best = p.best[:p.query.Limit]
		last := p.best[len(p.best)-1].key
		var err error
		if page.Next, err = last.cursor(fingerprint); err != nil {
			return MemberPage{}, explain("write a cursor", err)
		}
	}
	page.Members = make([]model.MemberStatus, len(p.best))
	for i, picked := range p.best {
		page.Members[i] = p.service.status(picked.member, picked.row)
	}
	return page, nil
}

// memberKey is a member's place in an order: one of the first four by the order,
// then the node.
type memberKey struct {
	Absent  bool       `json:"absent,omitempty"` // has nothing to be ordered by, and comes last
	Number  int64      `json:"number,omitempty"`
	Text    string     `json:"text,omitempty"`
	Address netip.Addr `json:"address,omitzero"`
	Node    zt.Address `json:"node"`
}

func (p *memberPicker) key(m *model.Member, row model.Seen) memberKey {
	key := memberKey{Node: m.Node}
	switch p.query.Sort {
	case SortName:
		key.Text = m.Name
	case SortCreated:
		key.Number = m.CreationTime
	case SortLastSeen:
		key.Number = p.service.seen(m, row).Time
	case SortAddress:
		if key.Absent = len(m.Addresses) == 0; !key.Absent {
			key.Address = m.Addresses[0].Unmap()
		}
	}
	return key
}

func (p *memberPicker) compare(a, b *memberKey) int {
	if a.Absent != b.Absent {
		if a.Absent {
			return 1
		}
		return -1
	}
	order := 0
	switch p.query.Sort {
	case SortName:
		order = compareLower(a.Text, b.Text)
	case SortCreated, SortLastSeen:
		order = cmp.Compare(a.Number, b.Number)
	case SortAddress:
		order = a.Address.Compare(b.Address)
	}
	if order == 0 {
		order = cmp.Compare(a.Node, b.Node)
	}
	if p.query.Descending {
		return -order
	}
	return order
}

// memberCursor is what a cursor tells, in base64 of JSON.
type memberCursor struct {
	Query uint64 `json:"query"` // the fingerprint
	memberKey
}

func (k memberKey) cursor(fingerprint uint64) (string, error) {
	text, err := json.Marshal(memberCursor{fingerprint, k})
	return base64.RawURLEncoding.EncodeToString(text), err
}

func parseCursor(text string, fingerprint uint64) (memberKey, error) {
	var c memberCursor
	if len(text) > maxCursorLen {
		return c.memberKey, errCursor()
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(plain, &c) != nil || c.Query != fingerprint {
		return c.memberKey, errCursor()
	}
	return c.memberKey, nil
}

func errCursor() error {
	return NewError(Invalid, "cursor: is not of this query; start again with the first page")
}
