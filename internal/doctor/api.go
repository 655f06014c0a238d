package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/client"
)

// certificateWarning is how long before its end a certificate is talked about:
// those that are renewed by themselves were renewed by then.
const certificateWarning = 14 * 24 * time.Hour

// checkAPI is about the server's answers, its certificate and the token.
func (s *survey) checkAPI(context.Context) []Finding {
	const name = "api"
	switch {
	case s.Client == nil && s.folderErr != nil:
		return one(name, Skipped, s.folderErr.Error(), "run this as the server's own user, or as root")
	case s.Client == nil && s.serverHere() && s.local == nil:
		return one(name, Problem, "no server runs on the data folder "+s.Data, "start it with orrery serve --data "+s.Data+" or as the service that it is; if it ends again its log says why")
	case s.Client == nil:
		found := "no server is known"
		if s.NoClient != nil {
			found += ": " + s.NoClient.Error()
		}
		return one(name, Skipped, found, "log in with orrery login URL, name one with --url and --token-file, or run this on the server's machine")
	case errors.Is(s.statusErr, client.ErrUnreachable), errors.Is(s.statusErr, context.DeadlineExceeded):
		found := s.statusErr.Error()
		if errors.Is(s.statusErr, context.DeadlineExceeded) {
			found = fmt.Sprintf("%s gives no answer within %s", s.Client.URL(), surveyTime)
		}
		return one(name, Problem, found, "see that the server runs (on its machine: orrery doctor), that the URL "+s.Client.URL()+" is right, and that firewalls and proxies on the way let it through")
	case s.statusErr != nil:
		return one(name, Problem, s.statusErr.Error(), "see that "+s.Client.URL()+" is a server with ZeroTier Central's API, and what the log of the server or of its proxy says")
	case s.status.User == nil:
		return one(name, Problem, s.Client.URL()+" answers, but does not know the token", "get another one: orrery login, or on the server's machine orrery user reset-token")
	case s.networksErr != nil:
		do := "try again; if that does not help look at the log of the server or of its proxy"
		if errors.Is(s.networksErr, client.ErrUnauthorized) || errors.Is(s.networksErr, client.ErrForbidden) {
			do = "use a token that may read them; orrery token list shows what there is"
		}
		return one(name, Problem, fmt.Sprintf("%s answers, but does not show the networks: %s", s.Client.URL(), s.networksErr), do)
	}
	findings := one(name, OK, s.describe(), "")
	if plain := s.plainHTTP(); plain != "" {
		findings = append(findings, Finding{name, Warning, plain, "put a reverse proxy with a certificate in front of the server and use https://; see docs/operations.md"})
	}
	if c := s.pages.certificate; c != nil && s.Now().Add(certificateWarning).After(c.NotAfter) {
		findings = append(findings, Finding{name, Warning, "the server's certificate ends on " + c.NotAfter.UTC().Format(time.DateOnly), "renew it, and see why that did not happen by itself"})
	}
	return findings
}

// describe says what answers and what the token opens.
func (s *survey) describe() string {
	what := "Central"
	if s.isOrrery {
		what = "Orrery " + s.status.Version
		if s.Version != "" && s.Version != s.status.Version {
			what += " (this program is " + s.Version + ")"
		}
	}
	text := fmt.Sprintf("%s at %s answers in %d ms; the token is of %s", what, s.Client.URL(), s.trip.Milliseconds(), nameOf(s.status.User))
	changeable, known := s.changeable()
	switch {
	case len(s.networks) == 0:
		return text + " and opens no network yet"
	case !known || changeable == len(s.networks):
		return text + " and opens " + count(len(s.networks), "network", "networks")
	}
	return fmt.Sprintf("%s and opens %s, of which its user may change %d", text, count(len(s.networks), "network", "networks"), changeable)
}

func nameOf(user *client.User) string {
	if user.Email != "" {
		return user.Email
	}
	if user.DisplayName != "" {
		return user.DisplayName
	}
	return user.ID
}

// changeable counts the networks that the user may change; not known if the
// server does not tell.
func (s *survey) changeable() (n int, known bool) {
	for _, network := range s.networks {
		var shown struct {
			Permissions map[string]struct {
				Modify bool `json:"m"`
			} `json:"permissions"`
		}
		if err := json.Unmarshal(network.Raw, &shown); err != nil {
			return 0, false
		}
		mine, ok := shown.Permissions[s.status.User.ID]
		if !ok {
			return 0, false
		}
		if mine.Modify {
			n++
		}
	}
	return n, true
}

// plainHTTP says that the token goes over foreign networks unencrypted; "" if it
// does not.
func (s *survey) plainHTTP() string {
	at, err := url.Parse(s.Client.URL())
	if err != nil || at.Scheme == "https" || at.Hostname() == "localhost" {
		return ""
	}
	ip, err := netip.ParseAddr(at.Hostname())
	if err == nil && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()) {
		return ""
	}
	return "the token goes to " + at.Host + " unencrypted, where others can read it on the way"
}

func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}

// The differences between two clocks that matter. Certificates of two members
// may be credentialWindow apart (protocol 06 §3): a server whose clock is set by
// more than that puts members that are connected out of reach of each other.
const (
	clockWarning     = 10 * time.Second
	credentialWindow = 30 * time.Minute
)

const setClock = "let both machines set their clocks by themselves: timedatectl set-ntp true on Linux, w32tm /resync on Windows, Date & Time in the settings of macOS"

// checkClock compares this machine's clock with the server's, and both with the
// times at which things were made.
func (s *survey) checkClock(context.Context) []Finding {
	const name = "clock"
	now := s.Now()
	if planet := s.clientsPlanet(); planet != nil && time.UnixMilli(planet.Timestamp).After(now.Add(time.Hour)) {
		return one(name, Problem, fmt.Sprintf("the planet was made at %s, which is yet to come by this machine's clock", moment(planet.Timestamp)), setClock)
	}
	if s.status == nil || s.status.Clock == 0 {
		return one(name, Skipped, "there is no server that tells its time", "set the clock of this machine by NTP all the same: members and server need the right time")
	}
	if at, what := s.latestChange(); at > s.status.Clock+time.Hour.Milliseconds() {
		return one(name, Problem, fmt.Sprintf("%s was changed at %s, which is yet to come by the server's clock (%s): that was set back", what, moment(at), moment(s.status.Clock)), setClock)
	}
	uncertain := s.trip / 2
	off := time.UnixMilli(s.status.Clock).Sub(s.asked.Add(uncertain))
	text := fmt.Sprintf("the server's clock and this machine's differ by %s, ± %s", rounded(off.Abs()), rounded(uncertain+time.Millisecond))
	direction := "ahead of"
	if off < 0 {
		direction = "behind"
	}
	switch {
	case off.Abs() <= clockWarning+uncertain:
		return one(name, OK, text, "")
	case off.Abs() < credentialWindow:
		return one(name, Warning, fmt.Sprintf("the server's clock is %s %s this machine's", rounded(off.Abs()), direction), setClock)
	}
	return one(name, Problem, fmt.Sprintf("the server's clock is %s %s this machine's; members lose each other when the server's is put right by more than %s at once", rounded(off.Abs()), direction, rounded(credentialWindow)), setClock)
}

// latestChange is when the networks were changed last, in ms, and which one it
// was.
func (s *survey) latestChange() (at int64, what string) {
	for _, network := range s.networks {
		if changed := max(network.Config.LastModified, network.Config.CreationTime); changed > at {
			at, what = changed, "the network "+title(network)
		}
	}
	return at, what
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05") + " UTC" }

// rounded writes a time without what nobody reads: 30m, not 30m0s.
func rounded(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	text := d.Round(time.Second).String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = text[:len(text)-len("0s")]
		}
	}
	return text
}

// title names a network for people.
func title(n *client.Network) string {
	if n.Config.Name == "" {
		return n.ID
	}
	return fmt.Sprintf("%s (%s)", n.Config.Name, n.ID)
}
