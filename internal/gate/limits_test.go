package gate

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/central"
)

func TestOneUsersFloodSlowsNoOther(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 100, Burst: 400})
	ada := y.user("ada@example.com")
	bob := y.user("bob@example.com")
	if n := y.flood("token "+ada, here); n != 400 {
		t.Errorf("%d requests passed at once, want 400", n)
	}
	w := y.ask("GET", "token "+bob, here)
	if w.Code != 200 || number(t, w, "X-Ratelimit-Remaining") != 100 {
		t.Errorf("another user at the same address got %d, %v", w.Code, w.Header())
	}
	y.now = y.now.Add(time.Second)
	if n := y.flood("token "+ada, "198.51.100.1:1"); n != 100 {
		t.Errorf("%d requests passed a second later, want 100", n)
	}
}

func TestTokensOfAUserShareALimit(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 1, Burst: 5})
	ada := y.user("ada@example.com")
	_, other, err := y.service.CreateToken(t.Context(), y.caller(ada), y.caller(ada).User.ID, central.TokenRequest{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if n := y.flood("token "+ada, here); n != 5 {
		t.Errorf("%d passed", n)
	}
	if w := y.ask("GET", "token "+other, here); w.Code != 429 {
		t.Errorf("the other token: %d", w.Code)
	}
}

func TestWhoHasNoTokenIsCountedByAddress(t *testing.T) {
	for _, x := range []struct{ name, header, from, same, other string }{
		{"IPv4", "", "192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"IPv4 in IPv6", "", "192.0.2.1:1", "[::ffff:192.0.2.1]:2", "[::ffff:192.0.2.2]:1"},
		{"IPv6", "", "[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::9]:1", "[2001:db8:0:2::1]:1"},
		{"a bad token", "token x", "192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"no address", "", "@", "", "192.0.2.2:1"},
	} {
		t.Run(x.name, func(t *testing.T) {
			y := newYard(t, Limits{PerSecond: 2, Burst: 10})
			if n := y.flood(x.header, x.from); n != 10 {
				t.Errorf("%d passed", n)
			}
			if w := y.ask("GET", "", x.same); w.Code != 429 {
				t.Errorf("the same address: %d", w.Code)
			}
			if w := y.ask("GET", "", x.other); w.Code != 401 {
				t.Errorf("another address: %d", w.Code)
			}
		})
	}
}

// Guesses from an address must not cost lookups, nor shut out the users behind
// the same address.
func TestGuessingIsRefusedBeforeTheLookup(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 1, Burst: 3})
	ada := y.user("ada@example.com")
	bob := y.user("bob@example.com")
	y.ask("GET", "token "+ada, here)
	for guess := range 10 {
		y.ask("GET", fmt.Sprint("token guess", guess), here)
	}
	if w := y.ask("GET", "token "+ada, here); w.Code != 200 {
		t.Errorf("a token that was valid before: %d", w.Code)
	}
	if w := y.ask("GET", "token "+bob, here); w.Code != 429 {
		t.Errorf("a token that was never shown was looked up: %d", w.Code)
	}
	y.now = y.now.Add(time.Second)
	if w := y.ask("GET", "token "+bob, here); w.Code != 200 {
		t.Errorf("a second later: %d", w.Code)
	}
}

// A token that ended is a guess like any other.
func TestEndedTokenIsForgotten(t *testing.T) {
	y := newYard(t, Limits{})
	ada := y.user("ada@example.com")
	y.ask("GET", "token "+ada, here)
	if !y.gate.valid.has(ada) {
		t.Fatal("a valid token is not known")
	}
	caller := y.caller(ada)
	if err := y.service.DeleteToken(t.Context(), caller, caller.User.ID, caller.Token.Name); err != nil {
		t.Fatal(err)
	}
	if w := y.ask("GET", "token "+ada, here); w.Code != 401 || y.gate.valid.has(ada) {
		t.Errorf("%d; known: %v", w.Code, y.gate.valid.has(ada))
	}
}

func TestHeadersOfTheLimit(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 20, Burst: 60})
	ada := y.user("ada@example.com")
	ask := func() http.Header { return y.ask("GET", "token "+ada, here).Header() }
	for range 40 { // of the burst
		h := ask()
		if h.Get("X-Ratelimit-Limit") != "20" || h.Get("X-Ratelimit-Remaining") != "20" {
			t.Fatalf("within the burst: %v", h)
		}
		if got := h.Get("X-Ratelimit-Reset"); got != "Thu, 06 Aug 2026 20:53:47 UTC" {
			t.Fatalf("reset %q", got)
		}
	}
	h := ask()
	if h.Get("X-Ratelimit-Remaining") != "19" || h.Get("X-Ratelimit-Reset") != "Thu, 06 Aug 2026 20:53:48 UTC" {
		t.Errorf("beyond it: %v", h)
	}
	y.flood("token "+ada, here)
	w := y.ask("GET", "token "+ada, here)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("X-Ratelimit-Remaining") != "0" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if want := "rateLimited: too many requests: 20 per second are allowed, and 60 at once; wait 1 s"; w.Body.String() != want {
		t.Errorf("%q", w.Body)
	}
	y.now = y.now.Add(3 * time.Second)
	if h := ask(); h.Get("X-Ratelimit-Remaining") != "20" {
		t.Errorf("3 s later: %v", h)
	}
}

func TestNoLimit(t *testing.T) {
	y := newYard(t, Limits{})
	ada := y.user("ada@example.com")
	for range 2000 {
		w := y.ask("GET", "token "+ada, here)
		limit := number(t, w, "X-Ratelimit-Limit")
		if w.Code != 200 || limit < 1 || number(t, w, "X-Ratelimit-Remaining") != limit || w.Header().Get("X-Ratelimit-Reset") != "Thu, 06 Aug 2026 20:53:48 UTC" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
	}
}

func TestBucketsAreBoundedAndIdleOnesGo(t *testing.T) {
	const most = 100
	b := newBuckets[netip.Addr](Limits{PerSecond: 10, Burst: 20}, most)
	now := time.Unix(1_800_000_000, 0)
	drain := func(at netip.Addr) int {
		for n := range 1000 {
			if _, ok := b.take(at, now); !ok {
				return n
			}
		}
		t.Fatal("no limit")
		return 0
	}
	steady := netip.MustParseAddr("192.0.2.1")
	if got := drain(steady); got != 20 {
		t.Errorf("burst %d", got)
	}
	for i := range uint32(50 * most) {
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], 10<<24|i)
		b.take(netip.AddrFrom4(four), now)
		if i%10 == 0 {
			if _, ok := b.take(steady, now); ok {
				t.Fatal("others made room for more of the one that floods")
			}
		}
		if size := len(b.young) + len(b.old); size > 2*most {
			t.Fatalf("%d buckets", size)
		}
	}
	now = now.Add(4 * time.Second) // twice the time to fill
	if got := drain(steady); got != 20 {
		t.Errorf("after a pause %d, want a full bucket", got)
	}
	if size := len(b.young) + len(b.old); size != 1 {
		t.Errorf("%d buckets are kept of those that are idle", size)
	}
}

// A period's end must not give anybody more than the limit.
func TestBucketsKeepCountOverPeriods(t *testing.T) {
	b := newBuckets[string](Limits{PerSecond: 10, Burst: 20}, 100)
	now := time.Unix(1_800_000_000, 0)
	passed := 0
	for range 60_000 {
		if _, ok := b.take("ada", now); ok {
			passed++
		}
		now = now.Add(time.Millisecond)
	}
	if want := 60*10 + 20; passed < want-1 || passed > want {
		t.Errorf("%d passed in a minute, want %d", passed, want)
	}
}

func TestBurstIsNoSmallerThanTheRate(t *testing.T) {
	b := newBuckets[string](Limits{PerSecond: 10}, 100)
	left, ok := b.take("ada", time.Unix(1_800_000_000, 0))
	if !ok || left.left != 9 {
		t.Errorf("%+v %v", left, ok)
	}
}

func BenchmarkGate(b *testing.B) {
	for name, limits := range map[string]Limits{"limited": {PerSecond: 1 << 30, Burst: 1 << 30}, "unlimited": {}} {
		b.Run(name, func(b *testing.B) {
			y := newYard(b, limits)
			ada := y.user("ada@example.com")
			y.api = y.gate.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), y.fail)
			r, err := http.NewRequest("GET", "/api/v1/network", strings.NewReader(""))
			if err != nil {
				b.Fatal(err)
			}
			r.RemoteAddr = here
			r.Header.Set("Authorization", "token "+ada)
			w := headerOnly{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				y.api.ServeHTTP(w, r)
			}
		})
	}
}

type headerOnly struct{ header http.Header }

func (h headerOnly) Header() http.Header         { return h.header }
func (h headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (h headerOnly) WriteHeader(int)             {}
