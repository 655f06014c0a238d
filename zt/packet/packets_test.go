package packet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// capturedPacket is a packet between real nodes.
type capturedPacket struct {
	Name       string
	From, To   string
	UDPSource  string     `json:"udp_source"`
	Wire       hexBytes   `json:"wire_hex"`
	Datagrams  []hexBytes `json:"datagrams_hex"`
	Assembled  hexBytes   `json:"assembled_hex"`
	Cipher     Cipher
	Hops       int
	Verb       string
	Compressed bool
	Payload    hexBytes `json:"payload_hex"`
	TailOffset int      `json:"hello_tail_offset_in_packet"`
	Fields     map[string]any
}

type packetFile struct {
	Identities map[string]string
	Packets    []capturedPacket
	NATOpeners []struct{ Hex hexBytes } `json:"nat_openers"`
}

func TestCapturedPackets(t *testing.T) {
	file := readVectors[packetFile](t, "packets.json")
	if len(file.Packets) != 37 || len(file.NATOpeners) == 0 {
		t.Fatalf("%d packets and %d NAT openers", len(file.Packets), len(file.NATOpeners))
	}
	ids := identities(t, file.Identities)
	for _, c := range file.Packets {
		t.Run(c.Name, func(t *testing.T) {
			key48, err := ids[c.From].Agree(ids[c.To])
			if err != nil {
				t.Fatal(err)
			}
			k := NewKey(key48)
			wire := arrive(t, c)
			if wire.Source() != ids[c.From].Address() || wire.Destination() != ids[c.To].Address() ||
				wire.Cipher() != c.Cipher || wire.Hops() != c.Hops {
				t.Errorf("header: %s to %s, cipher %d, %d hops", wire.Source(), wire.Destination(), wire.Cipher(), wire.Hops())
			}
			p := Packet(bytes.Clone(wire))
			if err := k.Open(p); err != nil {
				t.Fatal(err)
			}
			if p.Verb().String() != c.Verb || p.Compressed() != c.Compressed {
				t.Errorf("%s, compressed %t", p.Verb(), p.Compressed())
			}
			plain, err := Decompress(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if plain.Verb() == VerbHello {
				h, err := ParseHello(plain.Payload())
				if err != nil || HeaderLen+h.TailOffset != c.TailOffset {
					t.Fatalf("tail at %d of the payload, want %d of the packet: %v", h.TailOffset, c.TailOffset, err)
				}
				k.CryptHelloTail(plain, c.TailOffset)
			}
			if !bytes.Equal(plain.Payload(), c.Payload) {
				t.Fatalf("payload\n%x, want\n%x", plain.Payload(), c.Payload)
			}
			checkFields(t, plain, c.Fields)
			if !c.Compressed {
				checkResealed(t, k, wire, plain, c)
			}
		})
	}
	for _, c := range file.NATOpeners {
		if Classify(c.Hex) != KindNothing {
			t.Errorf("NAT opener %x taken for kind %d", c.Hex, Classify(c.Hex))
		}
	}
}

// arrive returns the whole packet that the datagrams of a capture make.
func arrive(t *testing.T, c capturedPacket) Packet {
	t.Helper()
	if c.Datagrams == nil {
		if Classify(c.Wire) != KindPacket || Packet(c.Wire).IsHead() {
			t.Fatal("not taken for a whole packet")
		}
		return c.Wire.packetOf()
	}
	from := netip.MustParseAddrPort("192.0.2.1:9993")
	for _, reversed := range []bool{false, true} {
		a := NewAssembler(1, 1)
		for i := range c.Datagrams {
			d := c.Datagrams[i]
			if reversed {
				d = c.Datagrams[len(c.Datagrams)-1-i]
			}
			whole, done := a.Add(time.UnixMilli(1), from, d)
			if done != (i == len(c.Datagrams)-1) || done && !bytes.Equal(whole, c.Assembled) {
				t.Fatalf("datagram %d: assembled %t, %x", i, done, whole)
			}
		}
	}
	i := 0
	for d := range Split(c.Assembled.packetOf(), MTU) {
		if !bytes.Equal(d, c.Datagrams[i]) {
			t.Errorf("part %d is cut as\n%x, want\n%x", i, d, c.Datagrams[i])
		}
		i++
	}
	if i != len(c.Datagrams) {
		t.Errorf("cut into %d parts, want %d", i, len(c.Datagrams))
	}
	return c.Assembled.packetOf()
}

// checkResealed seals the packet again under the same IV and flags.
func checkResealed(t *testing.T, k *Key, wire, plain Packet, c capturedPacket) {
	t.Helper()
	p := append(New(nil, wire.Destination(), wire.Source(), plain.Verb()), c.Payload...)
	copy(p, wire[:8])
	if c.Cipher == CipherAES {
		x := append(bytes.Clone(wire[:8]), wire[offsetMAC:offsetVerb]...)
		k.block.Decrypt(x, x)
		copy(p, x[:8])
	}
	p[offsetFlags] = wire[offsetFlags] &^ maskHops
	if c.TailOffset != 0 {
		k.CryptHelloTail(p, c.TailOffset)
	}
	sealAs(k, p, c.Cipher)
	p[offsetFlags] |= byte(c.Hops)
	if !bytes.Equal(p, wire) {
		t.Errorf("sealed again as\n%x, want\n%x", p, wire)
	}
}

// foreignFields are decoded fields that this package leaves to others: worlds,
// network configurations and credentials.
var foreignFields = map[string]bool{
	"worlds": true, "metadata_text": true, "revision": true, "timestamp": true, "network": true,
	"chunk_length": true, "chunk_offset": true, "flags": true, "update_id": true, "total_length": true,
	"signature_type": true, "signature_length": true, "signed_length": true, "signature_hex": true,
	"chunk_text_escaped": true, "chunk_hex": true,
	"end": true, "certificates_of_membership": true, "capabilities": true, "rest_hex": true,
}

func checkFields(t *testing.T, p Packet, want map[string]any) {
	t.Helper()
	read := make(map[string]any)
	again, err := readFields(p.Verb(), p.Payload(), read)
	if err != nil {
		t.Fatal(err)
	}
	if again != nil && !bytes.Equal(again, p.Payload()) {
		t.Errorf("written again as\n%x, want\n%x", again, p.Payload())
	}
	text, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if g, ok := got[name]; ok && !reflect.DeepEqual(g, value) || !ok && !foreignFields[name] {
			t.Errorf("field %s is %v, want %v", name, g, value)
		}
	}
}

// readFields reads a payload into fields as the vectors name them, and writes it
// again.
func readFields(v Verb, payload []byte, out map[string]any) (again []byte, err error) {
	endpoint := func(a netip.AddrPort) string { return fmt.Sprintf("%s/%d", a.Addr(), a.Port()) }
	version := func(major, minor uint8, revision uint16) string {
		return fmt.Sprintf("%d.%d.%d", major, minor, revision)
	}
	group := func(network zt.NetworkID, g zt.MulticastGroup) {
		out["network"], out["mac"], out["adi"] = network, strings.ReplaceAll(g.MAC.String(), ":", ""), g.ADI
	}
	switch v {
	case VerbHello:
		h, err := ParseHello(payload)
		if err != nil {
			return nil, err
		}
		if err := h.ParseTail(payload[h.TailOffset:]); err != nil {
			return nil, err
		}
		moons := []any{}
		for _, m := range h.Moons {
			moons = append(moons, map[string]any{"type": moonType, "id": m.ID, "timestamp": m.Time})
		}
		out["protocol"], out["version"], out["timestamp"] = h.Protocol, version(h.Major, h.Minor, h.Revision), h.Time
		out["identity"], out["physical_destination"] = h.Identity.String(), endpoint(h.Destination)
		out["planet_id"], out["planet_timestamp"], out["moons"] = h.PlanetID, h.PlanetTime, moons
		return h.Append(nil), nil
	case VerbOK:
		ok, err := ParseOK(payload)
		if err != nil {
			return nil, err
		}
		out["in_re_verb"], out["in_re_packet_id"] = ok.InRe.String(), fmt.Sprintf("%016x", ok.InReID)
		ok.Rest, err = readOKFields(ok, out, endpoint, version, group)
		return ok.Append(nil), err
	case VerbError:
		e, err := ParseError(payload)
		out["in_re_verb"], out["in_re_packet_id"] = e.InRe.String(), fmt.Sprintf("%016x", e.InReID)
		out["error_code"], out["network"] = e.Code, zt.NetworkIDFrom(e.Rest)
		return e.Append(nil), err
	case VerbWhois:
		w, err := ParseWhois(payload)
		out["addresses"] = w.Addresses
		return w.Append(nil), err
	case VerbRendezvous:
		r, err := ParseRendezvous(payload)
		out["flags"], out["peer"], out["port"], out["ip"] = payload[0], r.Peer, r.Endpoint.Port(), r.Endpoint.Addr()
		return r.Append(nil), err
	case VerbEcho:
		out["payload_hex"] = hex.EncodeToString(payload)
		return nil, nil
	case VerbPushDirectPaths:
		m, err := ParsePushDirectPaths(payload)
		paths := []any{}
		for _, p := range m.Paths {
			paths = append(paths, map[string]any{"flags": p.Flags, "endpoint": endpoint(p.Endpoint)})
		}
		out["paths"] = paths
		return m.Append(nil), err
	case VerbMulticastLike:
		entries := []any{}
		for m := range MulticastLikes(payload) {
			entries = append(entries, map[string]any{
				"network": m.Network, "mac": hex.EncodeToString(m.Group.MAC[:]), "adi": m.Group.ADI,
			})
			again = m.Append(again)
		}
		out["entries"] = entries
		return again, nil
	case VerbMulticastGather:
		m, err := ParseMulticastGather(payload)
		group(m.Network, m.Group)
		com := read(m.Rest)
		out["flags"], out["limit"], out["com_length"] = m.Flags, m.Limit, len(com.membership())
		return m.Append(nil), err
	case VerbFrame:
		m, err := ParseFrame(payload)
		out["network"], out["ethertype"], out["frame_length"] = m.Network, fmt.Sprintf("%04x", m.EtherType), len(m.Data)
		return m.Append(nil), err
	case VerbMulticastFrame:
		m, err := ParseMulticastFrame(payload)
		out["network"], out["flags"] = m.Network, m.Flags
		return m.Append(nil), err
	}
	return nil, nil
}

func readOKFields(ok OK, out map[string]any, endpoint func(netip.AddrPort) string,
	version func(uint8, uint8, uint16) string, group func(zt.NetworkID, zt.MulticastGroup)) (again []byte, err error) {
	switch ok.InRe {
	case VerbHello:
		o, err := ParseOKHello(ok.Rest)
		out["timestamp_echo"], out["protocol"], out["version"] = o.Time, o.Protocol, version(o.Major, o.Minor, o.Revision)
		out["physical_source_seen"], out["worlds_length"] = endpoint(o.Surface), len(o.Worlds)
		return o.Append(nil), err
	case VerbWhois:
		o, err := ParseOKWhois(ok.Rest)
		texts := []string{}
		for _, id := range o.Identities {
			texts = append(texts, id.String())
		}
		out["identities"] = texts
		return o.Append(nil), err
	case VerbMulticastGather:
		o, err := ParseOKMulticastGather(ok.Rest)
		group(o.Network, o.Group)
		out["known"], out["members"] = o.Known, o.Members
		return o.Append(nil), err
	case VerbMulticastFrame:
		o, err := ParseOKMulticastFrame(ok.Rest)
		return o.Append(nil), err
	case VerbEcho:
		out["payload_hex"] = hex.EncodeToString(ok.Rest)
	}
	return ok.Rest, nil
}

func TestHelloOfOldNodes(t *testing.T) {
	id := testIdentities(t)["id1"].Public()
	whole := Hello{
		Protocol: 9, Identity: id, Destination: netip.MustParseAddrPort("[2001:db8::1]:9993"),
		PlanetID: 7, PlanetTime: 8, Moons: []MoonRef{{9, 10}},
	}.Append(nil)
	const identityEnd, destinationEnd = 13 + identity.PublicLen, 13 + identity.PublicLen + 19
	for n := range len(whole) {
		h, err := ParseHello(whole[:n])
		good := n == identityEnd || n >= destinationEnd
		if (err == nil) != good {
			t.Errorf("%d bytes: %v", n, err)
			continue
		}
		if !good {
			continue
		}
		if h.Destination.IsValid() != (n >= destinationEnd) || (h.PlanetID == 7 && h.PlanetTime == 8) != (n >= destinationEnd+16) {
			t.Errorf("%d bytes: destination %s, planet %d", n, h.Destination, h.PlanetID)
		}
		if tail := n > destinationEnd+16; tail != (h.TailOffset == destinationEnd+16) || !tail && h.TailOffset != -1 {
			t.Errorf("%d bytes: tail at %d", n, h.TailOffset)
		}
	}
	h, err := ParseHello(whole)
	if err != nil || h.TailOffset != len(whole)-(Hello{Moons: make([]MoonRef, 1)}).TailLen() {
		t.Fatalf("tail at %d: %v", h.TailOffset, err)
	}
	if err := h.ParseTail(whole[h.TailOffset:]); err != nil || len(h.Moons) != 1 || h.Moons[0] != (MoonRef{9, 10}) {
		t.Errorf("moons %v: %v", h.Moons, err)
	}
	if err := h.ParseTail([]byte{0xff, 0xff, moonType}); err == nil || h.Moons != nil {
		t.Errorf("a tail that ends early gave %v: %v", h.Moons, err)
	}
	foreign := append([]byte{0, 1, 0x05}, make([]byte, 16)...)
	if err := h.ParseTail(foreign); err != nil || h.Moons != nil {
		t.Errorf("an entry that is no moon gave %v: %v", h.Moons, err)
	}
}

func TestOKHelloWithoutWorlds(t *testing.T) {
	rest := OKHello{Time: 1, Protocol: 12, Surface: netip.MustParseAddrPort("192.0.2.1:9993")}.Append(nil)
	o, err := ParseOKHello(rest[:len(rest)-2])
	if err != nil || len(o.Worlds) != 0 || o.Surface.Port() != 9993 {
		t.Errorf("without length field: %+v, %v", o, err)
	}
	rest[len(rest)-1] = 1
	if _, err := ParseOKHello(rest); err == nil {
		t.Error("a length beyond the end was accepted")
	}
}

func TestPushDirectPathsSkips(t *testing.T) {
	payload := []byte{
		0, 3,
		PathForget, 0, 2, 0xaa, 0xbb, 4, 6, 192, 0, 2, 1, 0x27, 0x09,
		0, 0, 0, 9, 1, 0xff,
		0, 0, 0, 6, 6, 1, 2, 3, 4, 5, 6,
	}
	m, err := ParsePushDirectPaths(payload)
	want := DirectPath{PathForget, netip.MustParseAddrPort("192.0.2.1:9993")}
	if err != nil || len(m.Paths) != 1 || m.Paths[0] != want {
		t.Errorf("%v, %v", m.Paths, err)
	}
	if _, err := ParsePushDirectPaths(payload[:len(payload)-1]); err == nil {
		t.Error("a payload that ends early was accepted")
	}
}

func TestMembershipIsSkipped(t *testing.T) {
	com := append([]byte{1, 0, 2}, make([]byte, 2*24)...)
	unsigned := append(bytes.Clone(com), 0, 0, 0, 0, 0)
	signed := append(append(bytes.Clone(com), 1, 2, 3, 4, 5), make([]byte, 96)...)
	for _, com := range [][]byte{unsigned, signed} {
		frame := ExtFrame{Network: 1, Flags: FrameHasCOM, COM: com, To: zt.MAC{1}, From: zt.MAC{2}, EtherType: 0x800, Data: []byte("data")}
		got, err := ParseExtFrame(frame.Append(nil))
		if err != nil || !reflect.DeepEqual(got, frame) {
			t.Errorf("%+v, want %+v: %v", got, frame, err)
		}
	}
	for name, com := range map[string][]byte{"type": {2, 0, 0}, "qualifiers": {1, 0, 9}} {
		frame := ExtFrame{Flags: FrameHasCOM, COM: append(com, make([]byte, 500)...)}
		if _, err := ParseExtFrame(frame.Append(nil)); err == nil {
			t.Errorf("a certificate with a bad %s was accepted", name)
		}
	}
}

func TestRemoteTraceDictionaries(t *testing.T) {
	var got []string
	for d := range RemoteTrace("a=1\n\x00\x00b=2\x00lost").Dictionaries() {
		got = append(got, string(d))
	}
	if !reflect.DeepEqual(got, []string{"a=1\n", "b=2"}) {
		t.Errorf("%q", got)
	}
}

func TestQoSIsBounded(t *testing.T) {
	if q, err := ParseQoS(make([]byte, qosMaxLen)); err != nil || len(q.Records) != qosMaxLen/qosRecordLen {
		t.Errorf("%d records: %v", len(q.Records), err)
	}
	if _, err := ParseQoS(make([]byte, qosMaxLen+1)); err == nil {
		t.Error("a payload that is too long was accepted")
	}
}
