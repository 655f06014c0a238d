package store

import (
	"fmt"
	"net/netip"
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
		for i := range members {
			m := model.NewMember(testNetwork, testNode+zt.Address(i), 1)
			m.Name = fmt.Sprintf("member %d", i)
			m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
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
