package model

import (
	"errors"
	"strings"
	"testing"
)

func TestAccountsThatAreNotValid(t *testing.T) {
	email := func(s string) error { return (&User{Email: s}).Validate() }
	name := func(s string) error { return (&Token{Name: s}).Validate() }
	for _, c := range []struct {
		what  string
		err   error
		field string // "": valid
	}{
		{"an address", email("ann@example.com"), ""},
		{"an address within", email("owner@localhost"), ""},
		{"an address in other letters", email("añn@exämple.com"), ""},
		{"the longest address", email(strings.Repeat("a", 250) + "@b.c"), ""},
		{"too long an address", email(strings.Repeat("a", 251) + "@b.c"), "email"},
		{"no address", email(""), "email"},
		{"no @", email("ann"), "email"},
		{"nobody", email("@example.com"), "email"},
		{"nowhere", email("ann@"), "email"},
		{"two @", email("ann@b@c"), "email"},
		{"a space", email("a nn@example.com"), "email"},
		{"a wide space", email("a\u3000nn@example.com"), "email"},
		{"a line", email("ann@example.com\n"), "email"},
		{"an invisible letter", email("a\u200bnn@example.com"), "email"},
		{"an address that is no UTF-8", email("ann\xff@example.com"), "email"},
		{"a name with a tab", (&User{Email: "a@b", DisplayName: "a\tb"}).Validate(), "displayName"},
		{"too long a name", (&User{Email: "a@b", DisplayName: strings.Repeat("n", 256)}).Validate(), "displayName"},
		{"too long a number", (&User{Email: "a@b", SMSNumber: strings.Repeat("1", 65)}).Validate(), "smsNumber"},

		{"a token", name("laptop of Ann/№ 1"), ""},
		{"the longest token name", name(strings.Repeat("n", 255)), ""},
		{"too long a token name", name(strings.Repeat("n", 256)), "tokenName"},
		{"no token name", name(""), "tokenName"},
		{"a token name with a line", name("a\nb"), "tokenName"},
		{"a token name that is no UTF-8", name("\xff"), "tokenName"},
		{"an expiry before time", (&Token{Name: "t", ExpiryTime: -1}).Validate(), "expiryTime"},

		{"a secret", ValidateSecret(strings.Repeat("$", 32)), ""},
		{"the longest secret", ValidateSecret(strings.Repeat("~", 255)), ""},
		{"a short secret", ValidateSecret(strings.Repeat("s", 31)), "token"},
		{"too long a secret", ValidateSecret(strings.Repeat("s", 256)), "token"},
		{"a secret with a space", ValidateSecret(strings.Repeat("s", 32) + " "), "token"},
		{"a secret with a line", ValidateSecret(strings.Repeat("s", 32) + "\n"), "token"},
		{"a secret in other letters", ValidateSecret(strings.Repeat("é", 32)), "token"},

		{"an organization", (&Organization{Name: "Ann's"}).Validate(), ""},
		{"no organization name", (&Organization{Name: " "}).Validate(), "name"},
		{"too long an organization name", (&Organization{Name: strings.Repeat("n", 256)}).Validate(), "name"},
	} {
		var field *FieldError
		switch {
		case c.field == "" && c.err != nil:
			t.Errorf("%s: %v", c.what, c.err)
		case c.field != "" && (!errors.As(c.err, &field) || field.Field != c.field):
			t.Errorf("%s: %v, want an error of %s", c.what, c.err, c.field)
		}
	}
}

func TestGrants(t *testing.T) {
	n := &Network{OwnerID: "owner", Grants: map[string]Rights{"reader": {Read: true}, "": AllRights}}
	for user, want := range map[string]Rights{"owner": AllRights, "reader": {Read: true}, "stranger": {}} {
		if got := n.Grant(user); got != want {
			t.Errorf("%q: %+v", user, got)
		}
	}
	for bits := range 256 {
		a, b := rightsOf(bits&15), rightsOf(bits>>4)
		if got, want := a.Covers(b), bits>>4&^bits == 0; got != want {
			t.Errorf("%+v covers %+v: %v", a, b, got)
		}
	}
}

func rightsOf(bits int) Rights {
	return Rights{Read: bits&1 != 0, Authorize: bits&2 != 0, Modify: bits&4 != 0, Delete: bits&8 != 0}
}

// TestEmailKey has letters that look alike, or fold to each other, stay apart.
func TestEmailKey(t *testing.T) {
	if EmailKey("Ann@Example.COM") != EmailKey("ann@example.com") {
		t.Error("case matters")
	}
	if EmailKey("ſam@example.com") == EmailKey("sam@example.com") {
		t.Error("the long s is an s")
	}
}
