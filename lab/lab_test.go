// Package lab holds the end-to-end tests.
//
// Those that call newLab run an Orrery and real, unmodified zerotier-one nodes,
// each in a network namespace of its own. They need Linux, root, iproute2,
// iptables, procps, curl and ping, and the environment variable ZEROTIER_ONE naming
// a zerotier-one binary; without it they are skipped, unless LAB=required.
//
// The others run the program on loopback, with members made of zt/member. Those
// of process_test.go need nothing. Those that run documented examples need the
// programs that the examples use: bash, curl, jq, and Python with the package
// requests; without them they are skipped, unless CI is set.
package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	orreryBinary string // built by TestMain
	zerotierOne  = os.Getenv("ZEROTIER_ONE")
)

func TestMain(m *testing.M) {
	code := func() int {
		if zerotierOne == "" && os.Getenv("LAB") == "required" {
			fmt.Fprintln(os.Stderr, "lab: set ZEROTIER_ONE to a zerotier-one binary")
			return 1
		}
		dir, err := os.MkdirTemp("", "orrery-lab-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			return 1
		}
		defer os.RemoveAll(dir)
		orreryBinary = filepath.Join(dir, "orrery")
		build := exec.Command("go", "build", "-o", orreryBinary, "../cmd/orrery")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "lab: build orrery:", err)
			return 1
		}
		return m.Run()
	}()
	os.Exit(code)
}

// lab is a switch with hosts on it: namespaces prefix-h1 … at net.1 …
type lab struct {
	t      *testing.T
	prefix string
	net    string // first three bytes of the hosts' addresses, as text
}

var labs int

// newLab makes a switch with some hosts and removes everything afterwards.
func newLab(t *testing.T, hosts int) *lab {
	t.Helper()
	if zerotierOne == "" {
		t.Skip("SKIPPED: ZEROTIER_ONE is not set, so no real node was tested; run make lab")
	}
	if os.Geteuid() != 0 {
		t.Fatal("the lab makes network namespaces: run it as root")
	}
	for _, tool := range []string{"ip", "iptables", "curl", "ping", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the lab needs %s (Debian: apt-get install iproute2 iptables curl iputils-ping procps)", tool)
		}
	}
	labs++
	l := &lab{t: t, prefix: fmt.Sprintf("orrery%d-%d", os.Getpid(), labs), net: fmt.Sprintf("10.77.%d", labs)}
	t.Cleanup(func() { l.removeNamespaces() })
	l.namespace("sw")
	l.in("sw", "ip", "link", "add", "br0", "type", "bridge")
	l.in("sw", "ip", "link", "set", "br0", "up")
	for i := 1; i <= hosts; i++ {
		l.addHost(i)
	}
	return l
}

func (l *lab) namespace(name string) {
	l.run("ip", "netns", "add", l.prefix+"-"+name)
	l.in(name, "ip", "link", "set", "lo", "up")
}

func (l *lab) addHost(i int) {
	host := fmt.Sprintf("h%d", i)
	l.namespace(host)
	l.wire(host, "eth0", "sw", "p"+host)
	l.in("sw", "ip", "link", "set", "p"+host, "master", "br0")
	l.in(host, "ip", "addr", "add", l.address(i)+"/24", "dev", "eth0")
}

// wire connects two namespaces with a cable.
func (l *lab) wire(a, aPort, b, bPort string) {
	l.run("ip", "link", "add", aPort, "netns", l.prefix+"-"+a, "type", "veth", "peer", "name", bPort, "netns", l.prefix+"-"+b)
	l.in(a, "ip", "link", "set", aPort, "up")
	l.in(b, "ip", "link", "set", bPort, "up")
}

func (l *lab) address(host int) string { return fmt.Sprintf("%s.%d", l.net, host) }

func (l *lab) removeNamespaces() {
	out, _ := exec.Command("ip", "netns", "list").Output()
	for _, line := range strings.Split(string(out), "\n") {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, l.prefix+"-") {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	}
}

// run runs a command that must succeed and returns its output.
func (l *lab) run(command ...string) string {
	l.t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return string(out)
}

func (l *lab) inside(host string, command ...string) []string {
	return append([]string{"ip", "netns", "exec", l.prefix + "-" + host}, command...)
}

// in runs a command on a host that must succeed.
func (l *lab) in(host string, command ...string) string {
	l.t.Helper()
	return l.run(l.inside(host, command...)...)
}

// try runs a command on a host and tells whether it succeeded.
func (l *lab) try(host string, command ...string) (string, bool) {
	full := l.inside(host, command...)
	out, err := exec.Command(full[0], full[1:]...).CombinedOutput()
	return string(out), err == nil
}

// process is a program that runs on a host until the test ends.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
}

func (l *lab) start(host, log string, command ...string) *process {
	l.t.Helper()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer file.Close()
	full := l.inside(host, command...)
	p := &process{command: exec.Command(full[0], full[1:]...), log: log, ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	if err := p.command.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	l.t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if l.t.Failed() {
			content, _ := os.ReadFile(log)
			l.t.Logf("%s:\n%s", filepath.Base(filepath.Dir(log)), content[max(0, len(content)-8000):])
		}
	})
	return p
}

// stop ends the process and returns how long it took; it is killed after 10 s.
func (p *process) stop(with syscall.Signal) time.Duration {
	began := time.Now()
	_ = p.command.Process.Signal(with)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.command.Process.Kill()
		<-p.ended
	}
	return time.Since(began)
}

// within asks again and again until ok holds, and returns how long it took.
func (l *lab) within(limit time.Duration, what string, ok func() bool) time.Duration {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for !ok() {
		select {
		case <-ctx.Done():
			l.t.Fatalf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
	took := time.Since(began)
	l.t.Logf("%s: %s", what, took.Round(time.Millisecond))
	return took
}

// orrery is a server under test.
type orrery struct {
	*process
	lab  *lab
	host string
	ip   string
	home string
	args []string
}

// startOrrery runs a server as the root of an own planet.
func (l *lab) startOrrery(host int, args ...string) *orrery {
	l.t.Helper()
	o := &orrery{lab: l, host: fmt.Sprintf("h%d", host), ip: l.address(host), home: l.t.TempDir()}
	o.args = append([]string{
		"serve", "--data", filepath.Join(o.home, "data"), "--http", o.ip + ":8000", "--log-level", "debug",
	}, args...)
	o.boot()
	return o
}

func (o *orrery) boot() {
	o.lab.t.Helper()
	o.process = o.lab.start(o.host, filepath.Join(o.home, "orrery.log"), append([]string{orreryBinary}, o.args...)...)
	o.lab.within(15*time.Second, "the server is ready", func() bool {
		out, ok := o.lab.try(o.host, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://"+o.ip+":8000/readyz")
		return ok && out == "200"
	})
}

func (o *orrery) data(name string) []byte {
	o.lab.t.Helper()
	content, err := os.ReadFile(filepath.Join(o.home, "data", name))
	if err != nil {
		o.lab.t.Fatal(err)
	}
	return content
}

// call sends a request with curl and decodes the answer, which must be a 200.
func (o *orrery) call(method, path, body string) map[string]any {
	o.lab.t.Helper()
	status, answer := o.curl(method, path, body)
	if status != "200" {
		o.lab.t.Fatalf("%s %s: %s %s", method, path, status, answer)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(answer), &object); err != nil {
		o.lab.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
	return object
}

func (o *orrery) curl(method, path, body string) (status, answer string) {
	o.lab.t.Helper()
	command := []string{
		"curl", "-s", "-w", "\n%{http_code}", "-H", "Authorization: token " + string(o.data("owner.token")),
		"-X", method, "http://" + o.ip + ":8000/api/v1" + path,
	}
	if body != "" {
		command = append(command, "--data", body)
	}
	out := o.lab.in(o.host, command...)
	answer, status, _ = cutLast(out, "\n")
	return status, answer
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// node is a real zerotier-one.
type node struct {
	*process
	lab     *lab
	host    string
	home    string
	address string
}

// startNode runs a zerotier-one with the server's planet and waits for it.
func (o *orrery) startNode(host string) *node {
	o.lab.t.Helper()
	n := o.launchNode(host)
	n.comesOnline()
	return n
}

func (o *orrery) launchNode(host string) *node {
	l := o.lab
	l.t.Helper()
	n := &node{lab: l, host: host, home: l.t.TempDir()}
	if err := os.WriteFile(filepath.Join(n.home, "planet"), o.data("planet"), 0o644); err != nil {
		l.t.Fatal(err)
	}
	n.boot()
	return n
}

func (n *node) comesOnline() {
	n.lab.t.Helper()
	n.lab.within(20*time.Second, n.host+" is online", func() bool {
		fields := strings.Fields(n.cli("info"))
		if len(fields) < 5 {
			return false
		}
		n.address = fields[2]
		return fields[4] == "ONLINE"
	})
}

func (n *node) boot() {
	n.process = n.lab.start(n.host, filepath.Join(n.home, "node.log"), zerotierOne, "-U", n.home)
}

// cli asks the node's local service.
func (n *node) cli(args ...string) string {
	out, _ := n.lab.try(n.host, append([]string{zerotierOne, "-q", "-D" + n.home}, args...)...)
	return out
}

// network is what a node shows of one of its networks.
type network struct {
	ID                string   `json:"id"`
	Name              string   `json:"name"`
	Status            string   `json:"status"`
	AssignedAddresses []string `json:"assignedAddresses"`
	MTU               int      `json:"mtu"`
	MAC               string   `json:"mac"`
	Device            string   `json:"portDeviceName"`
}

func (n *node) network(id string) network {
	var all []network
	_ = json.Unmarshal([]byte(n.cli("-j", "listnetworks")), &all)
	for _, one := range all {
		if one.ID == id {
			return one
		}
	}
	return network{}
}

// ip returns the node's first IPv4 address on a network, "" without one.
func (n *node) ip(id string) string {
	for _, a := range n.network(id).AssignedAddresses {
		if ip, _, _ := strings.Cut(a, "/"); !strings.Contains(ip, ":") {
			return ip
		}
	}
	return ""
}

// reaches sends one ping and tells whether it came back within a second.
func (n *node) reaches(ip string) bool {
	_, ok := n.lab.try(n.host, "ping", "-n", "-c", "1", "-W", "1", ip)
	return ok
}

// pathTo tells how a node reaches another: "DIRECT", "RELAY", or "".
func (n *node) pathTo(address string) string {
	for _, line := range strings.Split(n.cli("peers"), "\n") {
		if fields := strings.Fields(line); len(fields) > 5 && fields[0] == address {
			for _, field := range fields {
				if field == "DIRECT" || field == "RELAY" {
					return field
				}
			}
		}
	}
	return ""
}

// flow is a ping that runs all the time and notes each answer.
type flow struct {
	*process
}

func (n *node) startFlow(ip string) *flow {
	return &flow{n.lab.start(n.host, filepath.Join(n.lab.t.TempDir(), "ping.log"), "ping", "-n", "-D", "-i", "0.1", "-W", "1", ip)}
}

// last returns when the last answer came.
func (f *flow) last(l *lab) time.Time {
	l.t.Helper()
	content, err := os.ReadFile(f.log)
	if err != nil {
		l.t.Fatal(err)
	}
	var last time.Time
	for _, line := range bytes.Split(content, []byte("\n")) {
		var seconds float64
		if _, err := fmt.Sscanf(string(line), "[%f]", &seconds); err == nil && bytes.Contains(line, []byte("bytes from")) {
			last = time.UnixMicro(int64(seconds * 1e6))
		}
	}
	return last
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
