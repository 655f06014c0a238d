package client

import (
	"strings"
	"testing"
)

func TestNormalizeURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.zerotier.com/api/v1":         HostedURL,
		"https://api.zerotier.com/api/v1/":        HostedURL,
		"https://api.zerotier.com/api/":           HostedURL,
		"https://api.zerotier.com/api":            HostedURL,
		"https://api.zerotier.com//":              HostedURL,
		"https://API.ZeroTier.com:443":            HostedURL,
		" api.zerotier.com\n":                     HostedURL,
		"HTTPS://api.zerotier.com":                HostedURL,
		"https://my.zerotier.com/api/orrery/v1":   "https://my.zerotier.com/api/v1",
		"http://192.0.2.1":                        "http://192.0.2.1/api/v1",
		"http://192.0.2.1:80/":                    "http://192.0.2.1/api/v1",
		"http://192.0.2.1:443/":                   "http://192.0.2.1:443/api/v1",
		"https://example.com/orrery":              "https://example.com/orrery/api/v1",
		"https://example.com/orrery/api/v1":       "https://example.com/orrery/api/v1",
		"https://example.com/a b/api":             "https://example.com/a%20b/api/v1",
		"https://example.com/x/../api":            "https://example.com/api/v1",
		"https://example.com/api/v1/api/v1":       "https://example.com/api/v1/api/v1",
		"127.0.0.1:8000":                          "http://127.0.0.1:8000/api/v1",
		"localhost":                               "http://localhost/api/v1",
		"localhost:8000/api":                      "http://localhost:8000/api/v1",
		"LOCALHOST:8000":                          "http://localhost:8000/api/v1",
		"orrery.localhost:8000":                   "http://orrery.localhost:8000/api/v1",
		"[::1]:8000":                              "http://[::1]:8000/api/v1",
		"::1":                                     "http://[::1]/api/v1",
		"2001:DB8::5":                             "https://[2001:db8::5]/api/v1",
		"fe80::1%eth0":                            "https://[fe80::1%25eth0]/api/v1",
		"http://[fe80::1%25eth0]:8000/api/v1":     "http://[fe80::1%25eth0]:8000/api/v1",
		"192.0.2.1:8000":                          "https://192.0.2.1:8000/api/v1",
		"orrery.example.com:8443":                 "https://orrery.example.com:8443/api/v1",
		"https://localhost:8000":                  "https://localhost:8000/api/v1",
		"https://orrery.example.com/api/v1/?":     "",
		"https://orrery.example.com?token=secret": "",
		"https://orrery.example.com/#secret":      "",
		"https://user:secret@example.com":         "",
		"user:secret@example.com":                 "",
		"https://exa mple.com/secret":             "",
		"https://[::1":                            "",
		"https://example.com:port/secret":         "",
		"ftp://example.com":                       "",
		"file:///etc/passwd":                      "",
		"https://":                                "",
		"https:///api/v1":                         "",
		"/api/v1":                                 "",
		"https://:8000":                           "",
		"":                                        "",
		"https://a.example\x1b[31m":               "",
	} {
		got, err := NormalizeURL(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v, want %q", raw, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", raw, err)
		}
		if again, err := NormalizeURL(want); want != "" && (again != want || err != nil) {
			t.Errorf("%q is not in its normal form: %q %v", want, again, err)
		}
	}
}

func FuzzNormalizeURL(f *testing.F) {
	for _, seed := range []string{"https://api.zerotier.com/api/v1", "localhost:8000", "[fe80::1%25eth0]:1", "a/b/../api", "http://x//", "::1%/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		base, err := NormalizeURL(raw)
		if err != nil {
			return
		}
		if again, err := NormalizeURL(base); err != nil || again != base {
			t.Errorf("%q becomes %q, and that %q %v", raw, base, again, err)
		}
		c, err := New(Options{URL: raw})
		if err != nil || c.URL() != base || !strings.HasSuffix(c.native(), nativePath) {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

func TestNewRefusesWhatIsNoToken(t *testing.T) {
	for _, token := range []string{"two words", "line\nend", "tab\tin it", "nul\x00", "ümlaut", strings.Repeat("x", maxToken+1)} {
		_, err := New(Options{URL: "localhost", Token: token})
		if err == nil || strings.Contains(err.Error(), token[:3]) {
			t.Errorf("%q: %v", token, err)
		}
	}
	c, err := New(Options{URL: "localhost", Token: " " + testToken + "\r\n"})
	if err != nil || c.token != testToken {
		t.Errorf("%v", err)
	}
}
