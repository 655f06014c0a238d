package cli

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"
)

func TestIndented(t *testing.T) {
	var text strings.Builder
	out := bufio.NewWriter(&text)
	indented(out, "one two  three\nfour-is-too-long \x1b[31m 八八八 five", 10, 4, "→ ")
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "→ one two\n      three\n      four-is-too-long\n      \ufffd[31m\n      八八八\n      five\n"
	if text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
}

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.5/9993": "203.0.113.5:9993", "203.0.113.5:9993": "203.0.113.5:9993",
		"2001:db8::5/9993": "[2001:db8::5]:9993", "[2001:db8::5]:9993": "[2001:db8::5]:9993", "127.0.0.1/1": "127.0.0.1:1",
		"203.0.113.5": "", "203.0.113.5/0": "", "203.0.113.5/65536": "", "example.com/9993": "", "/9993": "", "": "",
	} {
		at, err := parseEndpoint(text)
		if (err == nil) != (want != "") || err == nil && at != netip.MustParseAddrPort(want) {
			t.Errorf("%q: %s %v, want %q", text, at, err, want)
		}
	}
}

func TestDoctorWithoutFolder(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, folder := range []string{t.TempDir(), t.TempDir() + "/none"} {
		if code, out, errOut := run("doctor", "--data", folder); code != exitFailed || out != "" || !strings.Contains(errOut, "no server was started with this folder") {
			t.Errorf("%s: %d %q %q", folder, code, out, errOut)
		}
	}
}
