package centralapi

import (
	"net/http"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

func (q *request) getMember(id zt.NetworkID, node zt.Address) error {
	m, err := q.api.service.Member(q.r.Context(), q.caller, id, node)
	return q.answerMember(m, err)
}

func (q *request) updateMember(id zt.NetworkID, node zt.Address) error {
	p, err := readBody(q, readMemberPatch)
	if err != nil {
		return err
	}
	m, err := q.api.service.UpdateMember(q.r.Context(), q.caller, id, node, p.apply)
	return q.answerMember(m, err)
}

func (q *request) deleteMember(id zt.NetworkID, node zt.Address) error {
	return q.done(q.api.service.DeleteMember(q.r.Context(), q.caller, id, node))
}

func (q *request) answerMember(m model.MemberStatus, err error) error {
	if err != nil {
		return err
	}
	q.api.write(q.w, q.r, http.StatusOK, appendMember(nil, m, q.api.service.Now()))
	return nil
}
