package centralapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// sink takes an answer and counts its bytes.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { s.bytes += len(b); return len(b), nil }

func (w *world) ask(b *testing.B, method, path, body string) int {
	request := httptest.NewRequest(method, path, io.NopCloser(strings.NewReader(body)))
	request.Header.Set("Authorization", "token "+w.token)
	answer := &sink{header: http.Header{}}
	w.handler.ServeHTTP(answer, request)
	if answer.status != http.StatusOK {
		b.Fatalf("%s %s: %d", method, path, answer.status)
	}
	return answer.bytes
}

func BenchmarkGetNetwork(b *testing.B) {
	w := newWorld(b)
	path := "/api/v1/network/" + w.newNetwork(`{"config":{"name":"home","routes":[{"target":"10.9.0.0/24"}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		w.ask(b, "GET", path, "")
	}
}

func BenchmarkListMembers10000(b *testing.B) {
	w := newWorld(b)
	id := w.newNetwork("{}")
	fill(b, w, mustNetworkID(b, id), 10_000)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = w.ask(b, "GET", "/api/v1/network/"+id+"/member", "")
	}
	b.SetBytes(int64(size))
}

// BenchmarkEncodeMember is the part of a list that is this package's.
func BenchmarkEncodeMember(b *testing.B) {
	s := model.MemberStatus{Member: someMember(0xa1b2c3d4e5000001, 7), Seen: model.Seen{Time: testStart, Endpoint: netip.MustParseAddrPort("203.0.113.7:9993")}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(memberOf(s, testStart)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuthorize lets a member in and puts it out by turns, each time in a
// durable transaction.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b)
	path := "/api/v1/network/" + w.newNetwork("{}") + "/member/" + testNode
	authorized := false
	for b.Loop() {
		authorized = !authorized
		w.ask(b, "POST", path, fmt.Sprintf(`{"config":{"authorized":%v}}`, authorized))
	}
}

func fill(b testing.TB, w *world, id zt.NetworkID, count int) {
	b.Helper()
	var seen []model.Seen
	err := w.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range count {
			m := someMember(id, i)
			seen = append(seen, model.Seen{Network: id, Node: m.Node, Time: testStart, Endpoint: netip.MustParseAddrPort("203.0.113.7:9993")})
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
}

func someMember(id zt.NetworkID, i int) *model.Member {
	m := model.NewMember(id, zt.Address(0x1000000000+uint64(i)), testStart)
	m.Name = fmt.Sprintf("member %d", i)
	m.Identity = m.Node.String() + ":0:" + strings.Repeat("ab", 64)
	m.Authorized, m.LastAuthorizedTime = true, testStart
	m.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})}
	return m
}
