package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	id := swarm(t, 1)[0]
	secret := id.SecretText()[len(id.String())+1:]
	key, err := ParseSigningKey(id.private().raw)
	if err != nil {
		t.Fatal(err)
	}
	type nested struct {
		Exported *Identity
		hidden   *Identity
		value    Identity
		Key      *SigningKey
		keyValue SigningKey
	}
	// Halves of the secret as hex digits and as decimal bytes.
	var traces []string
	for at := 0; at < keyLen; at += 8 {
		traces = append(traces, secret[2*at:2*at+16])
		numbers := fmt.Sprint(id.private().raw[at : at+8])
		traces = append(traces, strings.Trim(numbers, "[]"))
	}
	values := []any{id, *id, key, *key, nested{id, id, *id, key, *key}, &nested{id, id, *id, key, *key}, []*Identity{id}}
	var log bytes.Buffer
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
			fmt.Fprintf(&log, verb+"\n", value)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(text)
		slog.New(slog.NewTextHandler(&log, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("JSON", "value", value)
	}
	printed := strings.ReplaceAll(log.String(), "0x", "")
	for _, form := range []string{printed, strings.ToLower(printed), strings.ReplaceAll(strings.ToLower(printed), ", ", "")} {
		for _, trace := range traces {
			if strings.Contains(form, trace) {
				t.Fatalf("%q was printed", trace)
			}
		}
	}
}

func TestLogShowsTheAddress(t *testing.T) {
	id := swarm(t, 1)[0]
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("seen", "peer", id)
	if want := "peer=" + id.Address().String() + "\n"; !strings.HasSuffix(log.String(), want) {
		t.Errorf("%q does not end with %q", log.String(), want)
	}
}

func TestErrorsDoNotQuoteTheSecret(t *testing.T) {
	id := swarm(t, 1)[0]
	text := id.SecretText()
	secret := text[len(id.String())+1:]
	for _, broken := range []string{
		text[:len(text)-1], text + "0", text[:len(text)-1] + "g", text + ":",
		id.String() + ":" + strings.Repeat("0", 2*keyLen), secret, ":" + secret,
	} {
		_, err := ParseText(broken)
		if err == nil {
			t.Errorf("%q was accepted", broken)
		} else if strings.Contains(err.Error(), secret[:16]) {
			t.Errorf("%q holds the secret", err)
		}
	}
}

func TestOrder(t *testing.T) {
	ids := swarm(t, 2)
	other := *ids[0]
	other.public[63] ^= 0xff
	if ids[0].Equal(&other) || ids[0].Equal(nil) || ids[0].Equal(ids[1]) {
		t.Error("different identities are equal")
	}
	if c := ids[0].Compare(&other); c == 0 || c != -other.Compare(ids[0]) {
		t.Error("same address: not ordered by key")
	}
	byAddress := 1
	if ids[0].Address() < ids[1].Address() {
		byAddress = -1
	}
	if ids[0].Compare(ids[1]) != byAddress {
		t.Error("not ordered by address")
	}
}

func TestAgreeFails(t *testing.T) {
	ids := swarm(t, 2)
	if _, err := ids[0].Public().Agree(ids[1]); err == nil {
		t.Error("without a private key")
	}
	low := newIdentity(ids[1].Address(), [keyLen]byte{})
	if _, err := ids[0].Agree(low); err == nil {
		t.Error("with a point of low order")
	}
}

func TestVerifyChecksEverything(t *testing.T) {
	ids := swarm(t, 2)
	message := []byte("a message")
	s := ids[0].Sign(message)
	if !ids[0].Verify(message, s[:]) {
		t.Fatal("a good signature does not verify")
	}
	if ids[1].Verify(message, s[:]) || ids[0].Verify([]byte("another message"), s[:]) {
		t.Error("another signer or message verifies")
	}
	if ids[0].Verify(message, s[:SignatureLen-1]) || ids[0].Verify(message, append(s[:], 0)) || ids[0].Verify(message, nil) {
		t.Error("another length verifies")
	}
	for i := range s {
		bad := s
		bad[i] ^= 1
		if ids[0].Verify(message, bad[:]) {
			t.Errorf("verifies with byte %d changed", i)
		}
	}
}

func TestSigningKey(t *testing.T) {
	key, err := NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSigningKey(key.Private())
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("a message")
	s := again.Sign(message)
	if again.Public() != key.Public() || !VerifyWith(key.Public(), message, s[:]) {
		t.Error("the key does not survive a round trip")
	}
}

func TestGenerate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of CPU")
	}
	id, err := Generate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Validate(); err != nil {
		t.Error(err)
	}
	again := mustParse(t, id.SecretText())
	if !again.Equal(id) || again.private().raw != id.private().raw {
		t.Error("the text form is another identity")
	}
}

func TestGenerateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Generate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestValidateIsSafeForConcurrentUse(t *testing.T) {
	ids := swarm(t, 4)
	errs := make(chan error)
	for _, id := range ids {
		go func() { errs <- id.Validate() }()
	}
	for range ids {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f).Valid {
		f.Add(unhex(f, v.PublicBinary))
		f.Add(unhex(f, v.SecretBinary))
	}
	for _, v := range vectors(f).InvalidBinary {
		f.Add(unhex(f, v.Binary))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		id, n, err := Parse(b)
		if err != nil {
			return
		}
		if id.HasPrivate() {
			if n != PublicLen+keyLen || !bytes.Equal(id.private().raw[:], b[PublicLen:n]) {
				t.Fatalf("private key: %d bytes", n)
			}
		} else if n != PublicLen || !bytes.Equal(id.AppendPublic(nil), b[:n]) {
			t.Fatalf("%d bytes do not come back", n)
		}
		public, n, err := ParsePublic(id.AppendPublic(nil))
		if err != nil || n != PublicLen || !public.Equal(id) {
			t.Fatalf("ParsePublic: %v", err)
		}
	})
}

func FuzzParseText(f *testing.F) {
	v := vectors(f)
	for _, valid := range v.Valid {
		f.Add(valid.PublicText)
		f.Add(valid.SecretText)
	}
	for _, invalid := range v.Invalid {
		f.Add(invalid.Text)
	}
	for _, odd := range v.Lenient {
		f.Add(odd.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseText(text)
		if err != nil {
			return
		}
		want := id.String()
		if id.HasPrivate() {
			want = id.SecretText()
		}
		if !strings.EqualFold(strings.TrimSpace(text), want) {
			t.Fatalf("%q is read as %q", text, want)
		}
	})
}
