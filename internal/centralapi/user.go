package centralapi

import (
	"net/url"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// user is Central's User object, its keys in Central's order (api-behaviour
// §16). What belongs to the hosted service only has neutral values.
type user struct {
	ID                string        `json:"id"`
	Type              string        `json:"type"`
	CreationTime      int64         `json:"creationTime"`
	GlobalPermissions permissions   `json:"globalPermissions"`
	DisplayName       string        `json:"displayName"`
	Email             string        `json:"email"`
	Auth              authMethods   `json:"auth"`
	SMSNumber         string        `json:"smsNumber,omitempty"`
	Tokens            []string      `json:"tokens"` // names
	AccountLimits     accountLimits `json:"accountLimits"`
	MarketingOptIn    bool          `json:"marketingOptIn"`
	OrgID             string        `json:"orgId"`
}

type authMethods struct {
	Local *string `json:"local"`
}

type accountLimits struct {
	Enabled        bool `json:"enabled"`
	BillingV2      bool `json:"billingV2"`
	MaxMembers     int  `json:"maxMembers"`
	CurrentMembers int  `json:"currentMembers"`
	MaxAdmins      int  `json:"maxAdmins"`
	CurrentAdmins  int  `json:"currentAdmins"`
	MaxSSO         int  `json:"maxSSO"`
	CurrentSSO     int  `json:"currentSSO"`
}

// apiToken is Central's APIToken object. An answer repeats the secret that the
// request brought; it is not shown again.
type apiToken struct {
	TokenName string `json:"tokenName"`
	Token     string `json:"token"`
}

func userOf(u central.UserStatus) user {
	return user{
		ID:           u.ID,
		Type:         "User",
		CreationTime: u.CreationTime,
		DisplayName:  u.DisplayName,
		Email:        u.Email,
		Auth:         authMethods{Local: &u.Email},
		SMSNumber:    u.SMSNumber,
		Tokens:       orNone(u.Tokens),
		OrgID:        u.OrgID,
	}
}

// self answers with the user that the token acts for.
func (q *request) self() error { return q.getUser(q.caller.User.ID) }

// listUsers answers with the users that the caller may see: an operator all
// users of the server, others themselves.
func (q *request) listUsers() error {
	if q.caller.Operator {
		all, err := q.api.service.Users(q.r.Context(), q.caller)
		if err != nil {
			return err
		}
		return answer(q, each(all, userOf))
	}
	u, err := q.api.service.User(q.r.Context(), q.caller, q.caller.User.ID)
	if err != nil {
		return err
	}
	return answer(q, []user{userOf(u)})
}

func (q *request) getUser(id string) error {
	u, err := q.api.service.User(q.r.Context(), q.caller, id)
	return q.answerUser(u, err)
}

func (q *request) updateUser(id string) error {
	p, err := readBody(q, readUserPatch)
	if err != nil {
		return err
	}
	u, err := q.api.service.UpdateUser(q.r.Context(), q.caller, id, p.apply)
	return q.answerUser(u, err)
}

// readUserPatch reads what a body changes about a user: only the two fields
// that Central lets users change.
func readUserPatch(body object) (*patch[model.User], error) {
	p := &patch[model.User]{}
	field(p, body, "displayName", readText, func(u *model.User) *string { return &u.DisplayName })
	field(p, body, "smsNumber", readText, func(u *model.User) *string { return &u.SMSNumber })
	return p, p.err
}

func (q *request) deleteUser(id string) error {
	return q.done(q.api.service.DeleteUser(q.r.Context(), q.caller, id))
}

func (q *request) createToken(userID string) error {
	wanted, err := readBody(q, readToken)
	if err != nil {
		return err
	}
	token, secret, err := q.api.service.CreateToken(q.r.Context(), q.caller, userID, central.TokenRequest{Name: wanted.TokenName, Secret: wanted.Token})
	if err != nil {
		return err
	}
	return answer(q, apiToken{TokenName: token.Name, Token: secret})
}

// readToken reads the name and the secret of a token. Callers choose the secret
// themselves; GET /randomToken suggests one.
func readToken(body object) (apiToken, error) {
	p := &patch[apiToken]{}
	p.need(body, "tokenName")
	p.need(body, "token")
	field(p, body, "tokenName", readText, func(t *apiToken) *string { return &t.TokenName })
	field(p, body, "token", readText, func(t *apiToken) *string { return &t.Token })
	wanted, err := p.made()
	if err == nil && wanted.Token == "" {
		err = refuse("token", "is empty; choose a secret, such as GET /randomToken returns")
	}
	return wanted, err
}

// deleteToken ends the token of a name. ZeroTier's Go client escapes names
// twice, so that a name which nobody has is unescaped once more.
func (q *request) deleteToken(userID, name string) error {
	err := q.api.service.DeleteToken(q.r.Context(), q.caller, userID, name)
	if isKind(err, central.NotFound) {
		if again, unescapeErr := url.PathUnescape(name); unescapeErr == nil && again != name {
			err = q.api.service.DeleteToken(q.r.Context(), q.caller, userID, again)
		}
	}
	return q.done(err)
}

// logout ends a session. A token has none: it stays valid.
func (q *request) logout() error { return q.done(nil) }

func (q *request) answerUser(u central.UserStatus, err error) error {
	if err != nil {
		return err
	}
	return answer(q, userOf(u))
}

// done answers a request that has no result but success.
func (q *request) done(err error) error {
	if err != nil {
		return err
	}
	return answer(q, empty{})
}
