package packet

import (
	"testing"

	"github.com/orrery-net/orrery/zt"
)

func TestNew(t *testing.T) {
	const to, from = zt.Address(0x0102030405), zt.Address(0x0a0b0c0d0e)
	room := make([]byte, 5, MTU)
	p := New(room, to, from, VerbWhois)
	if &p[0] != &room[0] || len(p) != HeaderLen || p.Destination() != to || p.Source() != from ||
		p.Verb() != VerbWhois || p.Hops() != 0 || p.IsHead() || p.Compressed() || len(p.Payload()) != 0 {
		t.Errorf("new packet %x", p)
	}
	if p.ID() == New(nil, to, from, VerbWhois).ID() {
		t.Error("two packets have one ID")
	}
}

func TestClassify(t *testing.T) {
	datagram := func(size int, mark byte) []byte {
		d := make([]byte, size)
		if size > offsetFragmentMark {
			d[offsetFragmentMark] = mark
		}
		return d
	}
	for _, c := range []struct {
		size int
		mark byte
		want Kind
	}{
		{0, 0, KindNothing}, {4, 0, KindNothing}, {12, 0, KindNothing}, {13, 0, KindBeacon}, {14, 0xff, KindNothing},
		{16, 0xff, KindNothing}, {17, 0xff, KindFragment}, {17, 0, KindNothing}, {27, 0xfe, KindNothing},
		{28, 0xfe, KindPacket}, {28, 0xff, KindFragment}, {MTU, 0x01, KindPacket}, {MaxLen, 0, KindPacket},
		{MaxLen + 1, 0, KindNothing}, {MaxLen + 1, 0xff, KindNothing},
	} {
		if got := Classify(datagram(c.size, c.mark)); got != c.want {
			t.Errorf("%d bytes, byte 13 %#x: kind %d, want %d", c.size, c.mark, got, c.want)
		}
	}
}

func TestIncrementHopsStops(t *testing.T) {
	p := New(nil, 1, 2, VerbEcho)
	p[offsetFlags] = flagHead | byte(CipherAES)<<3
	f := make(Fragment, FragmentHeaderLen+1)
	f[offsetFragmentMark] = fragmentMark
	for range 9 {
		IncrementHops(p)
		IncrementHops(f)
	}
	if p.Hops() != 7 || p.Cipher() != CipherAES || !p.IsHead() {
		t.Errorf("packet flags %#x", p[offsetFlags])
	}
	if f[offsetFragmentHops] != 7 {
		t.Errorf("fragment hops %#x", f[offsetFragmentHops])
	}
	opener := []byte{1, 2, 3, 4}
	IncrementHops(opener)
	if string(opener) != "\x01\x02\x03\x04" {
		t.Error("a datagram that is no packet was changed")
	}
}

func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for v := range Verb(maskVerb + 1) {
		if name := v.String(); name == "" || seen[name] {
			t.Errorf("verb %#x is called %q", uint8(v), name)
		} else {
			seen[name] = true
		}
	}
	for c := range ErrorCode(12) {
		if name := c.String(); name == "" || seen[name] {
			t.Errorf("error %#x is called %q", uint8(c), name)
		} else {
			seen[name] = true
		}
	}
}
