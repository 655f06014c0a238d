package original

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// answer is what the compiler says to a program, in short: its tables as JSON, or
// the error's place and category.
func answer(source string) string {
	set, err := Compile(source)
	var found *Error
	if errors.As(err, &found) {
		return fmt.Sprintf("%d:%d %s", found.Line, found.Column, found.Category)
	}
	text, err := json.Marshal(set)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestCorners holds answers of the original that the vectors do not have. Where a
// program compiles, want is a part of the JSON.
func TestCorners(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		// Names that every object of JavaScript has (Q26).
		{"accept CONSTRUCTOR dport 22;", `{"end":22,"not":false`},
		{"accept not CONSTRUCTOR dport 22;", `{"end":22,"not":false`},
		{"accept dport toString;", "1:7 MATCH_ARG_RESERVED"},
		{"accept dport TOSTRING;", "1:13 BAD_RANGE"},
		{"accept dport $toString;", "1:13 UNDEFINED_VARIABLE"},
		{"include toString", "0:0 INTERNAL"},
		{"include valueOf(1)", "0:0 INTERNAL"},
		{"macro m($p) accept ethertype $p; ;\ninclude m(toString)", "1:29 BAD_NUMBER"},
		{"macro m($p) accept teq $p 1; ;\ninclude m(valueOf)", "0:0 INTERNAL"},
		{"macro m($p) accept teq t $p; ;\ntag t id 1;\ninclude m(valueOf)", `"id":1,"not":false,"or":false,"type":"MATCH_TAGS_EQUAL","value":0}`},
		{"tag t id 1 flag 1,toString x; accept;", "1:16 TAG_FLAG_BIT_BAD"},
		{"tag t id 1 flag 1,constructor x; accept;", `"flags":{"x":2}`},
		{"tag t id 1 flag __PROTO__ x; accept;", `"flags":{"x":0}`},
		{"tag t id 1 flag constructor x;", "0:0 INTERNAL"},
		{"tag t id 1 flag 0 __PROTO__;", "1:18 TAG_FLAG_DUPLICATE"},
		{"tag t id 1 enum 0 CONSTRUCTOR;", "1:18 TAG_ENUM_DUPLICATE"},
		{"tag t id 1 default constructor;", `"tags":[{"default":0,"id":1}]`},
		{"cap __proto__ id 1;", "1:4 CAP_NAME_RESERVED"},
		{"accept __lookupGetter__ dport 1; ;", "1:7 UNKNOWN_MATCH"},
		{"hasOwnProperty accept;", "1:0 UNKNOWN_ACTION"},

		// Blocks where none is expected.
		{"tag t id 1 break dport 1; ;", "1:11 TAG_UNKNOWN_KEYWORD"},
		{"tag t id 1 enum accept dport 1; ;", "1:16 TAG_ENUM_VALUE_RANGE"},
		{"tag t id 1 default accept dport 1; ;", "0:0 INTERNAL"},
		{"tag t id accept dport 1; ;", "1:9 TAG_ID_RANGE"},
		{"tag t id 1 enum 1 accept dport 1; ;", "0:0 INTERNAL"},
		{"cap c id accept dport 1; ;", "1:6 CAP_ID_RANGE"},
		{"tee 1 tee x", "1:6 TEE_TARGET_BAD"},

		// Numbers (Q11, Q13) and ranges.
		{"accept dport 0x\u00a0ff;", `"start":255`},
		{"accept dport 0x+0x10;", `"start":16`},
		{"accept dport 1--2;", "1:13 BAD_RANGE"},
		{"accept dport -1-2;", "1:13 BAD_RANGE"},
		{"accept vlan -0;", `"vlanId":0`},
		{"accept icmp -0 -5;", `"icmpCode":null`},
		{"tag t id 1 default -0x10;", `"default":16`},
		{"tag t id 1 default 0x;", `"default":0`},
		{"tag t id 1 default 99999999999999999999999;", `"default":-167772160`},
		{"tag t id -0; accept teq t -0;", `"id":0,"not":false,"or":false,"type":"MATCH_TAGS_EQUAL","value":0`},
		{"accept random Infinity;", `"probability":4294967295`},
		{"accept random 1e;", `"probability":4294967295`},
		{"accept random .5e-1x;", `"probability":214748364`},
		{"accept random \u00a00.5;", `"probability":2147483647`},

		// Lists.
		{"accept chr ,1,,2,;", `"mask":"0000000000000006"`},
		{"accept chr 31,63,0,32;", `"mask":"7fffffff7fffffff"`},
		{"tag t id 1 flag 1,,2 x;", `"flags":{"x":6}`},
		{"tag t id 1 flag 1, y;", "1:16 TAG_FLAG_BIT_BAD"},
		{"tag t id 1 flag , y;", "1:16 TAG_FLAG_BIT_BAD"},
		{"tag t id 1 flag 0 Read flag READ,1 rw;", `"flags":{"read":1,"rw":3}`},

		// Addresses (Q17, Q19, Q21).
		{"accept ipsrc FE80:%eth0/10;", "1:13 BAD_IP"},
		{"accept ipsrc fe80:%eth0/10;", `"ip":"fe80:%eth0/10","not":false,"or":false,"type":"MATCH_IPV6_SOURCE"`},
		{"accept ipsrc fe80:%_/10;", "1:13 BAD_IP"},
		{"accept ipsrc zzA:B:C:D:E:F:1:22222zz/64;", `"type":"MATCH_IPV6_SOURCE"`},
		{"accept ipsrc 1.00.09.1/8;", `"type":"MATCH_IPV4_SOURCE"`},
		{"accept ipsrc 1.00.009.1/8;", "1:13 BAD_IP"},
		{"redirect deadbeefXY dport 1;", `"address":"deadbeefXY"`},
		{"redirect 😀deadbeef dport 1;", `"address":"😀deadbeef"`},
		{"accept ztsrc İdeadbeef11;", `"zt":"deadbeef11"`},

		// Macros (Q24).
		{"macro m($a,$a) accept dport $a; ;\ninclude m(1,2)", `"start":2`},
		{"macro m($) accept dport $; ;\ninclude m(1)", `"start":1`},
		{"macro (m) accept dport 1; ;\ninclude (m)", "1:6 MACRO_NAME_INVALID"},

		// Names outside of ASCII: full folding, and the letters of Unicode 6.1.
		{"tag İx id 1;", "1:4 TAG_NAME_INVALID"},
		{"tag aΣ id 1;", `"tagsByName":{"aς"`},
		{"tag ÄÖÜ id 1;", `"tagsByName":{"äöü"`},
		{"tag Ꭰ id 1;", "1:4 TAG_NAME_INVALID"},
		{"tag \u1885 id 1;", "{\"\u1885\""},
		{"breaK\nx;", "2:1 UNKNOWN_ACTION"}, // a Kelvin sign opens no block, but is folded

		// Columns count UTF-16 code units.
		{"# 😀\naccept x😀 bogus;", "2:8 UNKNOWN_MATCH"},
		{"accept ztsrc 😀deadbeef11 bogus;", "1:26 UNKNOWN_MATCH"},
	} {
		if got := answer(c.source); !strings.Contains(got, c.want) {
			t.Errorf("%q:\n got %s\nwant %s", c.source, got, c.want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, c := range programs(f) {
		f.Add(c.Source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		set, err := Compile(source)
		var found *Error
		if (set == nil) != errors.As(err, &found) {
			t.Fatalf("%v and %v", set, err)
		}
		if found != nil && (found.Category == "" || found.Message == "" || found.Line < 0 || found.Column < 0) {
			t.Fatalf("%+v", found)
		}
		if set != nil {
			if _, err := json.Marshal(set); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkDefaultRules(b *testing.B) {
	const source = "# Only IPv4, ARP and IPv6.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\naccept;\n"
	for b.Loop() {
		if _, err := Compile(source); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMebibyte(b *testing.B) {
	for name, source := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Compile(source)
			}
		})
	}
}
