package doctor

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// pages is what the operator's pages of a server say, which are not part of the
// APIs.
type pages struct {
	reached     bool // the server shows them here
	healthy     bool
	ready       bool
	state       []stateLine
	controller  zt.Address // 0: not shown
	certificate *x509.Certificate
}

// stateLine is a line of /readyz?verbose: "[+] udp: listening on [::]:9993".
type stateLine struct {
	good       bool
	what, text string
}

var (
	stateFormat      = regexp.MustCompile(`^\[([+-])\] ([^:]+): (.+)$`)
	controllerFormat = regexp.MustCompile(`^Orrery \S+, controller ([0-9a-f]{10})$`)
)

// readPages asks for the operator's pages beside an API. No token is sent.
func readPages(ctx context.Context, api string) pages {
	base := strings.TrimSuffix(api, "/api/v1")
	var p pages
	ready := readPage(ctx, base+"/readyz?verbose")
	p.certificate = ready.certificate
	for line := range strings.Lines(ready.body) {
		if found := stateFormat.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			p.state = append(p.state, stateLine{good: found[1] == "+", what: found[2], text: found[3]})
		}
	}
	if len(p.state) == 0 {
		return p
	}
	p.reached, p.ready = true, ready.status == http.StatusOK
	p.healthy = readPage(ctx, base+"/healthz").status == http.StatusOK
	first, _, _ := strings.Cut(readPage(ctx, base+"/").body, "\n")
	if found := controllerFormat.FindStringSubmatch(strings.TrimSpace(first)); found != nil {
		p.controller, _ = zt.ParseAddress(found[1])
	}
	return p
}

type page struct {
	status      int // 0: there was no answer
	body        string
	certificate *x509.Certificate
}

func readPage(ctx context.Context, url string) page {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}
	}
	direct := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       5 * time.Second,
	}
	response, err := direct.Do(request)
	if err != nil {
		return page{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return page{}
	}
	p := page{status: response.StatusCode, body: string(body)}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		p.certificate = response.TLS.PeerCertificates[0]
	}
	return p
}

// udpAddress is where the server listens for ZeroTier's packets; not valid if it
// does not say.
func (p pages) udpAddress() netip.AddrPort {
	for _, line := range p.state {
		if text, ok := strings.CutPrefix(line.text, "listening on "); ok && line.what == "udp" {
			at, _ := netip.ParseAddrPort(text)
			return at
		}
	}
	return netip.AddrPort{}
}

// isPublic reports whether the server says that it is on the public planet.
func (p pages) isPublic() bool {
	for _, line := range p.state {
		if strings.HasPrefix(line.what, "root ") {
			return true
		}
	}
	return false
}
