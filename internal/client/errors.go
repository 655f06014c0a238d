package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"
)

// Errors that callers branch on, with errors.Is. Every other failure is a line
// for people too.
var (
	ErrUnauthorized = errors.New("unauthorized") // the token is missing or wrong
	ErrForbidden    = errors.New("forbidden")
	ErrNotFound     = errors.New("not found")
	ErrUnreachable  = errors.New("unreachable") // no answer, or half of one
	ErrNotOrrery    = errors.New("not Orrery")  // the operation is Orrery's own, and the server has none
)

// Error is a server's refusal.
type Error struct {
	Status    int    // of HTTP
	Message   string // the server's words, printable, bounded, without the token; may be empty
	RequestID string // of the server, may be empty
	Doing     string // "list the networks"

	token string // which token was sent, in words; empty: none
	after string // how long the server wants to be left alone, in words
	kind  string // in a word, of Orrery's own API only
}

// Error is one line: what was being done, the server's words, what to do.
func (e *Error) Error() string {
	line := e.Doing + ": "
	switch {
	case e.Status >= 300 && e.Status < 400:
		return line + "the server sends on to " + e.Message + "; if you trust that place, give it as the server's URL"
	case e.Status == http.StatusUnauthorized && e.token == "":
		line += "the server wants a token, and none was given"
	case e.Status == http.StatusUnauthorized:
		line += "the server does not accept " + e.token
	case e.Message == "":
		line += fmt.Sprintf("the server answered with status %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			line += " (" + text + ")"
		}
	default:
		line += "the server says: " + e.Message
	}
	if advice := e.advice(); advice != "" {
		line += "; " + advice
	}
	if e.RequestID != "" {
		line += "; request id " + e.RequestID
	}
	return line
}

func (e *Error) advice() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "log in with orrery login, or give a token with --token-file"
	case e.Status == http.StatusForbidden:
		return "the token, or the user whose it is, has no right to this"
	case e.Status == http.StatusNotFound:
		return "there is none, or the token may not see it"
	case e.Status == http.StatusTooManyRequests && e.after != "":
		return "try again in " + e.after
	case e.Status == http.StatusTooManyRequests:
		return "try again later"
	case e.Status >= http.StatusInternalServerError:
		return "the fault is the server's; its log says more"
	}
	return ""
}

// Is makes ErrUnauthorized, ErrForbidden, ErrNotFound of the status.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return target == ErrUnauthorized
	case http.StatusForbidden:
		return target == ErrForbidden
	case http.StatusNotFound:
		return target == ErrNotFound
	}
	return false
}

// failure is a request without an answer, or with one that is none.
type failure struct {
	doing, what string
	unsent      bool // the server got nothing of the request
	passing     bool // the same request may well succeed a moment later
}

func (f *failure) Error() string { return f.doing + ": " + f.what }

// Is makes ErrUnreachable of it. It unwraps to nothing: what is below speaks of
// contexts that are not the caller's.
func (f *failure) Is(target error) bool { return target == ErrUnreachable }

// errSilent ends a request to which nothing came for a while.
var errSilent = errors.New("silent")

// unanswered explains why there is no answer to a request.
func (c *Client) unanswered(q request, err error) *failure {
	f := &failure{doing: q.doing}
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	f.unsent = errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
	switch {
	case errors.Is(err, errSilent):
		f.what = fmt.Sprintf("%s has said nothing for %d s", c.host, int(maxSilence.Seconds()))
	case errors.As(err, &op) && op.Op == "proxyconnect":
		f.what = "the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be reached"
	case errors.As(err, &dns) && dns.IsNotFound:
		f.what = fmt.Sprintf("there is no host %s; check the server's URL", oneLine(dns.Name, maxName))
	case errors.As(err, &dns):
		f.what, f.passing = fmt.Sprintf("the address of %s could not be looked up; is this computer online?", oneLine(dns.Name, maxName)), true
	case isErrno(err, syscall.ECONNREFUSED, wsaECONNREFUSED):
		f.what, f.passing = fmt.Sprintf("nothing listens at %s; does the server run, and is the URL right?", c.host), true
	case isErrno(err, syscall.ENETUNREACH, wsaENETUNREACH), isErrno(err, syscall.EHOSTUNREACH, wsaEHOSTUNREACH):
		f.what, f.passing = fmt.Sprintf("there is no way to %s; is this computer online?", c.host), true
	case errors.Is(err, http.ErrSchemeMismatch):
		f.what, f.unsent = fmt.Sprintf("%s speaks http, not https; if that is meant to be so, write http:// in the server's URL", c.host), true
	case c.distrusts(f, err):
	case errors.As(err, &timeout) && timeout.Timeout():
		f.what, f.passing = c.host+" does not answer", true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isErrno(err, syscall.ECONNRESET, wsaECONNRESET), isErrno(err, syscall.EPIPE, wsaECONNABORTED):
		f.what, f.passing = fmt.Sprintf("the connection to %s broke off", c.host), true
	case strings.Contains(root(err).Error(), "http: "): // net/http has no values for the ways in which it loses a connection
		f.what, f.passing = fmt.Sprintf("the connection to %s broke off", c.host), true
	default:
		f.what, f.passing = fmt.Sprintf("the connection to %s failed (%s)", c.host, c.clean(root(err).Error(), maxName)), true
	}
	return f
}

// distrusts reports whether an error is about the server's certificate, and says
// so then.
func (c *Client) distrusts(f *failure, err error) bool {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var any *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		f.what = fmt.Sprintf("the certificate of %s is signed by nobody that this computer trusts; if it is your own, add its authority to the system's, or name its file in SSL_CERT_FILE", c.host)
	case errors.As(err, &name):
		f.what = fmt.Sprintf("the certificate of %s is for another name; check the server's URL", c.host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.what = fmt.Sprintf("the certificate of %s has expired, or the clock of this computer is wrong", c.host)
	case errors.As(err, &any), errors.As(err, &invalid):
		f.what = fmt.Sprintf("the certificate of %s is not valid", c.host)
	case errors.As(err, &record), errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // crypto/tls's words for alerts
		f.what = fmt.Sprintf("%s and this computer do not agree on TLS; is the port right?", c.host)
	default:
		return false
	}
	f.unsent = true
	return true
}

// What Windows calls some of the errors that the standard library has under the
// names of Unix only.
const (
	wsaECONNABORTED = syscall.Errno(10053)
	wsaECONNRESET   = syscall.Errno(10054)
	wsaENETUNREACH  = syscall.Errno(10051)
	wsaECONNREFUSED = syscall.Errno(10061)
	wsaEHOSTUNREACH = syscall.Errno(10065)
)

func isErrno(err error, unix, windows syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && (errno == unix || errno == windows)
}

// root is the innermost error, whose text has no jargon of the layers above.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

const (
	// maxMessage is how many characters of a server's words are shown.
	maxMessage = 300
	maxName    = 100
	// maxErrorBody is how much of a refusal is read, in bytes.
	maxErrorBody = 64 << 10
)

// refusal makes an error of an answer with a status that is no success.
func (c *Client) refusal(q request, status int, header http.Header, body []byte, whole bool) *Error {
	e := &Error{Status: status, Doing: q.doing}
	if c.token != "" {
		e.token = "the token"
		if c.tokenFrom != "" {
			e.token += " of " + c.tokenFrom
		}
	}
	var said struct{ Message, Detail, Error, RequestID, Kind string }
	if err := decodeObject(body, &said); err == nil {
		e.kind = problemKind(header, said.Kind)
		e.Message = firstOf(said.Detail, said.Message, said.Error)
	} else if whole && len(body) <= maxMessage && !isPage(header, body) {
		e.Message = string(body)
	}
	e.Message = c.clean(e.Message, maxMessage)
	e.RequestID = c.clean(firstOf(header.Get("X-Request-Id"), said.RequestID), maxName)
	if status >= 300 && status < 400 {
		e.Message = c.clean(newPlace(q.url, header.Get("Location")), maxMessage)
	}
	return e
}

// newPlace is where a redirect leads to, without what is after a question mark.
func newPlace(from, location string) string {
	base, err := url.Parse(from)
	if err != nil {
		return "another place"
	}
	to, err := base.Parse(location)
	if err != nil || location == "" || to.Host == "" {
		return "another place"
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

// clean makes one printable line of a server's words, without the token, should
// the server repeat it.
func (c *Client) clean(text string, most int) string {
	text = oneLine(text, maxErrorBody)
	if c.token != "" {
		for _, shown := range []string{c.token, url.QueryEscape(c.token), url.PathEscape(c.token)} {
			text = strings.ReplaceAll(text, shown, "[token]")
		}
	}
	return oneLine(text, most)
}

// oneLine makes a text safe to be shown: printable characters only, blanks for
// line ends, and no more than so many characters.
func oneLine(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	var shown strings.Builder
	count := 0
	for _, r := range text {
		if count++; count > most {
			return shown.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		shown.WriteRune(r)
	}
	return shown.String()
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// decodeObject reads a JSON object as far as it has the expected types: a value
// of another type is passed over, as the services differ in places.
func decodeObject[T any](raw []byte, into *T) error {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return errStrange
	}
	err := json.Unmarshal(raw, into)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return nil
	}
	return err
}

// errStrange is for an answer that is not what the API answers.
var errStrange = errors.New("no JSON object")
