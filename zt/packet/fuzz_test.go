package packet

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// payloads reads the payload of every verb and writes it again; the second
// reading must give the same as the first.
var payloads = map[string]func(payload []byte) (again []byte, err error){
	"HELLO": func(b []byte) ([]byte, error) {
		h, err := ParseHello(b)
		if err != nil {
			return nil, err
		}
		if h.TailOffset >= 0 {
			if err := h.ParseTail(b[h.TailOffset:]); err != nil {
				return nil, err
			}
		}
		again := h.Append(nil)
		if parsed, err := ParseHello(again); err != nil || parsed.TailOffset != len(again)-h.TailLen() {
			return nil, fmt.Errorf("tail at %d of %d: %w", parsed.TailOffset, len(again), err)
		}
		return again, nil
	},
	"OK":                       write(ParseOK),
	"OK(HELLO)":                write(ParseOKHello),
	"OK(WHOIS)":                write(ParseOKWhois),
	"OK(MULTICAST_GATHER)":     write(ParseOKMulticastGather),
	"OK(MULTICAST_FRAME)":      write(ParseOKMulticastFrame),
	"ERROR":                    write(ParseError),
	"WHOIS":                    write(ParseWhois),
	"RENDEZVOUS":               write(ParseRendezvous),
	"FRAME":                    write(ParseFrame),
	"EXT_FRAME":                write(ParseExtFrame),
	"MULTICAST_GATHER":         write(ParseMulticastGather),
	"MULTICAST_FRAME":          write(ParseMulticastFrame),
	"PUSH_DIRECT_PATHS":        write(ParsePushDirectPaths),
	"ACK":                      write(ParseAck),
	"QOS_MEASUREMENT":          write(ParseQoS),
	"USER_MESSAGE":             write(ParseUserMessage),
	"PATH_NEGOTIATION_REQUEST": write(ParsePathNegotiationRequest),
	"MULTICAST_LIKE": func(b []byte) (again []byte, err error) {
		for m := range MulticastLikes(b) {
			again = m.Append(again)
		}
		return again, nil
	},
	"REMOTE_TRACE": func(b []byte) (again []byte, err error) {
		for d := range RemoteTrace(b).Dictionaries() {
			again = append(append(again, d...), 0)
		}
		return again, nil
	},
}

func write[T interface{ Append(b []byte) []byte }](parse func([]byte) (T, error)) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := parse(b)
		if err != nil {
			return nil, err
		}
		return v.Append(nil), nil
	}
}

// FuzzParse gives every payload to the readers of all verbs: what one verb's
// sender writes is a good start for another's.
func FuzzParse(f *testing.F) {
	for _, c := range readVectors[packetFile](f, "packets.json").Packets {
		f.Add([]byte(c.Payload))
		if c.Verb == VerbOK.String() {
			f.Add([]byte(c.Payload[9:]))
		}
	}
	f.Add(ExtFrame{Network: 1, Flags: FrameHasCOM, COM: []byte{1, 0, 0, 0, 0, 0, 0, 0}}.Append(nil))
	f.Add(Rendezvous{1, sourceB}.Append(nil))
	f.Add(PushDirectPaths{[]DirectPath{{0, sourceA}, {PathForget, sourceB}}}.Append(nil))
	f.Add(QoS{[]QoSRecord{{1, 2}}}.Append(nil))
	f.Add([]byte("a=1\n\x00b=2\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		payload = payload[:len(payload):len(payload)]
		for name, rewrite := range payloads {
			once, err := rewrite(payload)
			if err != nil {
				continue
			}
			twice, err := rewrite(once)
			if len(once) == 0 && err != nil {
				continue // nothing was read, which not every verb allows
			}
			if err != nil || !bytes.Equal(once, twice) {
				t.Errorf("%s: %x was written as %x, then as %x: %v", name, payload, once, twice, err)
			}
		}
	})
}

// FuzzOpen opens what strangers send, and finds every change to what was sealed.
func FuzzOpen(f *testing.F) {
	for _, c := range readVectors[armorFile](f, "armor.json").Cases {
		f.Add([]byte(c.Armored), uint(c.PayloadLen*7))
	}
	f.Add([]byte{}, uint(0))
	k := NewKey([48]byte{1, 2, 3})
	id := testIdentities(f)["id0"]
	f.Fuzz(func(t *testing.T, datagram []byte, bit uint) {
		if len(datagram) > MaxLen {
			return
		}
		IncrementHops(bytes.Clone(datagram))
		stranger := Packet(bytes.Clone(datagram))
		if k.Open(stranger) == nil {
			t.Fatal("a forgery was accepted")
		}
		if Classify(datagram) == KindPacket {
			if !bytes.Equal(stranger[:offsetVerb], datagram[:offsetVerb]) {
				t.Fatal("the header was changed")
			}
			k.CryptHelloTail(stranger, int(bit)-HeaderLen)
			if stranger.Extended() {
				if p, err := OpenExtended(stranger, id); err == nil && k.Open(p) == nil {
					t.Fatal("a forgery in extended armor was accepted")
				}
			}
		}
		if len(datagram) > MaxLen-HeaderLen {
			return
		}
		for _, c := range []Cipher{CipherNone, CipherSalsa, CipherAES} {
			sealed := append(New(nil, 1, 2, VerbEcho), datagram...)
			k.Seal(sealed, c)
			changed := Packet(bytes.Clone(sealed))
			at := int(bit % uint(8*len(sealed)))
			changed[at/8] ^= 1 << (at % 8)
			hops := at/8 == offsetFlags && at%8 < 3
			if err := k.Open(changed); (err == nil) != hops {
				t.Fatalf("cipher %d, bit %d changed: %v", c, at, err)
			}
			if err := k.Open(sealed); err != nil || !bytes.Equal(sealed.Payload(), datagram) {
				t.Fatalf("cipher %d: not opened: %v", c, err)
			}
		}
	})
}

// FuzzAssembler reads its input as datagrams: a byte for the source and the
// time that passed, two for the length, then the datagram.
func FuzzAssembler(f *testing.F) {
	script := func(parts ...[]byte) (s []byte) {
		for i, d := range parts {
			s = append(append(s, byte(i), byte(len(d)>>8), byte(len(d))), d...)
		}
		return s
	}
	parts := cut(headOf(3000), MTU)
	f.Add(script(parts...))
	f.Add(script(parts[2], parts[0], parts[0], parts[1]))
	f.Add(script(parts[0], []byte{1, 2, 3, 4}, parts[0][:HeaderLen]))
	f.Fuzz(func(t *testing.T, script []byte) {
		const slots, perSource = 4, 2
		a := NewAssembler(slots, perSource)
		now := time.UnixMilli(1)
		for len(script) >= 3 {
			from := netip.AddrPortFrom(sourceA.Addr(), uint16(script[0]&3))
			now = now.Add(time.Duration(script[0]>>2) * 50 * time.Millisecond)
			n := min(int(script[1])<<8|int(script[2]), len(script)-3)
			whole, done := a.Add(now, from, script[3:3+n:3+n])
			script = script[3+n:]
			if done && (len(whole) <= HeaderLen || len(whole) > MaxLen || !whole.IsHead()) {
				t.Fatalf("made %x", whole)
			}
			used := make(map[netip.AddrPort]int)
			for i := range a.slots {
				s := &a.slots[i]
				if len(s.data) > MaxLen {
					t.Fatalf("a slot holds %d bytes", len(s.data))
				}
				if s.have != 0 && now.Sub(s.started) <= assemblyAge {
					used[s.from]++
				}
			}
			for from, n := range used {
				if n > perSource {
					t.Fatalf("%s has %d packets", from, n)
				}
			}
		}
	})
}

// FuzzSplit cuts a packet and puts it together from any order of its parts.
func FuzzSplit(f *testing.F) {
	f.Add(uint16(2000), uint16(MTU), uint64(1))
	f.Add(uint16(MaxSendLen), uint16(MTU), uint64(77))
	f.Fuzz(func(t *testing.T, size, mtu uint16, order uint64) {
		if size < HeaderLen || size > MaxLen {
			return
		}
		p := headOf(int(size))
		before := bytes.Clone(p)
		parts := cut(p, int(mtu))
		if !bytes.Equal(p, before) {
			t.Fatal("the packet was changed")
		}
		if len(parts) < 2 {
			return
		}
		a := NewAssembler(1, 1)
		for left := len(parts); left > 0; left-- {
			i := int(order % uint64(left))
			order /= uint64(left)
			whole, done := a.Add(time.UnixMilli(1), sourceA, parts[i])
			parts = append(parts[:i], parts[i+1:]...)
			if done != (left == 1) || done && !bytes.Equal(whole, before) {
				t.Fatalf("%d parts missing: complete %t", left-1, done)
			}
		}
	})
}
