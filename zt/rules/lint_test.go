package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// said are the warnings of strict mode as "line:column CODE", those left out that
// have nothing to do with what is tested.
func said(t *testing.T, source, code string) []string {
	t.Helper()
	_, diagnostics := compiled(t, source)
	var found []string
	for _, d := range diagnostics {
		if d.Code == code {
			found = append(found, fmt.Sprintf("%d:%d-%d:%d", d.Line, d.Column, d.EndLine, d.EndColumn))
			wellPut(t, d)
		}
	}
	return found
}

// wellPut checks the form of a text for people.
func wellPut(t *testing.T, d Diagnostic) {
	t.Helper()
	for _, text := range []string{d.Message, d.Hint} {
		if text == "" || strings.ContainsAny(text[len(text)-1:], " ,:") || strings.Contains(text, "%!") || strings.Contains(text, "  ") {
			t.Errorf("%s says %q, hint %q", d.Code, d.Message, d.Hint)
		}
	}
	if !strings.HasSuffix(strings.TrimRight(d.Message, " (Q0123456789)"), ".") {
		t.Errorf("%s says %q", d.Code, d.Message)
	}
}

const (
	role    = "tag role id 1 default 0 flag 0 red flag 1 blue;\n"
	oneRole = "tag role id 1 default 0 flag 0 red;\n"
	all     = "accept;\n"
)

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		code   string
		source string
		want   []string // places; none: it must not be said
	}{
		{"W_UNREACHABLE", "accept;\ndrop chr multicast;\ndrop;", []string{"2:1-2:5"}},
		{"W_UNREACHABLE", "drop;\naccept dport 22 and ipprotocol tcp;", []string{"2:1-2:7"}},
		{"W_UNREACHABLE", "break or ethertype arp or ethertype ipv4;\naccept;", []string{"2:1-2:7"}},
		{"W_UNREACHABLE", "cap c id 1\n\taccept;\n\taccept ethertype arp;\n;\nbreak ethertype arp;accept;", []string{"3:2-3:8"}},
		{"W_UNREACHABLE", "macro m accept; ;\ninclude m\ninclude m\n", []string{"3:1-3:10"}},
		{"W_UNREACHABLE", "macro m accept; drop; ;\ninclude m", []string{"1:17-1:21"}},
		{"W_UNREACHABLE", "drop chr multicast;\naccept;", nil},
		{"W_UNREACHABLE", "redirect aabbccddee;\naccept;", nil}, // it goes on at its target
		{"W_UNREACHABLE", "tee 64 aabbccddee;\naccept;", nil},
		{"W_UNREACHABLE", "accept or ethertype arp ethertype ipv4;\ndrop;", nil},
		// The drop is passed over while the other's tag is not known.
		{"W_UNREACHABLE", role + "accept teq role 1 and ethertype ipv4; drop; accept;", nil},
		{"W_UNREACHABLE", role + "drop teq role 1; drop; accept;", []string{"2:24-2:30"}},

		{"W_SHADOWED", "accept ethertype arp;\ndrop ethertype arp;\naccept;", []string{"2:1-2:5"}},
		{"W_SHADOWED", "drop not ethertype ipv4;\naccept ethertype arp;\naccept;", []string{"2:1-2:7"}},
		{"W_SHADOWED", "drop dport 1-1024;\naccept dport 22 and ipprotocol tcp;\naccept;", []string{"2:1-2:7"}},
		{"W_SHADOWED", "drop ipsrc 10.0.0.0/8;\naccept ipsrc 10.1.2.0/24;\naccept;", []string{"2:1-2:7"}},
		{"W_SHADOWED", "accept ipprotocol tcp;\ndrop chr tcp_syn and not chr tcp_ack;\naccept;", []string{"2:1-2:5"}},
		{"W_SHADOWED", "accept ipprotocol tcp;\naccept ipprotocol udp;\ndrop dport 22 and ipprotocol tcp or ipprotocol udp;\naccept;", []string{"3:1-3:5"}},
		{"W_SHADOWED", "macro m accept ethertype arp; ;\ninclude m\ninclude m\naccept;", []string{"3:1-3:10"}},
		{"W_SHADOWED", "accept dport 22 and ipprotocol tcp;\ndrop dport 1-1024;\naccept;", nil},
		{"W_SHADOWED", "tee 64 aabbccddee ethertype arp;\naccept ethertype arp;\naccept;", nil},
		{"W_SHADOWED", "drop random 0.5;\ndrop random 0.5;\naccept;", nil},
		{"W_SHADOWED", "drop not ipprotocol tcp;\naccept ethertype arp;\naccept;", nil}, // ARP has no protocol
		{"W_SHADOWED", role + "drop teq role 1;\ndrop teq role 1;\naccept;", nil},

		{"W_NEVER_MATCHES", "accept ethertype ipv4 and ethertype ipv6;\naccept;", []string{"1:23-1:41"}},
		{"W_NEVER_MATCHES", "accept dport 22\n dport 443;\naccept;", []string{"2:2-2:11"}},
		{"W_NEVER_MATCHES", "accept chr tcp_syn and ipprotocol udp;\naccept;", []string{"1:20-1:38"}},
		{"W_NEVER_MATCHES", "accept ipsrc 10.0.0.0/8 and ethertype ipv6;\naccept;", []string{"1:25-1:43"}},
		{"W_NEVER_MATCHES", "accept chr ,;\naccept;", []string{"1:8-1:13"}},
		{"W_NEVER_MATCHES", "drop chr 20;\naccept;", []string{"1:6-1:12"}},
		{"W_NEVER_MATCHES", "accept iptos 0xfc 1-3;\naccept;", []string{"1:8-1:22"}},
		{"W_NEVER_MATCHES", "accept chr broadcast and not chr multicast;\naccept;", []string{"1:22-1:43"}},
		{"W_NEVER_MATCHES", "accept ipprotocol tcp and dport 22 or ipprotocol udp and dport 53;\naccept;", []string{"1:54-1:66"}},
		{"W_NEVER_MATCHES", "macro m($p) accept dport 22 and dport $p; ;\ninclude m(80)\naccept;", []string{"1:29-1:41"}},
		{"W_NEVER_MATCHES", "accept dport 22 or dport 443 and ipprotocol tcp;\naccept;", nil},
		{"W_NEVER_MATCHES", "accept dport 22 and sport 443 and ipprotocol tcp;\naccept;", nil},
		{"W_NEVER_MATCHES", "accept chr tcp_syn and not chr tcp_ack;\naccept;", nil},
		{"W_NEVER_MATCHES", "accept icmp 8 -1 and ethertype ipv6;\naccept;", nil},
		{"W_NEVER_MATCHES", role + "accept treq role 1 and treq role 2; accept;", nil}, // true as long as the tag is not known
		{"W_NEVER_MATCHES", role + "accept tseq role 1 and tseq role 2; accept;", []string{"2:20-2:35"}},

		{"W_ALWAYS_MATCHES", "drop not ethertype ipv4 or not ethertype arp;\naccept;", []string{"1:25-1:45"}},
		{"W_ALWAYS_MATCHES", "drop not dport 22 or not dport 80 and ipprotocol tcp;\naccept;", []string{"1:19-1:34"}},
		{"W_ALWAYS_MATCHES", "drop not ethertype ipv4 and not ethertype arp;\naccept;", nil},
		{"W_ALWAYS_MATCHES", "drop not dport 22 or not dport 1-1024;\naccept;", nil},
		{"W_ALWAYS_MATCHES", "drop not sport 22 or not dport 80;\naccept;", nil},
		{"W_ALWAYS_MATCHES", "drop ethertype ipv4 and not dport 22 or not dport 80;\naccept;", nil},

		{"W_ALWAYS_MATCHES", "accept not chr ,;", []string{"1:8-1:17"}},
		{"W_ALWAYS_MATCHES", "drop not chr 20;\naccept;", []string{"1:6-1:16"}},
		{"W_ALWAYS_MATCHES", "drop not chr 20,ipauth;\naccept;", nil},

		{"W_LEADING_OR", "accept or dport 22;", []string{"1:8-1:10"}},
		{"W_LEADING_OR", "macro m drop not or dport 22 and ipprotocol tcp; ;\ninclude m\naccept;", []string{"1:18-1:20"}},
		{"W_LEADING_OR", "accept dport 22 or dport 23;", nil},

		{"I_GROUPING", "accept ipprotocol tcp and dport 22 or dport 23;", []string{"1:8-1:47"}},
		{"I_GROUPING", "accept dport 22 or dport 23;", nil},
		{"I_GROUPING", "accept ipprotocol tcp and dport 22;", nil},

		{"W_NO_ACCEPT", "", []string{"0:0-0:0"}},
		{"W_NO_ACCEPT", "drop;", []string{"0:0-0:0"}},
		{"W_NO_ACCEPT", "break;accept;", []string{"0:0-0:0"}},
		{"W_NO_ACCEPT", "cap c id 1 accept; ;", nil},
		{"W_NO_ACCEPT", "redirect aabbccddee;", nil},

		{"W_FINAL_DROP_DISABLES_CAPS", "cap c id 1 accept; ;\naccept ethertype arp;\ndrop;", []string{"3:1-3:5"}},
		{"W_FINAL_DROP_DISABLES_CAPS", "cap c id 1 accept; ;\nbreak chr tcp_syn;\naccept ethertype arp;\ndrop;", nil},
		{"W_FINAL_DROP_DISABLES_CAPS", "cap c id 1 accept; ;\naccept ethertype arp;\nbreak;", nil},
		{"W_FINAL_DROP_DISABLES_CAPS", "accept ethertype arp;\ndrop;", nil},

		{"W_CAP_DROP", "cap c id 1\ndrop chr multicast;\naccept; ;", []string{"2:1-2:5"}},
		{"W_CAP_DROP", "cap c id 1\nbreak chr multicast;\naccept; ;", nil},
		{"W_CAP_NO_ACCEPT", "cap mute id 1 tee 64 aabbccddee; ;\nbreak chr tcp_syn;\naccept;", []string{"1:5-1:9"}},
		{"W_CAP_NO_ACCEPT", "cap c id 1 redirect aabbccddee; ;\nbreak chr tcp_syn;\naccept;", nil},
		{"W_CAP_UNNEEDED", "cap c id 1 accept; ;\ndrop chr multicast;\naccept;", []string{"1:5-1:6"}},
		{"W_CAP_UNNEEDED", "cap c id 1 accept; ;\nbreak chr multicast;\naccept;", nil},
		{"W_CAP_UNNEEDED", "cap c id 1 accept; ;\naccept ethertype arp;", nil},

		{"W_TAG_NO_DEFAULT", "tag role id 1;\naccept teq role 1;", []string{"1:5-1:9"}},
		{"W_TAG_NO_DEFAULT", "accept teq 77 1;", []string{"1:12-1:14"}},
		{"W_TAG_NO_DEFAULT", role + "accept teq role 1 and teq 1 2;", nil},
		{"W_TAG_BEFORE_ARP", role + "break not tor role 0;\naccept;", []string{"2:7-2:21"}},
		{"W_TAG_BEFORE_ARP", role + "accept ethertype arp;\nbreak not tor role 0;\naccept;", nil},
		{"W_TAG_BEFORE_ARP", role + "accept not ethertype ipv4 and not ethertype ipv6;\nbreak not tor role 0;\naccept;", nil},
		{"W_TAG_BEFORE_ARP", role + "accept ethertype arp and ztsrc aabbccddee;\nbreak not tor role 0;\naccept;", []string{"3:7-3:21"}},
		{"W_TAG_BEFORE_ARP", role + "break not tor role 0 and ipprotocol tcp;\naccept;", nil},
		{"W_TAG_BEFORE_ARP", role + "drop not tor role 0;\naccept;", nil},
		{"W_TAG_BEFORE_ARP", role + "break tseq role 0;\naccept;", nil}, // everybody knows its own
		{"W_TAND_NONZERO", role + "drop tand role red;\naccept;", []string{"2:16-2:19"}},
		{"W_TAND_NONZERO", role + "drop tand role 0;\ndrop tand role 3;\naccept;", nil},
		{"W_TAND_NONZERO", oneRole + "drop tand role red;\naccept;", nil},
		{"W_TOR", role + "drop tor role blue;\naccept;", []string{"2:15-2:19"}},
		{"W_TOR", "tag role id 1 default 0 enum 1 red enum 2 blue;\ndrop tor role 1;\naccept;", nil},

		{"W_PORT_WITHOUT_PROTOCOL", "accept dport 22;\nbreak;", []string{"1:8-1:16"}},
		{"W_PORT_WITHOUT_PROTOCOL", "accept ipprotocol tcp and dport 22 or dport 23;\nbreak;", []string{"1:36-1:47"}},
		{"W_PORT_WITHOUT_PROTOCOL", "cap c id 1 accept sport 22; ;\nbreak;", []string{"1:19-1:27"}},
		{"W_PORT_WITHOUT_PROTOCOL", "accept dport 22 and ipprotocol tcp;", nil},
		{"W_PORT_WITHOUT_PROTOCOL", "accept ipprotocol tcp or ipprotocol udp and dport 53;", nil},
		{"W_PORT_WITHOUT_PROTOCOL", "accept chr tcp_syn and dport 22;", nil},
		{"W_PORT_WITHOUT_PROTOCOL", "drop not ipprotocol tcp;\naccept dport 22;", nil},
		{"W_PORT_WITHOUT_PROTOCOL", "drop not ipprotocol tcp;\ncap c id 1 accept dport 22; ;", nil},
		{"W_PORT_WITHOUT_PROTOCOL", "break not ipprotocol tcp;\ncap c id 1 accept dport 22; ;", []string{"2:19-2:27"}},
		{"W_PORT_WITHOUT_PROTOCOL", "drop dport 445;\naccept;", nil},

		{"W_VLAN", "drop vlanpcp 3;\naccept not vlandei 1;", []string{"1:6-1:15", "2:8-2:21"}},
		{"W_VLAN", "accept vlan 0;", nil},
		{"W_NOT_ICMP", "drop not icmp 8 -1;\naccept;", []string{"1:6-1:19"}},
		{"W_NOT_ICMP", "drop icmp 8 -1;\naccept;", nil},
		{"W_HOST_BITS", "accept ipsrc 10.1.2.3/24 or ipdest fd00::1/64;", []string{"1:14-1:25", "1:36-1:46"}},
		{"W_HOST_BITS", "macro m($net) accept ipsrc $net; ;\ninclude m(10.1.2.3/24)", []string{"1:28-1:32"}},
		{"W_HOST_BITS", "accept ipsrc 10.1.2.3/32 or ipdest fd00::/64;", nil},

		{"W_TEE_LOST", "tee 64 aabbccddee chr multicast;\ndrop chr multicast;\naccept;", []string{"1:1-1:18"}},
		{"W_TEE_LOST", "accept;\ncap c id 1 tee 64 aabbccddee; ;", []string{"2:12-2:29"}},
		{"W_TEE_LOST", "tee 64 aabbccddee;\nwatch 64 ccddeeff00 chr inbound;\naccept;", []string{"2:1-2:20"}},
		{"W_TEE_LOST", "tee 64 aabbccddee chr multicast;\ndrop chr broadcast;\naccept;", nil},
		{"W_TEE_LOST", "tee 64 aabbccddee not chr inbound;\nwatch 64 ccddeeff00 chr inbound;\naccept;", nil},
		{"W_TEE_LOST", "tee 64 aabbccddee;\nwatch 64 aabbccddee chr inbound;\naccept;", nil},
		{"W_TEE_LOST", "tee 64 aabbccddee ethertype arp;\naccept ethertype arp;\nwatch 64 ccddeeff00;\naccept;", nil},
		{"W_TEE_LOST", "tee 64 aabbccddee;\ncap c id 1 accept; ;", nil},

		{"W_TCP_REPLY", "accept ethertype arp;\naccept ipprotocol tcp and dport 22;", []string{"2:23-2:35"}},
		{"W_TCP_REPLY", "accept ipprotocol tcp and dport 22;\naccept sport 80;\ndrop;", []string{"1:23-1:35"}},
		{"W_TCP_REPLY", "cap c id 1 accept ipprotocol tcp and dport 22; ;\naccept ipprotocol udp;\nbreak;", []string{"1:34-1:46"}},
		{"W_TCP_REPLY", "accept ipprotocol tcp and dport 22 or sport 22;", nil},
		{"W_TCP_REPLY", "accept ipprotocol tcp and dport 22;\naccept chr tcp_ack;", nil},
		{"W_TCP_REPLY", "accept ipprotocol tcp and dport 22;\nbreak chr tcp_syn and not chr tcp_ack;\naccept;", nil},
		{"W_TCP_REPLY", "accept ipprotocol udp and dport 53;", nil},
		{"W_TCP_REPLY", "accept ipprotocol tcp and dport 1-65535;", nil},

		{"W_UNUSED", "macro m accept; ;\naccept;", []string{"1:7-1:8"}},
		{"W_UNUSED", role + "accept;", []string{"1:5-1:9"}},
		{"W_UNUSED", "cap c id 1;\nbreak chr tcp_syn;\naccept;", []string{"1:5-1:6"}},
		{"W_UNUSED", "macro m accept teq role 1; ;\n" + role + "cap c id 1 include m ;\nbreak;", nil},

		{"W_LIMIT_NEAR", strings.Repeat("accept;\n", 922), []string{"0:0-0:0"}},
		{"W_LIMIT_NEAR", strings.Repeat("accept;\n", 921), nil},
		{"W_LIMIT_NEAR", "cap small id 1 accept; ;\ncap large id 2 " + strings.Repeat("accept ethertype arp;", 29) + ";\naccept;", []string{"2:5-2:10"}},

		{"W_EOF", "accept", []string{"1:6-1:7"}},
		{"W_EOF", "accept;", nil},
		{"W_STRAY_SEMICOLON", "accept;;", []string{"1:8-1:9"}},
		{"W_STRAY_SEMICOLON", "accept;", nil},
		{"W_INCLUDE_CLOSES_BLOCK", "macro m accept; ;\ncap c id 1\ninclude m;\naccept;", []string{"3:10-3:11"}},
		{"W_INCLUDE_CLOSES_BLOCK", "macro m accept; ;\ncap c id 1 include m\n;\naccept;", nil},

		{"W_INCLUDE_CLOSES_BLOCK", "macro m accept; ;\ncap c id 1 include m; accept dport 22; ;", []string{"2:21-2:22"}},
		{"W_INCLUDE_CLOSES_BLOCK", "macro m accept; ;\ncap c id 1 include m; cap d id 2 include m;\naccept;", nil},

		{"W_DECIMAL_ETHERTYPE", "accept ethertype 0800 or not ethertype 8035;", []string{"1:18-1:22", "1:40-1:44"}},
		{"W_DECIMAL_ETHERTYPE", "accept ethertype 2048 or ethertype 0x0806 or ethertype wol;", nil},

		{"W_MISLEADING_COMMENT", "# a\rdrop;\naccept;", []string{"1:1-1:4"}},
		{"W_MISLEADING_COMMENT", "\ufeffaccept; # \u202edrop\u202c\n", []string{"1:9-1:17"}},
		{"W_MISLEADING_COMMENT", "#\u2028drop;\n#\v#\n#\x1b[2K\n#\x00\n#\u0085\naccept;#\u2066", []string{"1:1-1:8", "2:1-2:4", "3:1-3:6", "4:1-4:3", "5:1-5:3", "6:8-6:10"}},
		{"W_MISLEADING_COMMENT", "# a\tö 👩‍👩‍👧 \u00a0日本語\r\naccept;#\n", nil},

		{"W_CONFUSABLE_NAMES", "tag t id 1 default 0 enum 1 admin enum 2 аdmin;\naccept teq t аdmin;", []string{"1:42-1:47"}},
		{"W_CONFUSABLE_NAMES", "tag t id 1 default 0 flag 0 a flag 1 a\u3164;\naccept teq t a;", []string{"1:38-1:40"}},
		{"W_CONFUSABLE_NAMES", "macro асе($x,$х) accept dport $x and sport $х; ; macro ace accept; ;\ninclude ace include асе(1,2)", []string{"1:14-1:16", "1:56-1:59"}},
		{"W_CONFUSABLE_NAMES", "cap ο id 1 accept; ; cap o id 2 accept; ;\nbreak;", []string{"1:26-1:27"}},
		{"W_CONFUSABLE_NAMES", "tag größe id 1 default 0 enum 1 да enum 2 нет enum 3 o; tag о id 2 default 0; accept teq größe да or teq о 1;", nil},

		{"W_LEGACY_DIFFERS", "accept dport 22;accept dport 23;", []string{"1:1-1:17"}},
		{"W_LEGACY_DIFFERS", "accept dport 22 and ipprotocol tcp; accept chr tcp_ack;", nil},
	} {
		if got := said(t, c.source, c.code); !slices.Equal(got, c.want) {
			t.Errorf("%s is said at %q, want %q:\n%s", c.code, got, c.want, c.source)
		}
	}
}

func TestSoundProgramsGetNoWarning(t *testing.T) {
	// What the programs are warned of is so: see the texts.
	want := map[string][]string{
		"real/numeric-ethertypes-capability-and-tag": {"W_CAP_UNNEEDED", "W_TAG_NO_DEFAULT"},
		"real/monitor-sampled":                       {"W_TEE_LOST"},
		"real/classified-and-clearance":              {"W_TAG_BEFORE_ARP"},
		"real/block-everything":                      {"W_NO_ACCEPT"},
		"real/block-everything-on-top-of-default":    {"W_NO_ACCEPT", "W_UNREACHABLE"},
		"real/capability-then-final-drop":            {"W_FINAL_DROP_DISABLES_CAPS"},
		"real/hub-and-spoke":                         {"W_TAG_NO_DEFAULT", "W_PORT_WITHOUT_PROTOCOL"},
		"real/confined-runner":                       {"W_PORT_WITHOUT_PROTOCOL", "W_PORT_WITHOUT_PROTOCOL"},
		"real/file-sharing-in-department":            {"W_TAG_NO_DEFAULT"},
	}
	programs := 0
	for _, v := range vectors(t) {
		if ok, _, _, _, _ := v.strictly(); !ok || !strings.HasPrefix(v.Name, "real/") {
			continue
		}
		programs++
		_, diagnostics := compiled(t, v.Source)
		var got []string
		for _, d := range diagnostics {
			if d.Severity != SeverityInformation && d.Code != "W_LEGACY_DIFFERS" {
				got = append(got, d.Code)
				wellPut(t, d)
			}
		}
		if !slices.Equal(got, want[v.Name]) {
			t.Errorf("%s: %q, want %q", v.Name, got, want[v.Name])
		}
	}
	if programs < 34 {
		t.Errorf("%d programs", programs)
	}
	if _, diagnostics := compiled(t, defaultSource); len(diagnostics) > 0 {
		t.Errorf("the default program: %v", diagnostics)
	}
}

func TestGroupingIsShown(t *testing.T) {
	for source, want := range map[string]string{
		"accept dport 22 or dport 80 and ipprotocol tcp;":                                  "(dport 22 or dport 80) and ipprotocol tcp",
		"accept ipprotocol tcp and dport 22 or not dport 80;":                              "(ipprotocol tcp and dport 22) or not dport 80",
		"accept chr inbound dport 1 or dport 2 or dport 3 and vlan 0 or ztsrc aabbccddee;": "(((chr inbound and dport 1) or dport 2 or dport 3) and vlan 0) or ztsrc aabbccddee",
		"accept " + strings.Repeat("dport 1 or dport 2 ", 5) + ";":                         "each counts for all that stands before it",
	} {
		_, diagnostics := compiled(t, source)
		i := slices.IndexFunc(diagnostics, func(d Diagnostic) bool { return d.Code == "I_GROUPING" })
		if i < 0 || !strings.Contains(diagnostics[i].Message, want) || diagnostics[i].Severity != SeverityInformation {
			t.Errorf("%s: %v, want %q", source, diagnostics, want)
		}
	}
}

// defaultSource is the program of new networks.
const defaultSource = `# Only IPv4, ARP and IPv6 frames may travel on this network.
drop
	not ethertype ipv4
	and not ethertype arp
	and not ethertype ipv6
;

# Remove the # from the next three lines to drop traffic whose source address
# was not assigned to its sender.
#drop
#	not chr ipauth
#;

# Everything else is accepted.
accept;
`
