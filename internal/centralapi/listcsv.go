package centralapi

import (
	"encoding/json"
	"fmt"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/table"
	"github.com/orrery-net/orrery/zt"
)

// NetworkObject is a network as Central's API shows a single one. clock is the
// server's time, ms since 1970. It is safe for concurrent use.
func NetworkObject(n central.NetworkStatus, clock int64) (table.Object, error) {
	text, err := json.Marshal(networkOf(n, clock))
	if err != nil {
		return nil, fmt.Errorf("encode network %s: %w", n.ID, err)
	}
	return text, nil
}

// MemberObject is a member as Central's API shows it. clock is the server's time,
// ms since 1970. It is safe for concurrent use.
func MemberObject(m model.MemberStatus, clock int64) table.Object {
	const usual = 1 << 10 // bytes
	return appendMember(make([]byte, 0, usual), m, clock)
}

// rows writes objects as CSV behind text that is there already. The columns are
// the documented ones.
type rows struct {
	text []byte
	list table.Writer
}

func newRows(form listForm, columns []table.Column) (*rows, error) {
	r := &rows{}
	var err error
	r.list, err = table.NewWriter(r, table.Options{Format: table.CSV, Columns: columns, NoHeader: form == asCSVWithoutHeader})
	return r, err
}

// Write implements io.Writer.
func (r *rows) Write(b []byte) (int, error) {
	r.text = append(r.text, b...)
	return len(b), nil
}

// add appends an object to text. That cannot fail: Write does not.
func (r *rows) add(text []byte, o table.Object) []byte {
	r.text = text
	_ = r.list.Write(o)
	return r.text
}

func (r *rows) close(text []byte) []byte {
	r.text = text
	_ = r.list.Close()
	return r.text
}

func (q *request) listMembersAsCSV(id zt.NetworkID, form listForm) error {
	rows, err := newRows(form, table.Members())
	if err != nil {
		return err
	}
	clock := q.api.service.Now()
	var object []byte
	sent := &delivery{request: q, form: form, file: "members-" + id.String()}
	return q.sendMembers(id, sent, func(text []byte, m model.MemberStatus) []byte {
		object = appendMember(object[:0], m, clock)
		return rows.add(text, object)
	}, rows.close)
}

func (q *request) sendNetworksAsCSV(all []central.NetworkStatus, clock int64, form listForm) error {
	rows, err := newRows(form, table.Networks())
	if err != nil {
		return err
	}
	var text []byte
	for _, n := range all {
		object, err := json.Marshal(listedNetworkOf(n, clock))
		if err != nil {
			return err
		}
		text = rows.add(text, object)
	}
	sent := &delivery{request: q, form: form, file: "networks"}
	if err := sent.send(rows.close(text)); err != nil {
		q.api.log.Debug("API answer was not taken", "request", gate.RequestID(q.r.Context()), "error", err)
	}
	return nil
}
