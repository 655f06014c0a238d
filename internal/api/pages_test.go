package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// checkPage makes sure that a page has no script and nothing from elsewhere, and
// that its policy allows nothing but its style.
func checkPage(t *testing.T, r reply) {
	t.Helper()
	_, rest, _ := strings.Cut(r.body, "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	digest := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if !found || r.header.Get("Content-Security-Policy") != policy {
		t.Errorf("policy %q, want %q", r.header.Get("Content-Security-Policy"), policy)
	}
	if r.header.Get("Content-Type") != htmlType || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("header %v", r.header)
	}
	for _, text := range []string{"<script", "<link", "<img", "<iframe", "<form", "style=", "src=", "url(", "@import", "javascript:", "ZgotmplZ"} {
		if strings.Contains(strings.ToLower(r.body), strings.ToLower(text)) {
			t.Errorf("%q is in the page", text)
		}
	}
	if !strings.Contains(r.body, `<meta name="viewport"`) {
		t.Error("phones would show the page small")
	}
}

func TestDocumentationPage(t *testing.T) {
	w := newWorld(t)
	r := w.do(call{"nobody", "GET", "/docs", ""})
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	checkPage(t, r)
	text := html.UnescapeString(r.body)
	for path, item := range document(w).Paths.Map() {
		for method, op := range item.Operations() {
			for _, want := range []string{
				`<article id="` + op.OperationID + `">`, `<a href="#` + op.OperationID + `">`, op.Summary,
				"<b>" + method + "</b> <code>" + path + "</code>",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("%s %s: no %q", method, path, want)
				}
			}
			for _, p := range op.Parameters {
				if !strings.Contains(text, "<dt><code>"+p.Value.Name+"</code>") || !strings.Contains(text, p.Value.Description) {
					t.Errorf("%s %s: no parameter %s", method, path, p.Value.Name)
				}
			}
		}
	}
	for name, schema := range document(w).Components.Schemas {
		for field, property := range schema.Value.Properties {
			if !strings.Contains(text, "<dt><code>"+field+"</code>") || !strings.Contains(text, property.Value.Description) {
				t.Errorf("no field %s of %s", field, name)
			}
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(r.body, -1) {
		switch target := link[1]; {
		case strings.HasPrefix(target, "#"):
			if !strings.Contains(r.body, `id="`+target[1:]+`"`) {
				t.Errorf("%s leads nowhere", target)
			}
		case !strings.HasPrefix(target, Base+"/"):
			t.Errorf("%s leads away", target)
		default:
			if r := w.do(call{"nobody", "GET", "^" + target, ""}); r.status != http.StatusOK {
				t.Errorf("%s: status %d", target, r.status)
			}
		}
	}
}

func TestDocumentIsServedAsYAMLToo(t *testing.T) {
	r := newWorld(t).do(call{"nobody", "GET", "/openapi.yaml", ""})
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/yaml" || !strings.Contains(r.body, "openapi: 3.1.0") {
		t.Errorf("status %d, type %s: %.100s", r.status, r.header.Get("Content-Type"), r.body)
	}
}

func TestInvitationPage(t *testing.T) {
	w := newWorld(t)
	w.newUser("alice", false)
	w.newUser("o'brien", false)
	var made organization
	if err := json.Unmarshal([]byte(w.must("alice", "POST", "/organization", `{"name":"<b>Bold</b> & Co"}`)), &made); err != nil {
		t.Fatal(err)
	}
	invited := w.must("alice", "POST", "/organization/invitations", `{"email":"o'brien@example.com"}`)
	w.names["id"] = w.get(invited, "id")
	if link := w.get(invited, "link"); link != w.address+"/invitations/"+w.names["id"] {
		t.Errorf("link %s", link)
	}
	pending := w.do(call{"nobody", "GET", "^/invitations/{id}", ""})
	checkPage(t, pending)
	for _, want := range []string{
		"&lt;b&gt;Bold&lt;/b&gt; &amp; Co", "alice@example.com", "o&#39;brien@example.com",
		"curl -X POST -H &#34;Authorization: Bearer $TOKEN&#34; " + w.address + Base + "/invitations/" + w.names["id"] + "/accept",
		"orrery user create -- &#39;o&#39;\\&#39;&#39;brien@example.com&#39;",
	} {
		if !strings.Contains(pending.body, want) {
			t.Errorf("no %q in %s", want, pending.body)
		}
	}
	for _, secret := range []string{made.ID, made.OwnerID, w.names["o'brien"]} {
		if strings.Contains(pending.body, secret) {
			t.Errorf("%s is in %s", secret, pending.body)
		}
	}

	w.must("o'brien", "POST", "/invitations/{id}/accept", "")
	if r := w.do(call{"nobody", "GET", "^/invitations/{id}", ""}); !strings.Contains(r.body, "was accepted") || strings.Contains(r.body, "curl") {
		t.Errorf("accepted: %s", r.body)
	}
	w.names["id"] = w.get(w.must("alice", "POST", "/organization/invitations", `{"email":"bob@example.com"}`), "id")
	w.must("alice", "DELETE", "/invitations/{id}", "")
	if r := w.do(call{"nobody", "GET", "^/invitations/{id}", ""}); !strings.Contains(r.body, "not valid anymore") || strings.Contains(r.body, "curl") {
		t.Errorf("canceled: %s", r.body)
	}
	for path, status := range map[string]int{
		"^/invitations/7d6c5b4a-3f2e-4d1c-9b8a-7f6e5d4c3b2a": 404, "^/invitations/": 404, "^/invitations": 404, "^/invitations/a/b": 404,
		"^/invitations/%27%20OR%201=1": 404, "^/invitations/" + strings.Repeat("a", 5000): 404,
	} {
		r := w.do(call{"nobody", "GET", path, ""})
		if r.status != status {
			t.Errorf("%s: status %d", path, r.status)
		}
		checkPage(t, r)
	}
	if r := w.do(call{"nobody", "POST", "^/invitations/{id}", ""}); r.status != 405 || r.header.Get("Allow") != "GET" {
		t.Errorf("POST: status %d", r.status)
	}
}

func TestLinksLeadWhereTheClientIs(t *testing.T) {
	for _, c := range []struct{ host, proto, forwarded, want string }{
		{"orrery.example.com", "", "", "http://orrery.example.com"},
		{"127.0.0.1:8000", "", "", "http://127.0.0.1:8000"},
		{"[::1]:8000", "", "", "http://[::1]:8000"},
		{"127.0.0.1:8000", "https", "orrery.example.com", "https://orrery.example.com"},
		{"127.0.0.1:8000", "HTTPS, http", "Orrery.Example.com:8443, inner", "https://orrery.example.com:8443"},
		{"127.0.0.1:8000", "javascript", "a b", "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "ftp", `x"onload="alert(1)`, "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "", "evil.example/path", "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "", "user@evil.example", "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "", "$(reboot)", "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "", "`reboot`", "http://127.0.0.1:8000"},
		{"127.0.0.1:8000", "", strings.Repeat("a", 300), "http://127.0.0.1:8000"},
		{"<b>", "", "", "http://localhost"},
		{"", "", "", "http://localhost"},
	} {
		if got := baseURL(false, c.host, c.proto, c.forwarded); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := baseURL(true, "a", "", ""); got != "https://a" {
		t.Error(got)
	}
	w := newWorld(t)
	w.must("owner", "POST", "/organization/invitations", `{"email":"bob@example.com"}`)
	request := w.request(context.Background(), call{"", "GET", "/organization/invitations", ""})
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("X-Forwarded-Host", "orrery.example.com")
	if r := w.send(request); !strings.Contains(r.body, `"link":"https://orrery.example.com/invitations/`) {
		t.Error(r.body)
	}
}
