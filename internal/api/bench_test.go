package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// largeWorld has the network "net" with 10 000 members.
func largeWorld(b *testing.B) *world {
	w := newWorld(b)
	id := w.newNetwork("owner", "net")
	var seen []model.Seen
	err := w.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 10_000 {
			m := model.NewMember(id, zt.Address(0x1000000000+uint64(i)), testStart+int64(i))
			m.Name = fmt.Sprintf("member %d", i)
			m.Identity = m.Node.String() + ":0:" + strings.Repeat("ab", 64)
			m.Authorized, m.LastAuthorizedTime = i%2 == 0, testStart
			m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})}
			seen = append(seen, model.Seen{Network: id, Node: m.Node, Time: testStart + int64(i), Endpoint: netip.MustParseAddrPort("203.0.113.7:9993")})
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.store.SaveSeen(context.Background(), seen); err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkMemberPage reads one page of 10 000 members over HTTP.
func BenchmarkMemberPage(b *testing.B) {
	w := largeWorld(b)
	w.names["cursor"] = w.get(w.must("owner", "GET", "/networks/{net}/members?limit=1000&sort=name", ""), "nextCursor")
	for _, c := range []struct{ name, query string }{
		{"first", "?limit=100"},
		{"middle-by-name", "?limit=100&sort=name&cursor={cursor}"},
		{"filtered", "?limit=100&sort=-lastSeen&q=ber+77&authorized=true"},
		{"by-address", "?limit=100&sort=-address"},
	} {
		b.Run(c.name, func(b *testing.B) { w.measure(b, call{"owner", "GET", "/networks/{net}/members" + c.query, ""}) })
	}
}

// BenchmarkMe is what every request costs at least.
func BenchmarkMe(b *testing.B) {
	w := newWorld(b)
	w.newUser("alice", false)
	w.measure(b, call{"alice", "GET", "/me", ""})
}

// measure sends a request again and again, and reports the 99th percentile.
func (w *world) measure(b *testing.B, c call) {
	var times []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		answer, err := w.client.Do(w.request(context.Background(), c))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer.StatusCode, err)
		}
		answer.Body.Close()
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
}
