package netconf

import (
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

func TestErrorVectors(t *testing.T) {
	var vectors struct {
		Network zt.NetworkID `json:"network_id"`
		Errors  []struct {
			Name    string
			Payload hexBytes `json:"payload_hex"`
			Node    struct {
				Version  int
				URL      string `json:"authentication_url"`
				Issuer   string
				Central  string `json:"central_url"`
				ClientID string `json:"client_id"`
				Nonce    string
				State    string
				Provider string
			} `json:"node_sso"`
		}
	}
	loadVectors(t, "vl2-chunks.json", &vectors)
	wantCases(t, len(vectors.Errors), 7)
	for _, c := range vectors.Errors {
		const header = 1 + 8 + 1 // in-re verb, in-re packet id, code
		rest := c.Payload[header:]
		network, sso, err := ParseErrorNetwork(rest)
		if err != nil || network != vectors.Network {
			t.Errorf("%s: %s, %v", c.Name, network, err)
			continue
		}
		if len(rest) == zt.NetworkIDLen {
			if sso != nil || c.Node.URL != "" {
				t.Errorf("%s: %+v", c.Name, sso)
			}
			wantBytes(t, c.Name, AppendErrorNetwork(nil, network), rest)
			continue
		}
		want := &SSO{
			Version: c.Node.Version, Enabled: true, AuthenticationURL: c.Node.URL, IssuerURL: c.Node.Issuer, CentralURL: c.Node.Central,
			Nonce: c.Node.Nonce, State: c.Node.State, ClientID: c.Node.ClientID, Provider: c.Node.Provider,
		}
		if !reflect.DeepEqual(sso, want) {
			t.Errorf("%s: %+v, want %+v", c.Name, sso, want)
		}
		written := AppendErrorAuthRequired(nil, network, sso)
		if strings.Contains(c.Name, "without provider") {
			// We always send the provider; everything in front of it is the same.
			wantBytes(t, c.Name, written[10:len(rest)], rest[10:])
			continue
		}
		wantBytes(t, c.Name, written, rest)
	}
}

func TestErrorTextsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 99999)
	sso := SSO{Version: 1, IssuerURL: long, CentralURL: long, Nonce: long, State: long, ClientID: long, Provider: long}
	_, got, err := ParseErrorNetwork(AppendErrorAuthRequired(nil, 1, &sso))
	if err != nil || len(got.Nonce) != maxErrorNonceLen || len(got.State) != maxErrorStateLen || len(got.IssuerURL) != maxURLLen || len(got.Provider) != maxProviderLen {
		t.Errorf("%+v, %v", got, err)
	}
	long = strings.Repeat("=", 99999)
	sso = SSO{Version: 1, IssuerURL: long, CentralURL: long, Nonce: long, State: long, ClientID: long, Provider: long}
	if _, got, err := ParseErrorNetwork(AppendErrorAuthRequired(nil, 1, &sso)); got != nil || err != nil {
		t.Errorf("more than nodes hold is sent: %+v, %v", got, err)
	}
}

func FuzzParseErrorNetwork(f *testing.F) {
	var vectors struct {
		Errors []struct {
			Payload hexBytes `json:"payload_hex"`
		}
	}
	loadVectors(f, "vl2-chunks.json", &vectors)
	for _, c := range vectors.Errors {
		f.Add([]byte(c.Payload[10:]))
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		network, sso, err := ParseErrorNetwork(rest)
		if err != nil || sso == nil {
			return
		}
		if _, again, err := ParseErrorNetwork(AppendErrorAuthRequired(nil, network, sso)); err != nil || again != nil && sso.Version < 2 && *again != *sso {
			t.Errorf("%+v reads back as %+v, %v", sso, again, err)
		}
	})
}
