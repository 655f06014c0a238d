package packet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
)

var (
	sourceA = netip.MustParseAddrPort("192.0.2.1:9993")
	sourceB = netip.MustParseAddrPort("[2001:db8::1]:9993")
)

// headOf returns a packet of n random bytes that is marked as to be cut.
func headOf(n int) Packet {
	p := New(make([]byte, 0, n), 0x0102030405, 0x0a0b0c0d0e, VerbFrame)
	for len(p) < n {
		p = append(p, byte(rand.Uint32()))
	}
	p[offsetFlags] |= flagHead
	return p
}

// cut returns copies of the datagrams of a packet.
func cut(p Packet, mtu int) (parts [][]byte) {
	for d := range Split(p, mtu) {
		parts = append(parts, bytes.Clone(d))
	}
	return parts
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ size, mtu, parts int }{
		{MTU, MTU, 1}, {MTU + 1, MTU, 2}, {MTU + 1416, MTU, 2}, {MTU + 1417, MTU, 3},
		{MaxSendLen, MTU, 7}, {MaxSendLen + 1, MTU, 0}, {MaxLen, MTU, 0},
		{MTU + 1, 9000, 2}, {MTU + 1, 1280, 2}, {3000, 1280, 3}, {2000, 17, 0}, {2000, 0, 0}, {2000, -1, 0},
	} {
		p := headOf(c.size)
		before := bytes.Clone(p)
		parts := cut(p, c.mtu)
		if len(parts) != c.parts {
			t.Errorf("%d bytes at %d: %d parts, want %d", c.size, c.mtu, len(parts), c.parts)
			continue
		}
		if !bytes.Equal(p, before) {
			t.Errorf("%d bytes at %d: the packet was changed", c.size, c.mtu)
		}
		var whole []byte
		for i, d := range parts {
			if len(d) > min(c.mtu, MTU) {
				t.Errorf("%d bytes at %d: part %d has %d bytes", c.size, c.mtu, i, len(d))
			}
			if i == 0 {
				whole = append(whole, d...)
				continue
			}
			f := Fragment(d)
			if Classify(d) != KindFragment || f.ID() != p.ID() || f.Destination() != p.Destination() ||
				f.Number() != i || f.Total() != c.parts || f.Hops() != 0 {
				t.Errorf("%d bytes at %d: part %d begins %x", c.size, c.mtu, i, d[:FragmentHeaderLen])
			}
			whole = append(whole, f.Data()...)
		}
		if c.parts > 0 && !bytes.Equal(whole, p) {
			t.Errorf("%d bytes at %d: the parts are not the packet", c.size, c.mtu)
		}
	}
	unmarked := New(nil, 1, 2, VerbFrame)
	unmarked = append(unmarked, make([]byte, 1300)...)
	if parts := cut(unmarked, 1280); len(parts) != 1 || len(parts[0]) != len(unmarked) {
		t.Errorf("a packet that was not sealed for it is cut into %d parts", len(parts))
	}
}

func TestSplitStopsEarly(t *testing.T) {
	p := headOf(5000)
	before := bytes.Clone(p)
	for stop := range 4 {
		n := 0
		for range Split(p, MTU) {
			if n++; n > stop {
				break
			}
		}
		if n != stop+1 || !bytes.Equal(p, before) {
			t.Errorf("stopped after %d parts, wanted %d; packet intact: %t", n, stop+1, bytes.Equal(p, before))
		}
	}
}

// TestAssemblerShuffled sends parts of many packets in random order, with
// duplicates, from two sources.
func TestAssemblerShuffled(t *testing.T) {
	const packets = 40
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a := NewAssembler(2*packets, 2*packets) // a late duplicate takes a slot, too
		sent := make(map[uint64]Packet)
		var stream [][]byte
		for range packets {
			p := headOf(MTU + 1 + rng.IntN(9000-MTU))
			sent[p.ID()] = p
			stream = append(stream, cut(p, []int{MTU, 1400}[rng.IntN(2)])...)
		}
		rng.Shuffle(len(stream), func(i, j int) { stream[i], stream[j] = stream[j], stream[i] })
		var twice [][]byte
		for _, d := range stream {
			if twice = append(twice, d); Classify(d) == KindFragment && Fragment(d).Number()%2 == 0 {
				twice = append(twice, d)
			}
		}
		now := time.UnixMilli(1)
		for i, d := range twice {
			whole, done := a.Add(now, []netip.AddrPort{sourceA, sourceB}[i%2], d)
			if !done {
				continue
			}
			if !bytes.Equal(whole, sent[whole.ID()]) {
				t.Fatalf("seed %d: packet %x came out changed", seed, whole.ID())
			}
			delete(sent, whole.ID())
		}
		if len(sent) > 0 {
			t.Errorf("seed %d: %d packets did not come out", seed, len(sent))
		}
	}
}

func TestAssemblerForgets(t *testing.T) {
	p := headOf(2000)
	parts := cut(p, MTU)
	start := time.UnixMilli(1)
	for after, want := range map[time.Duration]bool{assemblyAge: true, assemblyAge + time.Millisecond: false} {
		a := NewAssembler(4, 4)
		a.Add(start, sourceA, parts[0])
		if _, done := a.Add(start.Add(after), sourceA, parts[1]); done != want {
			t.Errorf("second part after %s: %t", after, done)
		}
	}
}

func TestAssemblerBoundsEachSource(t *testing.T) {
	const slots, perSource = 4, 2
	a := NewAssembler(slots, perSource)
	now := time.UnixMilli(1)
	member := cut(headOf(2000), MTU)
	a.Add(now, sourceB, member[0])
	var flood [][][]byte
	for i := range 100 {
		parts := cut(headOf(2000), MTU)
		flood = append(flood, parts)
		a.Add(now.Add(time.Duration(i+1)*time.Microsecond), sourceA, parts[0])
	}
	if _, done := a.Add(now.Add(time.Millisecond), sourceB, member[1]); !done {
		t.Error("a flood from one source threw out another's packet")
	}
	done := 0
	for _, parts := range flood {
		if whole, ok := a.Add(now.Add(time.Millisecond), sourceA, parts[1]); ok {
			done++
			if !bytes.Equal(whole[:MTU], parts[0]) {
				t.Error("packet came out changed")
			}
		}
	}
	if done > perSource {
		t.Errorf("%d unfinished packets of one source were kept", done)
	}
}

func TestAssemblerReusesOldest(t *testing.T) {
	const slots = 3
	a := NewAssembler(slots, slots)
	var all [][][]byte
	for i := range slots + 1 {
		parts := cut(headOf(2000), MTU)
		all = append(all, parts)
		from := netip.AddrPortFrom(sourceA.Addr(), uint16(i+1))
		a.Add(time.UnixMilli(int64(i)), from, parts[0])
	}
	for i := slots; i >= 0; i-- {
		if _, done := a.Add(time.UnixMilli(10), sourceA, all[i][1]); done != (i > 0) {
			t.Errorf("packet %d of %d complete: %t", i, len(all), done)
		}
	}
}

func TestAssemblerIgnores(t *testing.T) {
	head := headOf(MTU)
	fragment := func(total, number, size int) []byte {
		f := append(bytes.Clone(head[:13]), fragmentMark, byte(total<<4|number), 0)
		return append(f, make([]byte, size)...)
	}
	other := func(d []byte) []byte {
		zt.Address(0x99).Put(d[offsetDestination:])
		return d
	}
	whole := bytes.Clone(head)
	whole[offsetFlags] &^= flagHead
	for name, d := range map[string][]byte{
		"one part":          fragment(1, 1, 10),
		"eight parts":       fragment(8, 1, 10),
		"number 0":          fragment(2, 0, 10),
		"number 7":          fragment(7, 7, 10),
		"number of total":   fragment(2, 2, 10),
		"no data":           fragment(2, 1, 0),
		"another receiver":  other(fragment(2, 1, 10)),
		"more than MaxLen":  fragment(2, 1, MaxLen-len(head)+1),
		"a packet in whole": whole,
		"the head again":    head,
		"an opener":         {1, 2, 3, 4},
	} {
		a := NewAssembler(2, 2)
		a.Add(time.UnixMilli(1), sourceA, head)
		if _, done := a.Add(time.UnixMilli(1), sourceA, d); done {
			t.Errorf("%s completed a packet", name)
		}
		if p, done := a.Add(time.UnixMilli(1), sourceA, fragment(2, 1, 5)); !done || len(p) != MTU+5 {
			t.Errorf("after %s the packet could not be completed", name)
		}
	}
}

// TestAssemblerTakesLatestTotal: what was said last about the number of parts
// counts (protocol 02 §3).
func TestAssemblerTakesLatestTotal(t *testing.T) {
	p := headOf(3000)
	parts := cut(p, MTU)
	a := NewAssembler(1, 1)
	wrong := bytes.Clone(parts[1])
	wrong[offsetFragmentParts] = 5<<4 | 1
	a.Add(time.UnixMilli(1), sourceA, wrong)
	a.Add(time.UnixMilli(1), sourceA, parts[0])
	if whole, done := a.Add(time.UnixMilli(1), sourceA, parts[2]); !done || !bytes.Equal(whole, p) {
		t.Errorf("complete: %t", done)
	}
}

func BenchmarkSplitAssemble(b *testing.B) {
	for _, size := range []int{2000, MaxSendLen} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := headOf(size)
			a := NewAssembler(64, 16)
			now := time.UnixMilli(1)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				for d := range Split(p, MTU) {
					a.Add(now, sourceA, d)
				}
			}
		})
	}
}

// BenchmarkAssemblerFlood is what one part of a packet that is never finished
// costs when all slots are taken.
func BenchmarkAssemblerFlood(b *testing.B) {
	a := NewAssembler(64, 16)
	now := time.UnixMilli(1)
	head := headOf(MTU)
	b.ReportAllocs()
	for n := uint32(0); b.Loop(); n++ {
		head[0], head[1], head[2], head[3] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		a.Add(now, netip.AddrPortFrom(sourceA.Addr(), uint16(n)), head)
	}
}
