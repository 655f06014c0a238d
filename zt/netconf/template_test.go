package netconf

import "testing"

func TestAppendWithEncodedCertificates(t *testing.T) {
	var c Config
	c.Network, c.Member, c.Name = 1, 2, "home"
	c.Rules, c.DNS = AcceptAll(), DNS{Domain: "home.arpa"}
	template := NewTemplate(&c)
	own := c
	own.COM = (&COM{Signer: 1, Qualifiers: make([]Qualifier, 7)}).Append(nil)
	own.Tags = (&Tag{ID: 1}).Append(nil)
	own.Capabilities = (&Capability{MaxCustody: 1}).Append(nil)
	own.Ownerships = (&Ownership{Things: make([]Thing, 1)}).Append(nil)
	encoded := own.EncodeCertificates()
	want := template.Append([]byte("first=1"), &own)
	own.COM, own.Tags, own.Capabilities, own.Ownerships = nil, nil, nil, nil
	wantBytes(t, "with encoded certificates", template.AppendWith([]byte("first=1"), &own, encoded), want)
	wantBytes(t, "with none", template.AppendWith(nil, &own, own.EncodeCertificates()), template.Append(nil, &own))
}

func TestTemplateWithOtherRules(t *testing.T) {
	c := Config{Network: 1, Member: 2, Rules: AcceptAll(), DNS: DNS{Domain: "home.arpa"}}
	template := NewTemplate(&c)
	before := template.Append(nil, &c)
	dropping := c
	dropping.Rules = DropAll()
	wantBytes(t, "other rules", template.WithRules(DropAll()).Append(nil, &c), dropping.Append(nil))
	wantBytes(t, "the template itself", template.Append(nil, &c), before)
}
