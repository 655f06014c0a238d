package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/server"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// testIdentities were made before: one takes a while.
func testIdentities(t *testing.T) []*identity.Identity {
	t.Helper()
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []*identity.Identity
	for _, text := range strings.Fields(string(made)) {
		id, err := identity.ParseText(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

// generator gives identities that no other probe of the test has: the server
// would look for one at the place where it saw it before.
func generator(t *testing.T) func(context.Context) (*identity.Identity, error) {
	left := make(chan *identity.Identity, 100)
	for _, id := range testIdentities(t)[2:] {
		left <- id
	}
	return func(context.Context) (*identity.Identity, error) {
		select {
		case id := <-left:
			return id, nil
		default:
			return nil, errors.New("the test has no more identities")
		}
	}
}

// clinic is a server on loopback, and what the doctor is told of it. Nothing here
// sends to another address.
type clinic struct {
	t       *testing.T
	server  *server.Server
	config  server.Config
	options Options
}

// newClinic starts a server whose planet names the address that it listens on,
// and other endpoints if wanted.
func newClinic(t *testing.T, others ...netip.AddrPort) *clinic {
	t.Helper()
	at := freePort(t)
	config := server.Default()
	config.Data = filepath.Join(t.TempDir(), "data")
	config.HTTP, config.UDP, config.Version = "127.0.0.1:0", at.String(), "test"
	config.Roots = append(others, at)
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	id := testIdentities(t)[0]
	for name, text := range map[string]string{"identity.secret": id.SecretText(), "identity.public": id.String()} {
		if err := os.WriteFile(filepath.Join(config.Data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &clinic{t: t, config: config}
	c.start()
	c.options = Options{
		Client: c.client(c.token()), Data: config.Data, Home: t.TempDir(), Version: "test", Patience: 20 * time.Second,
		generate: generator(t),
	}
	return c
}

func (c *clinic) start() {
	c.t.Helper()
	var err error
	if c.server, err = server.Start(c.t.Context(), c.config, c.t.Output()); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.stop)
}

func (c *clinic) stop() {
	if c.server == nil {
		return
	}
	if err := c.server.Stop(); err != nil {
		c.t.Error(err)
	}
	c.server = nil
}

func (c *clinic) url() string { return "http://" + c.server.HTTPAddr().String() + "/api/v1" }

func (c *clinic) token() string {
	c.t.Helper()
	token, err := os.ReadFile(filepath.Join(c.config.Data, "owner.token"))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(token)
}

func (c *clinic) client(token string) *client.Client {
	c.t.Helper()
	made, err := client.New(client.Options{URL: c.url(), Token: token})
	if err != nil {
		c.t.Fatal(err)
	}
	return made
}

// planet is what clients have.
func (c *clinic) planet() *world.World {
	c.t.Helper()
	planet, err := server.ReadPlanet(c.config.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	return planet
}

// elsewhere is what the doctor knows on another machine.
func (c *clinic) elsewhere() Options {
	o := c.options
	o.Data, o.Planet = "", c.planet()
	return o
}

// network makes one and returns its id.
func (c *clinic) network(config string) string {
	c.t.Helper()
	var made struct{ ID string }
	c.must("POST", "/network", `{"config":`+config+`}`, &made)
	return made.ID
}

func (c *clinic) must(method, path, body string, into any) {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+c.token())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, answer, err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			c.t.Fatal(err)
		}
	}
}

// report is what the doctor found.
type report []Finding

// examine runs the doctor. Whatever it finds has to say what to do about it.
func examine(t *testing.T, o Options) report {
	t.Helper()
	var all report
	for f := range Run(t.Context(), o) {
		all = append(all, f)
		if (f.Do == "") != (f.State == OK) || f.Found == "" || f.Check == "" {
			t.Errorf("it does not say what to do, or does though all is well: %+v", f)
		}
	}
	t.Logf("%s", all)
	return all
}

func (r report) String() string {
	var text strings.Builder
	for _, f := range r {
		fmt.Fprintf(&text, "%-8s%-10s%s\n", f.State, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(&text, "%20s%s\n", "→ ", f.Do)
		}
	}
	return text.String()
}

// want looks for a finding whose texts have all the words.
func (r report) want(t *testing.T, check string, state State, words ...string) {
	t.Helper()
	for _, f := range r {
		if f.Check == check && f.State == state && containsAll(f.Found+" → "+f.Do, words) {
			return
		}
	}
	t.Errorf("there is no %s of %s with %q in\n%s", state, check, words, r)
}

// none makes sure that nothing has a state.
func (r report) none(t *testing.T, state State) {
	t.Helper()
	for _, f := range r {
		if f.State == state {
			t.Errorf("%s of %s: %s", state, f.Check, f.Found)
		}
	}
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// freePort is a UDP port of loopback that nobody has at this moment.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	at := silent(t)
	at.Close()
	return at.LocalAddr().(*net.UDPAddr).AddrPort()
}

// silent is a socket of loopback that takes everything and answers nothing, as a
// firewall does.
func silent(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

func addressOf(socket *net.UDPConn) netip.AddrPort {
	return socket.LocalAddr().(*net.UDPAddr).AddrPort()
}
