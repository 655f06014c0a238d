package model

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orrery-net/orrery/zt"
)

// User is a person who may manage networks.
type User struct {
	ID           string `json:"id"`
	Email        string `json:"email"` // unique, whatever the case of its letters
	DisplayName  string `json:"displayName"`
	SMSNumber    string `json:"smsNumber,omitempty"`
	OrgID        string `json:"orgId,omitempty"` // the organization the user belongs to
	CreationTime int64  `json:"creationTime"`
}

// Token is a secret that acts for a user. Only its SHA-256 is kept.
type Token struct {
	Hash         [32]byte     `json:"-"`
	UserID       string       `json:"userId"`
	Name         string       `json:"name"` // unique among the user's
	CreationTime int64        `json:"creationTime"`
	ReadOnly     bool         `json:"readOnly,omitempty"`
	Network      zt.NetworkID `json:"networkId,omitzero"`   // the only network that it opens; 0: all
	ExpiryTime   int64        `json:"expiryTime,omitempty"` // not valid from then on; 0: never
}

// TokenUse is when and from where a token was last shown: kept in memory first,
// written in batches, and allowed to be lost.
type TokenUse struct {
	Hash [32]byte
	Time int64
	From netip.Addr // the zero Addr if not known
}

// Organization is a group of users with one owner, who has all rights to all
// networks of the group.
type Organization struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	OwnerID      string `json:"ownerId"`
	CreationTime int64  `json:"creationTime"`
}

// InvitationStatus is where an invitation is in its life. The texts are stored
// and shown.
type InvitationStatus string

// An invitation is pending first; the other two are final.
const (
	InvitationPending  InvitationStatus = "pending"
	InvitationAccepted InvitationStatus = "accepted"
	InvitationCanceled InvitationStatus = "canceled" // by the inviter, or declined by the invitee
)

// Invitation asks the user with an e-mail address to join an organization.
type Invitation struct {
	ID           string           `json:"id"`
	OrgID        string           `json:"orgId"`
	Email        string           `json:"email"`
	Status       InvitationStatus `json:"status"`
	CreationTime int64            `json:"creationTime"`
	UpdateTime   int64            `json:"updateTime"`
}

// Rights is what a user may do to one network. The four are independent of each
// other (api-behaviour §18).
type Rights struct {
	Read      bool `json:"r"` // see the network and its members
	Authorize bool `json:"a"` // let members in and put them out, nothing else
	Modify    bool `json:"m"` // change any setting of the network and its members
	Delete    bool `json:"d"` // delete the network
}

// AllRights is what a network's owner has.
var AllRights = Rights{Read: true, Authorize: true, Modify: true, Delete: true}

// Grant is what a user may do to this network: everything as its owner.
func (n *Network) Grant(userID string) Rights {
	if userID != "" && userID == n.OwnerID {
		return AllRights
	}
	return n.Grants[userID]
}

// Covers reports whether these rights hold all that others do.
func (r Rights) Covers(others Rights) bool {
	return (r.Read || !others.Read) && (r.Authorize || !others.Authorize) &&
		(r.Modify || !others.Modify) && (r.Delete || !others.Delete)
}

// The limits of what belongs to accounts, in bytes.
const (
	MaxEmailLen       = 254 // RFC 5321 §4.5.3.1.3
	MaxDisplayNameLen = 255
	MaxSMSNumberLen   = 64
	MaxTokenNameLen   = 255
	MinSecretLen      = 32 // Central's too (api-behaviour §16)
	MaxSecretLen      = 255
	MaxOrgNameLen     = 255
)

// Validate checks everything that a writer could get wrong. It returns a
// *FieldError.
func (u *User) Validate() error {
	if err := ValidateEmail(u.Email); err != nil {
		return err
	}
	if err := validText("displayName", u.DisplayName, MaxDisplayNameLen); err != nil {
		return err
	}
	return validText("smsNumber", u.SMSNumber, MaxSMSNumberLen)
}

// Validate checks everything that a writer could get wrong. It returns a
// *FieldError.
func (t *Token) Validate() error {
	if t.Name == "" {
		return invalid("tokenName", "is empty; give the token a name")
	}
	if len(t.Name) > MaxTokenNameLen {
		return invalid("tokenName", "%d bytes; at most %d are allowed", len(t.Name), MaxTokenNameLen)
	}
	if !utf8.ValidString(t.Name) || strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return invalid("tokenName", "has a character that cannot be printed")
	}
	if t.ExpiryTime < 0 {
		return invalid("expiryTime", "%d is not a time", t.ExpiryTime)
	}
	return nil
}

// ValidateSecret checks the secret that a token shall have: it must fit into an
// HTTP header as it is, and be long enough not to be guessed. It returns a
// *FieldError, which does not hold the secret.
func ValidateSecret(secret string) error {
	switch {
	case len(secret) < MinSecretLen:
		return invalid("token", "%d characters; at least %d are needed", len(secret), MinSecretLen)
	case len(secret) > MaxSecretLen:
		return invalid("token", "%d characters; at most %d are allowed", len(secret), MaxSecretLen)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return invalid("token", "has a character that is not printable ASCII, or a space")
	}
	return nil
}

// Validate checks everything that a writer could get wrong. It returns a
// *FieldError.
func (o *Organization) Validate() error {
	if strings.TrimSpace(o.Name) == "" {
		return invalid("name", "is empty; give the organization a name")
	}
	return validText("name", o.Name, MaxOrgNameLen)
}

// ValidateEmail checks the form of an e-mail address: something, one @ and
// something else, without spaces. Whether mail reaches anybody is not known. It
// returns a *FieldError.
func ValidateEmail(email string) error {
	if len(email) > MaxEmailLen {
		return invalid("email", "%d bytes; at most %d are allowed", len(email), MaxEmailLen)
	}
	name, host, _ := strings.Cut(email, "@")
	if name == "" || host == "" || strings.Contains(host, "@") {
		return invalid("email", "is not an e-mail address, such as ann@example.com")
	}
	if !utf8.ValidString(email) || strings.ContainsFunc(email, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }) {
		return invalid("email", "has a space or a character that cannot be printed")
	}
	return nil
}

// EmailKey is what two e-mail addresses have in common that are one, whatever
// the case of their letters. (strings.EqualFold holds more letters for equal
// than that, and would open an invitation to a stranger.)
func EmailKey(email string) string { return strings.ToLower(email) }
