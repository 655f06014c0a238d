package world

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/identity"
)

func TestTemplateMakesTheSameFile(t *testing.T) {
	tool := vectors(t).IDTool
	made, _, err := Parse(unhex(t, tool.Binary))
	if err != nil {
		t.Fatal(err)
	}
	template, err := ParseTemplate(tool.JSON)
	if err != nil {
		t.Fatal(err)
	}
	w := template.World(made.Timestamp)
	equal(t, "world", hex.EncodeToString(w.Append(nil)), tool.Binary)
	equal(t, "file name", w.FileName(), tool.FileName)

	equal(t, "JSON", compact(t, template.JSON()), compact(t, tool.JSON))
}

func TestNewTemplate(t *testing.T) {
	root := rootIdentity(t)
	template, err := NewTemplate(root)
	if err != nil {
		t.Fatal(err)
	}
	template.Kind = Planet
	again, err := ParseTemplate(template.JSON())
	if err != nil {
		t.Fatal(err)
	}
	first := again.World(1)
	second := again.World(2)
	if err := second.Replaces(first); err != nil {
		t.Error(err)
	}
	if first.Kind != Planet || first.ID != uint64(root.Address()) || first.Root(root.Address()) == nil {
		t.Errorf("it makes %+v", first)
	}
}

func TestRootsAreSorted(t *testing.T) {
	w := Public()
	template, err := NewTemplate(w.Roots[0].Identity)
	if err != nil {
		t.Fatal(err)
	}
	template.Roots = w.Roots
	made := template.World(1)
	for i := range made.Roots[1:] {
		if made.Roots[i].Identity.Compare(made.Roots[i+1].Identity) >= 0 {
			t.Errorf("root %d is out of order", i)
		}
	}
}

func TestTemplateRefusals(t *testing.T) {
	secret := vectors(t).Keys["k1"].Private
	good := string(vectors(t).IDTool.JSON)
	var raw templateJSON
	if err := json.Unmarshal([]byte(good), &raw); err != nil {
		t.Fatal(err)
	}
	endpoint, id := raw.Roots[0].Endpoints[0], raw.Roots[0].Identity
	cases := []struct{ old, new, want string }{
		{`"moon"`, `"star"`, "worldType"},
		{`"` + raw.ID + `"`, `"0"`, "id"},
		{`"` + raw.ID + `"`, `"0x1"`, "id"},
		{`"` + raw.ID + `"`, `17`, "id"},
		{raw.NextKey, raw.NextKey[2:], "signingKey"},
		{`"updatesMustBeSignedBy": "` + raw.NextKey, `"updatesMustBeSignedBy": "g`, "updatesMustBeSignedBy"},
		{raw.KeySecret, secret, "signingKey"},
		{raw.KeySecret, secret + "00", "signingKey_SECRET"},
		{`"` + raw.KeySecret + `"`, strings.Repeat("7", 128), "signingKey_SECRET"},
		{endpoint, "203.0.113.20", "endpoint"},
		{endpoint, "203.0.113.20/0", "endpoint"},
		{endpoint, "203.0.113.20/65536", "endpoint"},
		{endpoint, "fe80::1%eth0/9993", "endpoint"},
		{endpoint, "example.net/9993", "endpoint"},
		{id, id[:len(id)-1], "identity"},
		{id, "d94995ccc0" + id[10:], "does not belong"},
		{`"` + endpoint + `"`, strings.Repeat(`"`+endpoint+`",`, MaxEndpoints) + `"` + endpoint + `"`, "endpoints"},
		{good, "", "end of JSON"},
		{good, "[]", "wrong type"},
		{good, good + "x", "invalid"},
	}
	for _, c := range cases {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not in the template", c.old)
		}
		_, err := ParseTemplate([]byte(text))
		if err == nil {
			t.Errorf("%.40q for %.40q is accepted", c.new, c.old)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q for %.40q: %v; want it to name %q", c.new, c.old, err, c.want)
		}
		for _, part := range []string{raw.KeySecret[:16], secret[:16], "7777777777"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		}
	}
	raw.Roots = append(raw.Roots, raw.Roots[0], raw.Roots[0], raw.Roots[0], raw.Roots[0])
	many, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseTemplate(many); err == nil || !strings.Contains(err.Error(), "roots") {
		t.Errorf("five roots: %v", err)
	}
}

// A template in a log shows nothing of its key.
func TestTemplateJSONIsOnlyWrittenOnRequest(t *testing.T) {
	template, err := NewTemplate(rootIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	private := template.Key.Private()
	text, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), hex.EncodeToString(private[:8])) {
		t.Error("json.Marshal writes the secret key")
	}
}

func FuzzParseTemplate(f *testing.F) {
	f.Add([]byte(vectors(f).IDTool.JSON))
	f.Fuzz(func(t *testing.T, data []byte) {
		template, err := decodeTemplate(data)
		if err != nil {
			return
		}
		again, err := decodeTemplate(template.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.World(1).Append(nil), template.World(1).Append(nil)) {
			t.Fatal("what was written makes another world")
		}
	})
}

func rootIdentity(t *testing.T) *identity.Identity {
	t.Helper()
	return Public().Roots[0].Identity
}

// compact drops white space and keeps the order of fields, which counts.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
