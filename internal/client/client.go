// Package client is a client of ZeroTier Central's API, for Orrery's servers
// and the hosted service alike, and of Orrery's own API where a server has it.
// It waits when a server asks for that, and turns every failure into one line
// that says what happened and what to do. It knows nothing of the server's code.
package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"
)

// HostedURL is the base of the hosted service's API.
const HostedURL = "https://api.zerotier.com/api/v1"

// Options of a Client.
type Options struct {
	URL   string // of any form that NormalizeURL takes
	Token string // empty: none is sent
	// TokenFrom says where the token was found, for the error when the server does
	// not accept it: "ORRERY_TOKEN". Empty: the error does not say it.
	TokenFrom string
	// HTTP does the requests; nil: one that verifies certificates and honors the
	// proxy settings of the environment. Whichever it is, a redirect is never
	// followed (the token would go along), and a server that is silent for 30 s is
	// given up.
	HTTP *http.Client
	// UserAgent names the program.
	UserAgent string
	// Waiting, if set, is told before the client waits because the server said
	// 429, or 502, 503 or 504 to a request that may be repeated, and before Watch
	// waits for a server that cannot be reached anymore. Calls that wait together
	// tell it once. It is called by one goroutine at a time.
	Waiting func(wait time.Duration, why string)
	// MaxWait is how long one call waits for the server altogether; 0: 2 minutes.
	MaxWait time.Duration
}

const (
	defaultMaxWait = 2 * time.Minute
	maxSilence     = 30 * time.Second
	pollEvery      = 10 * time.Second
	// maxToken is far above the tokens that there are, which have 32 characters, or
	// a few hundred when they are signed.
	maxToken = 8 << 10
)

// Client is safe for concurrent use.
type Client struct {
	base      string // of Central's API, without a slash at the end
	host      string // for errors
	token     string
	tokenFrom string
	userAgent string
	http      *http.Client
	maxWait   time.Duration
	pace      pace
	kind      kind
}

// New makes a client. Nothing is sent yet. The error is about the URL or a token
// that cannot be one.
func New(o Options) (*Client, error) {
	base, err := NormalizeURL(o.URL)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(base)
	if err != nil {
		return nil, errURL
	}
	token := strings.TrimSpace(o.Token)
	if len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the token is none: a token is one word of ASCII letters, digits and signs; was it copied whole?")
	}
	c := &Client{
		base: base, host: at.Host, token: token, tokenFrom: oneLine(o.TokenFrom, maxName), userAgent: o.UserAgent,
		http: o.HTTP, maxWait: o.MaxWait, pace: pace{waiting: o.Waiting}, kind: kind{asking: make(chan struct{}, 1)},
	}
	if c.http == nil {
		c.http = &http.Client{Transport: transport()}
	}
	direct := *c.http
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &direct
	if c.maxWait == 0 {
		c.maxWait = defaultMaxWait
	}
	return c, nil
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    bulkAtOnce,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// URL is the normalized base, without a slash at the end.
func (c *Client) URL() string { return c.base }

// The ends of the bases of both APIs.
const (
	centralPath = "/api/v1"
	nativePath  = "/api/orrery/v1"
)

// native is the base of Orrery's own API, beside Central's.
func (c *Client) native() string { return strings.TrimSuffix(c.base, centralPath) + nativePath }

var errURL = errors.New("this is no URL of a server; write for example https://orrery.example.com")

// NormalizeURL makes the base of Central's API of what a user types or a
// variable holds: https://host, https://host/api, https://host/api/v1, with or
// without a slash at the end, host:port alone (http for a loopback address,
// https otherwise). What is in front of /api stays, for servers behind a proxy.
// Credentials, a query or a fragment are errors, which do not repeat them. Two
// URLs are of one server if their normal forms are the same.
func NormalizeURL(raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	if address, err := netip.ParseAddr(raw); err == nil && address.Is6() {
		raw = "[" + strings.ReplaceAll(raw, "%", "%25") + "]"
	}
	implied := !strings.Contains(raw, "://")
	if implied {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errURL // Go's own text has the URL, in which there may be a password
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%w: it has to begin with https:// or http://", errURL)
	case u.User != nil:
		return "", errors.New("a URL with a name and password in it is not used; give the token by itself")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("the server's URL must end before ? and #")
	case u.Hostname() == "" || u.Opaque != "" || strings.ContainsFunc(u.Host, func(r rune) bool { return r <= ' ' }):
		return "", errURL
	}
	host := strings.ToLower(u.Hostname())
	if implied && loopback(host) {
		u.Scheme = "http"
	}
	port := u.Port()
	if port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		port = ""
	}
	u.Host = host
	if strings.Contains(host, ":") {
		u.Host = "[" + host + "]"
	}
	if port != "" {
		u.Host = net.JoinHostPort(host, port)
	}
	before := strings.TrimSuffix(path.Clean("/"+u.Path), "/")
	for _, end := range []string{nativePath, centralPath, "/api"} {
		if cut, ok := strings.CutSuffix(before, end); ok {
			before = cut
			break
		}
	}
	u.Path, u.RawPath = before+centralPath, ""
	return u.String(), nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.IsLoopback()
}
