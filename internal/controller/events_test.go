package controller

import (
	"database/sql"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt/packet"
)

// A record that cannot be read must neither let its node in on what was true
// before nor keep other members' changes from taking effect.
func TestDamagedRecordHoldsUpNobodyElse(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		raw, err := sql.Open("sqlite", d.path) // the store's driver
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Exec("UPDATE members SET record = '{' WHERE node = $1", a.Address().String()); err != nil {
			t.Fatal(err)
		}
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
		err = d.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.AppendEvent(&model.Event{Kind: model.MemberDeauthorized, Network: network, Node: a.Address()})
		})
		if err != nil {
			t.Fatal(err)
		}
		d.updateMember(network, b, deauthorize)
		pass(2 * time.Second)
		d.take()
		d.ask(a, network)
		if got := with(packet.VerbOK, d.takeTo(a)); len(got) != 0 {
			t.Error("a node is served from before a change that could not be read")
		}
		pass(eventTries * eventRetry)
		if code := d.refusal(b, network); code != packet.ErrorNetworkAccessDenied {
			t.Errorf("the other member got %v", code)
		}
	})
}
