package netconf

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// testNode takes chunks as a node does (protocol 05 §3.2, §3.3).
type testNode struct {
	network    zt.NetworkID
	self       zt.Address
	controller *identity.Identity
	assembling Reassembly
	config     *Config
	now        int64 // ms
	changed    int64 // when config was last replaced
}

// receive returns the update id of a configuration that is complete, 0
// otherwise. Legacy chunks count as update 1.
func (n *testNode) receive(sender zt.Address, payload []byte) uint64 {
	chunk, err := ParseChunk(payload)
	if err != nil || chunk.Network != n.network {
		return 0
	}
	dictionary, complete := n.assembling.Add(chunk, n.controller)
	if chunk.IsLegacy() && sender == n.controller.Address() {
		dictionary, complete, chunk.UpdateID = chunk.Data, true, 1
	}
	if !complete {
		return 0
	}
	config, err := ParseConfig(dictionary)
	if err != nil {
		return 0
	}
	if config.CheckFor(n.network, n.self) == nil && (n.config == nil || !n.config.Equal(config)) {
		n.config, n.changed = config, n.now
	}
	return chunk.UpdateID
}

type chunkVectors struct {
	people
	Network   zt.NetworkID `json:"network_id"`
	MaxData   int          `json:"reference_max_chunk_data"`
	Sequences []struct {
		Name   string
		SentBy zt.Address `json:"sent_by"`
		Chunks []struct {
			Payload  hexBytes  `json:"chunk_hex"`
			Accepted hexNumber `json:"accepted_update_id"`
		}
		Results      []hexNumber
		HasConfig    bool     `json:"node_has_config"`
		Timestamp    int64    `json:"node_config_timestamp"`
		AsOK         hexBytes `json:"as_ok_payload_hex"`
		InRe         hexBytes `json:"ok_in_re_packet_id"`
		AsPush       hexBytes `json:"as_pushed_network_config_payload_hex"`
		SignedLength int      `json:"signed_length"`
		Count        int      `json:"chunk_count"`
		Before       int64    `json:"last_config_update_before"`
		After        int64    `json:"last_config_update_after"`
	}
}

// script makes the chunks of the sequences that the vectors only name.
type script struct {
	t          *testing.T
	controller *identity.Identity
	network    zt.NetworkID
	base       Config   // of the sequence "single chunk"
	three      [][]byte // chunks of the sequence with three
}

func (s *script) dictionary(change func(*Config)) Dictionary {
	config := s.base
	change(&config)
	return config.Append(nil)
}

func (s *script) at(timestamp int64) Dictionary {
	return s.dictionary(func(c *Config) { c.Timestamp = timestamp })
}

func (s *script) one(update uint64, d Dictionary) []byte {
	return AppendChunk(nil, s.network, d, 0, len(d), update, s.controller)
}

func (s *script) parts(update uint64, d Dictionary, size int) (chunks [][]byte) {
	for offset := 0; offset < len(d); offset += size {
		chunks = append(chunks, AppendChunk(nil, s.network, d, offset, min(size, len(d)-offset), update, s.controller))
	}
	return chunks
}

// resign puts another flag byte into a chunk and signs it again.
func (s *script) resign(chunk []byte, flags byte) []byte {
	chunk = bytes.Clone(chunk)
	message := chunk[:len(chunk)-identity.SignatureLen-3]
	message[len(message)-17] = flags
	signature := s.controller.Sign(message)
	return appendSignature(message, &signature)
}

func (s *script) chunks(name string) [][]byte {
	const time = 1700000004000
	switch name {
	case "same chunks in reverse order":
		return [][]byte{s.three[2], s.three[1], s.three[0]}
	case "first chunk duplicated":
		return [][]byte{s.three[0], s.three[0], s.three[1], s.three[2]}
	case "last chunk missing":
		return s.three[:2]
	case "signed chunks relayed by another member":
		return s.three
	case "small chunks (200 bytes of dictionary each)":
		return s.parts(0x3333333333333333, s.at(1700000002000), 200)
	case "one data byte changed":
		chunk := s.one(4, s.at(time))
		chunk[100] ^= 1
		return [][]byte{chunk}
	case "last signature byte changed (digest copy)":
		chunk := s.one(4, s.at(time))
		chunk[len(chunk)-1] ^= 1
		return [][]byte{chunk}
	case "signed by somebody else":
		stranger := parseIdentity(s.t, strangerSecret(s.t))
		d := s.at(time)
		return [][]byte{AppendChunk(nil, s.network, d, 0, len(d), 4, stranger)}
	case "config issued to another member":
		return [][]byte{s.one(0x5555555555555555, s.dictionary(func(c *Config) { c.Member = 0xb11e7dcb9f }))}
	case "dictionary nwid differs":
		return [][]byte{s.one(0x6666666666666666, s.dictionary(func(c *Config) { c.Network++ }))}
	case "legacy: unsigned single chunk from another member":
		d := s.at(time)
		return [][]byte{append(binary.BigEndian.AppendUint16(s.network.Append(nil), uint16(len(d))), d...)}
	case "fast-propagate flag set":
		return [][]byte{s.resign(s.one(0x8888888888888888, s.at(time)), ChunkFastPropagate)}
	case "update id zero":
		return [][]byte{s.one(0, s.at(time))}
	case "older timestamp after a newer one":
		return [][]byte{s.one(0x9999, s.at(1700000006000)), s.one(0xaaaa, s.at(1700000005000))}
	case "exact replay of an update that was already applied":
		return [][]byte{s.one(0xaaaa, s.at(1700000005000))}
	case "byte-identical config under a new update id, 20 s later":
		return [][]byte{s.one(0xbbbb, s.at(1700000005000))}
	case "same config with a newer timestamp, same moment":
		return [][]byte{s.one(0xcccc, s.at(1700000006000))}
	}
	return nil
}

// strangerSecret is an identity that is not the controller of the vectors.
func strangerSecret(t testing.TB) string {
	var vectors struct{ Secret string }
	loadVectors(t, "stranger.json", &vectors)
	return vectors.Secret
}

func TestChunkVectors(t *testing.T) {
	var vectors chunkVectors
	loadVectors(t, "vl2-chunks.json", &vectors)
	wantCases(t, len(vectors.Sequences), 20)
	if vectors.MaxData != ChunkLen {
		t.Errorf("ChunkLen is %d, the reference's is %d", ChunkLen, vectors.MaxData)
	}
	controller := vectors.controller(t)
	play := &script{t: t, controller: controller, network: vectors.Network}
	var node *testNode
	for _, s := range vectors.Sequences {
		chunks, want := play.chunks(s.Name), s.Results
		for i, c := range s.Chunks {
			want = append(want, c.Accepted)
			if len(c.Payload) > 0 {
				chunks = append(chunks[:i], c.Payload)
			}
		}
		// The sequences with results go on with the node of the one before.
		if s.Results == nil || s.Name == "older timestamp after a newer one" {
			node = &testNode{network: vectors.Network, self: 0x4dd0f9c1de, controller: controller.Public(), now: 1700000000000}
		}
		sender := s.SentBy
		if sender == 0 {
			sender = controller.Address()
		}
		if len(chunks) != len(want) || s.Count > 0 && len(chunks) != s.Count {
			t.Fatalf("%s: %d chunks, want %d", s.Name, len(chunks), len(want))
		}
		if s.After != 0 {
			node.now = 1700000020000
		}
		if node.changed != s.Before && s.Before != 0 {
			t.Errorf("%s: before it the configuration changed at %d", s.Name, node.changed)
		}
		for i, payload := range chunks {
			if got := node.receive(sender, payload); got != uint64(want[i]) {
				t.Errorf("%s: chunk %d gives update %x, want %x", s.Name, i, got, want[i])
			}
		}
		timestamp := int64(0)
		if node.config != nil {
			timestamp = node.config.Timestamp
		}
		if s.Results == nil && (node.config != nil) != s.HasConfig || s.After == 0 && timestamp != s.Timestamp {
			t.Errorf("%s: node has a configuration of %d, want %d", s.Name, timestamp, s.Timestamp)
		}
		if s.After != 0 && node.changed != s.After {
			t.Errorf("%s: the configuration last changed at %d, want %d", s.Name, node.changed, s.After)
		}
		if s.Name == "single chunk" {
			play.base = *node.config
			first, err := ParseChunk(s.Chunks[0].Payload)
			if err != nil || len(first.Signed) != s.SignedLength {
				t.Fatalf("%s: %+v, %v", s.Name, first, err)
			}
			wantBytes(t, "as push", s.Chunks[0].Payload, s.AsPush)
			wantBytes(t, "as OK", slices.Concat([]byte{0x0b}, s.InRe, s.Chunks[0].Payload), s.AsOK)
			wantBytes(t, s.Name+": configuration", play.base.Append(nil), first.Data)
		}
		if s.Name == "three-chunk config, in order" {
			play.three = chunks
		}
	}
}

// Every signed chunk in the vectors is what AppendChunk makes of the same data.
func TestAppendChunkVectors(t *testing.T) {
	var vectors chunkVectors
	loadVectors(t, "vl2-chunks.json", &vectors)
	controller := vectors.controller(t)
	for _, s := range vectors.Sequences {
		var whole []byte
		for _, c := range s.Chunks {
			if chunk, err := ParseChunk(c.Payload); err == nil {
				whole = append(whole, chunk.Data...)
			}
		}
		for _, c := range s.Chunks {
			if len(c.Payload) == 0 {
				continue
			}
			chunk, err := ParseChunk(c.Payload)
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if chunk.IsLegacy() {
				continue
			}
			got := AppendChunk([]byte("x"), chunk.Network, whole, int(chunk.Offset), len(chunk.Data), chunk.UpdateID, controller)
			wantBytes(t, s.Name, got[1:], c.Payload)
			for i := range c.Payload {
				if part, err := ParseChunk(c.Payload[:i]); err == nil && !part.IsLegacy() {
					t.Errorf("%s: the first %d bytes parse", s.Name, i)
				}
			}
		}
	}
}

func TestReassemblyHoldsThreeUpdates(t *testing.T) {
	var vectors chunkVectors
	loadVectors(t, "vl2-chunks.json", &vectors)
	s := &script{t: t, controller: vectors.controller(t), network: vectors.Network}
	whole := Dictionary(bytes.Repeat([]byte("x"), 100))
	add := func(a *Reassembly, payload []byte) bool {
		chunk, err := ParseChunk(payload)
		if err != nil {
			t.Fatal(err)
		}
		d, complete := a.Add(chunk, s.controller)
		if complete && !bytes.Equal(d, whole) {
			t.Errorf("put together as %q", d)
		}
		return complete
	}
	var a Reassembly
	updates := map[uint64][][]byte{}
	for id := uint64(1); id <= 4; id++ {
		updates[id] = s.parts(id, whole, 50)
		add(&a, updates[id][0])
	}
	if add(&a, updates[1][1]) {
		t.Error("the update that was touched longest ago is still there")
	}
	if !add(&a, updates[4][1]) || !add(&a, updates[3][1]) {
		t.Error("a newer update was lost")
	}
	if add(&a, updates[4][0]) || add(&a, updates[4][1]) {
		t.Error("a replay completes an update again")
	}
	// Each byte in a chunk of its own is more chunks than nodes take.
	whole = bytes.Repeat([]byte("x"), maxChunks+1)
	for i, payload := range s.parts(9, whole, 1) {
		if add(&a, payload) {
			t.Errorf("complete with chunk %d", i)
		}
	}
}

func TestChunksThatAreRefused(t *testing.T) {
	var vectors chunkVectors
	loadVectors(t, "vl2-chunks.json", &vectors)
	s := &script{t: t, controller: vectors.controller(t), network: vectors.Network}
	good := s.one(1, Dictionary("hello"))
	total := len(good) - identity.SignatureLen - 3 - 8
	for name, change := range map[string]func([]byte){
		"total too small":         func(b []byte) { binary.BigEndian.PutUint32(b[total:], 4) },
		"offset too great":        func(b []byte) { binary.BigEndian.PutUint32(b[total+4:], 1) },
		"offset wraps":            func(b []byte) { binary.BigEndian.PutUint32(b[total+4:], 1<<32-3) },
		"total too great":         func(b []byte) { binary.BigEndian.PutUint32(b[total:], maxDictionaryLen) },
		"other type of signature": func(b []byte) { b[total+8] = 2 },
		"shorter signature":       func(b []byte) { b[total+10] = 95 },
	} {
		bad := bytes.Clone(good)
		change(bad)
		if c, err := ParseChunk(bad); err == nil {
			t.Errorf("%s: parses as %+v", name, c)
		}
	}
	chunk, err := ParseChunk(good)
	if err != nil || !chunk.Verify(s.controller) {
		t.Fatal(err)
	}
	if stranger := parseIdentity(t, strangerSecret(t)); chunk.Verify(stranger) {
		t.Error("verifies with a stranger's identity")
	}
	legacy, err := ParseChunk([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02hi"))
	if err != nil || !legacy.IsLegacy() || legacy.Verify(s.controller) || string(legacy.Data) != "hi" {
		t.Errorf("legacy chunk: %+v, %v", legacy, err)
	}
}

func FuzzParseChunk(f *testing.F) {
	var vectors chunkVectors
	loadVectors(f, "vl2-chunks.json", &vectors)
	controller := vectors.controller(f).Public()
	for _, s := range vectors.Sequences {
		for _, c := range s.Chunks {
			f.Add([]byte(c.Payload))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := ParseChunk(payload)
		if err != nil {
			return
		}
		if uint64(c.Offset)+uint64(len(c.Data)) > uint64(c.Total) || c.Total >= maxDictionaryLen {
			t.Errorf("%d bytes at %d of %d", len(c.Data), c.Offset, c.Total)
		}
		var a Reassembly
		if d, complete := a.Add(c, controller); complete && len(d) != int(c.Total) {
			t.Errorf("%d bytes put together of %d", len(d), c.Total)
		}
	})
}
