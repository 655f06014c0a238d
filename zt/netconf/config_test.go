package netconf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// vectorConfig is a configuration in the vectors.
type vectorConfig struct {
	Network     zt.NetworkID `json:"network_id"`
	Timestamp   int64
	MaxDelta    int64 `json:"credential_time_max_delta"`
	Revision    uint64
	IssuedTo    zt.Address `json:"issued_to"`
	TraceTarget nodeText   `json:"remote_trace_target"`
	TraceLevel  int        `json:"remote_trace_level"`
	Flags       hexNumber
	MTU         int
	Multicast   int `json:"multicast_limit"`
	Type        string
	Name        string
	Specialists []hexNumber
	Routes      []struct {
		Target        netip.Prefix
		Via           netip.Addr
		Flags, Metric uint16
	}
	Addresses    []netip.Prefix `json:"static_ips"`
	Rules        []Rule
	Capabilities []finished
	Tags         []finished
	Ownerships   []finished `json:"certificates_of_ownership"`
	COM          hexBytes   `json:"com_hex"`
	DNS          struct {
		Domain  string
		Servers []*string
	}
	SSO struct {
		Version      int
		Enabled      bool
		URL          string `json:"authentication_url"`
		Expiry       int64  `json:"authentication_expiry_time"`
		Issuer       string `json:"issuer_url"`
		Central      string `json:"central_auth_url"`
		Nonce, State string
		ClientID     string `json:"client_id"`
		Provider     string
	}
}

type finished struct {
	Binary hexBytes `json:"binary_hex"`
}

func joined(all []finished) []byte {
	var b []byte
	for _, one := range all {
		b = append(b, one.Binary...)
	}
	return b
}

func (v *vectorConfig) config(t *testing.T) *Config {
	c := &Config{
		Network: v.Network, Timestamp: v.Timestamp, MaxDelta: v.MaxDelta, Revision: v.Revision, Member: v.IssuedTo,
		TraceTarget: zt.Address(v.TraceTarget), TraceLevel: v.TraceLevel, Flags: uint64(v.Flags), MulticastLimit: v.Multicast,
		Public: v.Type == "public(1)", Name: v.Name, MTU: v.MTU,
		COM: v.COM, Capabilities: joined(v.Capabilities), Tags: joined(v.Tags), Ownerships: joined(v.Ownerships),
		DNS: DNS{Domain: v.DNS.Domain},
		SSO: SSO{Version: v.SSO.Version, Enabled: v.SSO.Enabled, AuthenticationURL: v.SSO.URL, AuthenticationExpiry: v.SSO.Expiry,
			IssuerURL: v.SSO.Issuer, CentralURL: v.SSO.Central, Nonce: v.SSO.Nonce, State: v.SSO.State, ClientID: v.SSO.ClientID,
			Provider: v.SSO.Provider},
	}
	for _, s := range v.Specialists {
		c.Specialists = append(c.Specialists, Specialist{zt.Address(s &^ roleMask), uint64(s) & roleMask})
	}
	for _, r := range v.Routes {
		c.Routes = append(c.Routes, Route(r))
	}
	c.Addresses = append(c.Addresses, v.Addresses...)
	c.Rules = append(c.Rules, v.Rules...)
	for _, server := range v.DNS.Servers {
		if server != nil {
			c.DNS.Servers = append(c.DNS.Servers, netip.MustParsePrefix(*server).Addr())
		}
	}
	return c
}

// asSent is what a node can know of a configuration.
func asSent(c *Config) *Config {
	sent := *c
	for _, blob := range []*[]byte{&sent.COM, &sent.Capabilities, &sent.Tags, &sent.Ownerships} {
		if len(*blob) == 0 {
			*blob = nil
		}
	}
	switch s := &sent.SSO; {
	case !s.Enabled:
		*s = SSO{Version: s.Version}
	case s.Version == ssoOpenPage:
		s.Provider = ""
	case s.Version == ssoOpenIDConnect:
		s.AuthenticationExpiry = 0
	}
	return &sent
}

func TestConfigVectors(t *testing.T) {
	var vectors struct {
		people
		Configs []struct {
			Name       string
			Fields     vectorConfig
			OK         bool
			Length     int      `json:"dictionary_bytes"`
			Dictionary hexBytes `json:"dictionary_hex"`
			Parses     bool     `json:"node_parses"`
		}
	}
	loadVectors(t, "vl2-netconf.json", &vectors)
	wantCases(t, len(vectors.Configs), 6)
	controller := vectors.controller(t)
	for _, c := range vectors.Configs {
		if !c.OK || !c.Parses || c.Length != len(c.Dictionary) {
			t.Fatalf("%s: not what this test knows", c.Name)
		}
		config := c.Fields.config(t)
		if got := config.Append(nil); !bytes.Equal(got, c.Dictionary) {
			t.Errorf("%s:\n got %q\nwant %q", c.Name, got, c.Dictionary)
		}
		parsed, err := ParseConfig(Dictionary(c.Dictionary))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if want := asSent(config); !reflect.DeepEqual(asSent(parsed), want) {
			t.Errorf("%s: parsed\n got %+v\nwant %+v", c.Name, parsed, want)
		}
		if com, _, err := ParseCOM(parsed.COM); err != nil || !com.Verify(controller) || com.Member() != parsed.Member {
			t.Errorf("%s: its certificate of membership is not good: %v", c.Name, err)
		}
	}
}

// randomConfig returns a configuration with random fields, of which nodes can
// know all.
func randomConfig(random *rand.Rand) *Config {
	text := func(most int) string {
		b := make([]byte, random.IntN(most+1))
		for i := range b {
			b[i] = "ab=\\\r\n\xc3\xbcz"[random.IntN(9)]
		}
		return string(b)
	}
	addr := func() netip.Addr {
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(random.Uint32()), 0, byte(random.Uint32())})
		}
		return netip.AddrFrom16([16]byte{0: 0xfd, 7: byte(random.Uint32()), 15: byte(random.Uint32())})
	}
	prefix := func() netip.Prefix {
		a := addr()
		return netip.PrefixFrom(a, random.IntN(a.BitLen()+1))
	}
	c := &Config{
		Network: zt.NetworkID(random.Uint64() | 1), Timestamp: random.Int64(), MaxDelta: random.Int64(), Revision: random.Uint64(),
		Member: zt.Address(random.Uint64()>>24 | 1), TraceTarget: zt.Address(random.Uint64() >> 24), TraceLevel: random.IntN(31),
		Flags: random.Uint64(), MulticastLimit: random.IntN(1000), Public: random.IntN(2) == 0, Name: text(MaxNameLen),
		MTU: MinMTU + random.IntN(MaxMTU-MinMTU+1),
	}
	if random.IntN(4) > 0 {
		com := COM{Signer: 1, Qualifiers: make([]Qualifier, random.IntN(MaxQualifiers+1))}
		c.COM = com.Append(nil)
	}
	for range random.IntN(4) {
		capability := Capability{ID: random.Uint32(), MaxCustody: 1, Rules: []Rule{randomRule(random)}, Custody: []Custody{{To: 1, From: 2}}}
		c.Capabilities = capability.Append(c.Capabilities)
	}
	for range random.IntN(4) {
		c.Tags = (&Tag{ID: random.Uint32()}).Append(c.Tags)
	}
	for range random.IntN(MaxOwnerships + 1) {
		c.Ownerships = (&Ownership{Things: []Thing{AddressThing(addr())}}).Append(c.Ownerships)
	}
	for range random.IntN(4) {
		c.Specialists = append(c.Specialists, Specialist{zt.Address(random.Uint64() >> 24), random.Uint64() & roleMask})
	}
	for range random.IntN(4) {
		r := Route{Target: prefix(), Flags: uint16(random.Uint32()), Metric: uint16(random.Uint32())}
		if via := addr(); via.BitLen() == r.Target.Addr().BitLen() {
			r.Via = via
		}
		c.Routes = append(c.Routes, r)
	}
	for range random.IntN(4) {
		c.Addresses = append(c.Addresses, prefix())
		c.Rules = append(c.Rules, randomRule(random))
		c.DNS.Servers = append(c.DNS.Servers, addr())
	}
	c.DNS.Domain = text(MaxDomainLen)
	if c.SSO = (SSO{Version: random.IntN(2), Enabled: random.IntN(2) == 0}); c.SSO.Enabled {
		if c.SSO.Version == ssoOpenPage {
			c.SSO.AuthenticationURL, c.SSO.AuthenticationExpiry = text(maxURLLen), random.Int64()
		} else {
			c.SSO.IssuerURL, c.SSO.CentralURL, c.SSO.Nonce, c.SSO.State = text(maxURLLen), text(maxURLLen), text(maxNonceLen), text(maxStateLen)
			c.SSO.ClientID, c.SSO.Provider = text(maxClientIDLen), "x"+text(maxProviderLen-1)
		}
	}
	return c
}

func TestTemplateIsMergedConfig(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		shared, own := randomConfig(random), randomConfig(random)
		merged := *shared
		merged.Timestamp, merged.Member, merged.Flags = own.Timestamp, own.Member, own.Flags
		merged.TraceTarget, merged.TraceLevel = own.TraceTarget, own.TraceLevel
		merged.COM, merged.Capabilities, merged.Tags, merged.Ownerships = own.COM, own.Capabilities, own.Tags, own.Ownerships
		merged.Addresses, merged.SSO = own.Addresses, own.SSO

		want := merged.Append(nil)
		template := NewTemplate(shared)
		first := template.Append(nil, own)
		if !bytes.Equal(first, want) {
			t.Fatalf("template:\n got %q\nwant %q", first, want)
		}
		if again := template.Append(make([]byte, 0, 10), own); !bytes.Equal(again, want) {
			t.Fatalf("template used again:\n got %q\nwant %q", again, want)
		}
		parsed, err := ParseConfig(want)
		if err != nil || !reflect.DeepEqual(parsed, asSent(&merged)) {
			t.Fatalf("parsed: %v\n got %+v\nwant %+v", err, parsed, asSent(&merged))
		}
		if !parsed.Equal(&merged) || parsed.Equal(shared) {
			t.Fatal("Equal is wrong")
		}
	}
	continued := NewTemplate(&Config{}).Append([]byte("x=1"), &Config{})
	if !strings.HasPrefix(string(continued), "x=1\nv=0") {
		t.Errorf("continued dictionary begins %.20q", continued)
	}
}

// A node that gets more than 128 capabilities or tags is damaged, one whose DNS
// is not complete refuses everything.
func TestConfigIsCutToWhatNodesHold(t *testing.T) {
	big := Config{
		Network: 1, Member: 1, Name: strings.Repeat("=", 1000), MTU: 1 << 20,
		DNS: DNS{Domain: strings.Repeat("=", 1000), Servers: slices.Repeat([]netip.Addr{netip.IPv6Unspecified()}, 9)},
		SSO: SSO{Version: 1, Enabled: true, IssuerURL: strings.Repeat("=", 9999), CentralURL: strings.Repeat("=", 9999),
			Nonce: strings.Repeat("=", 999), State: strings.Repeat("=", 999), ClientID: strings.Repeat("=", 999), Provider: strings.Repeat("=", 999)},
		Rules:       slices.Repeat(append(slices.Repeat([]Rule{{Type: MatchIntegerRange}}, 13), Rule{Type: ActionAccept}), 200), // 73 of 14 entries fit before the last two
		Specialists: make([]Specialist, 3000),
		Routes:      slices.Repeat([]Route{{Target: netip.MustParsePrefix("::/0"), Via: netip.IPv6Unspecified()}}, 3000),
		Addresses:   slices.Repeat([]netip.Prefix{netip.MustParsePrefix("::/0"), {}}, 3000),
		COM:         (&COM{Signer: 1, Qualifiers: make([]Qualifier, MaxQualifiers)}).Append(nil),
	}
	capability := Capability{MaxCustody: 1, Rules: slices.Repeat([]Rule{{Type: MatchIntegerRange}}, MaxRulesPerCapability), Custody: []Custody{{To: 1}}}
	big.Capabilities = bytes.Repeat(capability.Append(nil), 300)
	big.Tags = bytes.Repeat((&Tag{}).Append(nil), 300)
	big.Ownerships = bytes.Repeat((&Ownership{Things: make([]Thing, MaxThings)}).Append(nil), 300)
	d := big.Append(nil)
	if len(d) > MaxConfigLen {
		t.Errorf("%d bytes", len(d))
	}
	c, err := ParseConfig(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct {
		name      string
		got, want int
	}{
		{"rules", len(c.Rules), MaxRules}, {"specialists", len(c.Specialists), MaxSpecialists}, {"routes", len(c.Routes), MaxRoutes},
		{"addresses", len(c.Addresses), MaxAddresses}, {"DNS servers", len(c.DNS.Servers), MaxDNSServers},
		{"tags", len(c.Tags), MaxTags * 135}, {"name", len(c.Name), MaxNameLen}, {"domain", len(c.DNS.Domain), MaxDomainLen},
		{"MTU", c.MTU, MaxMTU}, {"issuer", len(c.SSO.IssuerURL), maxURLLen},
	} {
		if list.got != list.want {
			t.Errorf("%s: %d, want %d", list.name, list.got, list.want)
		}
	}
	if last := c.Rules[len(c.Rules)-3:]; last[0].Type != ActionAccept || last[1].Type != ActionDrop || last[2].Type != ActionDrop {
		t.Errorf("the table was cut to end in %v: it lets pass what the whole one may drop", last)
	}
	if n := count(t, c.Ownerships, ParseOwnership); n != MaxOwnerships {
		t.Errorf("%d certificates of ownership", n)
	}
	if n := count(t, c.Capabilities, ParseCapability); n != MaxCapabilityBytes/len(capability.Append(nil)) {
		t.Errorf("%d capabilities", n)
	}
	big.Capabilities = bytes.Repeat((&Capability{MaxCustody: 1}).Append(nil), 300)
	if c, err = ParseConfig(big.Append(nil)); err != nil || count(t, c.Capabilities, ParseCapability) != MaxCapabilities {
		t.Errorf("%d small capabilities, %v", count(t, c.Capabilities, ParseCapability), err)
	}
}

func count[T any](t *testing.T, b []byte, parse func([]byte) (T, int, error)) (n int) {
	t.Helper()
	for ; len(b) > 0; n++ {
		_, size, err := parse(b)
		if err != nil {
			t.Fatal(err)
		}
		b = b[size:]
	}
	return n
}

func TestConfigsThatNodesRefuse(t *testing.T) {
	good := Config{Network: 1, Member: 2, Rules: AcceptAll()}
	text := string(good.Append(nil))
	if _, err := ParseConfig(Dictionary(text)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text string }{
		{"nothing", ""},
		{"no network", strings.Replace(text, "nwid=0000000000000001", "nwid=0", 1)},
		{"no member", strings.Replace(text, "id=0000000002", "id=0000000000", 1)},
		{"old version", strings.Replace(text, "v=0000000000000007", "v=5", 1)},
		{"short COM", text + "\nC=\x01\\0\x07abc"},
		{"short ownership", text + "\nCOO=abc"},
		{"fifth ownership short", text + "\nCOO=" + escaped((&Ownership{}).Append(nil), 4) + "abc"},
		{"short route", text + "\nRT=\x04abcd"},
		{"route without end", text + "\nRT=\x04abcd\\0\x10\\0"},
		{"unknown address type", text + "\nI=\x09"},
		{"short rule", strings.Replace(text, "R=\x01\\0", "R=\x01", 1)},
		{"rule with short operands", strings.Replace(text, "R=\x01\\0", "R=\x25\x01x", 1)},
		{"short DNS", text[:strings.Index(text, "DNS=")] + "DNS=x"},
		{"empty DNS", text[:strings.Index(text, "DNS=")] + "DNS="},
	} {
		if c.text == text {
			t.Errorf("%s: nothing was changed", c.name)
		}
		if parsed, err := ParseConfig(Dictionary(c.text)); err == nil {
			t.Errorf("%s: parses as %+v", c.name, parsed)
		}
	}
	for _, c := range []struct{ name, text string }{
		{"version 6", strings.Replace(text, "v=0000000000000007", "v=6", 1)},
		{"no DNS", text[:strings.Index(text, "\nDNS=")]},
		{"short capability", text + "\nCAP=abc"},
		{"short tag", text + "\nTAG=abc"},
		{"short specialist", text + "\nS=abc"},
	} {
		parsed, err := ParseConfig(Dictionary(c.text))
		if err != nil || len(parsed.Capabilities)+len(parsed.Tags)+len(parsed.Specialists) != 0 {
			t.Errorf("%s: %+v, %v", c.name, parsed, err)
		}
	}
}

func escaped(value []byte, times int) string {
	return string(appendEscaped(nil, bytes.Repeat(value, times)))
}

func TestConfigSurvivesOddInput(t *testing.T) {
	c := Config{
		Network: 1, Member: 2, Timestamp: -5, MulticastLimit: -1,
		Addresses: []netip.Prefix{{}, netip.MustParsePrefix("::ffff:10.0.0.1/120"), netip.MustParsePrefix("::ffff:10.0.0.2/8")},
		Routes: []Route{
			{Target: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("fd00::1")},
			{Via: netip.MustParseAddr("fd00::1")},
			{Target: netip.MustParsePrefix("10.0.0.0/8"), Via: netip.MustParseAddr("::ffff:10.0.0.1")},
		},
		DNS:  DNS{Servers: []netip.Addr{{}, netip.MustParseAddr("10.0.0.1")}},
		Tags: []byte("garbage"),
		COM:  []byte("garbage"),
		SSO:  SSO{Version: 7},
	}
	parsed, err := ParseConfig(c.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(parsed.Addresses, parsed.Routes, parsed.DNS.Servers, parsed.Timestamp, parsed.MulticastLimit, parsed.MTU, len(parsed.COM)+len(parsed.Tags))
	want := "[10.0.0.1/24 10.0.0.2/0] [{10.0.0.0/8 invalid IP 0 0} {10.0.0.0/8 10.0.0.1 0 0}] [10.0.0.1] 0 0 2800 0"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func FuzzParseConfig(f *testing.F) {
	var vectors struct {
		Configs []struct {
			Dictionary hexBytes `json:"dictionary_hex"`
		}
	}
	loadVectors(f, "vl2-netconf.json", &vectors)
	for _, c := range vectors.Configs {
		f.Add([]byte(c.Dictionary))
	}
	f.Add([]byte("v=7\nnwid=1\nid=1\nI=\x04aaaa\xff\xff\x01aaaaaa\nRT=\x03\\0\x01a\\0\\0\\0\\0\\0\nssoe=1\nssov=1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		if len(c.Rules) > MaxRules || len(c.Routes) > MaxRoutes || len(c.Addresses) > MaxAddresses || len(c.Specialists) > MaxSpecialists ||
			len(c.Name) > MaxNameLen || len(c.DNS.Servers) > MaxDNSServers ||
			count(t, c.Capabilities, ParseCapability) > MaxCapabilities || count(t, c.Tags, ParseTag) > MaxTags {
			t.Errorf("more than nodes hold: %+v", c)
		}
		again, err := ParseConfig(c.Append(nil))
		if err != nil || !again.Equal(c) {
			t.Errorf("%+v reads back as %+v, %v", c, again, err)
		}
	})
}

// benchmarkConfig is the configuration of a member of a usual network.
func benchmarkConfig(b *testing.B) (*Template, *Config, *identity.Identity) {
	var vectors people
	loadVectors(b, "vl2-netconf.json", &vectors)
	controller, member := vectors.controller(b), parseIdentity(b, vectors.Member1.Public)
	network := zt.NewNetworkID(controller.Address(), 1)
	com := NewCOM(network, member, 1700000000000, 1800000)
	com.Sign(controller)
	ownership := Ownership{Network: network, Timestamp: 1700000000000, ID: 1, Things: []Thing{AddressThing(netip.MustParseAddr("10.0.0.5"))}, IssuedTo: member.Address()}
	ownership.Sign(controller)
	tag := Tag{Network: network, Timestamp: 1700000000000, ID: 1, Value: 2, IssuedTo: member.Address()}
	tag.Sign(controller)
	shared := &Config{
		Network: network, MaxDelta: 1800000, Revision: 3, MulticastLimit: 32, Name: "home", MTU: DefaultMTU, Rules: AcceptAll(),
		Routes: []Route{{Target: netip.MustParsePrefix("10.0.0.0/24")}},
	}
	own := &Config{
		Timestamp: 1700000000000, Member: member.Address(), Flags: FlagBroadcast, COM: com.Append(nil), Ownerships: ownership.Append(nil),
		Tags: tag.Append(nil), Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24")},
	}
	return NewTemplate(shared), own, controller
}

func BenchmarkTemplateAppend(b *testing.B) {
	template, own, _ := benchmarkConfig(b)
	buffer := template.Append(nil, own)
	b.ReportAllocs()
	for b.Loop() {
		buffer = template.Append(buffer[:0], own)
	}
	b.ReportMetric(float64(len(buffer)), "bytes")
}

// BenchmarkAnswer is what a controller does for a request whose certificates
// were issued before. BenchmarkSign is the part of it that is Ed25519.
func BenchmarkAnswer(b *testing.B) {
	template, own, controller := benchmarkConfig(b)
	var dictionary, payload []byte
	b.ReportAllocs()
	for b.Loop() {
		dictionary = template.Append(dictionary[:0], own)
		payload = AppendChunk(payload[:0], own.Network, dictionary, 0, len(dictionary), 1, controller)
	}
}

func BenchmarkSign(b *testing.B) {
	template, own, controller := benchmarkConfig(b)
	message := template.Append(nil, own)
	b.ReportAllocs()
	for b.Loop() {
		controller.Sign(message)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	var vectors struct {
		Requests []struct {
			Payload hexBytes `json:"payload_hex"`
		}
	}
	loadVectors(b, "vl2-chunks.json", &vectors)
	b.ReportAllocs()
	for b.Loop() {
		q, err := ParseRequest(vectors.Requests[0].Payload)
		if err != nil || ParseMetadata(q.Metadata).Protocol != 12 {
			b.Fatal("not parsed")
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	_, own, controller := benchmarkConfig(b)
	network := zt.NewNetworkID(controller.Address(), 1)
	b.ReportAllocs()
	for b.Loop() {
		com := NewCOM(network, controller, own.Timestamp, 1800000)
		com.Sign(controller)
	}
}
