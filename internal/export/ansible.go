package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// inventory writes Ansible's inventory: a group for each network, each node once
// with its variables.
type inventory struct {
	*roster
	out      *bufio.Writer
	options  Options
	networks []*network // those with hosts and those without
	groups   map[*network]string
}

func newInventory(out *bufio.Writer, o Options) *inventory {
	i := &inventory{roster: newRoster(o), out: out, options: o}
	i.detailed = true
	return i
}

func (i *inventory) write(_ context.Context, r Row) (bool, error) {
	isHost, err := i.add(r)
	if len(i.networks) == 0 || i.networks[len(i.networks)-1] != i.network {
		i.networks = append(i.networks, i.network)
	}
	return isHost, err
}

func (i *inventory) close(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	i.nameGroups()
	i.nameHosts(i.groupNames())
	if domain := cleanDomain(i.options.Domain); domain != "" {
		for _, h := range i.hosts {
			h.name += "." + domain
		}
	}
	var err error
	switch {
	case i.options.List:
		err = i.writeList()
	case i.options.Host != "":
		err = i.writeHost(i.options.Host)
	default:
		i.writeYAML()
	}
	if err != nil {
		return err
	}
	return i.out.Flush()
}

func (i *inventory) abort() {}

// nameGroups gives each network a name that can also be a variable's.
func (i *inventory) nameGroups() {
	all := make([]named, len(i.networks))
	for at, n := range i.networks {
		name := label(n.Config.Name, '_')
		if name == "" || name[0] <= '9' {
			name = strings.TrimSuffix("network_"+name, "_")
		}
		all[at] = named{name, label(n.ID, '_')}
	}
	i.groups = make(map[*network]string)
	for at, name := range uniqueNames(all, "_", func(name string) bool { return name == "network" || reservedGroup(name) }) {
		i.groups[i.networks[at]] = name
	}
}

// groupNames are those that no host may have, or Ansible would not know what is
// meant.
func (i *inventory) groupNames() map[string]bool {
	taken := make(map[string]bool)
	for _, name := range i.groups {
		taken[name] = true
	}
	return taken
}

// groupHosts are the names of the hosts in each network.
func (i *inventory) groupHosts() map[*network][]string {
	hosts := make(map[*network][]string)
	for _, s := range i.stays {
		if names := hosts[s.network]; !slices.Contains(names[max(0, len(names)-1):], s.host.name) {
			hosts[s.network] = append(names, s.host.name)
		}
	}
	return hosts
}

// variable is one of a host.
type variable struct {
	name  string
	value any // of JSON, or foreign
}

// foreign is text that somebody else wrote. Ansible would run the expressions in
// it, {{ … }}, where the variable is used, so such text is marked as unsafe.
type foreign string

func (f foreign) unsafe() bool { return strings.ContainsAny(string(f), "{}") }

// MarshalJSON marks it as Ansible's own JSON does.
func (f foreign) MarshalJSON() ([]byte, error) {
	if f.unsafe() {
		return json.Marshal(map[string]string{"__ansible_unsafe": string(f)})
	}
	return json.Marshal(string(f))
}

// variables are those of a host, where they differ those of the first network.
func (h *host) variables() []variable {
	var addresses []string
	var networks []foreign
	tags := make(map[string]json.Number)
	for _, s := range h.stays {
		networks = append(networks, foreign(printable(s.network.ID)))
		for _, a := range s.addresses {
			addresses = append(addresses, a.String())
		}
		for _, t := range s.tags {
			if _, known := tags[t.name]; !known {
				tags[t.name] = t.value
			}
		}
	}
	first := h.stays[0]
	return []variable{
		{"ansible_host", addresses[0]},
		{"zerotier_node_id", h.id},
		{"zerotier_name", foreign(first.name)},
		{"zerotier_description", foreign(first.description)},
		{"zerotier_authorized", first.authorized},
		{"zerotier_addresses", addresses},
		{"zerotier_network_id", networks[0]},
		{"zerotier_network_name", foreign(printable(first.network.Config.Name))},
		{"zerotier_network_ids", networks},
		{"zerotier_tags", tags},
	}
}

// writeYAML writes the inventory for a file. Names are in quotes, or YAML would
// take one for a truth or a number.
func (i *inventory) writeYAML() {
	fmt.Fprintf(i.out, "all:\n  hosts:%s\n", emptyMap(len(i.hosts)))
	for _, h := range i.hosts {
		fmt.Fprintf(i.out, "    %q:\n", h.name)
		for _, v := range h.variables() {
			fmt.Fprintf(i.out, "      %s: %s\n", v.name, yamlValue(v.value))
		}
	}
	fmt.Fprintf(i.out, "  children:%s\n", emptyMap(len(i.networks)))
	hosts := i.groupHosts()
	for _, n := range i.networks {
		fmt.Fprintf(i.out, "    %q:\n      hosts:%s\n", i.groups[n], emptyMap(len(hosts[n])))
		for _, name := range hosts[n] {
			fmt.Fprintf(i.out, "        %q: {}\n", name)
		}
	}
}

func emptyMap(entries int) string {
	if entries == 0 {
		return " {}"
	}
	return ""
}

// yamlValue is a value as JSON, which is YAML too, except for the mark of text
// that Ansible must not run.
func yamlValue(value any) string {
	switch value := value.(type) {
	case foreign:
		if value.unsafe() {
			return "!unsafe " + yamlValue(string(value))
		}
	case []foreign:
		texts := make([]string, len(value))
		for i, text := range value {
			texts[i] = yamlValue(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	text, _ := json.Marshal(value) // there is nothing in it that JSON cannot hold
	return string(text)
}

// writeList answers --list of the dynamic inventory, with all variables, so that
// Ansible need not ask for each host.
func (i *inventory) writeList() error {
	i.out.WriteString(`{"_meta": {"hostvars": {`)
	for at, h := range i.hosts {
		variables, err := h.json()
		if err != nil {
			return err
		}
		fmt.Fprintf(i.out, "%s\n  %q: %s", comma(at), h.name, variables)
	}
	names := make([]string, 0, len(i.networks))
	for _, n := range i.networks {
		names = append(names, i.groups[n])
	}
	children, err := json.Marshal(append(names, "ungrouped"))
	if err != nil {
		return err
	}
	fmt.Fprintf(i.out, "\n}},\n%q: {\"children\": %s}", "all", children)
	hosts := i.groupHosts()
	for _, n := range i.networks {
		members, err := json.Marshal(append([]string{}, hosts[n]...))
		if err != nil {
			return err
		}
		fmt.Fprintf(i.out, ",\n%q: {\"hosts\": %s}", i.groups[n], members)
	}
	i.out.WriteString("}\n")
	return nil // an error of the buffer comes back from its Flush
}

// writeHost answers --host: the variables of one host, none if there is no such.
func (i *inventory) writeHost(name string) error {
	variables := []byte("{}")
	for _, h := range i.hosts {
		if h.name == name {
			var err error
			if variables, err = h.json(); err != nil {
				return err
			}
		}
	}
	i.out.Write(variables)
	i.out.WriteByte('\n')
	return nil
}

// json is a host's variables as one object, in their order.
func (h *host) json() ([]byte, error) {
	text := []byte{'{'}
	for at, v := range h.variables() {
		value, err := json.Marshal(v.value)
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%s%q: %s", comma(at), v.name, value)
	}
	return append(text, '}'), nil
}

// comma goes before every entry but the first.
func comma(at int) string {
	if at == 0 {
		return ""
	}
	return ", "
}
