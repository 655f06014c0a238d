package export

import (
	"bytes"
	"encoding/json"
	"net"
	"regexp"
	"testing"
)

// TestTargets holds what is written against what Prometheus documents for
// http_sd: a list of {targets: [HOST:PORT], labels: {NAME: STRING}}, nothing else.
func TestTargets(t *testing.T) {
	rows := nastyRows(t)
	network := Row{Network: object(t, fields{"id": home, "config": fields{"name": "v6"}, "tagsByName": fields{"dé part!": fields{"id": 7}}})}
	six := memberFields(network, 900, "six")
	six["config"].(fields)["ipAssignments"] = []string{"fd00::1", "10.9.9.9"}
	six["config"].(fields)["tags"] = []any{[]any{7, 4}, []any{9, 5}}
	rows = append(rows, network, Row{Network: network.Network, Member: object(t, six)})
	read := func(o Options) (groups []struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}) {
		t.Helper()
		d := json.NewDecoder(bytes.NewReader([]byte(exportText(t, Prometheus, o, rows))))
		d.DisallowUnknownFields()
		if err := d.Decode(&groups); err != nil {
			t.Fatal(err)
		}
		return groups
	}
	groups := read(Options{Members: true})
	if len(groups) != len(nasty)+1 {
		t.Fatalf("%d groups", len(groups))
	}
	valid := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	for i, g := range groups {
		if len(g.Targets) != 1 {
			t.Fatalf("targets %q", g.Targets)
		}
		if _, port, err := net.SplitHostPort(g.Targets[0]); err != nil || port != "9100" {
			t.Errorf("target %q: %v", g.Targets[0], err)
		}
		for name := range g.Labels {
			if !valid.MatchString(name) {
				t.Errorf("label %q", name)
			}
		}
		if i < len(nasty) && g.Labels["__meta_zerotier_name"] != nasty[i] {
			t.Errorf("name %q, want %q", g.Labels["__meta_zerotier_name"], nasty[i])
		}
	}
	want := map[string]string{
		"__meta_zerotier_network_id": home, "__meta_zerotier_network_name": "v6", "__meta_zerotier_node_id": "1000000384",
		"__meta_zerotier_name": "six", "__meta_zerotier_description": "about six", "__meta_zerotier_addresses": ",fd00::1,10.9.9.9,",
		"__meta_zerotier_authorized": "true", "__meta_zerotier_physical_address": "203.0.113.7", "__meta_zerotier_client_version": "1.14.2",
		"__meta_zerotier_last_seen": "1691079601874", "__meta_zerotier_tag_de_part": "4", "__meta_zerotier_tag_9": "5",
	}
	last := groups[len(groups)-1]
	if last.Targets[0] != "[fd00::1]:9100" || asJSON(t, last.Labels) != asJSON(t, want) {
		t.Errorf("%s %s", last.Targets, asJSON(t, last.Labels))
	}
	if groups := read(Options{Members: true, Port: 9182}); groups[0].Targets[0] != "10.1.0.0:9182" {
		t.Errorf("with a port: %q", groups[0].Targets)
	}
	if got := exportText(t, Prometheus, Options{Members: true}, nil); got != "[]\n" {
		t.Errorf("of nobody: %q", got)
	}
}
