package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/orrery-net/orrery/internal/server"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// testNow is the environment variable that sets the clock of the program under
// test, in RFC 3339.
const testNow = "ORRERY_TEST_NOW"

// TestMain lets the test's program stand in for orrery, in the scripts here and
// in shell scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"orrery": func() {
			clock := time.Now
			if fixed, err := time.Parse(time.RFC3339, os.Getenv(testNow)); err == nil {
				clock = func() time.Time { return fixed }
			}
			os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr, clock))
		},
	})
}

// TestScripts runs testdata/script/*.txtar, each in a folder and with a home of
// its own. Besides the commands of testscript there are
//
//	server [-found]       start an Orrery server, for this script only; sets DATA, UDP
//	                      and, unless it shall be found by its folder, ORRERY_URL and
//	                      ORRERY_TOKEN; with -found it sets ORRERY_DATA
//	hosted [FAULT]        replay recorded answers of the hosted service; sets ORRERY_URL,
//	                      ORRERY_TOKEN and the program's clock, and writes every request
//	                      into the file requests; for FAULT see startHosted
//	status N PROGRAM ARG… run a program that has to end with this status
//	node NAME [NETWORK]   run a member, which joins the network and waits for an answer;
//	                      sets NAME to its address
//	await FILE TEXT [PROGRAM ARG…]
//	                      wait until a file has a text in it, and run the program, which
//	                      has to succeed, again and again meanwhile
//	set NAME [FILE]       set an environment variable to what a file, else the standard
//	                      output before, has in it, spaces at the ends aside
//
// go test -run TestScripts/NAME runs one, with -update writes golden files.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			for _, name := range []string{"HOME", "USERPROFILE"} {
				e.Setenv(name, home)
			}
			for _, name := range []string{"XDG_CONFIG_HOME", "AppData"} {
				e.Setenv(name, filepath.Join(home, ".config"))
			}
			e.Setenv("TZ", "UTC")
			e.Setenv("GOTRACEBACK", "")
			e.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // with -race every command would sleep a second
			e.Values[nodesKey{}] = new(int)
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"server": scriptServer,
			"hosted": scriptHosted,
			"status": scriptStatus,
			"node":   scriptNode,
			"set":    scriptSet,
			"await":  scriptAwait,
		},
	})
}

// testIdentities are identities that were made before, which takes seconds each:
// the first is the server's, the others are for members.
func testIdentities() ([]string, error) {
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	return strings.Fields(string(made)), err
}

func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 || len(args) == 1 && args[0] != "-found" {
		ts.Fatalf("usage: server [-found]")
	}
	made, err := testIdentities()
	ts.Check(err)
	data := ts.MkAbs("data")
	ts.Check(os.MkdirAll(data, 0o700))
	ts.Check(os.WriteFile(filepath.Join(data, "identity.secret"), []byte(made[0]), 0o600))
	config := server.Default()
	config.Data, config.HTTP, config.UDP = data, "127.0.0.1:0", "127.0.0.1:0"
	config.Roots = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9993")}
	config.Version = Version
	log := new(bytes.Buffer)
	s, err := server.Start(context.Background(), config, log)
	ts.Check(err)
	ts.Defer(func() {
		if err := s.Stop(); err != nil {
			ts.Logf("%v\n%s", err, log)
		}
	})
	ts.Setenv("DATA", data)
	ts.Setenv("UDP", s.UDPAddr().String())
	if len(args) == 1 {
		ts.Setenv("ORRERY_DATA", data)
		return
	}
	token, err := os.ReadFile(filepath.Join(data, "owner.token"))
	ts.Check(err)
	ts.Setenv("ORRERY_URL", "http://"+s.HTTPAddr().String())
	ts.Setenv("ORRERY_TOKEN", strings.TrimSpace(string(token)))
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

func scriptSet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: set NAME [FILE]")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(append(args, "stdout")[1])))
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await FILE TEXT [program args...]")
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-look.C {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		if len(args) > 2 {
			ts.Check(ts.Exec(args[2], args[3:]...))
		}
	}
	ts.Fatalf("%s does not have %q", args[0], args[1])
}

// nodesKey is where a script counts its nodes. The first has the same address in
// every run, and so have the others.
type nodesKey struct{}

func scriptNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: node NAME [NETWORK]")
	}
	count := ts.Value(nodesKey{}).(*int)
	*count++
	host, node := newNode(ts, *count)
	ts.Defer(runHost(ts, host))
	ts.Setenv(args[0], node.Address().String())
	if len(args) == 1 {
		return
	}
	network, err := zt.ParseNetworkID(args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = node.Join(network).Wait(ctx, func(s member.State) bool { return s.Status == member.AccessDenied || s.Status == member.OK })
	ts.Check(err)
}

func runHost(ts *testscript.TestScript, host *member.Host) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			ts.Logf("member: %v", err)
		}
	}
}

// newNode makes a node that knows the script's server as its root.
func newNode(ts *testscript.TestScript, number int) (*member.Host, *member.Node) {
	made, err := testIdentities()
	ts.Check(err)
	id, err := identity.ParseText(made[number])
	ts.Check(err)
	conn, err := vl1.ListenUDP("127.0.0.1:0")
	ts.Check(err)
	host, err := member.New(member.Config{Nodes: []*identity.Identity{id}, Conn: conn, Planet: planetOf(ts, made[0]), AllowLoopback: true})
	ts.Check(err)
	return host, host.Node(id.Address())
}

func planetOf(ts *testscript.TestScript, root string) *world.World {
	id, err := identity.ParseText(root)
	ts.Check(err)
	at, err := netip.ParseAddrPort(ts.Getenv("UDP"))
	if err != nil {
		ts.Fatalf("a node needs a server first: %v", err)
	}
	key, err := identity.NewSigningKey()
	ts.Check(err)
	w := &world.World{
		Kind: world.Planet, ID: 1, Timestamp: 1, NextKey: key.Public(),
		Roots: []world.Root{{Identity: id.Public(), Endpoints: []netip.AddrPort{at}}},
	}
	w.Sign(key)
	return w
}
