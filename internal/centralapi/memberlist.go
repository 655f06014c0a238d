package centralapi

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// listDeadline is the time that a client may take to read a list. A slow one
// would otherwise keep a connection to the database busy.
const listDeadline = 60 * time.Second

// listMembers sends members one by one as they come from the store: a large
// network's list is never in memory as a whole.
func (q *request) listMembers(id zt.NetworkID) error {
	connection := http.NewResponseController(q.w)
	if err := connection.SetWriteDeadline(time.Now().Add(listDeadline)); err == nil {
		defer connection.SetWriteDeadline(time.Time{})
	}
	started := &startWatch{w: q.w}
	out := bufio.NewWriterSize(started, 64<<10)
	separator := byte('[')
	err := q.api.service.Members(q.r.Context(), q.caller, id, func(m model.MemberStatus) error {
		text, err := json.Marshal(memberOf(m, q.api.service.Now()))
		if err != nil {
			return err
		}
		out.WriteByte(separator)
		separator = ','
		_, err = out.Write(text)
		return err
	})
	switch {
	case err != nil && !started.yes:
		return err
	case err != nil:
		// Part of the list is on its way with status 200: only a broken
		// connection tells the client that the rest is missing.
		q.api.log.Error("member list broke off", "request", q.id, "network", id, "error", err)
		panic(http.ErrAbortHandler)
	}
	if separator == '[' {
		out.WriteByte('[')
	}
	out.WriteByte(']')
	if err := out.Flush(); err != nil {
		q.api.log.Debug("API answer was not taken", "request", q.id, "error", err)
	}
	return nil
}

// startWatch notes when the first bytes of an answer leave.
type startWatch struct {
	w   http.ResponseWriter
	yes bool
}

func (s *startWatch) Write(b []byte) (int, error) {
	if !s.yes {
		s.yes = true
		s.w.Header().Set("Content-Type", "application/json")
		s.w.WriteHeader(http.StatusOK)
	}
	return s.w.Write(b)
}
