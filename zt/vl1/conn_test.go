package vl1_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/orrery-net/orrery/zt/vl1"
)

// Datagrams come with the address they were sent to, and leave from the address
// that is asked for, on sockets of one family and of both.
func TestUDP(t *testing.T) {
	for _, c := range []struct{ listen, at, from string }{
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
		{":0", "127.0.0.1", "127.0.0.2"},
		{":0", "127.0.0.3", "127.0.0.2"},
		{":0", "::1", "::1"},
	} {
		t.Run(c.listen+" "+c.at, func(t *testing.T) {
			a, b := listenUDP(t, c.listen), listenUDP(t, ":0")
			at := netip.AddrPortFrom(netip.MustParseAddr(c.at), a.LocalAddr().Port())
			const count = 70
			var out []vl1.Datagram
			for i := range count {
				out = append(out, vl1.Datagram{Data: fmt.Appendf(nil, "datagram %d", i), Remote: at, Local: netip.MustParseAddr(c.from)})
			}
			if c.from != c.at && c.listen != ":0" {
				out[0].Local = netip.Addr{}
			}
			if n, err := b.WriteBatch(out); n != count || err != nil {
				if c.at == "::1" {
					t.Skipf("no IPv6 here: %v", err)
				}
				t.Fatalf("wrote %d, %v", n, err)
			}
			for got := 0; got < count; {
				in := make([]vl1.Datagram, 32)
				for i := range in {
					in[i].Data = make([]byte, vl1.MaxDatagram)
				}
				n, err := a.ReadBatch(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range in[:n] {
					if string(d.Data) != string(out[got].Data) || d.Remote.Addr().String() != c.from ||
						d.Remote.Port() != b.LocalAddr().Port() || d.Local.String() != c.at {
						t.Fatalf("datagram %d: %q from %s to %s", got, d.Data, d.Remote, d.Local)
					}
					got++
				}
			}
		})
	}
}

// The system refuses an address that is not ours, or no longer; the datagram
// goes out all the same. A destination it refuses is reported and skipped.
func TestUDPWriteErrors(t *testing.T) {
	a, b := listenUDP(t, "127.0.0.1:0"), listenUDP(t, ":0")
	to := a.LocalAddr()
	n, err := b.WriteBatch([]vl1.Datagram{
		{Data: []byte("1"), Remote: to, Local: netip.MustParseAddr("203.0.113.77")},
		{Data: []byte("2"), Remote: to, TTL: 2},
		{Data: make([]byte, 70_000), Remote: to},
		{Data: []byte("3"), Remote: to},
	})
	if n != 2 || err == nil {
		t.Fatalf("wrote %d, %v; want 2 and an error", n, err)
	}
	for _, want := range []string{"1", "2"} {
		in := []vl1.Datagram{{Data: make([]byte, 100)}}
		if n, err := a.ReadBatch(in); n != 1 || err != nil || string(in[0].Data) != want {
			t.Fatalf("read %d, %v, %q", n, err, in[0].Data)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadBatch([]vl1.Datagram{{Data: make([]byte, 100)}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
	if _, err := b.WriteBatch([]vl1.Datagram{{Data: []byte("4"), Remote: to}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after Close: %v", err)
	}
}

func TestListenUDPRefuses(t *testing.T) {
	a := listenUDP(t, "127.0.0.1:0")
	if _, err := vl1.ListenUDP(a.LocalAddr().String()); err == nil {
		t.Error("a port in use was given out again")
	}
	if _, err := vl1.ListenUDP("nonsense"); err == nil {
		t.Error("an address that is none was taken")
	}
}

func listenUDP(t testing.TB, addr string) vl1.Conn {
	t.Helper()
	c, err := vl1.ListenUDP(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
