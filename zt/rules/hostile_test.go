package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

const mebibyte = 1 << 20

// fill repeats a text up to 1 MiB.
func fill(text string) string { return strings.Repeat(text, mebibyte/len(text)) }

// fillSome repeats a text up to 64 KiB: there are many of them.
func fillSome(text string) string { return strings.Repeat(text, mebibyte/16/len(text)) }

// numbered makes 1 MiB of texts with a number each.
func numbered(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < mebibyte-100; i++ {
		b.WriteString(strings.ReplaceAll(format, "%", fmt.Sprint(i)))
	}
	return b.String()
}

// doubling is macros of which each includes the one before twice.
func doubling(levels int, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "macro m0 %s ;\n", body)
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "macro m%d include m%d include m%d ;\n", i, i-1, i-1)
	}
	return b.String()
}

// hostile are programs of up to about 1 MiB that are as bad as can be thought of.
func hostile() map[string]string {
	programs := map[string]string{
		"include with many arguments": "macro m(" + numbered("$a%,") + "$z) accept; ;include m(" + numbered("%,") + "1)",
		"matches":                     "accept " + fill("dport 1 "),
		"bad matches":                 "accept " + fill("dport x "),
		"unknown matches":             fill("accept x;"),
		"list":                        "accept chr " + fill("1,") + ";",
		"bad list":                    "accept dport " + fill("1,") + ";",
		"list with spaces":            "accept dport " + fill("1, ") + ";",
		"flag bits":                   "tag t id 1 flag " + fill("1,") + "1 x;",
		"flags":                       "tag t id 1 " + numbered("flag 1 f% ") + ";",
		"bad defaults":                "tag t id 1 enum 1 one " + fill("default x ") + ";",
		"bad values":                  "tag t id 1 " + numbered("enum 1 e% ")[:mebibyte/2] + ";" + fill("accept teq t e; ")[:mebibyte/2],
		"unknown tags":                numbered("tag tag% id %;")[:mebibyte/2] + numbered("\naccept teq tax% 1;")[:mebibyte/2],
		"unknown macros":              numbered("macro macro%;")[:mebibyte/2] + numbered("\ninclude marco%")[:mebibyte/2],
		"unclosed lists":              fill("include m(1 "),
		"empty macros":                numbered("macro m% ;\n"),
		"macros with one name":        fill("macro m ;\n"),
		"includes":                    "macro m accept; ;" + fill("include m "),
		"includes of nothing":         "macro m ;" + fill("include m "),
		"errors in a macro":           "macro m " + strings.Repeat("accept dport x;", 1000) + ";" + fill("include m "),
		"errors by parameter":         "macro m($a) accept dport $a; ;" + numbered("include m(x%) "),
		"doubling":                    doubling(20000, "accept;") + "include m20000",
		"doubling up to 90":           doubling(90, "accept;") + "include m90 cap c id 1 include m90;",
		"doubling of nothing":         doubling(90, "") + "include m90",
		"doubling of errors":          doubling(90, "accept dport x;") + "include m90",
		"doubling of parameters":      strings.ReplaceAll(strings.ReplaceAll(doubling(90, "accept dport $a;"), " include", "($a) include"), "macro m0 ", "macro m0($a) "),
		"chain":                       numbered("macro m% include n%;") + "include m0",
		"chain of includes":           chain(40000),
		"chain backwards":             chain(40000) + "include m39999",
		"circle":                      chain(40000) + "macro m40000 include m0;",
		"everything includes all":     numbered("macro m% include m0 include m1;"),
		"self":                        numbered("macro m% include m%;"),
		"capabilities with a macro":   "macro m " + strings.Repeat("accept;", 64) + ";" + numbered("cap c% id % include m;"),
		"rules":                       fill("accept dport 1;\n"),
		"networks":                    fill("accept ipsrc fd00::1/64;\n"),
		"probabilities":               "accept random 0." + fill("123456789") + ";",
		"operators":                   fill("accept not or and not or;"),
		"unfinished":                  fill("accept teq t dport "),
		"reserved":                    fill("accept dport and teq t and "),
		"definitions inside":          fill("cap c id 1 macro m tag t "),
		"names":                       numbered("tag ä% id % enum % ß default ß;"),
		"fold":                        "tag " + fill("Ⱥ") + " id 1;" + "accept teq " + fill("Ⱥ")[:1000] + " 1;",
		"comments":                    fill("#\n"),
	}
	for _, one := range []string{
		"(", ")", ";", "#", "not ", "or ", "and ", "accept ", "accept;", "drop not ", "cap ", "tag ", "macro ", "include ", "macro(", "include a(", "x", "x ",
		"\x00", "\x00 ", "\xff", "\xff ", "\xc3(", "\ufeff", "\u2028", "\r", "\n", "\r\n", "é", "𝔸 ", "tee ", "redirect ", "0", "$a ", ",", "id ", "default ",
		"enum 1 a ", "flag 0 ", "priority ", "allow ", "\"", "teq t ", "accept teq ", "dport 1-", "/", "//", "a,", "macro m ", "cap c ",
	} {
		programs[fmt.Sprintf("%q", one)] = fill(one)
		for _, before := range []string{"accept ", "cap c id 1 ", "tag t id 1 ", "include m(", "macro m($a,"} {
			programs[fmt.Sprintf("%s%q", before, one)] = before + fillSome(one)
		}
	}
	return programs
}

// chain is macros of which each includes the next one.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "macro m%d include m%d;\n", i, i+1)
	}
	return b.String()
}

// TestHostile compiles programs that must not take long, nor much memory. The
// limits are far above what is needed even by a busy machine with the race
// detector, and far below what anything quadratic takes.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const maxTime, maxAllocated = 10 * time.Second, 1 << 30
	for name, source := range hostile() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		p, diagnostics := compileStrict(source)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; took > maxTime || allocated > maxAllocated {
			t.Errorf("%s: %v, %d MiB", name, took, allocated>>20)
		} else if testing.Verbose() && (took > 100*time.Millisecond || allocated > 100<<20) {
			t.Logf("%s: %v, %d MiB", name, took, allocated>>20)
		}
		if (p == nil) != HasErrors(diagnostics) {
			t.Errorf("%s: program %v, diagnostics %v", name, p != nil, diagnostics)
		}
		for _, d := range diagnostics {
			if len(d.Message) > 400 || len(d.Hint) > 1000 || len(d.Related) > maxRelated {
				t.Errorf("%s: too long: %+v", name, d)
			}
		}
	}
}
