package rules

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// size is how many bytes a text has, about.
type size int

const mebibyte size = 1 << 20

// fill repeats a text.
func (n size) fill(text string) string { return strings.Repeat(text, int(n)/len(text)) }

// numbered makes texts with a number each.
func (n size) numbered(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < int(n)-100; i++ {
		b.WriteString(strings.ReplaceAll(format, "%", strconv.Itoa(i)))
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

// hostile are programs of a size that are as bad as can be thought of.
func hostile(n size) map[string]string {
	half, lines := n/2, int(n)/32
	programs := map[string]string{
		"include with many arguments": "macro m(" + half.numbered("$a%,") + "$z) accept; ;include m(" + half.numbered("%,") + "1)",
		"matches":                     "accept " + n.fill("dport 1 "),
		"bad matches":                 "accept " + n.fill("dport x "),
		"unknown matches":             n.fill("accept x;"),
		"list":                        "accept chr " + n.fill("1,") + ";",
		"bad list":                    "accept dport " + n.fill("1,") + ";",
		"list with spaces":            "accept dport " + n.fill("1, ") + ";",
		"flag bits":                   "tag t id 1 flag " + n.fill("1,") + "1 x;",
		"flags":                       "tag t id 1 " + n.numbered("flag 1 f% ") + ";",
		"bad defaults":                "tag t id 1 enum 1 one " + n.fill("default x ") + ";",
		"bad values":                  "tag t id 1 " + half.numbered("enum 1 e% ") + ";" + half.fill("accept teq t e; "),
		"unknown tags":                half.numbered("tag tag% id %;") + half.numbered("\naccept teq tax% 1;"),
		"unknown macros":              half.numbered("macro macro%;") + half.numbered("\ninclude marco%"),
		"unclosed lists":              n.fill("include m(1 "),
		"empty macros":                n.numbered("macro m% ;\n"),
		"macros with one name":        n.fill("macro m ;\n"),
		"includes":                    "macro m accept; ;" + n.fill("include m "),
		"includes of nothing":         "macro m ;" + n.fill("include m "),
		"errors in a macro":           "macro m " + strings.Repeat("accept dport x;", 1000) + ";" + n.fill("include m "),
		"errors by parameter":         "macro m($a) accept dport $a; ;" + n.numbered("include m(x%) "),
		"doubling":                    doubling(lines, "accept;") + fmt.Sprintf("include m%d", lines),
		"doubling up to 90":           doubling(90, "accept;") + "include m90 cap c id 1 include m90;",
		"doubling of nothing":         doubling(90, "") + "include m90",
		"doubling of errors":          doubling(90, "accept dport x;") + "include m90",
		"doubling of parameters":      strings.ReplaceAll(strings.ReplaceAll(doubling(90, "accept dport $a;"), " include", "($a) include"), "macro m0 ", "macro m0($a) "),
		"chain":                       n.numbered("macro m% include n%;") + "include m0",
		"chain of includes":           chain(lines),
		"chain backwards":             chain(lines) + fmt.Sprintf("include m%d", lines-1),
		"circle":                      chain(lines) + fmt.Sprintf("macro m%d include m0;", lines),
		"everything includes all":     n.numbered("macro m% include m0 include m1;"),
		"self":                        n.numbered("macro m% include m%;"),
		"capabilities with a macro":   "macro m " + strings.Repeat("accept;", 64) + ";" + n.numbered("cap c% id % include m;"),
		"rules":                       n.fill("accept dport 1;\n"),
		"networks":                    n.fill("accept ipsrc fd00::1/64;\n"),
		"probabilities":               "accept random 0." + n.fill("123456789") + ";",
		"operators":                   n.fill("accept not or and not or;"),
		"unfinished":                  n.fill("accept teq t dport "),
		"reserved":                    n.fill("accept dport and teq t and "),
		"definitions inside":          n.fill("cap c id 1 macro m tag t "),
		"names":                       n.numbered("tag ä% id % enum % ß default ß;"),
		"fold":                        "tag " + n.fill("Ⱥ") + " id 1;" + "accept teq " + n.fill("Ⱥ")[:1000] + " 1;",
		"comments":                    n.fill("#\n"),
	}
	for _, one := range []string{
		"(", ")", ";", "#", "not ", "or ", "and ", "accept ", "accept;", "drop not ", "cap ", "tag ", "macro ", "include ", "macro(", "include a(", "x", "x ",
		"\x00", "\x00 ", "\xff", "\xff ", "\xc3(", "\ufeff", "\u2028", "\r", "\n", "\r\n", "é", "𝔸 ", "tee ", "redirect ", "0", "$a ", ",", "id ", "default ",
		"enum 1 a ", "flag 0 ", "priority ", "allow ", "\"", "teq t ", "accept teq ", "dport 1-", "/", "//", "a,", "macro m ", "cap c ",
	} {
		programs[fmt.Sprintf("%q", one)] = n.fill(one)
		for _, before := range []string{"accept ", "cap c id 1 ", "tag t id 1 ", "include m(", "macro m($a,"} {
			programs[fmt.Sprintf("%s%q", before, one)] = before + (n / 16).fill(one)
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

// TestHostile compiles programs that must not take long, nor much memory, as
// compared with an ordinary one of their size. The limit of time is several times
// what any needs, and far below what anything quadratic takes.
func TestHostile(t *testing.T) {
	const n = mebibyte / 8
	const maxAllocated = uint64(1000 * n)
	maxTime := 25 * compileTime("macro m "+n.fill("accept dport 22 and ipprotocol tcp;\n")+";accept;", 0)
	for name, source := range hostile(n) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, diagnostics := Compile(source, Strict)
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
			t.Errorf("%s: %d MiB", name, allocated>>20)
		}
		if took := compileTime(source, maxTime); took > maxTime {
			t.Errorf("%s: %v, more than %v", name, took, maxTime)
		}
		checkDiagnostics(t, p, diagnostics)
		for _, d := range diagnostics {
			if len(d.Message) > 400 || len(d.Hint) > 1000 || len(d.Related) > maxRelated {
				t.Errorf("%s: too long: %+v", name, d)
			}
		}
	}
}

// compileTime is the best time of a few, because of what else the machine does;
// the first that is short enough will do.
func compileTime(source string, enough time.Duration) time.Duration {
	best := time.Duration(math.MaxInt64)
	for range 4 {
		start := time.Now()
		Compile(source, Strict)
		if best = min(best, time.Since(start)); best <= enough {
			break
		}
	}
	return best
}
