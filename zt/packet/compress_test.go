package packet

import (
	"bytes"
	"testing"
)

type compressFile struct {
	Cases []struct {
		Name       string
		Payload    hexBytes `json:"payload_hex"`
		Compressed bool
		VerbByte   hexBytes `json:"verb_byte_hex"`
		Wire       hexBytes `json:"wire_payload_hex"`
	}
	Bad []struct {
		Name   string
		Wire   hexBytes `json:"wire_payload_hex"`
		OK     bool     `json:"uncompress_ok"`
		Length int      `json:"result_payload_length"`
	}
}

// compressedPacket is an open packet with a payload as it was on the wire.
func compressedPacket(verbByte byte, wire []byte) Packet {
	p := append(New(nil, 1, 2, VerbNop), wire...)
	p[offsetVerb] = verbByte
	return p
}

func TestCompressVectors(t *testing.T) {
	file := readVectors[compressFile](t, "compress.json")
	if len(file.Cases) != 8 || len(file.Bad) != 5 {
		t.Fatalf("%d cases and %d bad ones", len(file.Cases), len(file.Bad))
	}
	for _, c := range file.Cases {
		p := compressedPacket(c.VerbByte[0], c.Wire)
		if p.Compressed() != c.Compressed {
			t.Errorf("%s: compressed %t", c.Name, p.Compressed())
		}
		plain, err := Decompress(nil, p)
		if err != nil || !bytes.Equal(plain.Payload(), c.Payload) || plain.Compressed() || plain.Verb() != p.Verb() {
			t.Errorf("%s: %x, %v", c.Name, plain, err)
			continue
		}
		// Compressors need not agree, but none gains on what the reference
		// found too short or too random.
		mine := Compress(append(New(nil, 1, 2, p.Verb()), c.Payload...))
		if mine.Compressed() != c.Compressed {
			t.Errorf("%s: compressed here: %t", c.Name, mine.Compressed())
		}
		if back, err := Decompress(nil, mine); err != nil || !bytes.Equal(back.Payload(), c.Payload) {
			t.Errorf("%s: round trip: %x, %v", c.Name, back, err)
		}
	}
	for _, c := range file.Bad {
		plain, err := Decompress(nil, compressedPacket(flagCompressed|byte(VerbFrame), c.Wire))
		if (err == nil) != c.OK || c.OK && (len(plain.Payload()) != c.Length || plain.Compressed()) {
			t.Errorf("%s: %x, %v", c.Name, plain, err)
		}
	}
}

func TestDecompressKeepsItsInput(t *testing.T) {
	payload := bytes.Repeat([]byte("again and "), 100)
	p := Compress(append(New(nil, 1, 2, VerbFrame), payload...))
	before := bytes.Clone(p)
	room := make([]byte, 0, MaxLen)
	plain, err := Decompress(room, p)
	if err != nil || !bytes.Equal(plain.Payload(), payload) || !bytes.Equal(p, before) {
		t.Fatalf("%x, %v", plain, err)
	}
	if &plain[0] != &room[:1][0] {
		t.Error("the room given was not used")
	}
	whole := append(New(nil, 1, 2, VerbFrame), payload...)
	if same, err := Decompress(room, whole); err != nil || &same[0] != &whole[0] {
		t.Error("a packet that is not compressed was copied")
	}
}

func TestCompressLongest(t *testing.T) {
	payload := make([]byte, MaxLen-HeaderLen)
	p := Compress(append(New(nil, 1, 2, VerbFrame), payload...))
	plain, err := Decompress(nil, p)
	if err != nil || !p.Compressed() || !bytes.Equal(plain.Payload(), payload) {
		t.Errorf("compressed %t: %v", p.Compressed(), err)
	}
	if p := Compress(append(New(nil, 1, 2, VerbFrame), make([]byte, len(payload)+1)...)); p.Compressed() {
		t.Error("more than a packet holds was compressed")
	}
}

func FuzzDecompress(f *testing.F) {
	file := readVectors[compressFile](f, "compress.json")
	for _, c := range file.Cases {
		f.Add([]byte(c.Wire))
	}
	for _, c := range file.Bad {
		f.Add([]byte(c.Wire))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		if len(wire) > MaxLen-HeaderLen {
			return
		}
		room := make([]byte, MaxLen+16)
		plain, err := Decompress(room[:0:MaxLen], compressedPacket(flagCompressed|byte(VerbFrame), wire))
		if !bytes.Equal(room[MaxLen:], make([]byte, 16)) {
			t.Fatal("wrote behind its room")
		}
		if err == nil && (len(plain) > MaxLen || plain.Compressed()) {
			t.Fatalf("%d bytes, compressed %t", len(plain), plain.Compressed())
		}
	})
}

func FuzzCompress(f *testing.F) {
	for _, c := range readVectors[compressFile](f, "compress.json").Cases {
		f.Add([]byte(c.Payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		p := Compress(append(New(nil, 1, 2, VerbFrame), payload...))
		if len(p) > HeaderLen+len(payload) {
			t.Fatalf("%d bytes became %d", len(payload), len(p)-HeaderLen)
		}
		plain, err := Decompress(nil, p)
		if err != nil || !bytes.Equal(plain.Payload(), payload) {
			t.Fatalf("%x, %v", plain, err)
		}
	})
}
