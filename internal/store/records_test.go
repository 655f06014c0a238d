package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

func TestRecordsSurvive(t *testing.T) {
	s := openWithNetwork(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		network, member := draw[model.Network](t), draw[model.Member](t)
		user, token, event := draw[model.User](t), draw[model.Token](t), draw[model.Event](t)
		organization, invitation := draw[model.Organization](t), draw[model.Invitation](t)
		user.Email = fmt.Sprint(round, user.Email) // no other user has it
		member.Network, token.UserID, invitation.OrgID = network.ID, user.ID, organization.ID
		token.Hash = [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))

		ctx := t.Context()
		err := s.Update(ctx, func(tx *Tx) error {
			if err := errors.Join(tx.PutNetwork(network), tx.PutMember(member), tx.PutUser(user), tx.PutToken(token),
				tx.PutOrganization(organization), tx.PutInvitation(invitation), tx.AppendEvent(event)); err != nil {
				return err
			}
			return errors.Join(
				same(network)(tx.AnyNetwork(network.ID)),
				same(member)(tx.Member(member.Network, member.Node)),
				same(user)(tx.User(user.ID)),
				same(user)(tx.UserByEmail(strings.ToLower(user.Email))),
				same(token)(tx.TokenByHash(token.Hash)),
				same(organization)(tx.Organization(organization.ID)),
				same(invitation)(tx.Invitation(invitation.ID)),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Events(ctx, event.Seq-1, 10)
		if err == nil && len(events) != 1 {
			err = fmt.Errorf("%d events", len(events))
		}
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			same(member)(s.Member(ctx, member.Network, member.Node)),
			same(user)(s.User(ctx, user.ID)),
			same(user)(s.UserByEmail(ctx, user.Email)),
			same(token)(s.TokenByHash(ctx, token.Hash)),
			same(organization)(s.Organization(ctx, organization.ID)),
			same(invitation)(s.Invitation(ctx, invitation.ID)),
			same(network)(s.AnyNetwork(ctx, network.ID)),
			among(token, tokenIs(token))(s.TokensOf(ctx, user.ID)),
			among(user, func(u *model.User) bool { return u.ID == user.ID })(s.Users(ctx)),
			among(invitation, func(i *model.Invitation) bool { return i.ID == invitation.ID })(s.InvitationsOf(ctx, organization.ID)),
			among(invitation, func(i *model.Invitation) bool { return i.ID == invitation.ID })(s.InvitationsTo(ctx, invitation.Email)),
			among(member, func(*model.Member) bool { return true })(s.MembersByNode(ctx, member.Network, []zt.Address{member.Node})),
			same(event)(&events[0], nil),
		)
		if network.DeletedTime == 0 {
			err = errors.Join(err, same(network)(s.Network(ctx, network.ID)))
		} else if _, found := s.Network(ctx, network.ID); !errors.Is(found, ErrNotFound) {
			err = errors.Join(err, fmt.Errorf("a deleted network: %w", found))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSeenSurvives(t *testing.T) {
	s := openWithNetwork(t)
	rapid.Check(t, func(t *rapid.T) {
		at := draw[model.Seen](t)
		before, err := s.SeenOf(t.Context(), at.Network, at.Node)
		if err != nil {
			t.Fatal(err)
		}
		at.Time = max(at.Time, before.Time)
		if err := s.SaveSeen(t.Context(), []model.Seen{*at}); err != nil {
			t.Fatal(err)
		}
		if !at.Endpoint.IsValid() {
			at.Endpoint = before.Endpoint
		}
		got, err := s.SeenOf(t.Context(), at.Network, at.Node)
		if err := same(at)(&got, err); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTokenUsesSurvive(t *testing.T) {
	s := openWithNetwork(t)
	change(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutUser(&model.User{ID: "me"}), tx.PutToken(&model.Token{UserID: "me"}))
	})
	newest := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		use := draw[model.TokenUse](t)
		use.Hash = [32]byte{}
		newest += rapid.Int64Range(0, 1000).Draw(t, "later")
		use.Time = newest
		if err := s.SaveTokenUses(t.Context(), []model.TokenUse{*use}); err != nil {
			t.Fatal(err)
		}
		uses, err := s.TokenUses(t.Context(), "me")
		if got := uses[use.Hash]; err != nil || got != *use {
			t.Fatalf("stored %+v, read %+v: %v", use, got, err)
		}
	})
}

func tokenIs(want *model.Token) func(*model.Token) bool {
	return func(token *model.Token) bool { return token.Hash == want.Hash }
}

// among expects a record in a list.
func among[T any](want *T, is func(*T) bool) func(all []*T, err error) error {
	return func(all []*T, err error) error {
		at := slices.IndexFunc(all, is)
		if err == nil && at < 0 {
			return fmt.Errorf("%+v is not in the list", want)
		}
		if err != nil {
			return err
		}
		return same(want)(all[at], nil)
	}
}

func same[T any](want *T) func(got *T, err error) error {
	return func(got *T, err error) error {
		if err == nil && !reflect.DeepEqual(got, want) {
			err = fmt.Errorf("stored %+v, read %+v", want, got)
		}
		return err
	}
}

// draw makes a record with something in every field, also those that the record
// gets in the future.
func draw[T any](t *rapid.T) *T {
	record := new(T)
	fill(t, reflect.ValueOf(record).Elem(), true)
	return record
}

// fill draws a value. Where a value may be absent it sometimes is.
func fill(t *rapid.T, v reflect.Value, mayBeAbsent bool) {
	absent := mayBeAbsent && rapid.IntRange(0, 3).Draw(t, "absent") == 0
	switch v.Interface().(type) {
	case zt.NetworkID:
		v.SetUint(rapid.Uint64Range(1, 1<<64-1).Draw(t, "network"))
		return
	case zt.Address:
		v.SetUint(rapid.Uint64Range(1, 0xfeffffffff).Draw(t, "node"))
		return
	case netip.AddrPort:
		if !absent {
			v.Set(reflect.ValueOf(netip.AddrPortFrom(drawAddress(t), rapid.Uint16().Draw(t, "port"))))
		}
		return
	case netip.Addr:
		if !absent {
			v.Set(reflect.ValueOf(drawAddress(t)))
		}
		return
	case netip.Prefix:
		a := drawAddress(t)
		v.Set(reflect.ValueOf(netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))))
		return
	case json.RawMessage:
		if !absent {
			text, err := json.Marshal(map[string]string{"key": rapid.String().Draw(t, "opaque"), "<&>": "</script>"})
			if err != nil {
				t.Fatal(err)
			}
			v.Set(reflect.ValueOf(json.RawMessage(text)))
		}
		return
	case netconf.Rule:
		all := append(model.NewNetwork(testNetwork, "", 0).Rules, netconf.DropAll()...)
		v.Set(reflect.ValueOf(rapid.SampledFrom(all).Draw(t, "rule")))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			tag, field := v.Type().Field(i).Tag.Get("json"), v.Field(i)
			if tag == "-" {
				continue
			}
			fill(t, field, true)
			if strings.HasSuffix(tag, ",omitempty") && field.Kind() == reflect.Slice && field.Len() == 0 {
				field.SetZero() // by its tag an empty list is none
			}
		}
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint") >> (64 - v.Type().Bits()))
	case reflect.Pointer:
		if !absent {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), false)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), false)
		}
	case reflect.Slice:
		if !absent {
			count := rapid.IntRange(0, 3).Draw(t, "count")
			v.Set(reflect.MakeSlice(v.Type(), count, count))
			for i := range count {
				fill(t, v.Index(i), false)
			}
		}
	case reflect.Map:
		if !absent {
			v.Set(reflect.MakeMap(v.Type()))
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, false)
			fill(t, value, false)
			v.SetMapIndex(key, value)
		}
	default:
		t.Fatalf("this test cannot make a %s", v.Type())
	}
}

func drawAddress(t *rapid.T) netip.Addr {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
	a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "address"))
	return a
}
