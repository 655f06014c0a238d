package centralapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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

// over asks over a socket, reads all of the answer and returns its size.
func over(b *testing.B, server *httptest.Server, token, method, path, body string) int64 {
	request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token)
	response, err := server.Client().Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s %s: %d, %v", method, path, response.StatusCode, err)
	}
	return size
}

// BenchmarkHTTPGetNetwork is one client after another on as many connections as
// there are cores.
func BenchmarkHTTPGetNetwork(b *testing.B) {
	w := newWorld(b)
	path := "/api/v1/network/" + w.newNetwork(`{"config":{"name":"home","routes":[{"target":"10.9.0.0/24"}]}}`)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			over(b, server, w.token, "GET", path, "")
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkHTTPListMembers10000 reads all of a long list over a socket.
func BenchmarkHTTPListMembers10000(b *testing.B) {
	w := newWorld(b)
	id := w.newNetwork("{}")
	fill(b, w, mustNetworkID(b, id), 10_000)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	path := "/api/v1/network/" + id + "/member"
	b.SetBytes(over(b, server, w.token, "GET", path, ""))
	b.ReportAllocs()
	for b.Loop() {
		over(b, server, w.token, "GET", path, "")
	}
}

// BenchmarkHTTPAuthorize lets a member in and puts it out by turns, each time in
// a durable transaction, in a network with as many members as a large one has.
func BenchmarkHTTPAuthorize(b *testing.B) {
	w := newWorld(b)
	id := w.newNetwork("{}")
	fill(b, w, mustNetworkID(b, id), 10_000)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	path := "/api/v1/network/" + id + "/member/" + testNode
	var took []time.Duration
	authorized := false
	for b.Loop() {
		authorized = !authorized
		began := time.Now()
		over(b, server, w.token, "POST", path, fmt.Sprintf(`{"config":{"authorized":%v}}`, authorized))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	for _, percent := range []int{50, 99} {
		at := took[len(took)*percent/100]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-ms", percent))
	}
}

// BenchmarkTokenCheck is what the token of a request costs.
func BenchmarkTokenCheck(b *testing.B) {
	w := newWorld(b)
	from := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.service.Authenticate(b.Context(), w.token, from); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListMembers10000 is BenchmarkHTTPListMembers10000 without the socket.
func BenchmarkListMembers10000(b *testing.B) {
	w := newWorld(b)
	id := w.newNetwork("{}")
	fill(b, w, mustNetworkID(b, id), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		answer := &sink{header: http.Header{}}
		w.handler.ServeHTTP(answer, w.request(get("/api/v1/network/"+id+"/member")))
		if answer.status != http.StatusOK {
			b.Fatal(answer.status)
		}
		b.SetBytes(int64(answer.bytes))
	}
}

// BenchmarkListMembersAsCSV10000 is BenchmarkListMembers10000 as CSV.
func BenchmarkListMembersAsCSV10000(b *testing.B) {
	w := newWorld(b)
	id := w.newNetwork("{}")
	fill(b, w, mustNetworkID(b, id), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		answer := &sink{header: http.Header{}}
		w.handler.ServeHTTP(answer, w.request(call{method: "GET", path: "/api/v1/network/" + id + "/member", accept: "text/csv"}))
		if answer.status != http.StatusOK || answer.header.Get("Content-Type") != asCSV.contentType() {
			b.Fatal(answer)
		}
		b.SetBytes(int64(answer.bytes))
	}
}

// BenchmarkAppendMember is the part of a list that is this package's.
func BenchmarkAppendMember(b *testing.B) {
	s := model.MemberStatus{Member: someMember(0xa1b2c3d4e5000001, 7), Seen: model.Seen{Time: testStart, Endpoint: netip.MustParseAddrPort("203.0.113.7:9993")}}
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		text = appendMember(text[:0], s, testStart)
	}
	b.SetBytes(int64(len(text)))
}

// BenchmarkBody reads the largest body that is allowed.
func BenchmarkBody(b *testing.B) {
	text := []byte(`{"x":[` + strings.Repeat(`{"a":[1,2],"b":{}},`, 4000) + `0],"description":"` + strings.Repeat("x", maxBody-100_000) + `"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parseBody(text); err != nil {
			b.Fatal(err)
		}
	}
}

// fill puts members into a network that is not in memory yet.
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
