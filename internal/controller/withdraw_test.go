package controller

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
)

// withTagsAndCapabilities gives a network some for its members.
func withTagsAndCapabilities(n *model.Network) {
	five := uint32(5)
	n.Tags = []model.NetworkTag{{ID: 10, Default: &five}, {ID: 20}}
	n.Capabilities = []model.Capability{{ID: 1, Rules: netconf.AcceptAll()}, {ID: 2, Rules: netconf.AcceptAll()}}
}

func TestWhatAMemberLosesIsRevoked(t *testing.T) {
	tag := func(id, value uint32) model.MemberTag { return model.MemberTag{ID: id, Value: value} }
	capability := func(id uint32) certificate { return certificate{netconf.CredentialCapability, id} }
	tagOf := func(id uint32) certificate { return certificate{netconf.CredentialTag, id} }
	for _, c := range []struct {
		name   string
		change func(*model.Member)
		want   []certificate
	}{
		{"a capability", func(m *model.Member) { m.Capabilities = []uint32{2} }, []certificate{capability(1)}},
		{"all capabilities", func(m *model.Member) { m.Capabilities = nil }, []certificate{capability(1), capability(2)}},
		{"the order of capabilities", func(m *model.Member) { slices.Reverse(m.Capabilities) }, nil},
		{"another tag's value", func(m *model.Member) { m.Tags = []model.MemberTag{tag(10, 7), tag(20, 8)} }, []certificate{tagOf(20)}},
		{"a tag that has no default", func(m *model.Member) { m.Tags = m.Tags[:1] }, []certificate{tagOf(20)}},
		{"a tag whose default is another value", func(m *model.Member) { m.Tags = m.Tags[1:] }, []certificate{tagOf(10)}},
		{"a tag is unset", func(m *model.Member) { m.Tags = []model.MemberTag{{ID: 10, Unset: true}, m.Tags[1]} }, []certificate{tagOf(10)}},
		{"one more tag", func(m *model.Member) { m.Tags = append(m.Tags, tag(30, 1)) }, nil},
		{"one more capability", func(m *model.Member) { m.Capabilities = append(m.Capabilities, 3) }, nil},
		{"everything", func(m *model.Member) { m.Capabilities, m.Tags = nil, nil },
			[]certificate{capability(1), capability(2), tagOf(10), tagOf(20)}},
		{"a name", func(m *model.Member) { m.Name = "x" }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake(t, func(t *testing.T) {
				d := newDesk(t)
				network := d.create(withTagsAndCapabilities)
				a, b := ident(t, 1), ident(t, 2)
				d.updateMember(network, a, func(m *model.Member) {
					m.Tags, m.Capabilities = []model.MemberTag{tag(10, 7), tag(20, 7)}, []uint32{1, 2}
				})
				held := d.letIn(a, network)
				d.letIn(b, network)
				pass(time.Minute)
				d.ask(a, network)
				d.ask(b, network)
				pass(time.Second)
				d.take()

				began := time.Now()
				d.updateMember(network, a, c.change)
				pass(3 * time.Second)
				all := d.take()
				if took := all[0].at.Sub(began); took >= time.Second {
					t.Errorf("the first packet was sent after %v", took)
				}
				mine := d.configs(slices.DeleteFunc(slices.Clone(all), func(s sent) bool { return s.to != a.Address() }))
				if len(mine) == 0 {
					t.Fatal("the member was not told")
				}
				fresh := com(t, mine[0], d.opts.Identity).Timestamp()
				var got []certificate
				for _, s := range all {
					for _, r := range d.allRevocations([]sent{s}) {
						what := certificate{r.Type, r.CredentialID}
						if s.to == a.Address() || r.Target != a.Address() {
							t.Errorf("%s was told that %v of %s is void", s.to, what, r.Target)
						}
						if r.Threshold < held.Timestamp || r.Threshold >= fresh {
							t.Errorf("%v is void up to %d: the old certificates are of %d, the fresh ones of %d", what, r.Threshold, held.Timestamp, fresh)
						}
						if !slices.Contains(got, what) {
							got = append(got, what)
							if took := s.at.Sub(began); took >= time.Second {
								t.Errorf("%v was revoked after %v", what, took)
							}
						}
					}
				}
				slices.SortFunc(got, func(a, b certificate) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) })
				if !slices.Equal(got, c.want) {
					t.Errorf("revoked %v, want %v", got, c.want)
				}
			})
		})
	}
}

// Nodes take the threshold of the last revocation of any kind for certificates of
// membership, too: an older one that arrives late must not let a member in again.
func TestRevocationsOfAMemberHaveOneThreshold(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(withTagsAndCapabilities)
		a, b := ident(t, 1), ident(t, 2)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{1, 2} })
		d.letIn(a, network)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{2} })
		pass(time.Minute)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{} })
		pass(time.Minute)
		d.updateMember(network, a, deauthorize)
		pass(time.Minute)
		d.take()
		d.letIn(b, network)
		pass(5 * time.Second)
		thresholds := map[certificate]int64{}
		for _, r := range d.allRevocations(d.takeTo(b)) {
			thresholds[certificate{r.Type, r.CredentialID}] = r.Threshold
		}
		want := thresholds[membership]
		if len(thresholds) != 3 || want == 0 {
			t.Fatalf("a member that joined later was told %v", thresholds)
		}
		for what, threshold := range thresholds {
			if threshold != want {
				t.Errorf("%v is void up to %d, membership up to %d", what, threshold, want)
			}
		}

		d.updateMember(network, a, authorize)
		pass(time.Minute)
		d.take()
		d.letIn(ident(t, 3), network)
		pass(5 * time.Second)
		if got := d.revocations(d.takeTo(ident(t, 3))); len(got) != 0 {
			t.Error("a member that was let in again is still called out")
		}
		d.letIn(ident(t, 4), network)
		pass(5 * time.Second)
		if got := d.allRevocations(d.takeTo(ident(t, 4))); len(got) == 0 {
			t.Error("what was taken from the member is forgotten with its return")
		}
	})
}

func TestMemberThatWasAwayLearnsWhatOthersLost(t *testing.T) {
	for _, restart := range []bool{false, true} {
		fake(t, func(t *testing.T) {
			l := newLive(t)
			network := l.create(withTagsAndCapabilities)
			a, b := l.admitted(1, network), l.admitted(2, network)
			l.updateMember(network, b.id, func(m *model.Member) { m.Capabilities = []uint32{1} })
			b.wait("the capability", func(s ztmember.State) bool { return len(s.Config.Capabilities) > 0 })
			old := b.com().Timestamp()
			l.away(a, true)
			pass(5 * time.Minute)
			l.updateMember(network, b.id, func(m *model.Member) { m.Capabilities = []uint32{} })
			b.wait("the loss", func(s ztmember.State) bool { return len(s.Config.Capabilities) == 0 })
			pass(5 * time.Minute)
			if restart {
				l.restart()
			}
			l.away(a, false)
			a.wait("the revocation", func(ztmember.State) bool { return a.Revoked(b.id.Address()) >= old })
			pass(time.Minute)
			if got := b.com().Timestamp(); got <= a.Revoked(b.id.Address()) {
				t.Errorf("the member is cut off with its certificate of %d: what was void up to %d counts for that, too", got, a.Revoked(b.id.Address()))
			}
		})
	}
}

// A public network makes a fresh record of a member that was deleted and comes
// back: what the old one had is void.
func TestReturnOfADeletedMemberVoidsWhatItHad(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(withTagsAndCapabilities, func(n *model.Network) { n.Private = false })
		a, b := ident(t, 1), ident(t, 2)
		d.answer(a, network)
		d.answer(b, network)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{1} })
		pass(5 * time.Second)
		if err := d.central.DeleteMember(t.Context(), d.admin, network, a.Address()); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		d.take()
		d.ask(a, network)
		pass(5 * time.Second)
		all := d.take()
		var voided *netconf.Revocation
		for _, r := range d.revocationsOf(netconf.CredentialCapability, all) {
			voided = r
		}
		if voided == nil {
			t.Fatal("the capability that the member held can be shown again")
		}
		mine := d.configs(slices.DeleteFunc(all, func(s sent) bool { return s.to != a.Address() }))
		if got := com(t, mine[len(mine)-1], d.opts.Identity).Timestamp(); got <= voided.Threshold {
			t.Errorf("the member is cut off: its certificate is of %d, void is what is not above %d", got, voided.Threshold)
		}
	})
}

// Certificates can carry times ahead of the clock, after a crash for instance. They
// are void nevertheless when a later run tells of a loss, and the member, which
// still holds them, gets fresh ones without asking.
func TestLossBeforeARestartVoidsCertificatesAheadOfTheClock(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(withTagsAndCapabilities)
		a, b := ident(t, 1), ident(t, 2)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{1} })
		d.letIn(b, network)
		d.skew.Store(int64(issueAhead))
		d.letIn(a, network)
		held := com(t, d.answer(a, network, holding), d.opts.Identity).Timestamp()
		d.skew.Store(0)
		pass(seenEvery)
		d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{} })
		pass(seenEvery)
		d.restart()
		d.take()
		d.ask(b, network, holding)
		pass(5 * time.Second)
		all := d.take()
		voided := d.revocationsOf(netconf.CredentialCapability, all)
		if len(voided) == 0 || voided[0].Threshold < held {
			t.Fatalf("the capability of %d can still be shown: %+v", held, voided)
		}
		mine := d.configs(slices.DeleteFunc(all, func(s sent) bool { return s.to != a.Address() }))
		if len(mine) == 0 {
			t.Fatal("the member is cut off until it asks")
		}
		if got := com(t, mine[0], d.opts.Identity).Timestamp(); got <= voided[0].Threshold {
			t.Errorf("the member's certificate is of %d, void is what is not above %d", got, voided[0].Threshold)
		}
	})
}

// Members pass on revocations of membership only, and others are signed anew only
// when a member is put out: what many changes cost grows with their number.
func TestCostOfManyLosses(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		n := d.newNetwork(zt.NewNetworkID(d.address, 7))
		one, other := zt.Address(0x1000000001), zt.Address(0x1000000002)
		d.addRevocations(n, other, 1, membership)
		const losses = maxRevokedOfMember + 50
		for i := range uint32(losses) {
			d.addRevocations(n, one, int64(i), certificate{netconf.CredentialTag, i})
		}
		if got := n.revocations.newest.Load(); got != 1+losses {
			t.Errorf("%d revocations were signed for %d losses", got-1, losses)
		}
		d.addRevocations(n, one, 1000, membership)
		all := n.revocations.all
		if len(all) != 2+maxRevokedOfMember {
			t.Fatalf("%d revocations are kept", len(all))
		}
		for _, r := range all {
			if passedOn := r.revocation.Flags&netconf.RevocationFastPropagate != 0; passedOn != (r.what == membership) {
				t.Errorf("%v of %s is passed on: %v", r.what, r.target, passedOn)
			}
			if r.target == one && (r.revocation.Threshold != 1000 || r.what.kind == netconf.CredentialTag && r.what.id < losses-maxRevokedOfMember) {
				t.Errorf("%v is void up to %d", r.what, r.revocation.Threshold)
			}
		}
		n.revocations.trim(1, func(revoked) bool { return true })
		if len(n.revocations.all) != 3 {
			t.Errorf("%d are left, want those of membership and one", len(n.revocations.all))
		}
	})
}
