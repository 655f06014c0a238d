package export

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	aLabel     = `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`
	aName      = aLabel + `(\.` + aLabel + `)*`
	hostsLine  = regexp.MustCompile(`^(# .*|[0-9a-f.:]+\t` + aName + `( ` + aLabel + `)?\t# [0-9a-f]{10})$`)
	sshLine    = regexp.MustCompile(`^(# .*|Host ` + aName + `( ` + aName + `)?|  HostName [0-9a-f.:]+|  HostKeyAlias zerotier-[0-9a-f]{10})$`)
	onlyLabel  = regexp.MustCompile(`^` + aLabel + `$`)
	visibleEnd = regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`)
)

// checkLines fails for a line that is not of a form.
func checkLines(t rapid.TB, content string, form *regexp.Regexp) {
	t.Helper()
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if !form.MatchString(line) || !visibleEnd.MatchString(strings.ReplaceAll(line, "\t", "")) {
			t.Errorf("the line %q", line)
		}
	}
}

func TestHosts(t *testing.T) {
	content := exportText(t, Hosts, Options{Members: true}, nastyRows(t))
	checkLines(t, content, hostsLine)
	for _, want := range []string{
		"# 8056c2e21c000001 office\n", "10.1.0.0\tplain.zt.example plain\t# 1000000000\n", "\temoji-buro.zt.example emoji-buro\t",
		"\tlocalhost-100000001a.zt.example ", "\t12345-100000001b.zt.example ", "10.1.0.16\tweb-1000000010.zt.example web-1000000010\t",
		"10.1.0.17\tweb-1000000011.zt.example web-1000000011\t", "\tzt-1000000025.zt.example zt-1000000025\t",
	} {
		if !strings.Contains(content, want) {
			t.Errorf("%q is missing in\n%s", want, content)
		}
	}
	if content := exportText(t, Hosts, Options{Members: true, Domain: "Other.Example."}, nastyRows(t)[:2]); !strings.Contains(content, "\tplain.other.example plain\t") {
		t.Errorf("with another domain:\n%s", content)
	}
}

// TestNamesInHostsAreUnique reads the file as a resolver does.
func TestNamesInHostsAreUnique(t *testing.T) {
	nodes := make(map[string]string)
	addresses := make(map[string]string)
	lines := bufio.NewScanner(strings.NewReader(exportText(t, Hosts, Options{Members: true}, nastyRows(t))))
	for lines.Scan() {
		entry, comment, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(entry)
		if len(words) == 0 {
			continue
		}
		for _, name := range words[1:] {
			if other, taken := nodes[name]; taken && other != comment {
				t.Errorf("%s is %s and %s", name, other, comment)
			}
			nodes[name] = comment
			addresses[name] = words[0]
		}
	}
	if len(nodes) != 2*len(nasty) || addresses["plain.zt.example"] != "10.1.0.0" {
		t.Errorf("%d names for %d members", len(nodes), len(nasty))
	}
}

func TestWhoIsListed(t *testing.T) {
	network := networkRow(t, office, "office")
	member := func(n int, name string, change func(m, config fields)) Row {
		m := memberFields(network, n, name)
		change(m, m["config"].(fields))
		return Row{Network: network.Network, Member: object(t, m)}
	}
	rows := []Row{
		network,
		member(0, "shown", func(m, config fields) {}),
		member(1, "out", func(m, config fields) { config["authorized"] = false }),
		member(2, "hidden", func(m, config fields) { m["hidden"] = true }),
		member(3, "nowhere", func(m, config fields) { config["ipAssignments"] = []string{} }),
		member(4, "old", func(m, config fields) { delete(config, "ipAssignments"); m["ipAssignments"] = []string{"10.9.9.9"} }),
		member(5, "strange", func(m, config fields) {
			config["ipAssignments"] = []string{"not an address", "fe80::1%eth0", "::ffff:10.2.2.2"}
		}),
		member(6, "nobody", func(m, config fields) { m["nodeId"] = "x\nProxyCommand y" }),
		member(7, "broken", func(m, config fields) {
			m["config"] = fields{"authorized": true, "ipAssignments": []string{"10.3.3.3"}, "tags": "none"}
		}),
		member(8, "odd", func(m, config fields) { m["lastSeen"], m["clock"] = "never", []int{} }),
	}
	for all, want := range map[bool]string{false: "shown old strange broken odd", true: "shown out hidden old strange broken odd"} {
		var got []string
		for line := range strings.Lines(exportText(t, Hosts, Options{Members: true, All: all}, rows)) {
			if line[0] != '#' {
				got = append(got, strings.Fields(line)[2])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("all %v: %q, want %q", all, got, want)
		}
	}
	if content := exportText(t, Hosts, Options{Members: true}, rows); !strings.Contains(content, "10.2.2.2\tstrange.") {
		t.Errorf("an IPv4 address within IPv6:\n%s", content)
	}
}

// TestComputedAddresses has the addresses of the protocol's document, §8.3.
func TestComputedAddresses(t *testing.T) {
	network := Row{Network: object(t, fields{"id": office, "config": fields{"name": "v6", "v6AssignMode": fields{"rfc4193": true, "6plane": true}}})}
	m := memberFields(network, 0, "a")
	still := memberFields(network, 1, "b")
	still["config"].(fields)["noAutoAssignIps"] = true
	content := exportText(t, Hosts, Options{Members: true}, []Row{network, {Network: network.Network, Member: object(t, m)}, {Network: network.Network, Member: object(t, still)}})
	want := "# 8056c2e21c000001 v6\n" +
		"10.1.0.0\ta\t# 1000000000\n" +
		"fd80:56c2:e21c:0:199:9310::\ta\t# 1000000000\n" +
		"fc9c:56c2:e310::1\ta\t# 1000000000\n" +
		"10.1.0.1\tb\t# 1000000001\n"
	if content != want {
		t.Errorf("%s\nwant\n%s", content, want)
	}
}

// resolve asks ssh what it makes of a name.
func resolve(t *testing.T, config, name string) map[string]string {
	t.Helper()
	settings := make(map[string]string)
	for line := range strings.Lines(string(run(t, exec.Command("ssh", "-G", "-F", config, name)))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		settings[key] = value
	}
	return settings
}

func TestSSHConfigIsReadBySSH(t *testing.T) {
	need(t, "ssh", "openssh-client")
	config := filepath.Join(t.TempDir(), "zerotier.conf")
	exportTo(t, config, SSHConfig, Options{Members: true}, nastyRows(t))
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	checkLines(t, string(content), sshLine)
	for name, want := range map[string][2]string{
		"plain":                                {"10.1.0.0", "zerotier-1000000000"},
		"plain.zt.example":                     {"10.1.0.0", "zerotier-1000000000"},
		"web-1000000011":                       {"10.1.0.17", "zerotier-1000000011"},
		"web-proxycommand-touch-pwned":         {"10.1.0.33", "zerotier-1000000021"},
		"web-1000000023.zt.example":            {"10.1.0.35", "zerotier-1000000023"},
		"elsewhere":                            {"elsewhere", ""},
		"web":                                  {"web", ""},
		"lookup-pipe-touch-pwned.zt.example":   {"10.1.0.32", "zerotier-1000000020"},
		"longlonglonglonglonglonglonglonglong": {"longlonglonglonglonglonglonglonglong", ""},
	} {
		got := resolve(t, config, name)
		if got["hostname"] != want[0] || got["hostkeyalias"] != want[1] || got["proxycommand"] != "" {
			t.Errorf("%s: %s, %s, %s", name, got["hostname"], got["hostkeyalias"], got["proxycommand"])
		}
	}
}

// TestNodeInSeveralNetworks has one name for a node, and a full one in each
// network.
func TestNodeInSeveralNetworks(t *testing.T) {
	first := networkRow(t, office, "office")
	second := Row{Network: object(t, fields{"id": home, "config": fields{"name": "home", "dns": fields{"domain": "home.example"}}})}
	third := Row{Network: object(t, fields{"id": "8056c2e21c000003", "config": fields{"name": "bare", "dns": []any{}}})}
	rows := []Row{first, memberRow(t, first, 1, "laptop"), second, memberRow(t, second, 1, "Bob's"), third, memberRow(t, third, 1, "laptop"), memberRow(t, third, 2, "desk")}
	if got := exportText(t, SSHConfig, Options{Members: true}, rows); got != `# 8056c2e21c000001 office
Host laptop laptop.zt.example
  HostName 10.1.0.1
  HostKeyAlias zerotier-1000000001
# 8056c2e21c000002 home
Host laptop.home.example
  HostName 10.1.0.1
  HostKeyAlias zerotier-1000000001
# 8056c2e21c000003 bare
Host desk
  HostName 10.1.0.2
  HostKeyAlias zerotier-1000000002
` {
		t.Error(got)
	}
	if got := exportText(t, Hosts, Options{Members: true}, rows); strings.Count(got, "10.1.0.1\t") != 3 || !strings.Contains(got, "laptop.home.example laptop\t") {
		t.Error(got)
	}
}

// FuzzHostNames writes names that strangers chose: no text may become anything
// but a comment or a name.
func FuzzHostNames(f *testing.F) {
	for _, name := range nasty {
		f.Add(name, "office", "zt.example", "web", office)
	}
	f.Add("a", "x\nHost *", "evil\nProxyCommand x", "a-1000000001", "x\n1.1.1.1 bank.example")
	f.Fuzz(func(t *testing.T, name, networkName, domain, other, id string) {
		network := Row{Network: object(t, fields{"id": id, "config": fields{"name": networkName, "dns": fields{"domain": domain}}})}
		rows := []Row{network, memberRow(t, network, 1, name), memberRow(t, network, 2, other), memberRow(t, network, 3, name)}
		hosts := exportText(t, Hosts, Options{Members: true}, rows)
		checkLines(t, hosts, hostsLine)
		checkLines(t, exportText(t, SSHConfig, Options{Members: true}, rows), sshLine)
		if lines := strings.Count(hosts, "\n"); lines != 4 {
			t.Errorf("%d lines\n%s", lines, hosts)
		}
		for _, format := range []Options{{Members: true, List: true}, {Members: true, Host: "zt-1000000001"}} {
			if inventory := exportText(t, Ansible, format, rows); !json.Valid([]byte(inventory)) {
				t.Errorf("not JSON: %s", inventory)
			}
		}
	})
}

func TestNameThatAnotherBecame(t *testing.T) {
	all := []named{{"a", "1"}, {"a", "2"}, {"a-1", "3"}, {"a-1-3", "4"}, {"b", "5"}}
	if got := uniqueNames(all, "-", reservedHost); !slices.Equal(got, []string{"a-1", "a-2", "a-1-3", "a-1-3-4", "b"}) {
		t.Errorf("%q", got)
	}
}

func TestNamesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom([]string{"a", "a-1000000001", "a-1000000001-1000000002", "localhost", "7", "zt-1000000003"}), rapid.Custom(func(t *rapid.T) string {
			return label(rapid.String().Draw(t, "text"), '-')
		}))).Draw(t, "names")
		all := make([]named, len(names))
		for i, name := range names {
			all[i] = named{name, fmt.Sprintf("%010x", 0x1000000001+i)}
			if name == "" {
				all[i].name = "zt-" + all[i].id
			}
		}
		unique := uniqueNames(all, "-", reservedHost)
		for i, name := range unique {
			if slices.Index(unique, name) != i || !onlyLabel.MatchString(name) || reservedHost(name) {
				t.Errorf("%q of %q", name, all)
			}
			if name != all[i].name && name != all[i].name+"-"+all[i].id {
				t.Errorf("%q became %q", all[i].name, name)
			}
		}
		if _, err := netip.ParseAddr(strings.Join(unique, "")); len(unique) == 1 && err == nil {
			t.Errorf("%q is an address", unique)
		}
		// Who is meant does not depend on who comes first.
		slices.Reverse(all)
		again := uniqueNames(all, "-", reservedHost)
		slices.Reverse(again)
		if !slices.Equal(unique, again) {
			t.Errorf("%q, the other way round %q", unique, again)
		}
	})
}

// TestARosterIsBounded has a server that never stops.
func TestARosterIsBounded(t *testing.T) {
	network := networkRow(t, office, "office")
	h := newHosts(bufio.NewWriter(io.Discard), Options{Members: true})
	a := newInventory(bufio.NewWriter(io.Discard), Options{Members: true})
	for _, x := range []struct {
		format rowWriter
		room   *int
		row    Row
		most   int
	}{
		{h, &h.room, memberRow(t, network, 1, "a"), 1000},
		{a, &a.room, memberRow(t, network, 1, strings.Repeat("long", 200)), 400},
	} {
		*x.room = 300_000
		rows := 0
		var err error
		for ; err == nil && rows < 10_000; rows++ {
			_, err = x.format.write(t.Context(), x.row)
		}
		if !errors.Is(err, errRosterFull) || rows < 100 || rows > x.most {
			t.Errorf("%T: after %d rows: %v", x.format, rows, err)
		}
	}
}
