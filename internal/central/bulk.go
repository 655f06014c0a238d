package central

import (
	"context"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// BulkAction is what ChangeMembers does to each member.
type BulkAction string

// The things that ChangeMembers does.
const (
	BulkAuthorize   BulkAction = "authorize"
	BulkDeauthorize BulkAction = "deauthorize"
	BulkDelete      BulkAction = "delete"
)

// MaxBulk is how many members one ChangeMembers may name.
const MaxBulk = 1000

// BulkOutcome says what happened to one member.
type BulkOutcome string

// What can happen to a member.
const (
	BulkChanged   BulkOutcome = "changed"
	BulkUnchanged BulkOutcome = "unchanged" // it was so already
	BulkMissing   BulkOutcome = "missing"   // there is no such member; none is made
)

// ChangeMembers does one thing to many members in one transaction, with one
// event for each that changed. The outcomes are in the order of nodes. Invalid:
// an unknown action, too many nodes, a node named twice. Needs what UpdateMember
// and DeleteMember need for this.
func (s *Service) ChangeMembers(ctx context.Context, caller Caller, id zt.NetworkID, nodes []zt.Address, do BulkAction) ([]BulkOutcome, error) {
	needed := toAuthorize | toModify
	if do == BulkDelete {
		needed = toModify
	}
	if err := validBulk(nodes, do); err != nil {
		return nil, explain("check a bulk change", err)
	}
	outcomes := make([]BulkOutcome, len(nodes))
	err := s.change(ctx, caller, "change members of "+id.String(), func(tx *store.Tx) error {
		network, err := s.networkForChange(tx, caller, id, needed)
		if err != nil {
			return err
		}
		for i, node := range nodes {
			if outcomes[i], err = s.changeOne(tx, caller, network, node, do); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

func validBulk(nodes []zt.Address, do BulkAction) error {
	switch {
	case do != BulkAuthorize && do != BulkDeauthorize && do != BulkDelete:
		return &model.FieldError{Field: "action", Reason: `is none of "authorize", "deauthorize" and "delete"`}
	case len(nodes) > MaxBulk:
		return NewError(Invalid, "members: %d are named; at most %d can be at once", len(nodes), MaxBulk)
	}
	named := make(map[zt.Address]bool, len(nodes))
	for _, node := range nodes {
		if named[node] {
			return NewError(Invalid, "members: %s is named twice", node)
		}
		named[node] = true
	}
	return nil
}

func (s *Service) changeOne(tx *store.Tx, caller Caller, network *model.Network, node zt.Address, do BulkAction) (BulkOutcome, error) {
	before, err := findMember(tx, network.ID, node)
	switch {
	case err != nil:
		return "", err
	case before == nil || before.DeletedTime != 0:
		return BulkMissing, nil
	case do == BulkDelete:
		return BulkChanged, s.dropMember(tx, caller, before)
	case before.Authorized == (do == BulkAuthorize):
		return BulkUnchanged, nil
	}
	after := before.Clone()
	after.Authorized = do == BulkAuthorize
	kind := s.settle(after, network, before.Authorized)
	after.Revision = before.Revision + 1
	return BulkChanged, s.storeMember(tx, caller, kind, before, after)
}
