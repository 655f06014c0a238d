package centralapi

import (
	"bufio"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// listBuffer is how many bytes of a list are sent at once.
const listBuffer = 64 << 10

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
	sent := &delivery{w: q.w}
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
	if err == nil || !sent.started {
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

// delivery sends a list's bytes, and notes whether any left and whether the
// client ceased to take them.
type delivery struct {
	w               http.ResponseWriter
	started, failed bool
}

func (d *delivery) Write(b []byte) (int, error) {
	if !d.started {
		d.started = true
		d.w.Header().Set("Content-Type", "application/json")
		d.w.WriteHeader(http.StatusOK)
	}
	n, err := d.w.Write(b)
	d.failed = d.failed || err != nil
	return n, err
}
