package packet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"testing"

	"github.com/orrery-net/orrery/zt"

	//lint:ignore SA1019 the protocol is built on bare Poly1305 with a key per packet
	"golang.org/x/crypto/poly1305"
)

type armorCase struct {
	Name         string
	Cipher       Cipher
	Source       zt.Address
	Destination  zt.Address
	Key48        hexBytes `json:"key48_hex"`
	PayloadLen   int      `json:"payload_length_after_verb"`
	Plain        hexBytes `json:"plaintext_packet_hex"`
	Armored      hexBytes `json:"armored_packet_hex"`
	RelayedFlags hexBytes `json:"byte18_after_two_relays_hex"`
	Mangled      hexBytes `json:"mangled_key_hex"`
	PolyKey      hexBytes `json:"poly1305_key_hex"`
	K0           hexBytes `json:"aes_k0_hex"`
	K1           hexBytes `json:"aes_k1_hex"`
}

type armorFile struct {
	Cases    []armorCase
	Tampered []struct {
		Name   string
		Key48  hexBytes `json:"key48_hex"`
		Packet hexBytes `json:"packet_hex"`
		OK     bool     `json:"dearmor_ok"`
	}
}

// sealAs seals with the flags that the packet has already. Seal decides on those
// itself, which the vectors do not always agree with.
func sealAs(k *Key, p Packet, c Cipher) {
	p[offsetFlags] = p[offsetFlags]&^maskCipher | byte(c)<<3
	if c == CipherAES {
		k.sealAES(p)
	} else {
		k.sealSalsa(p, c == CipherSalsa)
	}
}

func TestArmorVectors(t *testing.T) {
	file := readVectors[armorFile](t, "armor.json")
	if len(file.Cases) != 63 || len(file.Tampered) != 30 {
		t.Fatalf("%d cases and %d tampered packets", len(file.Cases), len(file.Tampered))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			k := c.Key48.key()
			sealed := c.Plain.packetOf()
			if sealed.Source() != c.Source || sealed.Destination() != c.Destination || len(sealed.Payload()) != c.PayloadLen {
				t.Errorf("header read as %s to %s, %d bytes", sealed.Source(), sealed.Destination(), len(sealed.Payload()))
			}
			if c.Cipher == CipherSalsa {
				sealed[offsetFlags] |= flagExtended
			}
			sealAs(k, sealed, c.Cipher)
			if !bytes.Equal(sealed, c.Armored) {
				t.Errorf("sealed as\n%x, want\n%x", sealed, c.Armored)
			}
			if c.Mangled != nil {
				if got := k.mangle(sealed); !bytes.Equal(got[:], c.Mangled) {
					t.Errorf("mangled key %x, want %x", got, c.Mangled)
				}
				if _, got := k.stream(sealed); !bytes.Equal(got[:], c.PolyKey) {
					t.Errorf("Poly1305 key %x, want %x", got, c.PolyKey)
				}
			}
			relayed := c.Armored.packetOf()
			IncrementHops(relayed)
			IncrementHops(relayed)
			if relayed[offsetFlags] != c.RelayedFlags[0] || relayed.Hops() != 2 {
				t.Errorf("byte 18 after two relays is %#x, want %#x", relayed[offsetFlags], c.RelayedFlags[0])
			}
			for _, p := range []Packet{c.Armored.packetOf(), relayed} {
				if err := k.Open(p); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p[offsetVerb:], c.Plain[offsetVerb:]) {
					t.Errorf("opened as %x, want %x", p[offsetVerb:], c.Plain[offsetVerb:])
				}
				if !bytes.Equal(p[:8], c.Armored[:8]) {
					t.Error("opening changed the packet ID")
				}
			}
		})
	}
	for _, c := range file.Tampered {
		if err := c.Key48.key().Open(c.Packet.packetOf()); (err == nil) != c.OK {
			t.Errorf("%s: %v, want ok %t", c.Name, err, c.OK)
		}
	}
}

func TestSealDecidesFlags(t *testing.T) {
	k := NewKey([48]byte{1})
	for _, c := range []Cipher{CipherNone, CipherSalsa, CipherAES} {
		for _, size := range []int{HeaderLen, MTU, MTU + 1, MaxLen} {
			p := New(make([]byte, 0, MaxLen), 0x1234567890, 0x0987654321, VerbEcho)
			p = append(p, make([]byte, size-HeaderLen)...)
			p[offsetFlags] = 3
			plain := bytes.Clone(p[offsetVerb:])
			k.Seal(p, c)
			if p.Cipher() != c || p.Hops() != 0 || p.IsHead() != (size > MTU) || p[offsetFlags]&flagExtended != 0 {
				t.Errorf("cipher %d, %d bytes: flags %#x", c, size, p[offsetFlags])
			}
			if size > HeaderLen && bytes.Equal(plain, p[offsetVerb:]) != (c == CipherNone) {
				t.Errorf("cipher %d, %d bytes: wrong about encryption", c, size)
			}
			if err := k.Open(p); err != nil || !bytes.Equal(plain, p[offsetVerb:]) {
				t.Errorf("cipher %d, %d bytes: not opened: %v", c, size, err)
			}
		}
	}
}

func TestOpenRefusesUnprotected(t *testing.T) {
	k := NewKey([48]byte{1})
	for _, c := range []byte{2, 4, 5, 6, 7} {
		p := New(nil, 1, 2, VerbEcho)
		p[offsetFlags] = c << 3
		if k.Open(p) == nil {
			t.Errorf("cipher %d was accepted", c)
		}
	}
}

func TestAgreementVectors(t *testing.T) {
	type pair struct {
		A, B  string
		Key48 hexBytes `json:"key48_hex"`
		KDF0  hexBytes `json:"kbkdf_label_0_hex"`
		KDF1  hexBytes `json:"kbkdf_label_1_hex"`
	}
	file := readVectors[struct {
		Pairs    []pair
		WithSelf []pair `json:"with_self"`
	}](t, "agreement.json")
	ids := testIdentities(t)
	for _, c := range append(file.Pairs, file.WithSelf...) {
		key48, err := ids[c.A].Agree(ids[c.B])
		if err != nil || !bytes.Equal(key48[:], c.Key48) {
			t.Errorf("%s and %s agree on %x, want %x: %v", c.A, c.B, key48, c.Key48, err)
		}
		if c.KDF0 == nil {
			continue // an identity with itself: the key alone
		}
		k0, k1 := derive(&key48, '0'), derive(&key48, '1')
		if !bytes.Equal(k0[:], c.KDF0) || !bytes.Equal(k1[:], c.KDF1) {
			t.Errorf("%s and %s derive %x and %x, want %x and %x", c.A, c.B, k0, k1, c.KDF0, c.KDF1)
		}
	}
}

// TestPrimitiveVectors proves that the primitives of the libraries are those
// that the protocol means.
func TestPrimitiveVectors(t *testing.T) {
	file := readVectors[struct {
		Poly1305 []struct {
			Key     hexBytes `json:"key_hex"`
			Message hexBytes `json:"message_hex"`
			Tag     hexBytes `json:"tag_hex"`
		}
		KDF []struct {
			Key48   hexBytes  `json:"key48_hex"`
			Label   string    `json:"label"`
			Output  hexBytes  `json:"output48_hex"`
			Message *hexBytes `json:"hmac_message_hex"`
			HMAC    hexBytes  `json:"hmac_sha384_hex"`
		} `json:"kbkdf_hmac_sha384"`
		GMAC []struct {
			Key  hexBytes `json:"key_hex"`
			IV   hexBytes `json:"iv12_hex"`
			Data hexBytes `json:"data_hex"`
			Tag  hexBytes `json:"tag_hex"`
		}
		CTR []struct {
			Key     hexBytes `json:"key_hex"`
			Counter hexBytes `json:"initial_counter_block_hex"`
			Plain   hexBytes `json:"plaintext_hex"`
			Cipher  hexBytes `json:"ciphertext_hex"`
		} `json:"aes_ctr"`
	}](t, "primitives.json")
	if len(file.Poly1305) == 0 || len(file.KDF) == 0 || len(file.GMAC) == 0 || len(file.CTR) == 0 {
		t.Fatal("vectors are missing")
	}
	for i, c := range file.Poly1305 {
		var tag [poly1305.TagSize]byte
		poly1305.Sum(&tag, c.Message, (*[32]byte)(c.Key))
		if !bytes.Equal(tag[:], c.Tag) {
			t.Errorf("poly1305 %d: %x, want %x", i, tag, c.Tag)
		}
	}
	for i, c := range file.KDF {
		if c.Message != nil {
			h := hmac.New(sha512.New384, c.Key48)
			h.Write(*c.Message)
			if got := h.Sum(nil); !bytes.Equal(got, c.HMAC) {
				t.Errorf("hmac %d: %x, want %x", i, got, c.HMAC)
			}
			continue
		}
		if got := derive((*[48]byte)(c.Key48), c.Label[0]); !bytes.Equal(got[:], c.Output) {
			t.Errorf("kbkdf %d: %x, want %x", i, got, c.Output)
		}
	}
	for i, c := range file.GMAC {
		block, _ := aes.NewCipher(c.Key)
		gcm, _ := cipher.NewGCM(block)
		if got := gcm.Seal(nil, c.IV, nil, c.Data); !bytes.Equal(got, c.Tag) {
			t.Errorf("gmac %d: %x, want %x", i, got, c.Tag)
		}
	}
	for i, c := range file.CTR {
		block, _ := aes.NewCipher(c.Key)
		got := make([]byte, len(c.Plain))
		cipher.NewCTR(block, c.Counter).XORKeyStream(got, c.Plain)
		if !bytes.Equal(got, c.Cipher) {
			t.Errorf("aes-ctr %d: %x, want %x", i, got, c.Cipher)
		}
	}
}

func TestExtendedArmorVectors(t *testing.T) {
	file := readVectors[struct {
		Cases []struct {
			Name     string
			From, To string
			Key48    hexBytes `json:"key48_hex"`
			Plain    hexBytes `json:"plaintext_packet_hex"`
			Armored  hexBytes `json:"armored_packet_hex"`
			Inner    hexBytes `json:"after_ephemeral_layer_removed_hex"`
			AESKey   hexBytes `json:"ephemeral_aes_key_hex"`
		}
		Captured []struct {
			From, To string
			Wire     hexBytes `json:"wire_hex"`
			Dearmor  hexBytes `json:"dearmored_packet_hex"`
			AESKey   hexBytes `json:"ephemeral_aes_key_hex"`
		}
	}](t, "extended_armor.json")
	ids := testIdentities(t)
	for _, c := range file.Cases {
		wire := c.Armored.packetOf()
		if key, err := extendedKey(wire, ids[c.To]); err != nil || !bytes.Equal(key[:], c.AESKey) {
			t.Errorf("%s: ephemeral key %x, want %x: %v", c.Name, key, c.AESKey, err)
		}
		inner, err := OpenExtended(wire, ids[c.To])
		if err != nil || !bytes.Equal(inner, c.Inner) {
			t.Fatalf("%s: opened as %x, want %x: %v", c.Name, inner, c.Inner, err)
		}
		if err := c.Key48.key().Open(inner); err != nil || !bytes.Equal(inner[offsetVerb:], c.Plain[offsetVerb:]) {
			t.Errorf("%s: content %x, want %x: %v", c.Name, inner[offsetVerb:], c.Plain[offsetVerb:], err)
		}

		sealed := c.Plain.packetOf()
		sealed.SetExtended()
		c.Key48.key().Seal(sealed, CipherNone)
		if !bytes.Equal(sealed, c.Inner) {
			t.Errorf("%s: sealed as %x, want %x", c.Name, sealed, c.Inner)
		}
		sealed, err = SealExtended(sealed, ids[c.To].Public())
		if err != nil || len(sealed) != len(c.Armored) || bytes.Equal(sealed[offsetVerb:], c.Inner[offsetVerb:]) {
			t.Fatalf("%s: hidden as %x: %v", c.Name, sealed, err)
		}
		if back, err := OpenExtended(sealed, ids[c.To]); err != nil || !bytes.Equal(back, c.Inner) {
			t.Errorf("%s: round trip gives %x, want %x: %v", c.Name, back, c.Inner, err)
		}
	}
	for i, c := range file.Captured {
		wire := c.Wire.packetOf()
		if key, err := extendedKey(wire, ids[c.To]); err != nil || !bytes.Equal(key[:], c.AESKey) {
			t.Errorf("captured %d: ephemeral key %x, want %x: %v", i, key, c.AESKey, err)
		}
		inner, err := OpenExtended(wire, ids[c.To])
		if err != nil || !bytes.Equal(inner, c.Dearmor) {
			t.Fatalf("captured %d: %x, want %x: %v", i, inner, c.Dearmor, err)
		}
		key48, err := ids[c.To].Agree(ids[c.From])
		if err != nil {
			t.Fatal(err)
		}
		if err := NewKey(key48).Open(inner); err != nil {
			t.Errorf("captured %d: %v", i, err)
		}
		h, err := ParseHello(inner.Payload())
		if err != nil || !h.Identity.Equal(ids[c.From].Public()) {
			t.Errorf("captured %d: identity %v, want %v: %v", i, h.Identity, ids[c.From], err)
		}
	}
}

func TestExtendedArmorRefuses(t *testing.T) {
	ids := testIdentities(t)
	p := New(nil, 1, 2, VerbHello)
	if _, err := SealExtended(p, ids["id0"]); err == nil {
		t.Error("a packet that is not marked was hidden")
	}
	if _, err := OpenExtended(p, ids["id0"]); err == nil {
		t.Error("a packet that is not marked was opened")
	}
	p.SetExtended()
	if _, err := OpenExtended(append(p, make([]byte, ephemeralLen-1)...), ids["id0"]); err == nil {
		t.Error("a packet without a whole key was opened")
	}
	if _, err := OpenExtended(append(p, make([]byte, ephemeralLen)...), ids["id0"]); err == nil {
		t.Error("a key of low order was accepted")
	}
	if _, err := SealExtended(append(p, make([]byte, MTU-HeaderLen-ephemeralLen+1)...), ids["id0"]); err == nil {
		t.Error("a packet that needs fragments was hidden")
	}
}

func TestAllocations(t *testing.T) {
	k := NewKey([48]byte{1})
	p, payload := make(Packet, 0, MTU), make([]byte, MTU-HeaderLen)
	for _, c := range []struct {
		cipher Cipher
		size   int
		most   float64
	}{{CipherNone, 1000, 0}, {CipherSalsa, 1000, 0}, {CipherAES, fewBytes - 1, 0}, {CipherAES, 1000, 2}} {
		if raceEnabled && c.cipher == CipherAES {
			continue // the race detector makes sync.Pool drop at random
		}
		allocations := testing.AllocsPerRun(100, func() {
			p = append(New(p, 1, 2, VerbEcho), payload[:c.size]...)
			k.Seal(p, c.cipher)
			if err := k.Open(p); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > c.most {
			t.Errorf("cipher %d, %d bytes: %v allocations, at most %v expected", c.cipher, c.size, allocations, c.most)
		}
	}
}
