package centralapi

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// listBuffer is how many bytes of a list are sent at once.
const listBuffer = 64 << 10

// listMembers sends members while they come: a large network's list is never in
// memory as a whole.
func (q *request) listMembers(id zt.NetworkID) error {
	if form := q.negotiate(); form != asJSON {
		return q.listMembersAsCSV(id, form)
	}
	clock := q.api.service.Now()
	separator := byte('[')
	return q.sendMembers(id, &delivery{request: q}, func(text []byte, m model.MemberStatus) []byte {
		text = append(text, separator)
		separator = ','
		return appendMember(text, m, clock)
	}, func(text []byte) []byte {
		if separator == '[' {
			text = append(text, '[')
		}
		return append(text, ']')
	})
}

// sendMembers sends a network's members, each appended by one and the end by
// finish.
func (q *request) sendMembers(id zt.NetworkID, sent *delivery, one func([]byte, model.MemberStatus) []byte, finish func([]byte) []byte) error {
	text := make([]byte, 0, listBuffer+4<<10)
	err := q.api.service.Members(q.r.Context(), q.caller, id, func(m model.MemberStatus) error {
		text = one(text, m)
		if len(text) < listBuffer {
			return nil
		}
		err := sent.send(text)
		text = text[:0]
		return errors.Join(err, q.r.Context().Err())
	})
	if err == nil {
		err = sent.send(finish(text))
	}
	if err == nil || !sent.begun {
		return err
	}
	level := slog.LevelError
	if sent.failed || q.r.Context().Err() != nil { // the client left
		level = slog.LevelDebug
	}
	q.api.log.Log(q.r.Context(), level, "member list broke off", "request", gate.RequestID(q.r.Context()), "network", id, "error", err)
	// Part of the list is on its way with status 200: only a broken connection
	// tells the client that the rest is missing.
	panic(http.ErrAbortHandler)
}

// delivery sends a list's bytes, and notes whether the client ceased to take
// them.
type delivery struct {
	*request
	form          listForm
	file          string // to be saved as, without an extension; CSV only
	begun, failed bool
}

func (d *delivery) send(b []byte) error {
	if !d.begun {
		d.begun = true
		header := d.w.Header()
		header.Set("Content-Type", d.form.contentType())
		if d.form != asJSON {
			header.Set("Content-Disposition", `attachment; filename="`+d.file+`.csv"`)
		}
		d.w.WriteHeader(http.StatusOK)
	}
	_, err := d.w.Write(b)
	d.failed = d.failed || err != nil
	return err
}
