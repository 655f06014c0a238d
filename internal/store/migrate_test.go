package store

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// writeSchema1 makes the database that testdata/schema-1.sql describes: the dump
// of one that the version before migration 2 wrote, whose events 7 and 11 are
// pruned.
func writeSchema1(t *testing.T, more func(db *sql.DB) error) (path string) {
	t.Helper()
	dump, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "orrery.db")
	db, err := connect(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), string(dump))
	if err == nil && more != nil {
		err = more(db)
	}
	if err := errors.Join(err, db.Close(), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUpgradeFromSchema1(t *testing.T) {
	const owner = "5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11"
	s := open(t, writeSchema1(t, nil))
	ctx := t.Context()

	u, err := s.UserByEmail(ctx, "OWNER@localhost")
	if err != nil || u.ID != owner || u.Email != "Owner@localhost" || u.OrgID != "" {
		t.Errorf("the owner is %+v, %v", u, err)
	}
	hash := sha256.Sum256([]byte("a token of long ago"))
	tokens, err := s.TokensOf(ctx, owner)
	if err != nil || len(tokens) != 1 || tokens[0].Hash != hash || tokens[0].Name != "owner" {
		t.Errorf("tokens %v, %v", tokens, err)
	}
	saveUses(t, s, model.TokenUse{Hash: hash, Time: 3})
	if uses, err := s.TokenUses(ctx, owner); err != nil || uses[hash].Time != 3 {
		t.Errorf("uses %v, %v", uses, err)
	}
	networks, err := s.NetworksFor(ctx, owner)
	if err != nil || !slices.Equal(idsOf(networks), []zt.NetworkID{testNetwork, testNetwork + 1}) || networks[0].Name != "home & <garden>" {
		t.Errorf("networks %v, %v", idsOf(networks), err)
	}
	if n, err := s.AnyNetwork(ctx, testNetwork+2); err != nil || n.DeletedTime == 0 {
		t.Errorf("the deleted network is %v, %v", n, err)
	}
	var names []string
	err = s.Members(ctx, testNetwork, func(m *model.Member) error { names = append(names, m.Name); return nil })
	if err != nil || len(names) != 4 || names[0] != `phone "8056c2e21c" ü` {
		t.Errorf("members %q, %v", names, err)
	}

	if s.Committed() != 13 {
		t.Errorf("committed %d", s.Committed())
	}
	const start = 1_760_000_000_000
	for _, c := range []struct {
		query EventQuery
		want  []int64
	}{
		{EventQuery{}, []int64{13, 12, 10, 9, 8, 6, 5, 4, 3, 2, 1}},
		{EventQuery{Network: testNetwork}, []int64{12, 10, 9, 8, 6, 5, 2}},
		{EventQuery{Node: testNode}, []int64{6, 5}},
		{EventQuery{Actor: owner, Network: testNetwork}, []int64{12, 10, 8, 6, 2}},
		{EventQuery{Kinds: []model.EventKind{model.UserCreated, model.NetworkDeleted}}, []int64{13, 1}},
		{EventQuery{Since: start + 2, Until: start + 20}, []int64{9, 5, 4}},
	} {
		c.query.Limit = 100
		events, _, err := s.EventsBefore(ctx, c.query)
		var got []int64
		for _, e := range events {
			got = append(got, e.Seq)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v: %v", c.query, got, c.want, err)
		}
	}
	if nodes, whole, err := s.MembersChanged(ctx, testNetwork, 11, 10); err != nil || whole || !slices.Equal(nodes, []zt.Address{testNode + 3}) {
		t.Errorf("changed after the last pruned event: %v, %v, %v", nodes, whole, err)
	}
	if _, whole, err := s.MembersChanged(ctx, testNetwork, 10, 10); err != nil || !whole {
		t.Errorf("changed after an event before the last pruned one: %v, %v", whole, err)
	}
	// Life goes on.
	change(t, s, func(tx *Tx) error {
		e := &model.Event{Kind: model.NetworkUpdated, Network: testNetwork}
		err := tx.AppendEvent(e)
		if e.Seq != 14 {
			t.Errorf("the next event has number %d", e.Seq)
		}
		return err
	})
}

// What the version before migration 2 did not write, but its documents could
// hold, and more events than a page.
func TestUpgradeFillsWhatDocumentsHold(t *testing.T) {
	const events = 2*fillPage + 3
	s := open(t, writeSchema1(t, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), `
			BEGIN;
			UPDATE users SET record = '{"id":"x","email":"ÄB@example.org","orgId":"org"}';
			UPDATE networks SET record = '{"id":"8056c2e21c000002","ownerId":"a","permissions":{"a":{"r":true},"b":{"r":false}}}'
				WHERE id = '8056c2e21c000002';
			DELETE FROM events;
			UPDATE counters SET value = 100000`)
		for i := range events {
			if err == nil {
				_, err = db.ExecContext(t.Context(), "INSERT INTO events (seq, time, record) VALUES ($1, $2, $3)", 1000+i, i,
					fmt.Sprintf(`{"seq":%d,"time":%d,"kind":"token.created","actor":{},"userId":"u%d","orgId":"o"}`, 1000+i, i, i))
			}
		}
		if err == nil {
			_, err = db.ExecContext(t.Context(), "COMMIT")
		}
		return err
	}))
	ctx := t.Context()
	if u, err := s.UserByEmail(ctx, "äb@example.org"); err != nil || u.ID != "x" {
		t.Errorf("%v, %v", u, err)
	}
	if users, err := s.UsersOf(ctx, "org"); err != nil || len(users) != 1 {
		t.Errorf("%v, %v", users, err)
	}
	for _, user := range []string{"a", "b"} {
		if networks, err := s.NetworksFor(ctx, user); err != nil || !slices.Equal(idsOf(networks), []zt.NetworkID{testNetwork + 1}) {
			t.Errorf("%s: %v, %v", user, idsOf(networks), err)
		}
	}
	change(t, s, func(tx *Tx) error {
		a, errA := tx.NetworksOf("a")
		b, errB := tx.NetworksOf("b")
		if len(a) != 1 || len(b) != 0 {
			t.Errorf("owned: %v and %v", idsOf(a), idsOf(b))
		}
		return errors.Join(errA, errB)
	})
	if got, _, err := s.EventsBefore(ctx, EventQuery{Org: "o", Limit: 10 * events}); err != nil || len(got) != events {
		t.Errorf("%d events, %v", len(got), err)
	}
	if got, _, err := s.EventsBefore(ctx, EventQuery{User: fmt.Sprint("u", fillPage), Limit: 10}); err != nil || len(got) != 1 || got[0].Seq != 1000+fillPage {
		t.Errorf("%v, %v", got, err)
	}
	for after, want := range map[int64]bool{99_999: true, 100_000: false} {
		if touched, err := s.NetworkTouched(ctx, testNetwork, after); err != nil || touched != want {
			t.Errorf("after %d touched is %v, %v", after, touched, err)
		}
	}
}

// A store that cannot be brought up to date stays as it was.
func TestUpgradeOfDamagedRecords(t *testing.T) {
	path := writeSchema1(t, func(db *sql.DB) error {
		_, err := db.ExecContext(t.Context(), "UPDATE events SET record = 'no document' WHERE seq = 9")
		return err
	})
	if s, err := Open(t.Context(), Options{Path: path}); err == nil {
		s.Close()
		t.Fatal("opened")
	}
	db, err := connect(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var filled int
	err = db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM events WHERE kind <> ''").Scan(&filled)
	if err != nil || filled != 0 {
		t.Errorf("%d events were filled in, %v", filled, err)
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE events SET record = '{"seq":9,"time":5}' WHERE seq = 9`); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}
