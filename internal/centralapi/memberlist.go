package centralapi

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// listBuffer is how many bytes of a list are sent at once.
const listBuffer = 64 << 10

// listMembers sends members one by one as they come from the store: a large
// network's list is never in memory as a whole.
func (q *request) listMembers(id zt.NetworkID) error {
	sent := &delivery{request: q}
	out := bufio.NewWriterSize(sent, listBuffer)
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
	if err == nil {
		if separator == '[' {
			out.WriteByte('[')
		}
		out.WriteByte(']')
		err = out.Flush()
	}
	if err == nil || !q.begun {
		return err
	}
	level := slog.LevelError
	if sent.failed || q.r.Context().Err() != nil { // the client left
		level = slog.LevelDebug
	}
	q.api.log.Log(q.r.Context(), level, "member list broke off", "request", q.id, "network", id, "error", err)
	// Part of the list is on its way with status 200: only a broken connection
	// tells the client that the rest is missing.
	panic(http.ErrAbortHandler)
}

// delivery sends a list's bytes, and notes whether the client ceased to take
// them.
type delivery struct {
	*request
	failed bool
}

func (d *delivery) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/json")
		d.w.WriteHeader(http.StatusOK)
	}
	n, err := d.w.Write(b)
	d.failed = d.failed || err != nil
	return n, err
}
