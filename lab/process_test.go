package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

// server is an Orrery process on loopback.
type server struct {
	t       *testing.T
	data    string
	command *exec.Cmd
	api     string // base URL
	udp     netip.AddrPort
	token   string
}

// noAddress is a root endpoint that nobody uses: with it the server does not
// try to reach ZeroTier's public roots.
const noAddress = "192.0.2.1/9993"

var announcedAddress = regexp.MustCompile(`API\s+(http://\S+)|ZeroTier\s+udp (\S+)|Stop with`)

// startServer runs the program, with more flags if wanted, and reads from its
// first lines where it is.
func startServer(t *testing.T, data string, flags ...string) *server {
	t.Helper()
	s := &server{t: t, data: data}
	s.command = exec.Command(orreryBinary, append([]string{
		"serve", "--data", data, "--http", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--root", noAddress}, flags...)...)
	log := new(bytes.Buffer)
	s.command.Stderr = log
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGKILL) })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch found := announcedAddress.FindStringSubmatch(lines.Text()); {
		case found == nil:
		case found[1] != "":
			s.api = found[1]
		case found[2] != "":
			s.udp = netip.MustParseAddrPort(found[2])
		default:
			token, err := os.ReadFile(filepath.Join(data, "owner.token"))
			if err != nil {
				t.Fatal(err)
			}
			s.token = string(token)
			return s
		}
	}
	t.Fatalf("the server did not start:\n%s", log)
	return nil
}

// stop signals the process and waits for its end.
func (s *server) stop(with syscall.Signal) {
	if s.command.ProcessState == nil {
		_ = s.command.Process.Signal(with)
		_ = s.command.Wait()
	}
}

func (s *server) call(method, path, body string) (int, []byte, error) {
	request, err := http.NewRequest(method, s.api+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (s *server) must(method, path, body string, into any) {
	s.t.Helper()
	status, answer, err := s.call(method, path, body)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			s.t.Fatal(err)
		}
	}
}

// planet is what a member needs to find the server on loopback.
func (s *server) planet() *world.World {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.data, "identity.public"))
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := identity.ParseText(string(text))
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := identity.NewSigningKey()
	if err != nil {
		s.t.Fatal(err)
	}
	w := &world.World{
		Kind: world.Planet, ID: 1, Timestamp: 1, NextKey: key.Public(),
		Roots: []world.Root{{Identity: id, Endpoints: []netip.AddrPort{s.udp}}},
	}
	w.Sign(key)
	return w
}

// newMember runs a node in this process.
func (s *server) newMember(ctx context.Context) *member.Node {
	s.t.Helper()
	id, err := identity.Generate(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := vl1.ListenUDP("127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	host, err := member.New(member.Config{Nodes: []*identity.Identity{id}, Conn: conn, Planet: s.planet(), AllowLoopback: true})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := host.Run(ctx); err != nil {
			s.t.Errorf("member: %v", err)
		}
	}()
	s.t.Cleanup(func() { cancel(); <-done })
	return host.Node(id.Address())
}

// TestTwoProcesses joins a member in this process to a server in another.
func TestTwoProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data)
	var made struct{ ID string }
	s.must("POST", "/network", home, &made)
	nwid, err := zt.ParseNetworkID(made.ID)
	if err != nil {
		t.Fatal(err)
	}
	node := s.newMember(ctx)
	m := node.Join(nwid)
	if _, err := m.Wait(ctx, func(s member.State) bool { return s.Status == member.AccessDenied }); err != nil {
		t.Fatal(err)
	}
	s.must("POST", "/network/"+made.ID+"/member/"+node.Address().String(), authorize, nil)
	state, err := m.Wait(ctx, func(s member.State) bool { return s.Status == member.OK && len(s.Addresses()) == 1 })
	if err != nil {
		t.Fatal(err)
	}

	s.stop(syscall.SIGTERM)
	if code := s.command.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("SIGTERM ended the server with status %d", code)
	}
	again := startServer(t, data)
	var kept struct {
		Config struct {
			Authorized    bool     `json:"authorized"`
			IPAssignments []string `json:"ipAssignments"`
		} `json:"config"`
	}
	again.must("GET", "/network/"+made.ID+"/member/"+node.Address().String(), "", &kept)
	if !kept.Config.Authorized || len(kept.Config.IPAssignments) != 1 || kept.Config.IPAssignments[0] != state.Addresses()[0].Addr().String() {
		t.Fatalf("after the restart the member is %+v, its address was %v", kept, state.Addresses())
	}
}

// TestKill kills the server in the middle of writes: everything that was
// answered with success is there afterwards.
func TestKill(t *testing.T) {
	const writes, writers = 1000, 8
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data, "--rate-limit", "0")
	var made struct{ ID string }
	s.must("POST", "/network", home, &made)

	var acknowledged sync.Map // node to name
	var count int
	var mu sync.Mutex
	enough := make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < writes; i += writers {
				node, name := fmt.Sprintf("%010x", 0x1000000000+i), fmt.Sprintf("member %d", i)
				status, answer, err := s.call("POST", "/network/"+made.ID+"/member/"+node, `{"name":"`+name+`","config":{"authorized":true,"ipAssignments":["10.9.1.`+fmt.Sprint(i%250)+`"]}}`)
				if err != nil {
					return // killed
				}
				if status != http.StatusOK {
					t.Errorf("adding a member: %d %s", status, answer)
					return
				}
				acknowledged.Store(node, name)
				mu.Lock()
				if count++; count == writes/2 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	select {
	case <-enough:
	case <-ended:
	}
	s.stop(syscall.SIGKILL)
	<-ended

	again := startServer(t, data)
	var listed []struct {
		NodeID string `json:"nodeId"`
		Name   string `json:"name"`
		Config struct {
			Authorized    bool     `json:"authorized"`
			IPAssignments []string `json:"ipAssignments"`
		} `json:"config"`
	}
	again.must("GET", "/network/"+made.ID+"/member", "", &listed)
	found := make(map[string]string)
	for _, m := range listed {
		if !m.Config.Authorized || len(m.Config.IPAssignments) != 1 {
			t.Fatalf("%s is there by half: %+v", m.NodeID, m)
		}
		found[m.NodeID] = m.Name
	}
	kept := 0
	acknowledged.Range(func(node, name any) bool {
		if found[node.(string)] != name {
			t.Errorf("%s was acknowledged as %q and is %q now", node, name, found[node.(string)])
		}
		kept++
		return true
	})
	if kept == writes {
		t.Fatal("the server was killed too late for this test to show anything")
	}
	t.Logf("%d of %d writes were acknowledged before the kill, all are there", kept, writes)
}

// TestSecondProcess checks what a second server on the same folder or port is
// told.
func TestSecondProcess(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data)
	refused := func(want string, args ...string) {
		t.Helper()
		out, err := exec.Command(orreryBinary, append([]string{"serve", "--root", noAddress}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v: %v, want %q in\n%s", args, err, want, out)
		}
	}
	pid := fmt.Sprint(s.command.Process.Pid)
	refused(pid, "--data", data)
	other := filepath.Join(t.TempDir(), "other")
	refused("in use by process "+pid+" (orrery); stop that program, or choose another address with --http", "--data", other, "--http", strings.TrimSuffix(strings.TrimPrefix(s.api, "http://"), "/api/v1"), "--udp", "127.0.0.1:0")
	refused("in use by process "+pid+" (orrery); stop that program, or choose another address with --udp", "--data", other, "--http", "127.0.0.1:0", "--udp", s.udp.String())

	if err := os.WriteFile(filepath.Join(other, "identity.secret"), []byte("54db3115b8:0:00"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("identity.secret is damaged", "--data", other, "--http", "127.0.0.1:0", "--udp", "127.0.0.1:0")
	refused("is no host:port", "--http", "nonsense", "--data", other)

	// Datagrams of any kind are survived.
	conn, err := net.Dial("udp", s.udp.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for size := range 200 {
		_, _ = conn.Write(bytes.Repeat([]byte{byte(size)}, size*7))
	}
	s.must("GET", "/status", "", nil)
}
