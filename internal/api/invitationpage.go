package api

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// invitationPath is the path of the pages that invitations' links lead to.
const invitationPath = "/invitations/"

// invitationPage is the page of one invitation. Who has its unguessable id may
// see it, and nothing more.
type invitationPage struct {
	Organization, OwnerEmail, Email, Status string
	Accept, Decline, CreateUser             string // commands
}

func (a *api) serveInvitationPage() {
	a.mux.HandleFunc("GET "+invitationPath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		i, err := a.service.InvitationPage(r.Context(), r.PathValue("id"))
		if err != nil {
			a.fail(w, r, err)
			return
		}
		base := baseURL(r.TLS != nil, r.Host, r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
		answer := `curl -X POST -H "Authorization: Bearer $TOKEN" ` + base + Base + invitationPath + i.ID
		text, err := render("invitation.html", invitationPage{
			Organization: i.OrgName, OwnerEmail: i.OwnerEmail, Email: i.Email, Status: string(i.Status),
			Accept: answer + "/accept", Decline: answer + "/decline", CreateUser: "orrery user create -- " + shellQuote(i.Email),
		})
		if err != nil {
			a.fail(w, r, err)
			return
		}
		setPageHeaders(w, htmlType)
		w.Write(text)
	})
}

// failPage answers a person with what went wrong.
func (a *api) failPage(w http.ResponseWriter, p problem) {
	text, err := render("failure.html", p)
	if err != nil {
		a.log.Error("cannot make a page", "request", p.RequestID, "error", err)
	}
	setPageHeaders(w, htmlType)
	w.WriteHeader(p.Status)
	w.Write(text)
}

// hostText is a host as it may stand in a link: a name or an address, and
// perhaps a port.
var hostText = regexp.MustCompile(`^(\[[0-9a-fA-F:.]{2,45}\]|[0-9A-Za-z_]([0-9A-Za-z_.-]{0,252}))(:[0-9]{1,5})?$`)

// baseURL is where this server is for its client, without a slash at the end. A
// proxy in front of it says so in X-Forwarded-Proto and X-Forwarded-Host; what
// does not look like a scheme or a host is passed over, since anybody can send
// it.
func baseURL(secure bool, host, forwardedProto, forwardedHost string) string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if proto := first(forwardedProto); proto == "http" || proto == "https" {
		scheme = proto
	}
	for _, candidate := range []string{first(forwardedHost), host} {
		base := scheme + "://" + candidate
		if _, err := url.Parse(base); err == nil && hostText.MatchString(candidate) {
			return base
		}
	}
	return scheme + "://localhost"
}

// first is what the proxy that is nearest to the client wrote into a list.
func first(list string) string {
	entry, _, _ := strings.Cut(list, ",")
	return strings.ToLower(strings.TrimSpace(entry))
}
