package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// errorsOf lists the errors of a program as "line:column CODE".
func errorsOf(source string) string {
	var all []string
	_, diagnostics := Compile(source, Strict)
	for _, d := range diagnostics {
		if d.Severity == SeverityError {
			all = append(all, fmt.Sprintf("%d:%d %s", d.Line, d.Column, d.Code))
		}
	}
	return strings.Join(all, " ")
}

// TestHints are the hints of protocol 10 §18.2, and more: the first error of each
// program, its message and its hint.
func TestHints(t *testing.T) {
	for _, c := range []struct{ source, code, message, hint string }{
		// A ; is missing before an action or definition.
		{"accept dport 22\ndrop;", "UNKNOWN_MATCH", `"drop" stands inside a rule.`, `A ; is missing before it: the rule that begins with "accept" in line 1 is still open.`},
		{"\naccept\n dport 22\ntag t id 1;", "UNKNOWN_MATCH", `"tag" stands inside a rule.`, `A ; is missing before it: the rule that begins with "accept" in line 2 is still open.`},
		{"tag t id 1\naccept;", "TAG_UNKNOWN_KEYWORD", `"accept" stands inside tag "t".`, "Close the block opened in line 1 with its own ; before this."},
		{"cap c id 1 accept;\ntag t id 1;", "UNKNOWN_ACTION", `"tag" stands inside capability "c".`, "Close the block opened in line 1 with its own ; before this."},
		// Did you mean.
		{"acept dport 22;", "UNKNOWN_ACTION", `"acept" is not an action.`, "Did you mean accept?"},
		{"accept Dpotr 22;", "UNKNOWN_MATCH", `"Dpotr" is not a match.`, "Did you mean dport?"},
		{"accept ethertype ipv5;", "BAD_NUMBER", `"ipv5" is not an ethertype.`, "Did you mean ipv4?"},
		{"accept ipprotocol tcpp;", "BAD_NUMBER", `"tcpp" is not an IP protocol.`, "Did you mean tcp?"},
		{"accept chr tcp_sin;", "BAD_CHARACTERISTIC", `"tcp_sin" is not a characteristic.`, "Did you mean tcp_fin?"},
		{"accept chr SYN;", "BAD_CHARACTERISTIC", `"SYN" is not a characteristic.`, "Write tcp_syn."},
		{"tag team id 1 enum 1 sales;accept teq team slaes;", "BAD_TAG_VALUE", `"slaes" is not a value of tag "team".`, "Did you mean sales? Values of team: sales, or a number from 0 to 4294967295."},
		{"tag team id 1 enum 1 sales default seles;", "TAG_DEFAULT_BAD", `"seles" is not a value of tag "team".`, "Did you mean sales? Values of team: sales, or a number from 0 to 4294967295."},
		{"tag team idd 1;", "TAG_UNKNOWN_KEYWORD", `"idd" does not belong in a tag.`, "Did you mean id?"},
		// What is defined.
		{"tag team id 1;tag role id 2;accept teq rolle 1;", "UNKNOWN_TAG", `There is no tag "rolle".`, "Did you mean role? Tags: team, role."},
		{"accept teq role 1;", "UNKNOWN_TAG", `There is no tag "role".`, "There are no tags: define it with tag role id 1 … ;"},
		{"macro ssh accept; ;include sssh", "MACRO_NOT_FOUND", `There is no macro "sssh".`, "Did you mean ssh? Macros: ssh."},
		{"include ssh", "MACRO_NOT_FOUND", `There is no macro "ssh".`, "There are no macros: define it with macro ssh … ;"},
		{"tag team id 7 enum 1 sales;accept teq 7 sales;", "BAD_TAG_VALUE", `"sales" is not a number: values have names only where the tag is written by its name.`, "Write team instead of 7."},
		// Matches without an action.
		{"dport 22;", "UNKNOWN_ACTION", `"dport" is not an action.`, "Matches need an action in front: write accept, drop or break before it."},
		{"drop;\nnot ethertype ipv4;", "UNKNOWN_ACTION", `"not" is not an action.`, "Matches need an action in front. The drop in line 1 ended with its ; and applies to everything."},
		// Prose.
		{"See the table below.\naccept;", "UNKNOWN_ACTION", `"See" is not an action.`, "Is this a comment? Start comments with #."},
		{"Hello world\naccept;", "UNKNOWN_ACTION", `"Hello" is not an action.`, "Is this a comment? Start comments with #."},
		{"// ssh\naccept;", "UNKNOWN_ACTION", `"//" is not an action.`, "Comments start with # and end with their line."},
		// Words of other firewalls.
		{"allow dport 22;", "UNKNOWN_ACTION", `"allow" is not an action.`, "Write accept."},
		{"Permit;", "UNKNOWN_ACTION", `"Permit" is not an action.`, "Write accept."},
		{"deny;", "UNKNOWN_ACTION", `"deny" is not an action.`, "Write drop (or break, which lets capabilities accept it)."},
		{"reject;", "UNKNOWN_ACTION", `"reject" is not an action.`, "Write drop (or break, which lets capabilities accept it)."},
		{"block;", "UNKNOWN_ACTION", `"block" is not an action.`, "Write drop (or break, which lets capabilities accept it)."},
		{"accept tcp;", "UNKNOWN_MATCH", `"tcp" is not a match.`, "Write ipprotocol tcp."},
		// Names for numbers.
		{"accept dport SSH;", "BAD_RANGE", `"SSH" is not a port or range.`, "Use 22."},
		{"accept ipprotocol gre;", "BAD_NUMBER", `"gre" is not an IP protocol.`, "Use 47."},
		{"accept icmp echo-request -1;", "BAD_ICMP_TYPE", `"echo-request" is not an ICMP type.`, "Use 8 for IPv4, 128 for IPv6."},
		{"accept ethertype lldp;", "BAD_NUMBER", `"lldp" is not an ethertype.`, "Use 0x88cc."},
		// Lists.
		{"accept dport 22,80;", "BAD_RANGE", `"22,80" is not a port or range.`, "There are no lists here: write dport 22 or dport 80. Matches are taken from left to right: write these first and the others behind them."},
		{"accept dport 22, 80 , 443;", "UNKNOWN_MATCH", `"80" is not a match.`, "There are no lists here: write dport 22 or dport 80 or dport 443. Matches are taken from left to right: write these first and the others behind them."},
		{"accept chr tcp_syn, tcp_ack;", "UNKNOWN_MATCH", `"tcp_ack" is not a match.`, "Write lists without spaces: chr tcp_syn,tcp_ack."},
		{"accept dport 22 80;", "UNKNOWN_MATCH", `"80" is not a match.`, `Write "or dport 80" for one more value.`},
		{"accept ipsrc 10.0.0.0/8,fd00::/8;", "BAD_IP", `"10.0.0.0/8,fd00::/8" is not a network.`, "There are no lists here: write ipsrc 10.0.0.0/8 or ipsrc fd00::/8. Matches are taken from left to right: write these first and the others behind them."},
		{"tag t id 1 flag 0, 1 a;", "TAG_UNKNOWN_KEYWORD", `"a" does not belong in a tag.`, "Write lists of bits without spaces: flag 0,1 name."},
		{"accept ipprotocol tcp dport 22 or 80;", "UNKNOWN_MATCH", `"80" is not a match.`, `Write "or dport 80" for one more value. Matches are taken from left to right: write these first and the others behind them.`},
		{"accept chr tcp_syn,!tcp_ack;", "BAD_CHARACTERISTIC", `"!tcp_ack" is not a characteristic.`, "A list has what may be there. For what must not be there, write a match of its own: and not chr tcp_ack."},
		{"accept icmp any any;", "BAD_ICMP_TYPE", `"any" is not an ICMP type.`, "Use ipprotocol icmp4 or ipprotocol icmp6 in place of icmp, for all types."},
		{"accept ipprotocol=tcp;", "UNKNOWN_MATCH", `"ipprotocol=tcp" is not a match.`, "Write ipprotocol tcp, without a sign between."},
		{`accept dport "22";`, "BAD_RANGE", `"\"22\"" is not a port or range.`, "Write it without quotes: dport 22."},
		{"accept ipsrc fe80::1%eth0/64;", "BAD_IP", `"fe80::1%eth0/64" is not a network.`, "Addresses have no zone here: write fe80::1 and a prefix length."},
		{"macro m accept; ; m(22);", "UNKNOWN_ACTION", `"m(22)" is not an action.`, "To insert the rules of a macro, write include m(22)."},
		{"include servers.rules", "MACRO_NOT_FOUND", `There is no macro "servers.rules".`, "Names are letters, digits and _, and do not begin with a digit."},
		{"macro a\x1bb; include ab", "MACRO_NAME_INVALID", `"a\x1bb" cannot be a name.`, "Names are letters, digits and _, and do not begin with a digit."},
		// Ranges.
		{"accept dport 90-80;", "BAD_RANGE", `"90-80" is not a port or range.`, "Write 80-90."},
		{"accept dport 1024-;", "BAD_RANGE", `"1024-" is not a port or range.`, "Write 1024-65535."},
		{"accept dport 80:90;", "BAD_RANGE", `"80:90" is not a port or range.`, "Write 80-90."},
		{"accept dport 65536;", "BAD_RANGE", `"65536" is not a port or range.`, "Write a number from 0 to 65535, or a range like 8000-8100."},
		{"accept iptos 1 256;", "BAD_TOS_RANGE", `"256" is not a type of service or range.`, "Write a number from 0 to 255, or a range like 0xa0-0xa8."},
		// Addresses.
		{"accept ipsrc 10.0.0.1;", "IP_PREFIX_MISSING", `"10.0.0.1" is not a network: the prefix length is missing.`, "For this address alone, add /32: 10.0.0.1/32."},
		{"accept ipdest fd00::1;", "IP_PREFIX_MISSING", `"fd00::1" is not a network: the prefix length is missing.`, "For this address alone, add /128: fd00::1/128."},
		{"accept ipsrc 10.0.0.0/255.255.252.0;", "BAD_IP", `"10.0.0.0/255.255.252.0" is not a network.`, "Write 10.0.0.0/22."},
		{"accept ipsrc 10.0.0.0/255.0.255.0;", "BAD_IP", `"10.0.0.0/255.0.255.0" is not a network.`, "The prefix length is a number from 0 to 32."},
		{"accept ipsrc 10.0.0/24;", "BAD_IP", `"10.0.0/24" is not a network.`, "IPv4 addresses are four numbers from 0 to 255 without zeros in front of them, like 10.0.0.0/8."},
		{"accept ipsrc 10.0.0.1-10.0.0.9;", "IP_PREFIX_MISSING", `"10.0.0.1-10.0.0.9" is not a network: the prefix length is missing.`, "There are no ranges of addresses: write networks, joined by or."},
		{"accept ipsrc server;", "IP_PREFIX_MISSING", `"server" is not a network: the prefix length is missing.`, "Names are not known here: write an address with prefix length, like 10.0.0.1/32, or the device's 10-digit node address with ztsrc or ztdest."},
		{"accept ztsrc alice;", "BAD_ZT_ADDRESS", `"alice" is not a node's address.`, "Write the device's 10-digit node address, like 0123456789: names are not known here."},
		{"accept ztsrc deadbeef1;", "BAD_ZT_ADDRESS", `"deadbeef1" is not a node's address.`, "Addresses of nodes have 10 hex digits; this has 9."},
		{"accept ztsrc 0xDE:AD:BE:EF:11;", "BAD_ZT_ADDRESS", `"0xDE:AD:BE:EF:11" is not a node's address.`, "Write deadbeef11."},
		{"redirect 10.0.0.1;", "REDIRECT_TARGET_BAD", `"10.0.0.1" is not a node's address.`, "Write the 10-digit address of a node, like 0123456789, or match the IP address with ipsrc or ipdest."},
		// Order of arguments.
		{"tag t id 1 enum sales 100;", "TAG_ENUM_VALUE_RANGE", `"sales" cannot be a tag's value.`, "The value comes first, then the name: enum 100 sales."},
		{"tag t id 1 flag vip 3;", "TAG_FLAG_BIT_BAD", `"vip" is not a list of bits.`, "The bits come first, then the name: flag 3 vip."},
		{"tee deadbeef11 chr inbound;", "TEE_LENGTH_RANGE", `"deadbeef11" is not a length.`, "The length comes first: tee 128 deadbeef11."},
		{"watch 64;", "TEE_ARGS_MISSING", `"watch" needs a length and a node's address.`, "Write watch, a length in bytes (-1: whole frames) and the 10-digit address of a node, then the matches: watch 128 0123456789 chr inbound;"},
		{"accept random 5%;", "BAD_NUMBER", `"5%" is not a probability.`, "Write 0.05."},
		// Blocks without end: the original compiler may have ended them.
		{"macro m\n accept dport 1;", "UNTERMINATED_BLOCK", `The block of macro "m" is not closed.`, "The block opened in line 1 needs its own ; behind its last line. The original compiler takes all that follows for a part of it."},
		{"\n# é\r\n cap s id 1\n accept;\n accept;", "UNTERMINATED_BLOCK", `The block of capability "s" is not closed.`, "The block opened in line 3 needs its own ; behind its last line. The original compiler, which may have compiled this program, ends it in line 4."},
		{"cap s id 1 accept IPSRC 10.0.0.0/8 and ethertype IPv4;", "UNTERMINATED_BLOCK", `The block of capability "s" is not closed.`, "The block opened in line 1 needs its own ; behind its last line."},
		// Macros.
		{"macro m($port) accept dport $prt; ;", "UNDEFINED_VARIABLE", `Macro "m" has no parameter "$prt".`, "Its parameters: $port. A parameter is a word of its own, not a part of one."},
		{"macro m accept dport $p; ;", "UNDEFINED_VARIABLE", `Macro "m" has no parameter "$p".`, "Write macro m($p) to give it one."},
		{"accept dport $p;", "UNDEFINED_VARIABLE", `There is no parameter "$p" here.`, "Parameters exist inside the macro that has them: write a value."},
		{"macro m(port) accept; ;", "MACRO_PARAM_INVALID", `"port" is not a parameter that "m" can have.`, "Write $port, here and in the rules."},
		{"macro m($a,$A) accept; ;", "MACRO_PARAM_INVALID", `"$A" is not a parameter that "m" can have.`, "Parameters of a macro need different names."},
		{"macro m($a,$b) accept; ;include m(1)", "MACRO_ARG_MISSING", `Macro "m" takes 2 arguments, not 1.`, "Write include m(a,b) with a value for each."},
		{"macro m accept; ;include m(1,2)", "MACRO_ARG_EXTRA", `Macro "m" takes no argument, not 2.`, "Write include m."},
		{"macro m($a) accept; ;include m 22;", "UNKNOWN_ACTION", `"22" is not an action.`, "Arguments stand in parentheses, with commas between them: include m(22)."},
		{"macro m($a,$b) accept; ;include m(1,)", "MACRO_ARG_MISSING", `An argument of macro "m" is empty.`, "Write include m(a,b) with a value for each."},
		// Signs.
		{"accept not (dport 22 or dport 80);", "UNKNOWN_MATCH", `"(dport" is not a match.`, "There are no parentheses around matches: they are taken from left to right, one after the other."},
		{"accept dport 22 && ipprotocol tcp;", "UNKNOWN_MATCH", `"&&" is not a match.`, "Write and."},
		{"accept !dport 22;", "UNKNOWN_MATCH", `"!dport" is not a match.`, "Write not dport."},
		{"accept dport = 22;", "UNKNOWN_MATCH", `"22" is not a match.`, "Write dport 22, without a sign between."},
		{"accept dport > 1023;", "UNKNOWN_MATCH", `"1023" is not a match.`, "There are no comparisons: write dport and a range like 1024-65535."},
		{"accept dport >=1024;", "BAD_RANGE", `">=1024" is not a port or range.`, "There are no comparisons: write a range like 8000-8100."},
		// Priority.
		{"priority 3 dport 22;", "UNKNOWN_ACTION", `"priority" is not an action.`, "Neither controllers nor this compiler support priority: remove the rule."},
		{"tag t id 1;\ntag T id 2;", "TAG_DUPLICATE", `"T" is defined in line 1 already.`, "Rename one of them; capital letters make no difference."},
		{"tag t id 1;\ntag u id 1;", "TAG_ID_DUPLICATE", `"t" has id 1 already.`, "Choose another number."},
	} {
		_, diagnostics := Compile(c.source, Strict)
		if d := firstError(diagnostics); d.Code != c.code || d.Message != c.message || d.Hint != c.hint {
			t.Errorf("%q:\n\tgot  %s %s\n\t     %s\n\twant %s %s\n\t     %s", c.source, d.Code, d.Message, d.Hint, c.code, c.message, c.hint)
		}
	}
}

// TestAllErrors: all errors of a program are told in one run, each mistake once,
// sorted by position.
// TestOneMistake has programs with one mistake each, which gives one error.
func TestOneMistake(t *testing.T) {
	for _, c := range []struct{ source, want, hint string }{
		{"tag t\n id 1;\n enum 1 a;\n enum 2 b;\naccept teq t a;", "3:2 UNKNOWN_ACTION", "Remove the ; in line 2: items have none, only the last line of the block has one."},
		{"cap c;\n id 1\n accept;\n;\nbreak;", "2:2 UNKNOWN_ACTION", "Remove the ; in line 1: items have none, only the last line of the block has one."},
		{"cap c\n id = 1\n accept;\n;\nbreak;", "2:5 CAP_ID_RANGE", "Remove it: only spaces stand between the words."},
		{"tag t id 1 enum 1 = a default = a;\naccept teq t a;", "1:19 TAG_UNKNOWN_KEYWORD 1:31 TAG_UNKNOWN_KEYWORD", "Remove it: only spaces stand between the words."},
		{"tag t id 1 enum 1 a;\naccept tag t a;", "2:8 UNKNOWN_MATCH", "Write teq, tand, tor, txor, tdiff, tseq or treq, the tag and a value."},
		{"tag t id 1 enum 1 a;\naccept teq t = a;", "2:16 UNKNOWN_MATCH", "Write teq t a, without a sign between."},
		{"drop ipsrc not 10.0.0.0/8;\naccept;", "1:12 MATCH_ARG_RESERVED", "Write not in front: not ipsrc 10.0.0.0/8."},
		{"accept ipsrc 10.0.0.0 255.0.0.0;", "1:23 UNKNOWN_MATCH", "Write the length of the prefix in place of a mask, as in ipsrc 10.0.0.0/24."},
		{"macro m(port) accept dport port; ;\ninclude m(22)", "1:7 MACRO_PARAM_INVALID", "Write $port, here and in the rules."},
		{"macro m\n accept dport 22;\ninclude m;", "3:9 MACRO_RECURSION", "Macros are replaced by their rules, which would never end here: remove the include, or close the macro with its own ; before it."},
	} {
		if got := errorsOf(c.source); got != c.want {
			t.Errorf("%q: %s, want %s", c.source, got, c.want)
		}
		_, diagnostics := Compile(c.source, Strict)
		if hint := firstError(diagnostics).Hint; hint != c.hint {
			t.Errorf("%q: %s, want %s", c.source, hint, c.hint)
		}
	}
	// Names of the program are not written raw.
	_, diagnostics := Compile("macro a\x1bb; include ab", Strict)
	if hint := diagnostics[1].Hint; hint != `Did you mean a\x1bb? Macros: a\x1bb.` {
		t.Errorf("%q", hint)
	}
}

func TestAllErrors(t *testing.T) {
	for source, want := range map[string]string{
		"accept dport ssh;\ntag t id x;\ncap c id y accept bogus;\n;\naccept teq u 1 and ipsrc a;": "1:14 BAD_RANGE 2:10 TAG_ID_RANGE 3:7 CAP_ID_RANGE 3:19 UNKNOWN_MATCH 5:12 UNKNOWN_TAG 5:26 IP_PREFIX_MISSING",
		// What follows from a mistake is not told.
		"tag t id 1 enum sales 100;accept teq t sales;":                                      "1:17 TAG_ENUM_VALUE_RANGE",
		"tag t id 1 flag vip 3;accept tand t vip;":                                           "1:17 TAG_FLAG_BIT_BAD",
		"tag t id 1 flag 0, 1 x;accept tand t x;":                                            "1:22 TAG_UNKNOWN_KEYWORD",
		"tag t id 1 flag 0 a-b;accept tand t 1;":                                             "1:19 TAG_FLAG_NAME_INVALID",
		"tag t id 1 enm 1 one;accept teq t one;":                                             "1:12 TAG_UNKNOWN_KEYWORD",
		"tag t enum 1 one;accept teq t one;":                                                 "1:5 TAG_ID_ABSENT",
		"tag my-tag id 1;accept teq my-tag 1;":                                               "1:5 TAG_NAME_INVALID",
		"tag class id 1;accept teq 1 1;":                                                     "1:5 TAG_NAME_RESERVED",
		"macro my-macro accept; ;include my-macro":                                           "1:7 MACRO_NAME_INVALID",
		"macro m($a,b) accept dport $b; ;include m(22)":                                      "1:7 MACRO_PARAM_INVALID",
		"macro m($a accept dport $a; ;include m(22)":                                         "1:7 MACRO_ARGS_UNCLOSED",
		"cap c idd 1 accept; ;":                                                              "1:7 UNKNOWN_ACTION",
		"cap c id accept; ;":                                                                 "1:7 CAP_ID_MISSING_VALUE",
		"accept teq t and dport 22;tag t id 1;":                                              "1:14 MATCH_ARG_RESERVED",
		"tee 64 ipprotocol tcp;":                                                             "1:8 TEE_TARGET_BAD",
		"redirect dport 80;":                                                                 "1:10 REDIRECT_TARGET_BAD",
		"tee chr inbound;":                                                                   "1:1 TEE_ARGS_MISSING",
		"macro m($a) accept; ;include m 22; include m(1 2)":                                  "1:32 UNKNOWN_ACTION 1:44 MACRO_ARGS_UNCLOSED",
		"accept dport = 22;":                                                                 "1:16 UNKNOWN_MATCH",
		"macro m accept; ;include m($x)":                                                     "1:26 MACRO_ARG_EXTRA 1:28 UNDEFINED_VARIABLE",
		"macro m($a) accept dport $a; ;include m($x)":                                        "1:41 UNDEFINED_VARIABLE",
		"macro m($a,$b) accept dport $a; ;include m(,1) include m(1,)":                       "1:42 MACRO_ARG_MISSING 1:56 MACRO_ARG_MISSING",
		"macro a accept; include a; include a":                                               "1:25 MACRO_RECURSION",
		"macro a include b; macro b include c; macro c include b;":                           "1:36 MACRO_RECURSION",
		"macro a include a; macro b include b include a;":                                    "1:17 MACRO_RECURSION 1:36 MACRO_RECURSION",
		"macro never accept dport $x and dport y and teq z 1; ;":                             "1:26 UNDEFINED_VARIABLE 1:39 BAD_RANGE 1:49 UNKNOWN_TAG",
		"macro m($a) accept icmp $a 300 and teq $a $a and iptos $a 256; ;":                   "1:28 BAD_ICMP_CODE 1:59 BAD_TOS_RANGE",
		"macro m($t) accept teq t $t; ; tag t id 1 enum 1 AND; include m(and) include m(or)": "1:26 BAD_TAG_VALUE",
	} {
		if got := errorsOf(source); got != want {
			t.Errorf("%q:\n\tgot  %s\n\twant %s", source, got, want)
		}
	}
}

// TestMacroErrors: an error in a macro is told once, with where it comes from.
func TestMacroErrors(t *testing.T) {
	const inner = "macro inner($p)\n accept dport $p;\n;\nmacro outer($q)\n include inner($q)\n;\n"
	for source, want := range map[string][]Related{
		inner + "include outer(22)\ninclude outer(ssh)":                             {{8, 9, "included from here"}},
		inner + "include outer(a)\ninclude outer(b)\ninclude outer(a)":              {{7, 9, "included from here"}, {8, 9, `included from here, too: "b" is not a port or range.`}},
		inner + "cap c id 1 include outer(x)\n;\ninclude inner(x)":                  {{7, 20, "included from here"}},
		"macro m\n accept dport x;\n;\naccept;\ncap c id 1 include m\n;\ninclude m": {{5, 20, "included from here"}},
		"macro m\n accept dport x;\n;\naccept;":                                     nil,
	} {
		_, diagnostics := Compile(source, Strict)
		d := firstError(diagnostics)
		if n := strings.Count(errorsOf(source), ":"); n != 1 || d.Code != "BAD_RANGE" || d.Line != 2 || !slices.Equal(d.Related, want) {
			t.Errorf("%q: %d errors, %+v, want related %v", source, n, d, want)
		}
	}
	var many strings.Builder
	many.WriteString(inner)
	for i := range 100 {
		fmt.Fprintf(&many, "include outer(x%d)\n", i)
	}
	if _, diagnostics := Compile(many.String(), Strict); len(diagnostics) != 1 || len(diagnostics[0].Related) != maxRelated {
		t.Errorf("many includes: %+v", diagnostics)
	}
}

// TestManyErrors: the first ones in the source are kept, whatever is found first.
func TestManyErrors(t *testing.T) {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "accept dport x%d; tag t%d id y;\n", i, i)
	}
	_, diagnostics := Compile(b.String(), Strict)
	if len(diagnostics) != MaxDiagnostics {
		t.Fatalf("%d diagnostics", len(diagnostics))
	}
	for i, d := range diagnostics {
		if d.Line != i/2+1 || (d.Code == "BAD_RANGE") != (i%2 == 0) {
			t.Errorf("%d: %+v", i, d)
		}
	}
	// Errors are kept rather than warnings.
	_, diagnostics = Compile(strings.Repeat(";", 100)+" accept dport x;", Strict)
	if len(diagnostics) != MaxDiagnostics || firstError(diagnostics).Code != "BAD_RANGE" {
		t.Errorf("%d diagnostics, %+v", len(diagnostics), firstError(diagnostics))
	}
}

// TestLiterals are the forms of protocol 10 §4 at their limits.
func TestLiterals(t *testing.T) {
	for match, forms := range map[string]struct{ good, bad string }{
		"ztsrc":      {"deadbeef11 DEADBEEF11 0000000000", "deadbeef1 deadbeef111 0xdeadbee 0xdeadbeef deadbeefg1"},
		"vlan":       {"0 4095 0xfff 0XFFF 00012", "4096 -1 +1 1e1 0x 0xg x 12x 1.0 18446744073709551617 0x10000000000000001"},
		"vlanpcp":    {"0 7", "8"},
		"vlandei":    {"0 1", "2"},
		"ethertype":  {"0 65535 0x86dd ipv4 IPX_A", "65536 ip -1"},
		"ipprotocol": {"0 255 icmp ICMP icmp4 Tcp udplite", "256 262 -1 gre"},
		"macsrc":     {"aabbccddeeff aa:bb:cc:dd:ee:ff AA-BB-CC-DD-EE-FF aabb.ccdd.eeff", "aabbccddeef aabbccddeefff aa:bb:cc:dd:ee:fg aa:bb-cc:dd:ee:ff aabb:ccdd:eeff a:b:c:d:e:f ::::::::::::::::: aa.bb.cc.dd.ee.ff"},
		"ipsrc":      {"0.0.0.0/0 255.255.255.255/32 10.0.0.1/8 10.0.0.0/08 ::/0 fd00::/128 ::ffff:10.0.0.1/128 FE80::1/064", "10.0.0.0/33 fd00::/129 10.0.0.0/ /8 10.0.0.0/x 10.0.0.0/0x8 10.0.0.0/0008 10.0.0.0/8/8 10.0.0/8 10.0.0.0.0/8 256.0.0.0/8 10.0.0.01/32 fe80::1%eth0/64 :::/0 10.0.0.0/-1 10.0.0.0"},
		"sport":      {"0 65535 0-65535 1-1 0x10-0x20", "65536 0-65536 2-1 1-2-3 - -1 1- 1,2 1:2 ssh"},
		"framesize":  {"0 65535 0-1500", "65536 1500b"},
		"chr":        {"0 63 tcp_syn,TCP_ACK,5 , ,, inbound,31,63", "64 -1 syn tcp_syn,x tcp_syn;x"},
		"random":     {"0 1 0.5 .5 1. 1.0 1e-3 1E-400 0.000 5e-1", "1.0001 2 -0 -0.5 +0.5 50% often nan inf 0x1p-2 1_0 . e1 1e999 1,0"},
	} {
		for _, one := range strings.Fields(forms.good) {
			if got := errorsOf("accept " + match + " " + one + ";"); got != "" {
				t.Errorf("%s %s: %s", match, one, got)
			}
		}
		for _, one := range strings.Fields(forms.bad) {
			if got := errorsOf("accept " + match + " " + one + ";"); !strings.HasPrefix(got, "1:") {
				t.Errorf("%s %s: %q, want an error", match, one, got)
			}
		}
	}
	for source, want := range map[string]string{
		"accept icmp 255 255 icmp 0 -1 icmp 0x8 0;":                                                      "",
		"accept icmp 256 0; accept icmp 8 256; accept icmp 8 -2;":                                        "1:13 BAD_ICMP_TYPE 1:34 BAD_ICMP_CODE 1:53 BAD_ICMP_CODE",
		"accept iptos 255 0-255; accept iptos 256 0;":                                                    "1:38 BAD_TOS_MASK",
		"accept teq 4294967295 4294967295 teq 0 0;":                                                      "",
		"accept teq 4294967296 0; accept teq 0 4294967296;":                                              "1:12 UNKNOWN_TAG 1:39 BAD_TAG_VALUE",
		"tee 65535 deadbeef11; tee -1 deadbeef11; tee 0 deadbeef11;":                                     "",
		"tee 65536 deadbeef11; watch -2 deadbeef11; tee 1k deadbeef11;":                                  "1:5 TEE_LENGTH_RANGE 1:29 TEE_LENGTH_RANGE 1:48 TEE_LENGTH_RANGE",
		"tag t id 4294967295 enum 4294967295 x default 4294967295 flag 31 y flag 0,y z; accept teq t z;": "",
		"tag t id 1 flag 0 a default b;":                                                                 "1:29 TAG_DEFAULT_BAD",
		"tag t id 1 default 4294967296;":                                                                 "1:20 TAG_DEFAULT_BAD",
		"tag t id 1 flag a b flag 0 a;":                                                                  "1:17 TAG_FLAG_BIT_BAD",
		"tag t id 1 flag 0,,1 a;":                                                                        "1:17 TAG_FLAG_BIT_BAD",
		"tag 𝔸 id 1;tag 1a id 2;tag é id 3;":                                                             "1:5 TAG_NAME_INVALID 1:16 TAG_NAME_INVALID",
	} {
		if got := errorsOf(source); got != want {
			t.Errorf("%q:\n\tgot  %s\n\twant %s", source, got, want)
		}
	}
}

// TestDangerousQuirks: what the original compiler understands otherwise than its
// writer (protocol 10 §17, D), strict mode does not.
func TestDangerousQuirks(t *testing.T) {
	for source, want := range map[string]string{
		"drop;\nnot ethertype ipv4;":                               "2:1 UNKNOWN_ACTION",
		"cap c id 1 accept;":                                       "1:1 UNTERMINATED_BLOCK",
		"accept dport 22\ndrop\n":                                  "2:1 UNKNOWN_MATCH",
		"tag t id 1 enum 1 Yes default Ye;":                        "1:31 TAG_DEFAULT_BAD",
		"accept dport 22,80;":                                      "1:14 BAD_RANGE",
		"accept icmp 8 any;":                                       "1:15 BAD_ICMP_CODE",
		"tag t id 1 flag 0 x enum 2 x;":                            "1:28 TAG_ENUM_DUPLICATE",
		"accept ipprotocol 262;":                                   "1:19 BAD_NUMBER",
		"accept ipsrc 10.0.0.0/x;":                                 "1:14 BAD_IP",
		"accept random 50%;":                                       "1:15 BAD_NUMBER",
		"accept not;":                                              "1:8 DANGLING_OPERATOR",
		"tee all deadbeef11; tee 64 zzzzzzzzzz;":                   "1:5 TEE_LENGTH_RANGE 1:28 TEE_TARGET_BAD",
		"tag a id 1;tag b id 1;":                                   "1:18 TAG_ID_DUPLICATE",
		"macro m($a) accept dport $a; ;include m(1,2) include m(1": "1:39 MACRO_ARG_EXTRA 1:54 MACRO_ARGS_UNCLOSED",
	} {
		if got := errorsOf(source); got != want {
			t.Errorf("%q:\n\tgot  %s\n\twant %s", source, got, want)
		}
	}
	tables := func(source string) string {
		p, diagnostics := Compile(source, Strict)
		if p == nil {
			t.Fatalf("%q: %v", source, diagnostics)
		}
		var types []string
		for _, e := range p.Rules {
			types = append(types, strings.TrimPrefix(strings.TrimPrefix(e.Type.String(), "MATCH_"), "ACTION_")+e.Text)
		}
		return strings.Join(types, " ")
	}
	for source, want := range map[string]string{
		"accept ;\ndrop ;":                    "ACCEPT DROP",
		"drop;\naccept;":                      "DROP ACCEPT",
		"cap c id 1 accept; drop; ;\naccept;": "ACCEPT",
		"accept dport 1;accept dport 2;":      "IP_DEST_PORT_RANGE ACCEPT IP_DEST_PORT_RANGE ACCEPT",
		"accept chr inbound,multicast;":       "CHARACTERISTICSc000000000000000 ACCEPT",
		"accept chr 31,0;":                    "CHARACTERISTICS0000000080000001 ACCEPT",
		"accept macsrc 02-00-00-00-00-AA;":    "MAC_SOURCE02:00:00:00:00:aa ACCEPT",
		"tee 64 DEADBEEF11;":                  "TEEdeadbeef11",
		"tag constructor id 1;accept;":        "ACCEPT",
	} {
		if got := tables(source); got != want {
			t.Errorf("%q: %s, want %s", source, got, want)
		}
	}
}

// TestOrigins: every entry says where it comes from.
func TestOrigins(t *testing.T) {
	const source = "accept not dport 22;\nmacro in($p)\n drop sport $p or chr inbound;\n;\nmacro out include in(1) tee 5 deadbeef11; ;\n" +
		"include out\ncap c id 1 include in(2) break;\n;"
	p, diagnostics := Compile(source, Strict)
	if p == nil {
		t.Fatal(diagnostics)
	}
	text := func(at syntax.Span) string {
		return source[syntax.OffsetOf(source, at.Start):syntax.OffsetOf(source, at.End)]
	}
	list := func(origins []Origin) (all []string) {
		for _, o := range origins {
			one := text(o.Span) + " | " + text(o.Rule)
			for _, at := range o.Included {
				one += fmt.Sprintf(" | %d:%d", at.Line, at.Column)
			}
			all = append(all, one)
		}
		return all
	}
	want := []string{
		"not dport 22 | accept not dport 22;", "accept | accept not dport 22;",
		"sport $p | drop sport $p or chr inbound; | 6:9 | 5:19", "or chr inbound | drop sport $p or chr inbound; | 6:9 | 5:19",
		"drop | drop sport $p or chr inbound; | 6:9 | 5:19", "tee 5 deadbeef11 | tee 5 deadbeef11; | 6:9",
	}
	if got := list(p.Origins); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	want = []string{
		"sport $p | drop sport $p or chr inbound; | 7:20", "or chr inbound | drop sport $p or chr inbound; | 7:20",
		"drop | drop sport $p or chr inbound; | 7:20", "break | break;",
	}
	if got := list(p.CapabilityOrigins[0]); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestLimits: what nodes cannot hold is refused where it begins.
func TestLimits(t *testing.T) {
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "%", fmt.Sprint(i)))
		}
		return b.String()
	}
	networks := strings.Repeat("ipsrc fd00::1/64 ", 63)
	for _, c := range []struct {
		name, source string
		want         []string // the beginnings of the errors
	}{
		{"rules", strings.Repeat("accept;\n", 1024), nil},
		{"rules", strings.Repeat("accept;\n", 1025), []string{"1025:1 LIMIT_EXCEEDED The base rules have more than 1024 entries"}},
		{"one rule", "accept " + strings.Repeat("dport 1\n", 1024) + ";", []string{"1:1 LIMIT_EXCEEDED"}},
		{"rules of a macro", "macro m " + strings.Repeat("accept;\n", 1000) + ";include m\ninclude m", []string{"25:1 LIMIT_EXCEEDED"}},
		{"errors behind it", strings.Repeat("accept;\n", 1025) + "accept dport x;", []string{"1025:1 LIMIT_EXCEEDED", "1026:14 BAD_RANGE"}},
		{"entries of a capability", "cap c id 1 " + strings.Repeat("accept;", 64) + ";", nil},
		{"entries of a capability", "cap big id 1 " + strings.Repeat("accept;", 65) + ";", []string{`1:5 LIMIT_EXCEEDED Capability "big" has more than 64 entries`}},
		{"entries by macros", "macro m accept dport 1; ;\ncap big id 1 " + strings.Repeat("include m ", 33) + ";", []string{`2:5 LIMIT_EXCEEDED Capability "big"`}},
		{"capabilities", numbered(128, "cap c% id % ;\n"), nil},
		{"capabilities", numbered(129, "cap c% id % ;\n"), []string{"129:5 LIMIT_EXCEEDED There are 129 capabilities; the limit of nodes is 128."}},
		{"tags", numbered(128, "tag t% id %;\n"), nil},
		{"tags", numbered(129, "tag t% id %;\n"), []string{"129:5 LIMIT_EXCEEDED There are 129 tags; the limit of nodes is 128."}},
		{"bytes", numbered(104, "cap c% id % accept "+networks+"; ;\n"), nil},
		{"bytes", numbered(128, "cap c% id % accept "+networks+"; ;\n"), []string{"105:5 LIMIT_EXCEEDED The capabilities up to c104 have more than 140000 bytes"}},
		{"depth", chain(99) + "macro m99 accept; ;include m0", nil},
		{"depth", chain(100) + "macro m100 accept; ;include m0", []string{"1:18 LIMIT_EXCEEDED More than 100 includes stand inside each other."}},
		{"doubling", doubling(60, "accept;") + "include m60\ncap c id 1 include m60 ;", []string{"1:10 LIMIT_EXCEEDED The base rules", `63:5 LIMIT_EXCEEDED Capability "c"`}},
	} {
		p, diagnostics := Compile(c.source, Strict)
		diagnostics = slices.DeleteFunc(diagnostics, func(d Diagnostic) bool { return d.Severity != SeverityError })
		ok := len(diagnostics) == len(c.want) && (p == nil) == (len(c.want) > 0)
		for i, d := range diagnostics {
			ok = ok && strings.HasPrefix(fmt.Sprintf("%d:%d %s %s", d.Line, d.Column, d.Code, d.Message), c.want[i])
		}
		if !ok {
			t.Errorf("%s: %+v, want %q", c.name, diagnostics, c.want)
		}
	}
	p, _ := Compile("macro m accept dport 1; ;include m cap a id 1; cap b id 2 accept; include m ; tag t id 1;", Strict)
	want := Usage{Rules: 2, MaxRules: 1024, Capabilities: 2, MaxCapabilities: 128, LargestCapability: 3, MaxRulesPerCapability: 64, Tags: 1, MaxTags: 128}
	if p == nil || p.Usage != want {
		t.Errorf("usage %+v, want %+v", p, want)
	}
}
