package centralapi

import (
	"errors"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// networkUser is what one user may do to one network. Central's document does
// not have the operations around it (api-behaviour §19); the keys are those of
// the requests, with the user's name added.
type networkUser struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Email       string `json:"email"`
	R           bool   `json:"r"` // read
	A           bool   `json:"a"` // authorize members
	M           bool   `json:"m"` // modify
	D           bool   `json:"d"` // delete
}

func networkUserOf(u central.NetworkUser) networkUser {
	return networkUser{
		ID: u.User.ID, DisplayName: u.User.DisplayName, Email: u.User.Email,
		R: u.Rights.Read, A: u.Rights.Authorize, M: u.Rights.Modify, D: u.Rights.Delete,
	}
}

func (q *request) listNetworkUsers(id zt.NetworkID) error {
	all, err := q.api.service.NetworkUsers(q.r.Context(), q.caller, id)
	if err != nil {
		return err
	}
	return answer(q, each(all, networkUserOf))
}

// grantRequest names a user and what changes about the user's rights.
type grantRequest struct {
	userID string
	change *patch[model.Rights]
}

// grant changes the rights of the user that the body names.
func (q *request) grant(id zt.NetworkID) error {
	wanted, err := readBody(q, readGrant)
	if err != nil {
		return err
	}
	err = q.setRights(id, wanted.userID, wanted.change)
	if errors.Is(err, central.ErrNotInOrganization) { // it is the body that is wrong, not the path
		return invalid(refuse("id", "%s", err))
	}
	return err
}

func (q *request) changeGrant(id zt.NetworkID, userID string) error {
	p, err := readBody(q, readRightsPatch)
	if err != nil {
		return err
	}
	return q.setRights(id, userID, p)
}

func (q *request) setRights(id zt.NetworkID, userID string, change *patch[model.Rights]) error {
	u, err := q.api.service.SetRights(q.r.Context(), q.caller, id, userID, change.apply)
	if err != nil {
		return err
	}
	return answer(q, networkUserOf(u))
}

func (q *request) revoke(id zt.NetworkID, userID string) error {
	_, err := q.api.service.SetRights(q.r.Context(), q.caller, id, userID, func(r *model.Rights) error {
		*r = model.Rights{}
		return nil
	})
	return q.done(err)
}

func readGrant(body object) (grantRequest, error) {
	p := &patch[grantRequest]{}
	p.need(body, "id")
	field(p, body, "id", readUUID, func(g *grantRequest) *string { return &g.userID })
	g, err := p.made()
	if err != nil {
		return g, err
	}
	g.change, err = readRightsPatch(body)
	return g, err
}

func readRightsPatch(body object) (*patch[model.Rights], error) {
	p := &patch[model.Rights]{}
	field(p, body, "r", readFlag, func(r *model.Rights) *bool { return &r.Read })
	field(p, body, "a", readFlag, func(r *model.Rights) *bool { return &r.Authorize })
	field(p, body, "m", readFlag, func(r *model.Rights) *bool { return &r.Modify })
	field(p, body, "d", readFlag, func(r *model.Rights) *bool { return &r.Delete })
	return p, p.err
}
