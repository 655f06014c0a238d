package original

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const mebibyte = 1 << 20

// hostile are programs of 1 MiB that are made to take long, by what they do.
func hostile() map[string]string {
	filled := func(prefix, repeated, suffix string) string {
		return prefix + strings.Repeat(repeated, (mebibyte-len(prefix)-len(suffix))/len(repeated)) + suffix
	}
	var doubling strings.Builder
	doubling.WriteString("macro m0 accept dport 1; ;\n")
	for i := 1; i < 64; i++ {
		fmt.Fprintf(&doubling, "macro m%d include m%d include m%d ;\n", i, i-1, i-1)
	}
	empty := strings.Replace(doubling.String(), "accept dport 1; ", "and ", 1)
	empty = strings.Replace(empty, "macro m0 and ;", "macro m0 include m_ ; macro m_ ;", 1)
	var chain strings.Builder
	chain.WriteString("macro m0 accept dport 1; ;\n")
	for i := 1; chain.Len() < mebibyte-100; i++ {
		fmt.Fprintf(&chain, "macro m%d include m%d ;\n", i, i-1)
	}
	return map[string]string{
		"rules":             filled("", "accept dport 1;\n", ""),
		"words":             filled("", "a ", ""),
		"openings":          filled("", "drop ", ""),
		"openings, closed":  filled("", "drop ", "x"),
		"semicolons":        filled("accept ", ";", ""),
		"free semicolons":   filled("accept ", " ;", ""),
		"one word":          filled("", "a", ""),
		"exotic word":       filled("tag ", "Σ", " id 1;"),
		"exotic words":      filled("accept ", "İ ", ";"),
		"comment":           filled("", "#", ""),
		"nothing":           filled("", "\n", ""),
		"and":               filled("accept ", "and ", ";"),
		"flags":             filled("tag t id 1 flag ", "1,", "1 x;"),
		"tag of commas":     filled("tag t id 1 flag ", ",", " x;"),
		"characteristics":   filled("accept chr ", ",1", ";"),
		"digits":            filled("accept dport ", "1", ";"),
		"zeros":             filled("accept dport ", "0", ";"),
		"hex digits":        filled("accept dport 0x", "f", ";"),
		"fraction":          filled("accept random 0.", "1", ";"),
		"address":           filled("accept ipsrc ", "1.", "/8;"),
		"IPv6":              filled("accept ipsrc ", "a:", "/8;"),
		"MAC":               filled("accept macsrc ", "-a", ";"),
		"range":             filled("accept dport 1", "-", ";"),
		"parameters":        filled("macro m(", "$a,", ") accept dport $a; ;\ninclude m(1)"),
		"arguments":         filled("macro m($a) accept dport $a; ;\ninclude m(", "1,", ")"),
		"doubling macros":   doubling.String() + "include m63\n",
		"doubling nothing":  empty + "include m63\n",
		"chain of macros":   chain.String(),
		"included chain":    chain.String() + "include m1500\n",
		"too long chain":    chain.String() + "include m20000\n",
		"long call":         "macro m accept dport 1; ;\nmacro n include " + filled("m(", "1,", ") ;\n")[:mebibyte/2] + ") ;\n" + strings.Repeat("include n\n", 50_000),
		"long argument":     "macro m($a) " + strings.Repeat("accept dport $a; ", 30_000) + "; include m(" + strings.Repeat("1", mebibyte/2) + ")",
		"many capabilities": manyOf("cap c%d id %d accept; ;\n"),
		"many tags":         manyOf("tag t%d id %d;\n"),
		"many macros":       manyOf("macro m%d accept dport %d; ;\n"),
		"many flags":        "tag t id 1 " + manyOf("flag 1 f%d\nenum 1 e%d\n") + ";",
	}
}

func manyOf(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < mebibyte-100; i++ {
		fmt.Fprintf(&b, format, i, i)
	}
	return b.String()
}

func TestHostileProgramsEndSoon(t *testing.T) {
	// Far above what it takes, for slow machines with the race detector: a
	// quadratic step takes minutes.
	const most = 10 * time.Second
	for name, source := range hostile() {
		start := time.Now()
		set, err := Compile(source)
		if took := time.Since(start); took > most {
			t.Errorf("%s: took %v", name, took)
		} else {
			t.Logf("%-20s %8.1f ms %v %v", name, took.Seconds()*1e3, set != nil, err)
		}
	}
}

func TestRecursionIsAnError(t *testing.T) {
	for _, source := range []string{
		"macro a include a ; include a",
		"macro a include b ; macro b include c ; macro c include a ; include b",
		"macro a($p) accept dport $p; include a(2) ; include a(1)",
		"macro a include a include a ; include a",
		"macro a include a ; cap c id 1 include a ;",
		"macro a " + strings.Repeat("accept dport 1; ", 1000) + "include a ; include a",
	} {
		_, err := Compile(source)
		var got *Error
		if !errors.As(err, &got) || got.Category != "INTERNAL" || got.Line != 0 || got.Column != 0 {
			t.Errorf("%.80s: %v", source, err)
		}
	}
	// An error in the second round comes before the stack overflows.
	_, err := Compile("macro a($p) accept dport $p; include a(x) ; include a(1)")
	var got *Error
	if !errors.As(err, &got) || got.Category != "BAD_RANGE" {
		t.Errorf("the error behind a recursion is %v", err)
	}
	if _, err := Compile("macro a include a ; accept;"); err != nil {
		t.Errorf("a recursive macro that nothing includes: %v", err)
	}
}

func TestExpansionIsBounded(t *testing.T) {
	set, err := Compile(strings.Repeat("accept dport 1;\n", MaxEntries/2))
	if err != nil || len(set.Rules) != MaxEntries {
		t.Errorf("%d entries: %v", MaxEntries, err)
	}
	for _, name := range []string{"rules", "doubling macros", "doubling nothing"} {
		_, err := Compile(hostile()[name])
		var got *Error
		if !errors.As(err, &got) || got.Category != "LIMIT_EXCEEDED" || got.Line == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
