package vl1

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// A host with a whole IPv6 /64 is one source, and there are not too many.
func TestRelaySourcesAreBounded(t *testing.T) {
	var s relayState
	s.init(1000)
	ip := netip.MustParseAddr("2001:db8::1").As16()
	first := s.sourceOf(netip.AddrFrom16(ip), 1)
	for i := range 1000 {
		ip[14], ip[15] = byte(i>>8), byte(i)
		if s.sourceOf(netip.AddrFrom16(ip), 1) != first {
			t.Fatal("two addresses of one /64 are two sources")
		}
	}
	for i := range shardCount * maxSources * 2 {
		s.sourceOf(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), 1)
	}
	total := 0
	for i := range s.sources {
		total += len(s.sources[i].byNet)
	}
	if total > shardCount*maxSources {
		t.Errorf("%d sources", total)
	}
	for i := range shardCount {
		s.sweep(i, 1+pathExpired)
	}
	if s.sourceOf(netip.MustParseAddr("192.0.2.1"), 2+pathExpired) == nil {
		t.Error("there is no room after all have gone")
	}
}

// The requests that are remembered are the latest.
func TestExpectedRequestsAreTheLatest(t *testing.T) {
	var p peer
	at := []int64{0, 20_000, 25_000, 31_000}
	for i := range int64(40) {
		at = append(at, 32_000+i)
	}
	for i, now := range at {
		p.expect(expected{id: uint64(i), at: now})
		for j := max(0, i-maxExpected+1); j <= i; j++ {
			if _, ok := p.asked(uint64(j), now); !ok && now-at[j] <= expectFor {
				t.Fatalf("after %d requests number %d is forgotten", i+1, j)
			}
		}
	}
	if len(p.expected) > maxExpected {
		t.Errorf("%d requests are remembered", len(p.expected))
	}
}

// An identity with which no key can be agreed on, which a root may well vouch
// for, costs one attempt and not one for each packet.
func TestUselessKeyIsTriedOnce(t *testing.T) {
	text, err := os.ReadFile("testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	own, err := identity.ParseText(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	wire := make([]byte, identity.PublicLen) // zero is a point of low order
	zt.Address(0x1234567890).Put(wire)
	id, _, err := identity.ParsePublic(wire)
	if err != nil {
		t.Fatal(err)
	}
	p := peer{local: &local{id: own}, id: id}
	if _, err := p.key(); err == nil || errors.Is(err, errKeyless) {
		t.Errorf("first attempt: %v", err)
	}
	if _, err := p.key(); !errors.Is(err, errKeyless) {
		t.Errorf("second attempt: %v", err)
	}
}

// IPv4-mapped endpoints of a root are IPv4 endpoints.
func TestMappedRootEndpoint(t *testing.T) {
	endpoint := netip.MustParseAddrPort("[::ffff:10.0.0.1]:9993")
	ep, ok := randomEndpoint(&world.Root{Endpoints: []netip.AddrPort{endpoint}}, 4)
	if !ok || ep.String() != "10.0.0.1:9993" {
		t.Errorf("the endpoint is %s, %v", ep, ok)
	}
	if _, ok := randomEndpoint(&world.Root{Endpoints: []netip.AddrPort{endpoint}}, 6); ok {
		t.Error("it counts as IPv6")
	}
}
