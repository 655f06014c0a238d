package central

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// TestRulesAreWrittenOneAfterTheOther: of many writers who saw the same revision
// one succeeds; of those who do not care each does, or is told to try again.
func TestRulesAreWrittenOneAfterTheOther(t *testing.T) {
	h := newHouse(t, nobody{})
	h.workshop.ofUser[h.owner.User.ID] = -100 // the bound is not what is tested
	id := h.newNetwork(t)
	for round, seen := range []*uint64{new(uint64(1)), nil} {
		before := h.Latest()
		var all sync.WaitGroup
		var mu sync.Mutex
		stored := 0
		for port := range 12 {
			all.Go(func() {
				change, err := h.WriteRules(context.Background(), h.owner, id, RulesWrite{Source: fmt.Sprintf("accept ipprotocol tcp and dport %d;", 100*round+port), IfRevision: seen})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && change.Stored:
					stored++
				case kindOf(err) != Conflict:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if events := h.eventsSince(t, before); len(events) != stored || stored == 0 || seen != nil && stored != 1 {
			t.Errorf("%d were stored, with %d events", stored, len(events))
		}
		now, err := h.NetworkRules(t.Context(), h.owner, id)
		if err != nil || !now.Agree {
			t.Errorf("the text and the tables do not agree: %+v, %v", now, err)
		}
	}
}

// TestRulesChangeWhileTheyAreWritten: who saw the revision before is refused, and
// for others the report is of what they replace in the end.
func TestRulesChangeWhileTheyAreWritten(t *testing.T) {
	h := newHouse(t, nobody{})
	id := h.newNetwork(t)
	for i := range 2 {
		_, err := h.UpdateMember(t.Context(), h.owner, id, testNode+zt.Address(i), func(m *model.Member) error {
			m.Authorized, m.Addresses = true, []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// meanwhile changes the network after a write read it and while it waits for a place.
	meanwhile := func(w RulesWrite, change func(*model.Network) error) (*RulesChange, error) {
		var leaves []func()
		for range cap(h.workshop.places) {
			leave, err := h.workshop.enter(t.Context(), "somebody")
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		var done *RulesChange
		written := make(chan error, 1)
		go func() {
			var err error
			done, err = h.WriteRules(t.Context(), h.owner, id, w)
			written <- err
		}()
		for waits := false; !waits; runtime.Gosched() {
			h.workshop.mu.Lock()
			waits = h.workshop.ofUser[h.owner.User.ID] > 0
			h.workshop.mu.Unlock()
		}
		if _, err := h.UpdateNetwork(t.Context(), h.owner, id, change); err != nil {
			t.Error(err)
		}
		for _, leave := range leaves {
			leave()
		}
		err := <-written
		return done, err
	}
	noRules := func(n *model.Network) error { n.Rules = n.Rules[:0]; return nil }
	if _, err := h.WriteRules(t.Context(), h.owner, id, RulesWrite{Source: "accept;"}); err != nil {
		t.Fatal(err)
	}
	change, err := meanwhile(RulesWrite{Source: "accept;"}, noRules)
	if err != nil || !change.Stored || !change.Tables || len(change.Flows) == 0 {
		t.Errorf("after others stored no rules: %+v, %v", change, err)
	}
	now, err := h.NetworkRules(t.Context(), h.owner, id)
	if err != nil || !now.Agree || now.Network.RulesSource != "accept;" {
		t.Errorf("%+v, %v", now, err)
	}
	_, err = meanwhile(RulesWrite{Source: "drop;", IfRevision: &now.Network.Revision}, func(n *model.Network) error { n.Name = "other"; return nil })
	want(t, "a revision that is gone", err, Conflict)
	if now, err = h.NetworkRules(t.Context(), h.owner, id); err != nil || now.Network.RulesSource != "accept;" || now.Network.Name != "other" {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestReportIsOfWhatIsReplaced: a change that comes in between is in the report.
func TestReportIsOfWhatIsReplaced(t *testing.T) {
	h := newHouse(t, nobody{})
	id := h.newNetwork(t)
	for i := range 2 {
		_, err := h.UpdateMember(t.Context(), h.owner, id, testNode+zt.Address(i), func(m *model.Member) error {
			m.Authorized, m.Addresses = true, []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const team = "accept ethertype arp; accept teq team 1; break; tag team id 1 default %d;"
	for _, step := range []struct {
		source string
		after  trace.Outcome // of tcp 22, if it changes
	}{{"accept;", ""}, {"drop ipprotocol tcp and dport 22; accept;", trace.Dropped}, {"drop ipprotocol tcp and dport 22; accept; # why", ""}, {"accept;", trace.Accepted},
		{fmt.Sprintf(team, 1), ""}, {fmt.Sprintf(team, 2), trace.Dropped}, {fmt.Sprintf(team, 1), trace.Accepted}} {
		change, err := h.WriteRules(t.Context(), h.owner, id, RulesWrite{Source: step.source})
		if err != nil {
			t.Fatal(err)
		}
		var after trace.Outcome
		for _, f := range change.Flows {
			if f.Flow.Protocol == 6 && f.Flow.Port == 22 {
				after = f.After
			}
		}
		if after != step.after || !change.Whole {
			t.Errorf("%s: %q, not %q: %+v", step.source, after, step.after, change.Flows)
		}
		for _, f := range change.Flows {
			if f.FromLike != 2 || f.ToLike != 2 {
				t.Errorf("%s: %+v", step.source, f)
			}
		}
	}
}

func TestBadPrograms(t *testing.T) {
	h := newHouse(t, nobody{})
	id := h.newNetwork(t)
	before := h.Latest()
	_, err := h.WriteRules(t.Context(), h.owner, id, RulesWrite{Source: "accept;\n  drop ipsrc 10.0.0.0;\ndrop dport x;"})
	want(t, "two mistakes", err, Invalid)
	var program *ProgramError
	if !errors.As(err, &program) || len(program.Diagnostics) < 2 || program.Diagnostics[0].Severity != rules.SeverityError && program.Diagnostics[0].Severity != rules.SeverityWarning {
		t.Errorf("%v", err)
	}
	if len(h.eventsSince(t, before)) != 0 {
		t.Error("something was stored")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.WriteRules(ctx, h.owner, id, RulesWrite{Source: "accept;"}); err == nil {
		t.Error("a request that has ended changed the rules")
	}
	if _, _, err := h.CompileRules(t.Context(), Caller{}, "accept;", rules.Strict); kindOf(err) != Unauthorized {
		t.Errorf("nobody compiles: %v", err)
	}
}

func TestRuleNames(t *testing.T) {
	names := &RuleNames{}
	n := model.NewNetwork(1, "", 0)
	n.Tags = []model.NetworkTag{{ID: 1}, {ID: 2}}
	n.TagsByName = []byte(`{"role":{"id":1,"flags":{"b":2,"all":7,"a":1,"top":-2147483648},"enums":{"none":0,"odd":9}},"bad":5,"worse":{"id":"x"}}`)
	n.CapabilitiesByName = map[string]uint32{"gone": 9}
	names = RuleNamesOf(n)
	for value, labels := range map[uint32]string{
		0: "[none]", 1: "[a]", 2: "[b]", 3: "[a b]", 7: "[all]", 4: "[]", 5: "[]", 9: "[odd]", 1 << 31: "[top]", 1<<31 | 1: "[a top]", 1<<31 | 7: "[a b all top]",
	} {
		if got := fmt.Sprint(names.Labels(1, value)); got != labels {
			t.Errorf("%d: %s, not %s", value, got, labels)
		}
	}
	if names.TagName(1) != "role" || names.TagName(2) != "" || names.TagName(3) != "" || names.CapabilityName(9) != "" || names.Labels(2, 0) != nil {
		t.Error("names of what has none")
	}
	n.TagsByName = []byte(`{"2":{"id":1},"Role":{"id":3},"role":{"id":4,"enums":{"Top":1,"top":2},"flags":{"One":8}},"ROLE":{"id":5},"Team":{"id":6},"kin":{"id":7},"Kin":{"id":8}}`)
	n.CapabilitiesByName, n.Capabilities = map[string]uint32{"1": 2}, []model.Capability{{ID: 1}, {ID: 2}}
	names = RuleNamesOf(n)
	for text, id := range map[string]uint32{"2": 2, "role": 4, "Role": 3, "TEAM": 6, "0x6": 6, "Kin": 8} {
		if tag := names.set.FindTag(text); tag == nil || tag.ID != id {
			t.Errorf("%q is tag %v", text, tag)
		}
	}
	for _, text := range []string{"rOLE", "KIN", "", "9"} { // none, or one of several
		if tag := names.set.FindTag(text); tag != nil {
			t.Errorf("%q is tag %d", text, tag.ID)
		}
	}
	if found := names.set.FindCapability("1"); found == nil || found.ID != 1 || fmt.Sprint(names.capabilityChoices()) != "[1 2]" {
		t.Errorf("capability %v, %v", found, names.capabilityChoices())
	}
	role := names.set.FindTag("role")
	for text, value := range map[string]uint32{"top": 2, "Top": 1, "one": 8} {
		if got, err := valueNamed(role, []string{text}); err != nil || got != value {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
	if value, err := valueNamed(role, []string{"TOP"}); err == nil {
		t.Errorf("one of several is %d", value)
	}
	for text, id := range map[string]uint32{"1": 1, "0x1": 1, "0X0a": 10, "010": 10, "4294967295": 1<<32 - 1} {
		if got, ok := ruleset.ParseID(text); !ok || got != id {
			t.Errorf("%s: %d", text, got)
		}
	}
	for _, text := range []string{"", "a", "-1", "+1", "0x", "1_0", "0b1", "4294967296", "1.0", " 1"} {
		if id, ok := ruleset.ParseID(text); ok {
			t.Errorf("%q is %d", text, id)
		}
	}
}

// TestTraceNetwork: of several capabilities with one id members get the last, and
// traces go by that.
func TestTraceNetwork(t *testing.T) {
	n := model.NewNetwork(1, "", 0)
	n.Capabilities = []model.Capability{
		{ID: 2, Rules: []netconf.Rule{{Type: netconf.ActionAccept}}}, {ID: 1}, {ID: 2, Rules: []netconf.Rule{{Type: netconf.ActionDrop}}},
	}
	if n.EnableBroadcast, n.MulticastLimit = true, 0; traceNetwork(n).NoBroadcast || !traceNetwork(n).NoMulticast {
		t.Error("broadcast is not possible, or multicast is")
	}
	if n.EnableBroadcast, n.MulticastLimit = false, 32; !traceNetwork(n).NoBroadcast || traceNetwork(n).NoMulticast {
		t.Error("broadcast is possible, or multicast is not")
	}
	traced := traceNetwork(n).Capabilities
	if len(traced) != 2 || traced[0].ID != 1 || traced[1].ID != 2 || traced[1].Rules[0].Type != netconf.ActionDrop {
		t.Errorf("%+v", traced)
	}
}
