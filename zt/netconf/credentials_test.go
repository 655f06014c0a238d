package netconf

import (
	"bytes"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// checkSigned checks what all credentials have in common: bytes and signature
// are the vector's, parsing gives the same back, a change is noticed.
func checkSigned[T any](t *testing.T, name string, made *T, message []byte, wantMessage hexBytes, want hexBytes,
	parse func([]byte) (T, int, error), write func(*T, []byte) []byte, verify func(*T) bool) {
	t.Helper()
	wantBytes(t, name+": signed bytes", message, wantMessage)
	wantBytes(t, name, write(made, []byte("x"))[1:], want)
	parsed, size, err := parse(append(bytes.Clone(want), "rest"...))
	if err != nil || size != len(want) || !reflect.DeepEqual(&parsed, made) {
		t.Errorf("%s: parsed %+v, %d bytes, %v; want %+v", name, parsed, size, err, made)
	}
	if !verify(&parsed) {
		t.Errorf("%s: signature does not verify", name)
	}
	for i := range want {
		if _, _, err := parse(want[:i]); err == nil {
			t.Errorf("%s: the first %d of %d bytes parse", name, i, len(want))
		}
	}
}

func TestCOMVectors(t *testing.T) {
	var vectors struct {
		people
		Certificates []struct {
			Name       string
			Timestamp  int64
			MaxDelta   int64        `json:"timestamp_max_delta"`
			Network    zt.NetworkID `json:"network_id"`
			IssuedTo   zt.Address   `json:"issued_to"`
			Hash       hexBytes     `json:"issued_to_identity_sha384"`
			Qualifiers []struct {
				ID       uint64
				Value    hexNumber
				MaxDelta hexNumber `json:"max_delta"`
			}
			SignedBy  zt.Address `json:"signed_by"`
			Signed    hexBytes   `json:"signed_bytes_hex"`
			Signature hexBytes   `json:"signature_hex"`
			Binary    hexBytes   `json:"binary_hex"`
		}
		Agreement []struct {
			Name     string
			Mine     hexBytes `json:"mine_hex"`
			Other    hexBytes `json:"other_hex"`
			Identity string   `json:"other_identity"`
			Agrees   bool
		}
	}
	loadVectors(t, "vl2-com.json", &vectors)
	wantCases(t, len(vectors.Certificates)+len(vectors.Agreement), 20)
	controller := vectors.controller(t)
	for _, c := range vectors.Certificates {
		if c.SignedBy == 0 {
			parsed, size, err := ParseCOM(c.Binary)
			if err != nil || size != len(c.Binary) || parsed.Signer != 0 || parsed.Verify(controller) {
				t.Errorf("%s: %+v, %d, %v", c.Name, parsed, size, err)
			}
			wantBytes(t, c.Name, parsed.Append(nil), c.Binary)
			continue
		}
		made := &COM{}
		for _, q := range c.Qualifiers {
			made.Qualifiers = append(made.Qualifiers, Qualifier{q.ID, uint64(q.Value), uint64(q.MaxDelta)})
		}
		if c.IssuedTo != 0 {
			member := vectors.named(t, c.IssuedTo)
			hash := member.Fingerprint()
			wantBytes(t, c.Name+": hash", hash[:], c.Hash)
			issued := NewCOM(c.Network, member, c.Timestamp, c.MaxDelta)
			if !reflect.DeepEqual(issued, made) {
				t.Errorf("%s: NewCOM gives %+v, want %+v", c.Name, issued, made)
			}
			if issued.Timestamp() != c.Timestamp || issued.Network() != c.Network || issued.Member() != c.IssuedTo {
				t.Errorf("%s: reads as %d, %s, %s", c.Name, issued.Timestamp(), issued.Network(), issued.Member())
			}
		}
		made.Sign(controller)
		wantBytes(t, c.Name+": signature", made.Signature[:], c.Signature)
		checkSigned(t, c.Name, made, made.signed(), c.Signed, c.Binary, ParseCOM, (*COM).Append,
			func(c *COM) bool { return c.Verify(controller) })
		made.Qualifiers[0].Value++
		if made.Verify(controller) {
			t.Errorf("%s: verifies with another timestamp", c.Name)
		}
	}
	for _, c := range vectors.Agreement {
		mine, _, err := ParseCOM(c.Mine)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := ParseCOM(c.Other)
		if err != nil {
			t.Fatal(err)
		}
		if got := mine.Agrees(&other, parseIdentity(t, c.Identity)); got != c.Agrees {
			t.Errorf("%s: Agrees = %t", c.Name, got)
		}
	}
}

func TestTagVectors(t *testing.T) {
	var vectors struct {
		people
		Tags []struct {
			Network   zt.NetworkID `json:"network_id"`
			Timestamp int64
			ID, Value uint32
			IssuedTo  zt.Address `json:"issued_to"`
			Signed    hexBytes   `json:"signed_bytes_hex"`
			Binary    hexBytes   `json:"binary_hex"`
		}
	}
	loadVectors(t, "vl2-tag.json", &vectors)
	wantCases(t, len(vectors.Tags), 3)
	controller := vectors.controller(t)
	for _, c := range vectors.Tags {
		made := &Tag{Network: c.Network, Timestamp: c.Timestamp, ID: c.ID, Value: c.Value, IssuedTo: c.IssuedTo}
		made.Sign(controller)
		name := "tag " + strconv.FormatUint(uint64(c.ID), 10)
		checkSigned(t, name, made, signed(made.appendFields), c.Signed, c.Binary, ParseTag, (*Tag).Append,
			func(tag *Tag) bool { return tag.Verify(controller) })
		made.Value++
		if made.Verify(controller) {
			t.Errorf("%s: verifies with another value", name)
		}
	}
}

func TestCapabilityVectors(t *testing.T) {
	var vectors struct {
		people
		Capabilities []struct {
			Name       string
			Network    zt.NetworkID `json:"network_id"`
			Timestamp  int64
			ID         uint32
			MaxCustody uint8 `json:"max_custody_chain_length"`
			Rules      []Rule
			RulesHex   hexBytes `json:"rules_hex"`
			Custody    []struct {
				To, From  zt.Address
				Signature hexBytes `json:"signature_hex"`
			}
			Signed hexBytes `json:"signed_bytes_hex"`
			Binary hexBytes `json:"binary_hex"`
		}
	}
	loadVectors(t, "vl2-capability.json", &vectors)
	wantCases(t, len(vectors.Capabilities), 5)
	controller := vectors.controller(t)
	for _, c := range vectors.Capabilities {
		made := &Capability{Network: c.Network, Timestamp: c.Timestamp, ID: c.ID, MaxCustody: c.MaxCustody}
		if len(c.Rules) > 0 {
			made.Rules = c.Rules
		}
		wantBytes(t, c.Name+": rules", AppendRules(nil, made.Rules), c.RulesHex)
		made.Issue(controller, c.Custody[0].To)
		wantBytes(t, c.Name+": signature", made.Custody[0].Signature[:], c.Custody[0].Signature)
		for _, step := range c.Custody[1:] {
			made.Custody = append(made.Custody, Custody{step.To, step.From, identity.Signature(step.Signature)})
		}
		members := vectors.members(t)
		checkSigned(t, c.Name, made, signed(made.appendFields), c.Signed, c.Binary, ParseCapability, (*Capability).Append,
			func(c *Capability) bool { return c.Verify(controller, members...) })
		if made.Holder() != c.Custody[len(c.Custody)-1].To {
			t.Errorf("%s: holder %s", c.Name, made.Holder())
		}
		if len(c.Custody) > 1 && made.Verify(controller) {
			t.Errorf("%s: verifies without the identity of the second step", c.Name)
		}
		made.ID++
		if made.Verify(controller, members...) {
			t.Errorf("%s: verifies with another id", c.Name)
		}
	}
}

func TestOwnershipVectors(t *testing.T) {
	var vectors struct {
		people
		Certificates []struct {
			Network   zt.NetworkID `json:"network_id"`
			Timestamp int64
			ID        uint32
			IssuedTo  zt.Address `json:"issued_to"`
			IPs       []netip.Prefix
			MACs      []string
			Signed    hexBytes `json:"signed_bytes_hex"`
			Binary    hexBytes `json:"binary_hex"`
		}
	}
	loadVectors(t, "vl2-coo.json", &vectors)
	wantCases(t, len(vectors.Certificates), 6)
	controller := vectors.controller(t)
	for i, c := range vectors.Certificates {
		made := &Ownership{Network: c.Network, Timestamp: c.Timestamp, ID: c.ID, IssuedTo: c.IssuedTo}
		for _, ip := range c.IPs {
			made.Things = append(made.Things, AddressThing(ip.Addr()))
		}
		for _, text := range c.MACs {
			number, err := strconv.ParseUint(strings.ReplaceAll(text, ":", ""), 16, 48)
			if err != nil {
				t.Fatal(err)
			}
			mac := zt.MAC{byte(number >> 40), byte(number >> 32), byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)}
			made.Things = append(made.Things, MACThing(mac))
		}
		made.Sign(controller)
		name := "certificate " + strconv.Itoa(i)
		checkSigned(t, name, made, signed(made.appendFields), c.Signed, c.Binary, ParseOwnership, (*Ownership).Append,
			func(o *Ownership) bool { return o.Verify(controller) })
		for _, ip := range c.IPs {
			if !made.Owns(AddressThing(ip.Addr())) || made.Owns(AddressThing(netip.MustParseAddr("192.0.2.1"))) {
				t.Errorf("%s: wrong about owning %s", name, ip)
			}
		}
		made.ID++
		if made.Verify(controller) {
			t.Errorf("%s: verifies with another id", name)
		}
	}
}

func TestRevocationVectors(t *testing.T) {
	var vectors struct {
		people
		Revocations []struct {
			Name         string
			ID           uint32
			Network      zt.NetworkID `json:"network_id"`
			CredentialID uint32       `json:"credential_id"`
			Threshold    int64
			Flags        hexNumber
			Target       zt.Address
			Type         CredentialType `json:"credential_type"`
			Signed       hexBytes       `json:"signed_bytes_hex"`
			Binary       hexBytes       `json:"binary_hex"`
			Payload      hexBytes       `json:"network_credentials_payload_hex"`
		}
		Full struct {
			Payload hexBytes `json:"payload_hex"`
		} `json:"network_credentials_full_example"`
	}
	loadVectors(t, "vl2-revocation.json", &vectors)
	wantCases(t, len(vectors.Revocations), 5)
	controller := vectors.controller(t)
	for _, c := range vectors.Revocations {
		made := &Revocation{ID: c.ID, Network: c.Network, CredentialID: c.CredentialID, Threshold: c.Threshold,
			Flags: uint64(c.Flags), Target: c.Target, Type: c.Type}
		made.Sign(controller)
		checkSigned(t, c.Name, made, signed(made.appendFields), c.Signed, c.Binary, ParseRevocation, (*Revocation).Append,
			func(v *Revocation) bool { return v.Verify(controller) })
		packed := Credentials{Revocations: []*Revocation{made}}
		wantBytes(t, c.Name+": payload", packed.Append(nil), c.Payload)
		parsed, err := ParseCredentials(c.Payload)
		if err != nil || !reflect.DeepEqual(parsed, packed) {
			t.Errorf("%s: payload parses as %+v, %v", c.Name, parsed, err)
		}
		made.Threshold++
		if made.Verify(controller) {
			t.Errorf("%s: verifies with another threshold", c.Name)
		}
	}
	full, err := ParseCredentials(vectors.Full.Payload)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "full example", full.Append(nil), vectors.Full.Payload)
	if len(full.COMs) != 1 || len(full.Capabilities) != 2 || len(full.Tags) != 1 || len(full.Revocations) != 0 || len(full.Ownerships) != 1 {
		t.Fatalf("full example: %+v", full)
	}
	if !full.COMs[0].Verify(controller) || !full.Capabilities[0].Verify(controller) || !full.Tags[0].Verify(controller) || !full.Ownerships[0].Verify(controller) {
		t.Error("full example: a signature does not verify")
	}
}

func TestOnlyTheNetworksControllerSigns(t *testing.T) {
	var vectors people
	loadVectors(t, "vl2-com.json", &vectors)
	controller := vectors.controller(t)
	foreign := zt.NewNetworkID(0x1234567890, 1)
	com := NewCOM(foreign, controller, 1, 1)
	com.Sign(controller)
	tag := Tag{Network: foreign}
	tag.Sign(controller)
	ownership := Ownership{Network: foreign}
	ownership.Sign(controller)
	revocation := Revocation{Network: foreign}
	revocation.Sign(controller)
	capability := Capability{Network: foreign}
	capability.Issue(controller, 1)
	if com.Verify(controller) || tag.Verify(controller) || ownership.Verify(controller) || revocation.Verify(controller) || capability.Verify(controller) {
		t.Error("a credential for another controller's network verifies")
	}
}

func TestCredentialsMayEndBehindAnyList(t *testing.T) {
	whole := (&Credentials{}).Append(nil)
	for _, size := range []int{1, 3, 5, 7, 9} {
		if _, err := ParseCredentials(whole[:size]); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, bad := range [][]byte{nil, {2}, {0, 0}, {0, 0xff, 0xff}, {1, 0, 9}} {
		if _, err := ParseCredentials(bad); err == nil {
			t.Errorf("%x parses", bad)
		}
	}
}

// A credential with more than its lists may hold is written, and signed, with as
// much as nodes take.
func TestCredentialsAreCutToTheirLimits(t *testing.T) {
	var vectors people
	loadVectors(t, "vl2-com.json", &vectors)
	controller := vectors.controller(t)
	network := zt.NewNetworkID(controller.Address(), 1)

	capability := Capability{Network: network, Rules: make([]Rule, 1000)}
	capability.Issue(controller, 5)
	c, _, err := ParseCapability(capability.Append(nil))
	if err != nil || len(c.Rules) != MaxRulesPerCapability || !c.Verify(controller) {
		t.Errorf("capability: %d rules, %v", len(c.Rules), err)
	}
	ownership := Ownership{Network: network, Things: make([]Thing, 1000)}
	ownership.Sign(controller)
	o, _, err := ParseOwnership(ownership.Append(nil))
	if err != nil || len(o.Things) != MaxThings || !o.Verify(controller) {
		t.Errorf("ownership: %d things, %v", len(o.Things), err)
	}
	com := NewCOM(network, controller, 1, 2)
	com.Qualifiers = append(com.Qualifiers, make([]Qualifier, 1000)...)
	com.Sign(controller)
	m, _, err := ParseCOM(com.Append(nil))
	if err != nil || len(m.Qualifiers) != MaxQualifiers || !m.Verify(controller) {
		t.Errorf("COM: %d qualifiers, %v", len(m.Qualifiers), err)
	}
}

func FuzzParseCredentials(f *testing.F) {
	var vectors struct {
		Revocations []struct {
			Payload hexBytes `json:"network_credentials_payload_hex"`
		}
		Full struct {
			Payload hexBytes `json:"payload_hex"`
		} `json:"network_credentials_full_example"`
	}
	loadVectors(f, "vl2-revocation.json", &vectors)
	f.Add([]byte(vectors.Full.Payload))
	for _, c := range vectors.Revocations {
		f.Add([]byte(c.Payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		parsed, err := ParseCredentials(payload)
		if err != nil {
			return
		}
		again, err := ParseCredentials(parsed.Append(nil))
		if err != nil || !reflect.DeepEqual(again, parsed) {
			t.Errorf("%+v reads back as %+v, %v", parsed, again, err)
		}
	})
}
