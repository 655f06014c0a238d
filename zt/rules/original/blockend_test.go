package original

import "testing"

func TestBlockEnd(t *testing.T) {
	// The block ends before the first |; without one it does not end.
	for _, text := range []string{
		"cap c id 1 accept;| drop;",
		"cap c id 1 accept dport 22;\n ;| drop;",
		"cap c id 1 accept dport 22 ; ;|\n ;",
		"cap c id 1 accept ;\n ;",     // nothing closes an empty block
		"cap c id 1 accept ; x ; ;| ", // but one with something in it
		"cap ; c ;| ",
		"macro m # ;\n# accept;\n include x;| ",
		"macro m a;b;c;|\n",
		"tag t id 1 default 0;",
		"tag t id 1;|\r",
		"cap c accept\n",
		"cap c ACCEPT;| ",
		"cap c #",
		"",
	} {
		want := -1
		source := text
		for i := range text {
			if text[i] == '|' {
				want, source = i, text[:i]+text[i+1:]
				break
			}
		}
		end, ok := BlockEnd(source)
		if ok != (want >= 0) || ok && end != want {
			t.Errorf("%q: %d %v, want %d", source, end, ok, want)
		}
	}
}
