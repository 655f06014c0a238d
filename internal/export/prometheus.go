package export

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// targets writes what Prometheus reads from a file (file_sd_configs) or over HTTP
// (http_sd_configs): each member with its first address and what is known of it
// as labels.
type targets struct {
	hostReader
	out   *bufio.Writer
	port  string
	begun bool
}

func newTargets(out *bufio.Writer, o Options) *targets {
	t := &targets{hostReader: hostReader{all: o.All}, out: out, port: "9100"} // of node_exporter
	if o.Port != 0 {
		t.port = strconv.Itoa(o.Port)
	}
	return t
}

// targetGroup is an entry of the list.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

func (t *targets) write(_ context.Context, r Row) (bool, error) {
	m, addresses := t.read(r)
	if m == nil {
		return false, nil
	}
	text, err := json.Marshal(targetGroup{
		Targets: []string{net.JoinHostPort(addresses[0].String(), t.port)},
		Labels:  t.labels(m, addresses),
	})
	if err != nil {
		return false, err
	}
	separator := ",\n  "
	if !t.begun {
		separator = "[\n  "
	}
	t.begun = true
	if _, err := t.out.WriteString(separator); err != nil {
		return false, err
	}
	_, err = t.out.Write(text)
	return true, err
}

// labels are for relabeling: Prometheus forgets them afterwards. Lists begin and
// end with their separator, so that ",a," finds a.
func (t *targets) labels(m *member, addresses []netip.Addr) map[string]string {
	const prefix = "__meta_zerotier_"
	list := ","
	for _, a := range addresses {
		list += a.String() + ","
	}
	labels := map[string]string{
		prefix + "network_id":       t.network.ID,
		prefix + "network_name":     t.network.Config.Name,
		prefix + "node_id":          m.node.String(),
		prefix + "name":             m.Name,
		prefix + "description":      m.Description,
		prefix + "addresses":        list,
		prefix + "authorized":       strconv.FormatBool(m.Config.Authorized),
		prefix + "physical_address": m.PhysicalAddress,
		prefix + "client_version":   m.ClientVersion,
		prefix + "last_seen":        string(m.LastSeen),
	}
	for _, tag := range t.tags(m) {
		labels[prefix+"tag_"+strings.TrimPrefix(tag.name, "tag_")] = tag.value.String()
	}
	return labels
}

func (t *targets) close(context.Context) error {
	end := "\n]\n"
	if !t.begun {
		end = "[]\n"
	}
	if _, err := t.out.WriteString(end); err != nil {
		return err
	}
	return t.out.Flush()
}

func (t *targets) abort() {}
