package rules

import (
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

func TestWords(t *testing.T) {
	w := NewWords([]ruleset.Tag{
		{Name: "department", ID: 1000, Enums: []ruleset.Value{{Name: "sales", Value: 1}}, Flags: []ruleset.Value{{Name: "remote", Value: 8}}}, {ID: 1001},
	})
	run := []ruleset.Entry{
		{Type: netconf.MatchIPProtocol, Value: 6},
		{Type: netconf.MatchDestPorts, Start: 22, End: 23, Not: true, Or: true},
		{Type: netconf.MatchTagsEqual, ID: 1000, Value: 1},
		{Type: netconf.MatchTagSender, ID: 1001, Value: 7},
		{Type: netconf.ActionRedirect, Text: "89e92ceee5"},
	}
	tee := ruleset.Entry{Type: netconf.ActionTee, Text: "89e92ceee5", Value: maxLength}
	for got, want := range map[string]string{
		w.Rule(run):                       "redirect 89e92ceee5 ipprotocol tcp or not dport 22-23 and teq department sales and tseq 1001 7",
		w.Entry(run[1]):                   "or not dport 22-23",
		w.Entry(run[4]):                   "redirect 89e92ceee5",
		w.Entry(tee):                      "tee -1 89e92ceee5",
		w.Rule([]ruleset.Entry{tee}):      "tee -1 89e92ceee5",
		w.Tag(1000) + " " + w.Tag(1001):   "department 1001",
		w.TagValue(1000, 8):               "remote",
		w.TagValue(1000, 9):               "9",
		w.TagValue(1001, 1):               "1",
		EtherTypeName(0x0806):             "arp",
		EtherTypeName(0x88cc):             "0x88cc",
		ProtocolName(6):                   "tcp",
		ProtocolName(47):                  "47",
		CharacteristicNames(1<<63 | 1<<1): "inbound,tcp_syn",
		ProbabilityText(1<<31 - 1):        "0.5",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if number, ok := EtherTypeNamed("ipv6"); number != 0x86dd || !ok {
		t.Error(number, ok)
	}
	if _, ok := ProtocolNamed("ssh"); ok {
		t.Error("ssh is a protocol of IP")
	}
}
