package centralapi

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/orrery-net/orrery/internal/central"
)

// status is Central's Status object, its keys in Central's order (api-behaviour
// §15). What belongs to the hosted service only has neutral values.
type status struct {
	ID                   string        `json:"id"`
	Type                 string        `json:"type"`
	Online               bool          `json:"online"`
	Clock                int64         `json:"clock"`
	Version              string        `json:"version"`
	APIVersion           string        `json:"apiVersion"`
	Uptime               int64         `json:"uptime"` // nanoseconds, below 2^53
	SecondFactor         bool          `json:"secondFactor"`
	StripePublishableKey string        `json:"stripePublishableKey"`
	ClusterNode          string        `json:"clusterNode"`
	SupportEmbedCode     string        `json:"supportEmbedCode"`
	LoginHTMLBlurb       string        `json:"loginHtmlBlurb"`
	User                 *user         `json:"user"` // null without a valid token
	LoginMethods         loginMethods  `json:"loginMethods"`
	ReadOnlyMode         bool          `json:"readOnlyMode"`
	OIDCConfig           oidcConfig    `json:"oidcConfig"`
	Features             features      `json:"features"`
	DefaultLimits        defaultLimits `json:"defaultLimits"`
}

type loginMethods struct {
	Local    bool `json:"local"`
	Google   bool `json:"google"`
	Twitter  bool `json:"twitter"`
	Facebook bool `json:"facebook"`
	GitHub   bool `json:"github"`
	SAML     bool `json:"saml"`
	OIDC     bool `json:"oidc"`
}

type oidcConfig struct {
	ManageAccountURL string `json:"manageAccountURL"`
	LogoutURL        string `json:"logoutURL"`
}

type features struct {
	Audit             bool `json:"ztAudit"`
	BillingV2         bool `json:"ztBillingV2"`
	MemberLimits      bool `json:"ztMemberLimits"`
	ThirdPartyOIDCSSO bool `json:"ztThirdPartyOIDCSSO"`
}

type defaultLimits struct {
	MaxMembers int `json:"maxMembers"`
	MaxAdmins  int `json:"maxAdmins"`
	MaxSSO     int `json:"maxSSO"`
}

// randomToken is Central's RandomToken object. Raw is the older name of Hex.
type randomToken struct {
	Clock int64  `json:"clock"`
	Hex   string `json:"hex"` // 32 random bytes
	Raw   string `json:"raw"`
	Token string `json:"token"`
}

func (q *request) status() error {
	now := q.api.service.Now()
	o := status{
		ID:         "central_status",
		Type:       "CentralStatus",
		Online:     true,
		Clock:      now,
		Version:    q.api.version,
		APIVersion: "4",
		Uptime:     min(int64(time.Since(q.api.started)), maxExact),
	}
	if q.caller.User != nil {
		u, err := q.api.service.User(q.r.Context(), q.caller, q.caller.User.ID)
		if err != nil {
			return err
		}
		shown := userOf(u)
		o.User = &shown
	}
	return answer(q, o)
}

// randomToken makes a token that the caller may then choose to have stored.
func (q *request) randomToken() error {
	var random [32]byte
	rand.Read(random[:])
	text := hex.EncodeToString(random[:])
	return answer(q, randomToken{Clock: q.api.service.Now(), Hex: text, Raw: text, Token: central.NewToken()})
}
