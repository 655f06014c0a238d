package syntax

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"nothing", " \r\n\t", ""},
		{"short rules", "ACCEPT ;drop chr\nmulticast\n;tee -1\tab12cd34ef ; redirect ab12cd34ef not dport 80;",
			"accept;\ndrop chr multicast;\ntee -1 ab12cd34ef;\nredirect ab12cd34ef not dport 80;\n"},
		{"several matches", "drop and not ethertype ipv4 NOT ethertype arp not or chr ipauth and;",
			"drop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tor not chr ipauth\n;\n"},
		{"the and of bare actions", "accept AND and;drop;", "accept and;\ndrop;\n"},
		{"empty lines", "\n\n\naccept chr inbound;\n\n\n\ndrop;\n \ncap c\n\n id 1\n\n\n accept;\n\n;\n",
			"accept chr inbound;\n\ndrop;\n\ncap c\n\tid 1\n\n\taccept;\n;\n"},
		{"definitions", "tag t enum 1 a flag 0,1 b id 7 default a;macro m($x , $Y) ; macro n() accept dport $x; ;cap c accept; id 1 default include m(1 ,\n2) include n ;",
			"tag t\n\tenum 1 a\n\tflag 0,1 b\n\tid 7\n\tdefault a\n;\nmacro m($x,$Y)\n;\nmacro n\n\taccept dport $x;\n;\ncap c\n\taccept;\n\tid 1\n\tdefault\n\tinclude m(1,2)\n\tinclude n\n;\n"},
		{"semicolons without meaning", "include m;;accept;;\n;drop;", "include m\naccept;\ndrop;\n"},
		{"end of file", "accept\nchr inbound # c", "accept chr inbound; # c\n"},
		{"comments in front", "  # a  \n\n\n\t# b\n\naccept; # c\n# d\ncap c # e\n\n\n# f\nid 1 # g\n\n# h\n; # i\n# j",
			"# a\n\n# b\n\naccept; # c\n# d\ncap c # e\n\t# f\n\tid 1 # g\n\n\t# h\n; # i\n# j\n"},
		{"comments in rules", "drop # a\n# b\nnot # c\nethertype # d\nipv4 # e\n; # f\naccept # g\n;tee # h\n1 # i\nab12cd34ef;",
			"drop # a\n\t# b\n\tnot # c\n\tethertype # d\n\tipv4 # e\n; # f\naccept # g\n;\ntee # h\n\t1 # i\n\tab12cd34ef\n;\n"},
		{"comments in lists", "macro m( # a\n$x # b\n, $y # c\n) # d\n; include m(1, # e\n2 # f\n)",
			"macro m( # a\n\t$x, # b\n\t$y) # c\n\t# d\n;\ninclude m(1, # e\n\t2) # f\n"},
		{"rules in comments", "#drop\n#\tnot chr ipauth\n#;\naccept;", "#drop\n#\tnot chr ipauth\n#;\naccept;\n"},
		{"line ends", "# a\r\naccept # b\r;\r\n\r\n\r\ndrop;", "# a\naccept # b\n;\n\ndrop;\n"},
		{"byte order mark", "\ufeffaccept;#\u00e4", "accept; #\u00e4\n"},
	} {
		file := Parse(c.source)
		if len(file.Errors) > 0 {
			t.Errorf("%s: %v", c.name, file.Errors)
			continue
		}
		if got := Format(file); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
		if again := Format(Parse(c.want)); again != c.want {
			t.Errorf("%s: formatted again:\n%s", c.name, again)
		}
	}
}

func TestFormatOfBrokenFilesEnds(t *testing.T) {
	for _, source := range []string{"drop not", "accept dport", "tag", "macro m(", "include", "cap c accept", "tag t flag 1", "x ( y", "\xff accept"} {
		_ = Format(Parse(strings.Repeat(source+"\n", 3)))
	}
}
