package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// longPrograms have a table that is as full as nodes take it.
var longPrograms = []struct{ name, source string }{
	{"ports", listing(511, func(i int) string { return fmt.Sprintf("accept dport %d;", 2*i) }) + "break;\n"},
	{"tcp", listing(341, func(i int) string { return fmt.Sprintf("accept ipprotocol tcp and dport %d;", 2*i) })},
	{"same", listing(512, func(int) string { return "accept ethertype arp;" })},
	{"bare", listing(1000, func(int) string { return "accept;" })},
	{"networks", listing(256, func(i int) string {
		return fmt.Sprintf("drop ipsrc 10.%d.0.0/16 and not ipdest 10.%d.1.2/24 and chr tcp_syn;", i, i)
	})},
	{"alternatives", "accept dport 1" + listing(1000, func(i int) string { return fmt.Sprintf(" or dport %d", 2*i) }) + ";\n"},
	{"mixed", "accept dport 1" + listing(500, func(i int) string { return fmt.Sprintf(" or dport %d and not sport %d", 2*i, i) }) + ";\n"},
	{"copies", listing(511, func(i int) string { return fmt.Sprintf("tee 64 %010x chr inbound;", i+1) }) + "accept;\n"},
	{"opened", listing(341, func(i int) string { return fmt.Sprintf("accept ipprotocol udp and dport %d;", i) })},
	{"macros", "macro m($p) accept ipprotocol tcp and dport $p; ;\n" + listing(341, func(i int) string { return fmt.Sprintf("include m(%d)", i) })},
	{"tags", "tag t id 1 default 0 flag 0 a flag 1 b;\n" + listing(256, func(i int) string {
		return fmt.Sprintf("break tand t %d and not ipprotocol udp and treq t b;", i)
	})},
	{"capabilities", listing(128, func(i int) string {
		return fmt.Sprintf("cap c%d id %d %s ;", i, i, strings.Repeat("accept dport 22 and ipprotocol tcp;", 7))
	})},
}

func listing(n int, line func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

func BenchmarkCompileDefault(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Compile(defaultSource, Strict)
	}
}

func BenchmarkCompileThousandRules(b *testing.B) {
	for _, p := range longPrograms {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if compiled, diagnostics := Compile(p.source, Strict); compiled == nil {
					b.Fatal(firstError(diagnostics))
				}
			}
		})
	}
}

// BenchmarkCompileMiB compiles programs that are as bad as can be thought of.
func BenchmarkCompileMiB(b *testing.B) {
	programs := hostile(mebibyte)
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		for _, mode := range []Mode{Strict, Compatible, Lenient} {
			b.Run(name+"/"+string(mode), func(b *testing.B) {
				b.SetBytes(int64(len(programs[name])))
				for b.Loop() {
					Compile(programs[name], mode)
				}
			})
		}
	}
}

func BenchmarkDecompile(b *testing.B) {
	for _, p := range append(longPrograms[:0:0], longPrograms[1], longPrograms[4]) {
		b.Run(p.name, func(b *testing.B) {
			compiled, _ := compiled(b, p.source)
			b.ReportAllocs()
			for b.Loop() {
				Decompile(&compiled.Set)
			}
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	for _, p := range []struct{ name, source string }{{"default", defaultSource}, {"thousand rules", longPrograms[1].source}, {"MiB", mebibyte.fill("accept dport 22 # c\n and vlan 0;\n")}} {
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(int64(len(p.source)))
			for b.Loop() {
				Format(p.source)
			}
		})
	}
}
