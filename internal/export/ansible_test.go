package export

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ansibleAnswer is what ansible-inventory --list prints.
type ansibleAnswer struct {
	Meta struct {
		HostVars map[string]map[string]any `json:"hostvars"`
	} `json:"_meta"`
	groups map[string][]string
}

// ansible runs a program of Ansible's with a home of its own.
func ansible(t *testing.T, folder, program string, args ...string) []byte {
	t.Helper()
	command := exec.Command(need(t, program, "ansible-core"), args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "HOME="+folder, "ANSIBLE_LOCAL_TEMP="+folder, "ANSIBLE_NOCOLOR=1", "ANSIBLE_INVENTORY_UNPARSED_FAILED=1",
		"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1", "LC_ALL=C.UTF-8")
	var errOut strings.Builder
	command.Stderr = &errOut
	out, err := command.Output()
	if err != nil || strings.Contains(errOut.String(), "WARNING") {
		t.Fatalf("%s: %v\n%s%s", program, err, out, errOut.String())
	}
	return out
}

func readInventory(t *testing.T, file string) ansibleAnswer {
	t.Helper()
	out := ansible(t, filepath.Dir(file), "ansible-inventory", "-i", file, "--list")
	answer := ansibleAnswer{groups: make(map[string][]string)}
	var groups map[string]struct{ Hosts []string }
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &groups); err != nil {
		t.Fatal(err)
	}
	for name, g := range groups {
		if g.Hosts != nil {
			answer.groups[name] = g.Hosts
		}
	}
	return answer
}

// inventoryRows are two networks of the same name, one without, and a node that
// is in two.
func inventoryRows(t *testing.T) []Row {
	rows := nastyRows(t)
	second, third := networkRow(t, home, "Office"), networkRow(t, "8056c2e21c000003", "plain")
	fourth := networkRow(t, "8056c2e21c000004", "{{ lookup('pipe', 'touch pwned') }}")
	return append(rows, second, memberRow(t, second, 0, "of another name"), memberRow(t, second, 500, "elsewhere"),
		third, memberRow(t, third, 501, ""), fourth)
}

// script is an inventory that is a program, as Ansible's protocol wants it.
func script(t *testing.T, folder string, rows []Row) string {
	t.Helper()
	list := filepath.Join(folder, "list.json")
	exportTo(t, list, Ansible, Options{Members: true, List: true}, rows)
	program := filepath.Join(folder, "inventory.sh")
	if err := os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\n[ \"$*\" = --list ] && exec cat '%s'\nexit 1\n", list), 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

func TestInventoryIsReadByAnsible(t *testing.T) {
	rows := inventoryRows(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "zerotier.yml")
	exportTo(t, file, "", Options{Members: true}, rows)
	fromFile, fromScript := readInventory(t, file), readInventory(t, script(t, folder, rows))
	for how, got := range map[string]ansibleAnswer{"file": fromFile, "script": fromScript} {
		if len(got.Meta.HostVars) != len(nasty)+2 {
			t.Errorf("%s: %d hosts, want %d", how, len(got.Meta.HostVars), len(nasty)+2)
		}
		// The names of hosts and groups do not meet.
		host := got.Meta.HostVars["plain-1000000000"]
		want := map[string]any{
			"ansible_host": "10.1.0.0", "zerotier_node_id": "1000000000", "zerotier_name": "plain", "zerotier_description": "about plain",
			"zerotier_authorized": true, "zerotier_addresses": []any{"10.1.0.0", "10.1.0.0"}, "zerotier_network_id": office,
			"zerotier_network_name": "office", "zerotier_network_ids": []any{office, home}, "zerotier_tags": map[string]any{"department": 100.0},
		}
		if asJSON(t, host) != asJSON(t, want) {
			t.Errorf("%s: %s\nwant %s", how, asJSON(t, host), asJSON(t, want))
		}
		first, second := got.groups["office_"+office], got.groups["office_"+home]
		if len(first) != len(nasty) || !slices.Equal(second, []string{"plain-1000000000", "elsewhere"}) || !slices.Equal(got.groups["plain"], []string{"zt-10000001f5"}) {
			t.Errorf("%s: groups %v", how, got.groups)
		}
		name := got.Meta.HostVars["lookup-pipe-touch-pwned"]["zerotier_name"]
		if asJSON(t, name) != `{"__ansible_unsafe":"{{ lookup('pipe', 'touch pwned') }}"}` {
			t.Errorf("%s: a name with an expression became %s", how, asJSON(t, name))
		}
	}
	if asJSON(t, fromFile.Meta.HostVars) != asJSON(t, fromScript.Meta.HostVars) {
		t.Error("the file and the program differ")
	}
}

// TestAnsibleRunsNothing uses names that are expressions where Ansible would run
// them.
func TestAnsibleRunsNothing(t *testing.T) {
	rows := inventoryRows(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "zerotier.yml")
	exportTo(t, file, "", Options{Members: true}, rows)
	for _, inventory := range []string{file, script(t, folder, rows)} {
		out := ansible(t, folder, "ansible", "-i", inventory, "lookup-pipe-touch-pwned", "-c", "local", "-m", "debug", "-a", "msg='<{{ zerotier_name }}>'")
		if !strings.Contains(string(out), "<{{ lookup(") {
			t.Errorf("ansible prints %s", out)
		}
		if _, err := os.Stat(filepath.Join(folder, "pwned")); err == nil {
			t.Error("ansible ran what a name says")
		}
	}
}

func TestInventoryOfOneHost(t *testing.T) {
	rows := inventoryRows(t)
	var host map[string]any
	if err := json.Unmarshal([]byte(exportText(t, Ansible, Options{Members: true, Host: "elsewhere"}, rows)), &host); err != nil || host["zerotier_network_id"] != home {
		t.Errorf("%v, %v", host, err)
	}
	if got := exportText(t, Ansible, Options{Members: true, Host: "nobody"}, rows); got != "{}\n" {
		t.Errorf("of a host that is not there: %q", got)
	}
	if got := exportText(t, Ansible, Options{Members: true, Host: "elsewhere.zt.example", Domain: "zt.example"}, rows); !strings.Contains(got, home) {
		t.Errorf("with a domain: %q", got)
	}
}

func TestEmptyInventory(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "zerotier.yml")
	for _, rows := range [][]Row{nil, {networkRow(t, office, "office")}} {
		exportTo(t, file, "", Options{Members: true}, rows)
		if got := readInventory(t, file); len(got.Meta.HostVars) != 0 {
			t.Errorf("%v", got)
		}
	}
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}
