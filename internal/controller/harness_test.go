package controller

import (
	"bytes"
	"context"
	_ "embed"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
)

// Ready-made valid identities, one secret text form a line. The first is the
// controller's.
//
//go:embed testdata/identities.txt
var identityTexts string

func ident(t testing.TB, n int) *identity.Identity {
	t.Helper()
	id, err := identity.ParseText(strings.Fields(identityTexts)[n])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sent is one packet that the controller handed to its endpoint.
type sent struct {
	at      time.Time
	to      zt.Address
	verb    packet.Verb // VerbOK and VerbError for answers
	inReID  uint64
	code    packet.ErrorCode
	payload []byte
}

// desk is a controller with an endpoint that only writes down what it is given,
// a real store, and an administrator.
type desk struct {
	t     testing.TB
	path  string
	store *store.Store
	*Controller
	central *central.Service
	admin   central.Caller
	stop    func()
	asked   uint64

	opts    Options
	skew    atomic.Int64  // added to the clock, ns
	written chan struct{} // gets a token after each packet, if not nil
	// wire replaces the desk as the controller's endpoint; the function that it
	// returns runs as long as the controller does.
	wire func() (Node, func(context.Context) error)

	mu  sync.Mutex
	all []sent
}

func (d *desk) now() time.Time { return time.Now().Add(time.Duration(d.skew.Load())) }

// newDesk opens a desk and runs its controller until the test ends.
func newDesk(t testing.TB, change ...func(*Options)) *desk {
	t.Helper()
	d := &desk{t: t}
	d.open(change...)
	return d
}

func (d *desk) open(change ...func(*Options)) {
	t := d.t
	t.Helper()
	d.path = filepath.Join(t.TempDir(), "orrery.db")
	d.opts = Options{Identity: ident(t, 0), Node: d, Logger: slog.New(slog.DiscardHandler), Now: d.now}
	for _, c := range change {
		c(&d.opts)
	}
	d.start()
	t.Cleanup(func() { d.stop() })
	if _, _, err := d.central.EnsureOwner(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.admin, err = d.central.Local(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) start() {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if d.store, err = store.Open(ctx, store.Options{Path: d.path}); err != nil {
		d.t.Fatal(err)
	}
	d.opts.Store = d.store
	if d.Controller, err = New(ctx, d.opts); err != nil {
		d.t.Fatal(err)
	}
	d.central = central.New(central.Options{
		Store: d.store, Presence: d.Controller, Controller: d.Controller.address, Logger: d.opts.Logger, Now: d.now,
	})
	running := []func(context.Context) error{d.Controller.Run}
	if d.wire != nil {
		node, run := d.wire()
		d.Controller.SetNode(node)
		running = append(running, run)
	}
	done := make(chan error)
	for _, run := range running {
		go func() { done <- run(ctx) }()
	}
	d.stop = sync.OnceFunc(func() {
		cancel()
		for range running {
			if err := <-done; err != nil {
				d.t.Errorf("Run: %v", err)
			}
		}
		if err := d.store.Close(); err != nil {
			d.t.Error(err)
		}
	})
}

// restart stops the controller in good order and starts another one on the same
// database.
func (d *desk) restart() {
	d.t.Helper()
	d.stop()
	d.start()
	synctest.Wait()
}

func (d *desk) record(s sent) {
	s.at = time.Now()
	s.payload = bytes.Clone(s.payload)
	d.mu.Lock()
	d.all = append(d.all, s)
	d.mu.Unlock()
	if d.written != nil {
		d.written <- struct{}{}
	}
}

func (d *desk) Send(_, to zt.Address, v packet.Verb, payload []byte) (uint64, error) {
	d.record(sent{to: to, verb: v, payload: payload})
	return 1, nil
}

func (d *desk) SendOK(_, to zt.Address, inRe packet.Verb, id uint64, rest []byte) error {
	if inRe == packet.VerbNetworkConfigRequest {
		d.record(sent{to: to, verb: packet.VerbOK, inReID: id, payload: rest})
	}
	return nil
}

func (d *desk) SendError(_, to zt.Address, _ packet.Verb, id uint64, code packet.ErrorCode, rest []byte) error {
	d.record(sent{to: to, verb: packet.VerbError, inReID: id, code: code, payload: rest})
	return nil
}

func (d *desk) Learn(zt.Address, *identity.Identity) {}
func (d *desk) Trust(_, _ zt.Address)                {}

func (d *desk) Contact(zt.Address, *identity.Identity, netip.AddrPort) {}

// take returns what was sent since the last take, once all is quiet.
func (d *desk) take() []sent {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// takeTo is take for one node; what went to others is lost.
func (d *desk) takeTo(id *identity.Identity) []sent {
	return slices.DeleteFunc(d.take(), func(s sent) bool { return s.to != id.Address() })
}

// asking is a request that a test varies.
type asking struct {
	metadata netconf.Metadata
	revision uint64
	remote   netip.AddrPort
	hops     int
}

func usual() asking {
	return asking{
		metadata: netconf.Metadata{
			ConfigVersion: netconf.ConfigVersion, Vendor: 1, Protocol: 12, Major: 1, Minor: 14, Revision: 2, RulesEngine: 1,
			MaxRules: netconf.MaxRules, MaxCapabilities: netconf.MaxCapabilities,
			MaxRulesPerCapability: netconf.MaxRulesPerCapability, MaxTags: netconf.MaxTags,
		},
		remote: netip.MustParseAddrPort("192.0.2.7:1234"),
	}
}

// ask has a node ask for its configuration; it returns the packet id.
func (d *desk) ask(id *identity.Identity, network zt.NetworkID, change ...func(*asking)) uint64 {
	a := usual()
	for _, c := range change {
		c(&a)
	}
	q := netconf.Request{Network: network, Metadata: a.metadata.Append(nil), Revision: a.revision}
	d.asked++
	d.Receive(&vl1.Inbound{
		Local: d.opts.Identity, Peer: id.Public(), PacketID: d.asked, Verb: packet.VerbNetworkConfigRequest,
		Payload: q.Append(nil), Hops: a.hops, Remote: a.remote,
	})
	return d.asked
}

// holding makes a request say that the node has a configuration in force.
func holding(a *asking) { a.revision = 7 }

// confirm has a node confirm a pushed configuration.
func (d *desk) confirm(id *identity.Identity, push sent) {
	d.t.Helper()
	chunk, err := netconf.ParseChunk(push.payload)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Receive(&vl1.Inbound{
		Local: d.opts.Identity, Peer: id.Public(), Verb: packet.VerbOK, InRe: packet.VerbEcho,
		Payload: receiptOf(chunk.Network, chunk.UpdateID),
	})
}

func receiptOf(network zt.NetworkID, update uint64) []byte {
	b := network.Append(nil)
	for shift := 56; shift >= 0; shift -= 8 {
		b = append(b, byte(update>>shift))
	}
	return b
}

// configs are the whole configurations in what was sent, verified as nodes do.
func (d *desk) configs(all []sent) []*netconf.Config {
	d.t.Helper()
	var found []*netconf.Config
	var assembling netconf.Reassembly
	for _, s := range all {
		if s.verb != packet.VerbOK && s.verb != packet.VerbNetworkConfig {
			continue
		}
		chunk, err := netconf.ParseChunk(s.payload)
		if err != nil {
			d.t.Fatal(err)
		}
		dictionary, complete := assembling.Add(chunk, d.opts.Identity)
		if !complete {
			continue
		}
		c, err := netconf.ParseConfig(dictionary)
		if err != nil {
			d.t.Fatal(err)
		}
		if err := c.CheckFor(chunk.Network, s.to); err != nil {
			d.t.Fatal(err)
		}
		found = append(found, c)
	}
	return found
}

// answer has a node ask and returns the configuration that it gets.
func (d *desk) answer(id *identity.Identity, network zt.NetworkID, change ...func(*asking)) *netconf.Config {
	d.t.Helper()
	pass(gateInterval * time.Millisecond)
	d.take()
	request := d.ask(id, network, change...)
	got := slices.DeleteFunc(d.takeTo(id), func(s sent) bool { return s.verb != packet.VerbOK || s.inReID != request })
	all := d.configs(got)
	if len(all) != 1 {
		d.t.Fatalf("%d configurations in answer, want 1", len(all))
	}
	return all[0]
}

// refusal has a node ask and returns the ERROR that it gets.
func (d *desk) refusal(id *identity.Identity, network zt.NetworkID, change ...func(*asking)) packet.ErrorCode {
	d.t.Helper()
	pass(gateInterval * time.Millisecond)
	d.take()
	request := d.ask(id, network, change...)
	for _, s := range d.takeTo(id) {
		if s.verb == packet.VerbError && s.inReID == request {
			return s.code
		}
	}
	d.t.Fatal("no ERROR in answer")
	return 0
}

func with(verb packet.Verb, all []sent) []sent {
	return slices.DeleteFunc(slices.Clone(all), func(s sent) bool { return s.verb != verb })
}

// allRevocations are those in what was sent, each verified.
func (d *desk) allRevocations(all []sent) []*netconf.Revocation {
	d.t.Helper()
	var found []*netconf.Revocation
	for _, s := range with(packet.VerbNetworkCredentials, all) {
		given, err := netconf.ParseCredentials(s.payload)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, r := range given.Revocations {
			if !r.Verify(d.opts.Identity) {
				d.t.Fatalf("revocation %+v is not valid", r)
			}
			found = append(found, r)
		}
	}
	return found
}

// revocations are those of membership.
func (d *desk) revocations(all []sent) []*netconf.Revocation {
	d.t.Helper()
	return d.revocationsOf(netconf.CredentialCOM, all)
}

func (d *desk) revocationsOf(kind netconf.CredentialType, all []sent) []*netconf.Revocation {
	d.t.Helper()
	return slices.DeleteFunc(d.allRevocations(all), func(r *netconf.Revocation) bool { return r.Type != kind })
}

// create makes a network with a route and a pool.
func (d *desk) create(change ...func(*model.Network)) zt.NetworkID {
	d.t.Helper()
	id := createNetwork(d.t, d.central, d.admin, change...)
	synctest.Wait() // for the controller to know of it
	return id
}

func createNetwork(t testing.TB, c *central.Service, admin central.Caller, change ...func(*model.Network)) zt.NetworkID {
	t.Helper()
	made, err := c.CreateNetwork(t.Context(), admin, func(n *model.Network) error {
		n.Name = "home"
		n.Routes = []model.Route{{Target: netip.MustParsePrefix("10.9.0.0/24")}}
		n.Pools = []model.Pool{{Start: netip.MustParseAddr("10.9.0.1"), End: netip.MustParseAddr("10.9.0.254")}}
		for _, f := range change {
			f(n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (d *desk) updateNetwork(id zt.NetworkID, change func(*model.Network)) {
	d.t.Helper()
	_, err := d.central.UpdateNetwork(d.t.Context(), d.admin, id, func(n *model.Network) error { change(n); return nil })
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) updateMember(id zt.NetworkID, node *identity.Identity, change func(*model.Member)) {
	d.t.Helper()
	_, err := d.central.UpdateMember(d.t.Context(), d.admin, id, node.Address(), func(m *model.Member) error { change(m); return nil })
	if err != nil {
		d.t.Fatal(err)
	}
}

func authorize(m *model.Member)   { m.Authorized = true }
func deauthorize(m *model.Member) { m.Authorized = false }

// letIn has a node join and be let in, and returns its first configuration.
func (d *desk) letIn(id *identity.Identity, network zt.NetworkID) *netconf.Config {
	d.t.Helper()
	pass(gateInterval * time.Millisecond)
	d.take()
	d.ask(id, network)
	synctest.Wait()
	d.updateMember(network, id, authorize)
	all := d.takeTo(id)
	pushes := with(packet.VerbNetworkConfig, all)
	got := d.configs(all)
	if len(got) != 1 {
		d.t.Fatalf("%d configurations after authorization, want 1", len(got))
	}
	d.confirm(id, pushes[0])
	return got[0]
}

// stored is the record as the store has it.
func (d *desk) stored(network zt.NetworkID, id *identity.Identity) *model.Member {
	d.t.Helper()
	m, err := d.store.Member(d.t.Context(), network, id.Address())
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

// com parses a configuration's certificate of membership and verifies it.
func com(t testing.TB, c *netconf.Config, controller *identity.Identity) *netconf.COM {
	t.Helper()
	certificate, _, err := netconf.ParseCOM(c.COM)
	if err != nil {
		t.Fatal(err)
	}
	if !certificate.Verify(controller) {
		t.Fatal("the certificate of membership does not verify")
	}
	return &certificate
}

// ownerships parses and verifies a configuration's certificates of ownership.
func ownerships(t testing.TB, c *netconf.Config, controller *identity.Identity) []netconf.Ownership {
	t.Helper()
	var all []netconf.Ownership
	for rest := c.Ownerships; len(rest) > 0; {
		o, n, err := netconf.ParseOwnership(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !o.Verify(controller) {
			t.Fatal("a certificate of ownership does not verify")
		}
		all, rest = append(all, o), rest[n:]
	}
	return all
}

func tags(t testing.TB, c *netconf.Config, controller *identity.Identity) map[uint32]uint32 {
	t.Helper()
	all := map[uint32]uint32{}
	for rest := c.Tags; len(rest) > 0; {
		tag, n, err := netconf.ParseTag(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !tag.Verify(controller) {
			t.Fatal("a tag does not verify")
		}
		all[tag.ID], rest = tag.Value, rest[n:]
	}
	return all
}

func capabilities(t testing.TB, c *netconf.Config, controller *identity.Identity) []uint32 {
	t.Helper()
	var all []uint32
	for rest := c.Capabilities; len(rest) > 0; {
		one, n, err := netconf.ParseCapability(rest)
		if err != nil {
			t.Fatal(err)
		}
		if !one.Verify(controller) {
			t.Fatal("a capability does not verify")
		}
		all, rest = append(all, one.ID), rest[n:]
	}
	return all
}

// pass lets fake time go by, and everything that happens in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// fake runs a test in a bubble of its own, where time is not real.
func fake(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
