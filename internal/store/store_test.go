package store

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

const (
	testNetwork = zt.NetworkID(0x8056c2e21c000001)
	testNode    = zt.Address(0x8056c2e21c)
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openWithNetwork returns an empty store but for testNetwork.
func openWithNetwork(t testing.TB) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "orrery.db"))
	change(t, s, func(tx *Tx) error { return tx.PutNetwork(model.NewNetwork(testNetwork, "owner", 1)) })
	return s
}

func change(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder with ? and % and #", "orrery.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	change(t, s, func(tx *Tx) error { return tx.SetMeta("a", "1") })
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2 {
		t.Errorf("only %d files: no log beside the database?", len(files))
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", file.Name(), info.Mode().Perm())
		}
	}
}

func TestConnectionsAreSetUp(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "orrery.db"))
	pragma := func(on *statements, name string) string {
		var value string
		if err := on.row(t.Context(), "PRAGMA "+name, nil, &value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	for _, want := range []struct {
		on          *statements
		name, value string
	}{
		{s.write, "journal_mode", "wal"},
		{s.write, "synchronous", "2"}, // FULL: what was promised is on disk
		{s.write, "foreign_keys", "1"},
		{s.seen, "synchronous", "1"},
		{s.read, "query_only", "1"},
	} {
		if got := pragma(want.on, want.name); got != want.value {
			t.Errorf("%s is %s, want %s", want.name, got, want.value)
		}
	}
}

func TestReopenKeepsRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orrery.db")
	for round := range 3 {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 {
			if n, err := s.Network(t.Context(), testNetwork); err != nil || n.Name != "home" {
				t.Fatalf("after reopening: %v, %v", n, err)
			}
		}
		change(t, s, func(tx *Tx) error {
			n := model.NewNetwork(testNetwork, "owner", 1)
			n.Name = "home"
			return tx.PutNetwork(n)
		})
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
			t.Errorf("closing leaves %v, %v", files, err)
		}
		err = s.Update(t.Context(), func(*Tx) error { t.Error("ran on a closed store"); return nil })
		if !errors.Is(err, ErrClosed) {
			t.Errorf("update of a closed store: %v", err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    []string
	}{
		{"no folder", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, []string{"no such file", "data folder"}},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"is a directory"}},
		{"not a database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"damaged", "restore a backup"}},
		{"newer schema", func(t *testing.T, path string) {
			s, err := Open(t.Context(), Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			change(t, s, func(tx *Tx) error {
				_, err := tx.exec("", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
				return err
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}, []string{"newer Orrery", "9999", "restore a backup"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "orrery.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			c.prepare(t, path)
			s, err := Open(t.Context(), Options{Path: path})
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestDamageIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orrery.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	change(t, s, func(tx *Tx) error {
		for i := range 200 {
			n := model.NewNetwork(testNetwork+zt.NetworkID(i), "owner", 1)
			if err := tx.PutNetwork(n); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// From the second page on; the records only; the file cut off.
	for _, damage := range []func(content []byte) []byte{
		func(content []byte) []byte { return flip(content, 4096) },
		func(content []byte) []byte { return flip(content, len(content)/2) },
		func(content []byte) []byte { return content[:len(content)/2] },
	} {
		if err := os.WriteFile(path, damage(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Path: path})
		if err == nil {
			_, err = s.Networks(t.Context())
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) {
			t.Errorf("damage is reported as: %v", err)
		}
	}
}

func flip(content []byte, from int) []byte {
	for i := from; i < len(content); i++ {
		content[i] ^= 0xa5
	}
	return content
}

func TestFullDiskIsExplainedAndPasses(t *testing.T) {
	s := openWithNetwork(t)
	limit := func(pages string) {
		var now string
		if err := s.write.row(t.Context(), "PRAGMA max_page_count = "+pages, nil, &now); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // no page more than there are
	big := strings.Repeat("x", 1<<20)
	err := s.Update(t.Context(), func(tx *Tx) error { return tx.SetMeta("big", big) })
	if err == nil || !strings.Contains(err.Error(), "is full") {
		t.Fatalf("full disk: %v", err)
	}
	limit("1000000")
	change(t, s, func(tx *Tx) error { return tx.SetMeta("big", big) })
	if value, err := s.Meta(t.Context(), "big"); err != nil || value != big {
		t.Errorf("after room was made: %d bytes, %v", len(value), err)
	}
}

func TestDeletedMemberFreesItsAddresses(t *testing.T) {
	s := openWithNetwork(t)
	address := netip.MustParseAddr("10.9.0.1")
	m := model.NewMember(testNetwork, testNode, 1)
	change(t, s, func(tx *Tx) error {
		m.Addresses = []netip.Addr{address}
		return tx.PutMember(m)
	})
	change(t, s, func(tx *Tx) error {
		if holder, ok := tx.AddressHolder(testNetwork, address); !ok || holder != testNode {
			t.Errorf("holder is %v, %v", holder, ok)
		}
		if err := tx.GiveAddress(testNetwork, testNode+1, address); !errors.Is(err, ErrAddressTaken) {
			t.Errorf("gave away a held address: %v", err)
		}
		if err := tx.GiveAddress(testNetwork, testNode+1, netip.AddrFrom16(address.As16())); !errors.Is(err, ErrAddressTaken) {
			t.Errorf("gave away a held address in its IPv6 form: %v", err)
		}
		return nil
	})
	change(t, s, func(tx *Tx) error {
		m.DeletedTime = 7
		return tx.PutMember(m)
	})
	change(t, s, func(tx *Tx) error {
		if _, ok := tx.AddressHolder(testNetwork, address); ok {
			t.Error("a deleted member holds an address")
		}
		return tx.GiveAddress(testNetwork, testNode+1, address)
	})
	got, err := s.Member(t.Context(), testNetwork, testNode)
	if err != nil || got.DeletedTime != 7 || len(got.Addresses) != 1 {
		t.Errorf("the deleted member is %+v, %v", got, err)
	}
}

func TestUsersMayGiveOneAddressToSeveral(t *testing.T) {
	s := openWithNetwork(t)
	address := netip.MustParseAddr("10.9.0.1")
	put := func(node zt.Address, addresses ...netip.Addr) {
		t.Helper()
		change(t, s, func(tx *Tx) error {
			m := model.NewMember(testNetwork, node, 1)
			m.Addresses = addresses
			return tx.PutMember(m)
		})
	}
	change(t, s, func(tx *Tx) error { return tx.GiveAddress(testNetwork, testNode, address) })
	put(testNode, address)
	put(testNode+1, address)
	holders := 0
	err := s.Addresses(t.Context(), testNetwork, func(netip.Addr, zt.Address) error { holders++; return nil })
	if err != nil || holders != 2 {
		t.Errorf("%d holders, %v", holders, err)
	}
	put(testNode)
	taken := s.Update(t.Context(), func(tx *Tx) error { return tx.GiveAddress(testNetwork, testNode+2, address) })
	if !errors.Is(taken, ErrAddressTaken) {
		t.Errorf("with one holder left: %v", taken)
	}
	put(testNode + 1)
	change(t, s, func(tx *Tx) error { return tx.GiveAddress(testNetwork, testNode+2, address) })
}

func TestNetworkDeletion(t *testing.T) {
	s := openWithNetwork(t)
	const members = 2*membersPage + 3
	change(t, s, func(tx *Tx) error {
		for i := range members {
			m := model.NewMember(testNetwork, testNode+zt.Address(i), 1)
			m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})}
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	change(t, s, func(tx *Tx) error {
		next := testNode
		for m, err := range tx.MembersOf(testNetwork) {
			if err != nil || m.Node != next {
				t.Fatalf("member %v, want %v: %v", m, next, err)
			}
			next++
			m.Description = "changed on the way"
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		if next != testNode+members {
			t.Errorf("iteration ended at %v", next)
		}
		count, err := tx.DeleteNetworkMembers(testNetwork, 9)
		if err != nil || count != members {
			t.Errorf("deleted %d, %v", count, err)
		}
		n, err := tx.Network(testNetwork)
		if err != nil {
			return err
		}
		n.DeletedTime = 9
		return tx.PutNetwork(n)
	})
	if _, err := s.Network(t.Context(), testNetwork); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted network is found: %v", err)
	}
	change(t, s, func(tx *Tx) error {
		if _, err := tx.Network(testNetwork); !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted network is found: %v", err)
		}
		_, err := tx.AnyNetwork(testNetwork)
		return err
	})
	err := s.Members(t.Context(), testNetwork, func(m *model.Member) error { return errors.New("a member is left") })
	if err != nil {
		t.Error(err)
	}
	m, err := s.Member(t.Context(), testNetwork, testNode)
	if err != nil || m.DeletedTime != 9 || m.Revision != 2 || m.Description != "changed on the way" {
		t.Errorf("a deleted member is %+v, %v", m, err)
	}
	if out, err := s.DeauthorizedSince(t.Context(), 9); err != nil || len(out) != members {
		t.Errorf("%d members put out, %v", len(out), err)
	}
	if out, err := s.DeauthorizedSince(t.Context(), 10); err != nil || len(out) != 0 {
		t.Errorf("%d members put out later, %v", len(out), err)
	}
	if ids, err := s.NetworkIDs(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("networks %v, %v", ids, err)
	}
}
