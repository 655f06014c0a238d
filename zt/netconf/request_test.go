package netconf

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/orrery-net/orrery/zt"
)

func TestRequestVectors(t *testing.T) {
	var vectors struct {
		Network  zt.NetworkID `json:"network_id"`
		Requests []struct {
			Name      string
			Text      string   `json:"dictionary_text"`
			Revision  uint64   `json:"have_revision"`
			Timestamp int64    `json:"have_timestamp"`
			Payload   hexBytes `json:"payload_hex"`
		}
	}
	loadVectors(t, "vl2-chunks.json", &vectors)
	wantCases(t, len(vectors.Requests), 4)
	stock := Metadata{
		ConfigVersion: 7, Vendor: 1, Protocol: 12, Major: 1, Minor: 14, Revision: 1,
		MaxRules: 1024, MaxCapabilities: 128, MaxRulesPerCapability: 64, MaxTags: 128, RulesEngine: 1,
	}
	expected := map[string]func(*Metadata){
		"1.14.1 node, first request":                            func(m *Metadata) { m.OS, m.Arch = "linux", "x86_64" },
		"1.14.1 node, refresh":                                  func(m *Metadata) { m.OS, m.Arch = "linux", "x86_64" },
		"1.4.6 node, first request":                             func(m *Metadata) { m.Protocol, m.Minor, m.Revision = 10, 4, 6 },
		"with an authorization token (not sent by stock nodes)": func(m *Metadata) { m.Auth = "token:secret=1" },
	}
	for _, c := range vectors.Requests {
		q, err := ParseRequest(c.Payload)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if q.Network != vectors.Network || q.Revision != c.Revision || q.Timestamp != c.Timestamp || string(q.Metadata) != c.Text {
			t.Errorf("%s: %+v", c.Name, q)
		}
		change, ok := expected[c.Name]
		if !ok {
			t.Fatalf("unknown case %s", c.Name)
		}
		want := stock
		change(&want)
		got := ParseMetadata(q.Metadata)
		if got != want {
			t.Errorf("%s: metadata %+v, want %+v", c.Name, got, want)
		}
		made := Request{Network: vectors.Network, Metadata: got.Append(nil), Revision: c.Revision, Timestamp: c.Timestamp}
		wantBytes(t, c.Name, made.Append(nil), c.Payload)
		for i := range c.Payload {
			q, err := ParseRequest(c.Payload[:i])
			if whole := i == 8 || i >= 10+len(c.Text); (err == nil) != whole {
				t.Errorf("%s: of %d bytes %+v, %v", c.Name, i, q, err)
			}
		}
	}
}

func TestMetadataOddities(t *testing.T) {
	for _, c := range []struct {
		given string
		want  Metadata
	}{
		{"", Metadata{}},
		{"mc=\nmc=5", Metadata{}},
		{"mc=5\nmc=6", Metadata{MaxCapabilities: 5}},
		{"mc=ffffffffffffffff\nmt=-1", Metadata{MaxCapabilities: 1<<31 - 1}},
		{"o=a b/x86\no=linux/arm", Metadata{Arch: "x86"}},
		{"o=linux", Metadata{OS: "linux"}},
		{strings.Repeat("x", MaxMetadataLen) + "\nmc=5", Metadata{}},
	} {
		if got := ParseMetadata(Dictionary(c.given)); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.given, got, c.want)
		}
	}
	long := Request{Metadata: make(Dictionary, 70000)}
	if q, err := ParseRequest(long.Append(nil)); err != nil || len(q.Metadata) != MaxMetadataLen {
		t.Errorf("%d bytes of metadata, %v", len(q.Metadata), err)
	}
}

func FuzzParseRequest(f *testing.F) {
	var vectors struct {
		Requests []struct {
			Payload hexBytes `json:"payload_hex"`
		}
	}
	loadVectors(f, "vl2-chunks.json", &vectors)
	for _, c := range vectors.Requests {
		f.Add([]byte(c.Payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		q, err := ParseRequest(payload)
		if err != nil {
			return
		}
		m := ParseMetadata(q.Metadata)
		if strings.ContainsFunc(m.OS+m.Arch, unicode.IsControl) || len(m.OS) > 31 || len(m.Arch) > 31 {
			t.Errorf("system %q %q", m.OS, m.Arch)
		}
		for _, key := range metadataNumbers {
			if *m.number([]byte(key)) < 0 {
				t.Errorf("%s is negative", key)
			}
		}
		if again, err := ParseRequest(q.Append(nil)); err != nil || len(q.Metadata) <= MaxMetadataLen && !bytes.Equal(again.Metadata, q.Metadata) {
			t.Errorf("%+v reads back as %+v, %v", q, again, err)
		}
	})
}
