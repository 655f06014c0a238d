package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
)

// FuzzCompile compiles any text in all modes. What compiles strictly is the same
// program after it was formatted, and after it was decompiled.
func FuzzCompile(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Source)
	}
	for _, source := range []string{
		defaultSource,
		"\ufeff# a\r\ntag t id 1 # b\rflag 0,1 x default x;macro m($a) accept tand t $a or dport 22-23; ;include m(x)#c",
		"cap c default id 7 include m and ; macro m break and; ;accept",
		"tee -1 ab12cd34ef random 0.5 or icmp 8 -1;redirect ab12cd34ef iptos 0xfc 0xa0-0xa8;accept chr inbound,tcp_syn,63",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		for _, mode := range []Mode{Strict, Compatible, Lenient} {
			p, diagnostics := Compile(source, mode)
			checkDiagnostics(t, p, diagnostics)
			if p == nil {
				continue
			}
			text, lost := Decompile(&p.Set)
			if mode != Strict {
				// Some tables only the quirks of the original compiler can make.
				if again, found := Compile(text, Strict); again == nil && firstError(found).Code != "LIMIT_EXCEEDED" {
					t.Fatalf("%q is decompiled to\n%s\n%v", source, text, firstError(found))
				}
				continue
			}
			keepsMeaning(t, source, p)
			if slices.ContainsFunc(lost, func(d Diagnostic) bool { return d.Severity != SeverityInformation }) {
				t.Fatalf("%q cannot be decompiled: %v", source, lost)
			}
			compilesTo(t, text, Strict, p)
			if len(lost) == 0 {
				compilesTo(t, text, Compatible, p)
			}
		}
	})
}

func checkDiagnostics(t *testing.T, p *Program, diagnostics []Diagnostic) {
	t.Helper()
	if (p == nil) != HasErrors(diagnostics) || len(diagnostics) > MaxDiagnostics {
		t.Fatalf("program %v, %d diagnostics", p != nil, len(diagnostics))
	}
	if !slices.IsSortedFunc(diagnostics, func(a, b Diagnostic) int { return a.position().Compare(b.position()) }) {
		t.Fatalf("not sorted: %v", diagnostics)
	}
	for _, d := range diagnostics {
		if d.Code == "" || d.Message == "" || d.Line < 0 || d.Line > 0 && d.Column < 1 || d.EndLine < d.Line || d.EndLine == d.Line && d.EndColumn < d.Column {
			t.Fatalf("%+v", d)
		}
	}
}

// compilesTo compiles a program of which the tables are known. In compatible mode
// the names of tags can have other values: it has no unsigned ones.
func compilesTo(t *testing.T, source string, mode Mode, want *Program) {
	t.Helper()
	p, diagnostics := Compile(source, mode)
	if p == nil {
		t.Fatalf("%s\ndoes not compile in %s mode: %v", source, mode, firstError(diagnostics))
	}
	before, _ := json.Marshal(&want.Set)
	after, _ := json.Marshal(&p.Set)
	if mode == Compatible {
		before, after = forNodes(t, want), forNodes(t, p)
	}
	if string(before) != string(after) {
		t.Fatalf("%s\nis\n%s\ninstead of\n%s", source, after, before)
	}
}

func forNodes(t *testing.T, p *Program) []byte {
	t.Helper()
	rules, capabilities, err := p.Tables()
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Appendf(nil, "%x", netconf.AppendRules(nil, rules))
	for i, c := range capabilities {
		all = fmt.Appendf(all, " %d %v %x", p.Capabilities[i].ID, p.Capabilities[i].Default, netconf.AppendRules(nil, c))
	}
	for _, tag := range p.Tags {
		all = fmt.Appendf(all, " %d", tag.ID)
		if tag.Default != nil {
			all = fmt.Appendf(all, "=%d", uint32(*tag.Default))
		}
	}
	return all
}
