package netconf

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

func TestDictionaryVectors(t *testing.T) {
	var vectors struct {
		Encode []struct {
			Name    string
			Entries []struct {
				Key   string
				Value hexBytes `json:"value_hex"`
			}
			Encoded hexBytes `json:"encoded_hex"`
		}
		TypedAdd []struct{ Type, Value, Encoded string } `json:"typed_add"`
		Decode   []struct {
			Encoded hexBytes `json:"encoded_hex"`
			Queries []struct {
				Key     string
				Missing bool
				Value   hexBytes `json:"value_hex"`
				Uint    string   `json:"as_uint64"`
				Int     *string  `json:"as_int64"`
				Bool    bool     `json:"as_bool_default_true"`
			}
		}
		Limits struct {
			Metadata int `json:"metadata_capacity"`
			Config   int `json:"netconf_capacity_linux_x86_64"`
		}
	}
	loadVectors(t, "vl2-dictionary.json", &vectors)
	wantCases(t, len(vectors.Encode)+len(vectors.TypedAdd)+len(vectors.Decode), 54)
	for _, c := range vectors.Encode {
		var d, text Dictionary
		for _, e := range c.Entries {
			d = d.AppendBytes(e.Key, e.Value)
			text = text.AppendText(e.Key, string(e.Value))
		}
		wantBytes(t, c.Name, d, c.Encoded)
		wantBytes(t, c.Name+" as text", text, c.Encoded)
		first := map[string]bool{}
		for _, e := range c.Entries {
			if value, ok := d.Get(e.Key); !first[e.Key] && (!ok || !bytes.Equal(value, e.Value)) {
				t.Errorf("%s: Get(%q) = %x, %t", c.Name, e.Key, value, ok)
			}
			first[e.Key] = true
		}
	}
	for _, c := range vectors.TypedAdd {
		var d Dictionary
		want := c.Encoded
		switch c.Type {
		case "uint64":
			value, _ := strconv.ParseUint(c.Value, 10, 64)
			d = d.AppendUint("k", value)
		case "int64":
			value, _ := strconv.ParseInt(c.Value, 10, 64)
			d = d.AppendInt("k", value)
			if value < 0 {
				want = "k=0000000000000000" // the reference loses the sign, we write no such thing
			}
		case "bool":
			d = d.AppendBool("k", c.Value == "true")
		case "address-as-uint64", "address-as-text":
			value, err := zt.ParseAddress(c.Value)
			if err != nil {
				t.Fatal(err)
			}
			d = d.AppendAddress("k", value)
			if c.Type == "address-as-uint64" {
				d = Dictionary(nil).AppendUint("k", uint64(value))
			}
			if got := d.Address("k"); got != value {
				t.Errorf("address %s reads back as %s", value, got)
			}
		default:
			t.Fatalf("unknown type %q", c.Type)
		}
		if string(d) != want {
			t.Errorf("%s %s: got %q, want %q", c.Type, c.Value, d, want)
		}
	}
	for _, c := range vectors.Decode {
		d := Dictionary(c.Encoded)
		for _, q := range c.Queries {
			value, ok := d.Get(q.Key)
			if ok == q.Missing || !bytes.Equal(value, q.Value) {
				t.Errorf("%q: Get(%q) = %q, %t; want %q, %t", d, q.Key, value, ok, q.Value, !q.Missing)
			}
			if got := strconv.FormatUint(d.Uint(q.Key, 12345), 10); got != q.Uint {
				t.Errorf("%q: Uint(%q) = %s, want %s", d, q.Key, got, q.Uint)
			}
			if got := strconv.FormatInt(d.Int(q.Key, 12345), 10); q.Int != nil && got != *q.Int {
				t.Errorf("%q: Int(%q) = %s, want %s", d, q.Key, got, *q.Int)
			}
			if got := d.Bool(q.Key, true); got != q.Bool {
				t.Errorf("%q: Bool(%q) = %t, want %t", d, q.Key, got, q.Bool)
			}
		}
	}
	if vectors.Limits.Metadata != MaxMetadataLen+1 || vectors.Limits.Config != maxDictionaryLen || MaxConfigLen >= maxDictionaryLen {
		t.Errorf("limits differ from %+v", vectors.Limits)
	}
}

func TestDictionaryNumbersAtTheirEnds(t *testing.T) {
	for _, c := range []struct {
		text     string
		unsigned uint64
		signed   int64
	}{
		{"8000000000000000", 1 << 63, math.MaxInt64},
		{"-8000000000000000", 1 << 63, math.MinInt64},
		{"-8000000000000001", 1<<63 - 1, math.MinInt64},
		{"-ffffffffffffffffff", math.MaxUint64, math.MinInt64},
		{"0x", 0, 0},
		{"+0Xa", 10, 10},
		{"-", 0, 0},
	} {
		d := Dictionary(nil).AppendText("k", c.text)
		if got := d.Uint("k", 1); got != c.unsigned {
			t.Errorf("Uint of %q = %d, want %d", c.text, got, c.unsigned)
		}
		if got := d.Int("k", 1); got != c.signed {
			t.Errorf("Int of %q = %d, want %d", c.text, got, c.signed)
		}
	}
}

func FuzzDictionary(f *testing.F) {
	for _, seed := range []string{"", "a=1\nb=2", "a=1\r\nb=2", "=x", "k=\\", "k=\\0\\r\\n\\\\\\e", "k=1\x00z=2", "junk\nk=-0xff"} {
		f.Add([]byte(seed), "k")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		d := Dictionary(data)
		value, ok := d.Get(key)
		d.Uint(key, 0)
		d.Int(key, 0)
		d.Bool(key, false)
		d.Address(key)
		if ok && len(d.Text(key, 3)) > 3 {
			t.Error("Text is longer than its limit")
		}
		if strings.ContainsAny(key, "\x00\r\n=") {
			return
		}
		// Whatever was read can be written and read again, behind other entries too.
		again, found := Dictionary("before=1").AppendBytes(key, value).Get(key)
		if key != "before" && (!found || !bytes.Equal(again, value)) {
			t.Errorf("%q = %q reads back as %q, %t", key, value, again, found)
		}
	})
}
