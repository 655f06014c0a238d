package gate

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/orrery-net/orrery/internal/central"
)

// Limits is how many requests one user may make. Requests without a valid token
// count for the address that they come from: for IPv6, for its /64.
type Limits struct {
	PerSecond int // on average; 0: no limit
	Burst     int // at once; at least PerSecond
}

// DefaultLimits are generous.
var DefaultLimits = Limits{PerSecond: 100, Burst: 400}

// unlimited is what X-Ratelimit-Limit says where there is no limit. Clients slow
// down by what Remaining is below it, so that both are the same number.
const unlimited = math.MaxInt32

// maxBuckets bounds each of the two generations of buckets.
const maxBuckets = 1 << 15

// buckets counts the requests of everyone with a key of their own. A bucket that
// was not used for as long as it takes to fill is like a new one, so it need not
// be kept: whatever was not used during a whole period goes at the period's end,
// and a period ends early when there are too many buckets. The oldest go then,
// to whom that gives at most another burst.
type buckets[K comparable] struct {
	limits Limits
	most   int // in a generation

	mu         sync.Mutex
	turned     time.Time // when the present period began
	young, old map[K]*rate.Limiter
}

func newBuckets[K comparable](limits Limits, most int) *buckets[K] {
	limits.Burst = max(limits.Burst, limits.PerSecond)
	return &buckets[K]{limits: limits, most: most, young: make(map[K]*rate.Limiter)}
}

// period is how long an empty bucket takes to fill.
func (b *buckets[K]) period() time.Duration {
	return time.Duration(b.limits.Burst) * time.Second / time.Duration(b.limits.PerSecond)
}

func (b *buckets[K]) of(key K, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.turned); passed >= b.period() || len(b.young) >= b.most {
		b.old, b.young = b.young, make(map[K]*rate.Limiter)
		if passed >= 2*b.period() {
			b.old = nil
		}
		b.turned = now
	}
	if bucket := b.young[key]; bucket != nil {
		return bucket
	}
	bucket := b.old[key]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(b.limits.PerSecond), b.limits.Burst)
	}
	b.young[key] = bucket
	return bucket
}

// take counts one request and reports whether it may go on.
func (b *buckets[K]) take(key K, now time.Time) (allowance, bool) {
	if b.limits.PerSecond == 0 {
		return allowance{now: now}, true
	}
	bucket := b.of(key, now)
	ok := bucket.AllowN(now, 1)
	return allowance{limits: b.limits, left: bucket.TokensAt(now), now: now}, ok
}

// look is take without counting.
func (b *buckets[K]) look(key K, now time.Time) (allowance, bool) {
	if b.limits.PerSecond == 0 {
		return allowance{now: now}, true
	}
	left := b.of(key, now).TokensAt(now)
	return allowance{limits: b.limits, left: left, now: now}, left >= 1
}

// allowance is what is left of a limit at one moment.
type allowance struct {
	limits Limits
	left   float64 // requests that may be made at once
	now    time.Time
}

// tell writes the headers by which clients pace themselves (api-behaviour §5).
// Remaining is never above Limit, and equal to it while no more than the burst
// was used: the vendor's client sleeps 10 ms for each request that is missing.
// Reset is when Remaining will be Limit again, and in a second where there is no
// limit (§20).
func (a allowance) tell(header http.Header) {
	limit, remaining, full := unlimited, unlimited, a.now.Add(time.Second)
	if a.limits.PerSecond > 0 {
		limit = a.limits.PerSecond
		remaining = max(0, min(limit, int(a.left)))
		full = a.now.Add(a.until(float64(limit)) + time.Second - 1)
	}
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	header.Set("X-Ratelimit-Reset", full.UTC().Format(time.RFC1123))
}

// until is the time in which the requests left grow to a number.
func (a allowance) until(number float64) time.Duration {
	missing := max(0, number-a.left)
	return time.Duration(missing / float64(a.limits.PerSecond) * float64(time.Second))
}

// refuse tells a client that it has to wait, and for how long.
func (a allowance) refuse(header http.Header) error {
	seconds := max(1, int(math.Ceil(a.until(1).Seconds())))
	header.Set("Retry-After", strconv.Itoa(seconds))
	return central.NewError(central.RateLimited, "too many requests: %d per second are allowed, and %d at once; wait %d s", a.limits.PerSecond, a.limits.Burst, seconds)
}

// block is what an address has its limit together with: itself for IPv4, the
// network that one customer has for IPv6.
func block(from netip.Addr) netip.Addr {
	if !from.Is6() {
		return from
	}
	network, err := from.WithZone("").Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}
