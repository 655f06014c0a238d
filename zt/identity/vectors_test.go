package identity

import (
	"bytes"
	"crypto/sha512"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

//go:embed testdata/identities.json
var identitiesJSON []byte

//go:embed testdata/agreement.json
var agreementJSON []byte

//go:embed testdata/signatures.json
var signaturesJSON []byte

//go:embed testdata/swarm-identities.txt
var swarmText string

type identityVectors struct {
	Trace struct {
		Name  string
		Steps struct {
			Key      string `json:"sha512_of_public_key_hex"`
			First    string `json:"buffer_first_128_bytes_after_fill_hex"`
			Last     string `json:"buffer_last_64_bytes_after_fill_hex"`
			Memory   string `json:"sha512_of_buffer_after_fill_hex"`
			Round1   string `json:"digest_after_mix_round_1_hex"`
			Round2   string `json:"digest_after_mix_round_2_hex"`
			Round3   string `json:"digest_after_mix_round_3_hex"`
			Rounds   int    `json:"mix_rounds"`
			Finished string `json:"final_digest_hex"`
		}
	} `json:"derivation_trace"`
	Valid []struct {
		Name         string
		Address      zt.Address
		PublicText   string `json:"public_text"`
		SecretText   string `json:"secret_text"`
		PublicBinary string `json:"public_binary_hex"`
		SecretBinary string `json:"secret_binary_hex"`
		PublicKey    string `json:"public_key_hex"`
		PrivateKey   string `json:"private_key_hex"`
		Fingerprint  string `json:"sha384_of_address_and_public_key_hex"`
		Digest       string `json:"final_digest_hex"`
	}
	Invalid []struct {
		Name, Text string
		Parses     bool
		Digest     string `json:"final_digest_hex"`
	}
	InvalidBinary []struct {
		Name     string
		Binary   string `json:"binary_hex"`
		Parses   bool
		Consumed int `json:"bytes_consumed"`
	} `json:"invalid_binary"`
	Mismatched struct{ Text string } `json:"mismatched_private"`
	Lenient    []struct {
		Name, Text string
		HasPrivate bool `json:"has_private"`
	} `json:"lenient_parsing"`
}

func TestValidIdentities(t *testing.T) {
	for _, v := range vectors(t).Valid {
		t.Run(v.Name, func(t *testing.T) {
			public := mustParse(t, v.PublicText)
			secret := mustParse(t, v.SecretText)
			if public.HasPrivate() || !secret.HasPrivate() || secret.Public().HasPrivate() {
				t.Error("HasPrivate is wrong")
			}
			for _, id := range []*Identity{public, secret, secret.Public()} {
				key, fingerprint := id.PublicKey(), id.Fingerprint()
				equal(t, "key", hex.EncodeToString(key[:]), v.PublicKey)
				equal(t, "fingerprint", hex.EncodeToString(fingerprint[:]), v.Fingerprint)
				equal(t, "text", id.String(), v.PublicText)
				equal(t, "binary", hex.EncodeToString(id.AppendPublic(nil)), v.PublicBinary)
				if id.Address() != v.Address || !id.Equal(public) || id.Compare(public) != 0 {
					t.Errorf("%v is not %v", id, public)
				}
			}
			equal(t, "secret text", secret.SecretText(), v.SecretText)
			equal(t, "private key", hex.EncodeToString(secret.private().raw[:]), v.PrivateKey)

			if err := public.Validate(); err != nil {
				t.Error(err)
			}
			digest := workDigest(&public.public)
			equal(t, "digest", hex.EncodeToString(digest[:]), v.Digest)

			for _, wire := range []string{v.PublicBinary, v.SecretBinary} {
				b := unhex(t, wire)
				id, n, err := Parse(append(b, 0xaa))
				if err != nil || n != len(b) || !id.Equal(public) || id.HasPrivate() != (n > PublicLen) {
					t.Errorf("Parse of %d bytes: %v, %d bytes, %v", len(b), id, n, err)
				}
				_, _, err = ParsePublic(b)
				if (err == nil) != (len(b) == PublicLen) {
					t.Errorf("ParsePublic of %d bytes: %v", len(b), err)
				}
			}
		})
	}
}

func TestDerivationTrace(t *testing.T) {
	v := vectors(t)
	steps := v.Trace.Steps
	public := named(t)[v.Trace.Name].PublicKey()
	start := sha512.Sum512(public[:])
	equal(t, "digest of the key", hex.EncodeToString(start[:]), steps.Key)

	memory := new([workLen]byte)
	key, iv := [32]byte(start[:32]), [8]byte(start[32:40])
	fill(memory, &key, &iv)
	sum := sha512.Sum512(memory[:])
	equal(t, "first bytes", hex.EncodeToString(memory[:128]), steps.First)
	equal(t, "last bytes", hex.EncodeToString(memory[workLen-64:]), steps.Last)
	equal(t, "memory", hex.EncodeToString(sum[:]), steps.Memory)

	if steps.Rounds != mixRounds {
		t.Errorf("%d rounds, want %d", mixRounds, steps.Rounds)
	}
	after := map[int]string{1: steps.Round1, 2: steps.Round2, 3: steps.Round3, mixRounds: steps.Finished}
	for rounds, want := range after {
		scratch, digest := *memory, start
		mix(&scratch, &digest, &key, &iv, rounds)
		equal(t, "digest", hex.EncodeToString(digest[:]), want)
	}
}

func TestInvalidIdentities(t *testing.T) {
	for _, v := range vectors(t).Invalid {
		t.Run(v.Name, func(t *testing.T) {
			id, err := ParseText(v.Text)
			if (err == nil) != v.Parses {
				t.Fatal("parse:", err)
			}
			if err != nil {
				return
			}
			if id.Validate() == nil {
				t.Error("it validates")
			}
			if v.Digest != "" {
				digest := workDigest(&id.public)
				equal(t, "digest", hex.EncodeToString(digest[:]), v.Digest)
			}
		})
	}
	for _, v := range vectors(t).InvalidBinary {
		t.Run(v.Name, func(t *testing.T) {
			id, n, err := Parse(unhex(t, v.Binary))
			if (err == nil) != v.Parses || n != v.Consumed {
				t.Fatalf("parse: %d bytes, %v", n, err)
			}
			if err == nil && id.Validate() == nil {
				t.Error("it validates")
			}
		})
	}
}

func TestForeignPrivateKeyIsRefused(t *testing.T) {
	if _, err := ParseText(vectors(t).Mismatched.Text); err == nil {
		t.Error("the text form was accepted")
	}
	v := vectors(t).Valid
	b := append(unhex(t, v[0].SecretBinary)[:PublicLen], unhex(t, v[1].PrivateKey)...)
	if _, _, err := Parse(b); err == nil {
		t.Error("the binary form was accepted")
	}
}

// The reference takes all of these; we are stricter about all that no tool
// writes.
func TestOddTexts(t *testing.T) {
	refused := map[string]bool{"extra_hex_digits_after_public_key": true, "doubled_colon": true}
	for _, v := range vectors(t).Lenient {
		id, err := ParseText(v.Text)
		if (err != nil) != refused[v.Name] {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err == nil && id.HasPrivate() != v.HasPrivate {
			t.Errorf("%s: private key: %v", v.Name, id.HasPrivate())
		}
	}
}

func TestAgreementVectors(t *testing.T) {
	var v struct {
		Pairs []struct {
			A, B string
			Raw  string `json:"x25519_raw_hex"`
			Key  string `json:"key48_hex"`
		}
		WithSelf []struct {
			A, B string
			Raw  string `json:"x25519_raw_hex"`
			Key  string `json:"key48_hex"`
		} `json:"with_self"`
	}
	decode(t, agreementJSON, &v)
	ids := named(t)
	for _, pair := range append(v.Pairs, v.WithSelf...) {
		a, b := ids[pair.A], ids[pair.B]
		for _, side := range [][2]*Identity{{a, b.Public()}, {b, a.Public()}} {
			raw, err := side[0].private().agree(side[1].public[:agreementLen])
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "raw secret", hex.EncodeToString(raw), pair.Raw)
			key, err := side[0].Agree(side[1])
			if err != nil {
				t.Fatal(err)
			}
			equal(t, pair.A+" and "+pair.B, hex.EncodeToString(key[:]), pair.Key)
		}
	}
}

func TestSignatureVectors(t *testing.T) {
	type signature struct {
		Signer    string
		Message   string `json:"message_hex"`
		Signature string `json:"signature_hex"`
		Why       string
	}
	var v struct{ Good, Bad []signature }
	decode(t, signaturesJSON, &v)
	ids := named(t)
	for _, good := range v.Good {
		signer, message := ids[good.Signer], unhex(t, good.Message)
		s := signer.Sign(message)
		equal(t, "signature", hex.EncodeToString(s[:]), good.Signature)
		if !signer.Public().Verify(message, s[:]) {
			t.Errorf("signature of %s does not verify", good.Message)
		}
	}
	for _, bad := range v.Bad {
		if ids[bad.Signer].Verify(unhex(t, bad.Message), unhex(t, bad.Signature)) {
			t.Errorf("verifies: %s", bad.Why)
		}
	}
}

func TestSwarm(t *testing.T) {
	ids := swarm(t, 2000)
	if len(ids) != 1000 {
		t.Fatalf("%d identities", len(ids))
	}
	seen := make(map[zt.Address]bool)
	for i, id := range ids {
		if !id.HasPrivate() || seen[id.Address()] {
			t.Errorf("identity %d (%s) is not fit for use", i, id.Address())
		}
		seen[id.Address()] = true
		if i%100 == 0 {
			if err := id.Validate(); err != nil {
				t.Errorf("identity %d: %v", i, err)
			}
		}
	}
}

// swarm is up to n of 1 000 ready-made identities.
func swarm(t testing.TB, n int) []*Identity {
	t.Helper()
	var ids []*Identity
	for line := range strings.Lines(swarmText) {
		if len(ids) == n {
			break
		}
		ids = append(ids, mustParse(t, line))
	}
	return ids
}

// named is the secret identities that the vectors call id0, id1 and so on.
func named(t testing.TB) map[string]*Identity {
	t.Helper()
	ids := make(map[string]*Identity)
	for _, v := range vectors(t).Valid {
		ids[v.Name] = mustParse(t, v.SecretText)
	}
	return ids
}

func vectors(t testing.TB) *identityVectors {
	t.Helper()
	v := new(identityVectors)
	decode(t, identitiesJSON, v)
	if len(v.Valid) == 0 || len(v.Invalid) == 0 || len(v.InvalidBinary) == 0 || len(v.Lenient) == 0 {
		t.Fatal("vectors are missing")
	}
	return v
}

func mustParse(t testing.TB, text string) *Identity {
	t.Helper()
	id, err := ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func decode(t testing.TB, data []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
