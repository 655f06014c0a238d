package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// authorize is what letting a member in costs the store.
func authorize(s *Store, b *testing.B, node zt.Address, now int64) {
	err := s.Update(b.Context(), func(tx *Tx) error {
		n, err := tx.Network(testNetwork)
		if err != nil {
			return err
		}
		before, err := tx.Member(testNetwork, node)
		if err != nil {
			return err
		}
		m := before.Clone()
		m.Authorized = !m.Authorized
		m.LastAuthorizedTime = now
		m.Revision++
		was, is, err := model.Changes(before, m)
		if err != nil {
			return err
		}
		if err := tx.PutMember(m); err != nil {
			return err
		}
		return tx.AppendEvent(&model.Event{Time: now, Kind: model.MemberAuthorized, Network: n.ID, Node: node, Before: was, After: is})
	})
	if err != nil {
		b.Error(err)
	}
}

func benchmarkStore(b *testing.B, members int) *Store {
	b.Helper()
	s := openWithNetwork(b)
	change(b, s, func(tx *Tx) error {
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(members) { // nodes do not join in the order of their addresses
			m := model.NewMember(testNetwork, testNode+zt.Address(i), 1)
			m.Name = fmt.Sprintf("member %d", i)
			m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
			m.Identity = m.Node.String() + ":0:" + strings.Repeat("0123456789abcdef", 8)
			m.Tags = []model.MemberTag{{ID: 1, Value: 100}, {ID: 2, Unset: true}}
			m.Capabilities = []uint32{1}
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func BenchmarkUpdateAuthorize(b *testing.B) {
	s := benchmarkStore(b, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		authorize(s, b, testNode+zt.Address(i%1000), int64(i))
	}
}

func BenchmarkUpdateAuthorizeParallel(b *testing.B) {
	s := benchmarkStore(b, 1000)
	b.ReportAllocs()
	b.SetParallelism(100)
	var number atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := number.Add(1)
			authorize(s, b, testNode+zt.Address(i%1000), i)
		}
	})
}

func BenchmarkSaveSeen1000(b *testing.B) {
	s := benchmarkStore(b, 0)
	all := make([]model.Seen, 1000)
	b.ReportAllocs()
	for round := int64(1); b.Loop(); round++ {
		for i := range all {
			all[i] = model.Seen{
				Network: testNetwork, Node: testNode + zt.Address(i), Time: round,
				Endpoint: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 9993), Version: model.Version{Major: 1, Minor: 14, Protocol: 13},
			}
		}
		if err := s.SaveSeen(b.Context(), all); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMembers10000(b *testing.B) {
	s := benchmarkStore(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		count := 0
		err := s.Members(b.Context(), testNetwork, func(*model.Member) error { count++; return nil })
		if err != nil || count != 10_000 {
			b.Fatal(count, err)
		}
	}
}

func BenchmarkMemberCounts10000(b *testing.B) {
	s := benchmarkStore(b, 10_000)
	for b.Loop() {
		if _, err := s.MemberCounts(b.Context(), testNetwork); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	s := benchmarkStore(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Network(b.Context(), testNetwork); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMember(b *testing.B) {
	s := benchmarkStore(b, 1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Member(b.Context(), testNetwork, testNode+zt.Address(i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenByHash(b *testing.B) {
	s := benchmarkStore(b, 0)
	token := &model.Token{Hash: [32]byte{1}, UserID: "me", Name: "laptop"}
	change(b, s, func(tx *Tx) error {
		return errors.Join(tx.PutUser(&model.User{ID: "me"}), tx.PutToken(token))
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.TokenByHash(b.Context(), token.Hash); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemberDocument compares decodeMember with what it falls back to.
func BenchmarkMemberDocument(b *testing.B) {
	for name, decode := range map[string]func(string) (*model.Member, error){
		"plain":         decodeMember,
		"encoding/json": func(text string) (*model.Member, error) { return decode[model.Member]([]byte(text)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(memberDocument); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkActivity100000(b *testing.B) {
	const events = 100_000
	s := benchmarkStore(b, 0)
	change(b, s, func(tx *Tx) error {
		for i := range int64(events) {
			e := &model.Event{Time: i, Kind: model.MemberUpdated, Actor: model.Actor{UserID: "me"}, Network: testNetwork, Node: testNode + zt.Address(i%1000)}
			if i%1000 == 0 {
				e.Network, e.Kind = testNetwork+1, model.NetworkUpdated
			}
			if err := tx.AppendEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	for name, q := range map[string]EventQuery{
		"newest":   {},
		"network":  {Network: testNetwork + 1},
		"node":     {Network: testNetwork, Node: testNode + 1},
		"kinds":    {Kinds: []model.EventKind{model.NetworkUpdated, model.NetworkDeleted}},
		"time":     {Since: events / 2, Until: events/2 + 50},
		"disjoint": {Network: testNetwork, Kinds: []model.EventKind{model.NetworkUpdated}, Walk: 10_000}, // finds nothing
	} {
		q.Limit = 100
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.EventsBefore(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("NetworkTouched", func(b *testing.B) {
		for b.Loop() {
			if touched, err := s.NetworkTouched(b.Context(), testNetwork+2, 0); err != nil || touched {
				b.Fatal(touched, err)
			}
		}
	})
	b.Run("MembersChanged", func(b *testing.B) {
		for b.Loop() {
			if nodes, _, err := s.MembersChanged(b.Context(), testNetwork, events-10, 100); err != nil || len(nodes) != 10 {
				b.Fatal(nodes, err)
			}
		}
	})
}
