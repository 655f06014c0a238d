package vl1_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
)

// Whole datagrams at a root: the bytes are sent as they are, then as the
// payload of authenticated packets of a stranger with every cipher. Nothing
// must crash, and no more than three times as much may come back.
func FuzzDatagram(f *testing.F) {
	to, from := address(f, 0), address(f, 7)
	for v := range byte(0x20) {
		f.Add(v, []byte(append(packet.New(nil, to, from, packet.Verb(v)), make([]byte, 40)...)))
		f.Add(v, []byte{})
		f.Add(v|0x80, make([]byte, 70))
	}
	f.Add(byte(1), packet.Hello{Protocol: 12, Identity: ident(f, 7).Public()}.Append(nil))
	f.Add(byte(3), append(appendOKHead(packet.VerbHello), make([]byte, 20)...))
	f.Add(byte(4), to.Append(from.Append(address(f, 30).Append(nil))))
	f.Add(byte(5), packet.Rendezvous{Peer: from, Endpoint: netip.MustParseAddrPort("10.4.4.4:4")}.Append(nil))
	f.Add(byte(9), zt.MulticastGroup{ADI: 1}.Append(zt.NetworkID(0x1234567890000001).Append(nil)))
	f.Add(byte(13), packet.MulticastGather{Network: 0x1234567890000001, Limit: 9}.Append(nil))
	f.Add(byte(16), packet.PushDirectPaths{Paths: []packet.DirectPath{{Endpoint: netip.MustParseAddrPort("10.4.4.4:4")}}}.Append(nil))
	f.Fuzz(func(t *testing.T, verb byte, data []byte) {
		if len(data) > packet.MaxLen-packet.HeaderLen {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			var network vl1test.Network
			w := planet(t, 1000, root(ident(t, 0), rootAddr), root(ident(t, 8), "10.0.0.9:9993"))
			n := start(t, &network, ident(t, 0), w, []string{rootAddr}, func(c *vl1.Config) { c.AllowUntrustedPushPaths = true })
			n.Learn(to, ident(t, 7))
			s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", n.id, rootAddr)
			upstream := newSpeaker(t, &network, ident(t, 8), "10.0.0.9:9993", n.id, rootAddr)
			for _, x := range []*speaker{s, upstream} {
				in, out := len(data), 0
				x.send(data)
				for _, c := range []packet.Cipher{packet.CipherNone, packet.CipherSalsa, packet.CipherAES} {
					p := append(packet.New(nil, to, x.id.Address(), packet.Verb(verb&0x1f)), data...)
					p[packet.HeaderLen-1] = verb
					x.key.Seal(p, c)
					in += len(p)
					for part := range packet.Split(p, packet.MTU) {
						x.send(part)
					}
				}
				pass(time.Millisecond)
				for _, answer := range x.host.Drain() {
					out += len(answer)
				}
				// An upstream is said HELLO to unasked.
				if x == s && out > 3*in {
					t.Errorf("%d bytes led to %d", in, out)
				}
			}
		})
	})
}

func appendOKHead(v packet.Verb) []byte { return append([]byte{byte(v)}, make([]byte, 8)...) }
