package export

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// manyRows goes through a network with n members. The objects are made from one
// text, so that making them takes little of what is measured.
func manyRows(t testing.TB, n int, row func(Row)) {
	t.Helper()
	network := networkRow(t, office, "office")
	row(network)
	pattern := strings.NewReplacer("1000000000", "%010[1]x", "10.1.0.0", "10.%[2]d.%[3]d.%[4]d", "NAME", "%[5]d").
		Replace(string(memberRow(t, network, 0, "member NAME").Member))
	for i := range n {
		row(Row{Network: network.Network, Member: fmt.Appendf(nil, pattern, 0x1000000000+i, i>>16, i>>8&255, i&255, i)})
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory sends 100 000 members through each format and looks at what stays in
// memory meanwhile. Formats that name hosts have to keep them.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const members = 100_000
	for f, most := range map[Format]uint64{
		CSV: 4 << 20, JSON: 4 << 20, Prometheus: 4 << 20, SQLite: 4 << 20, XLSX: 64 << 20, Hosts: 64 << 20, Ansible: 96 << 20,
	} {
		t.Run(string(f), func(t *testing.T) {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			measure(t, Target{Format: f, Path: filepath.Join(t.TempDir(), "out")}, members, most)
			onlyFiles(t, temporary)
		})
	}
}

// TestMemoryOfManySheets has a sheet for each of many networks.
func TestMemoryOfManySheets(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	before := liveHeap()
	w, err := Open(t.Context(), Target{Format: XLSX, Path: filepath.Join(t.TempDir(), "members.xlsx")}, Options{Members: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for n := range 50 {
		network := networkRow(t, fmt.Sprintf("8056c2e21c%06x", n), fmt.Sprint("network ", n))
		if err := w.Write(t.Context(), network); err != nil {
			t.Fatal(err)
		}
		m := memberRow(t, network, n, strings.Repeat("x", 500))
		for range 1000 {
			if err := w.Write(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if grown := max(liveHeap(), before) - before; grown > 8<<20 {
		t.Errorf("%d bytes live", grown)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// measure exports many members and fails if more than most bytes live meanwhile.
func measure(t *testing.T, target Target, members int, most uint64) {
	t.Helper()
	before := liveHeap()
	w, err := Open(t.Context(), target, Options{Members: true, Prune: target.Format == SQLite})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	var peak uint64
	sample := func() { peak = max(peak, liveHeap()) }
	var took time.Duration
	rows := 0
	manyRows(t, members, func(r Row) {
		start := time.Now()
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		took += time.Since(start)
		if rows++; rows%10_000 == 0 {
			sample()
		}
	})
	closed := make(chan error)
	start := time.Now()
	go func() { closed <- w.Close(t.Context()) }()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for open := true; open; {
		select {
		case err := <-closed:
			if err != nil {
				t.Fatal(err)
			}
			open = false
		case <-look.C:
			metrics.Read(live) // as of the last collection
			peak = max(peak, live[0].Value.Uint64())
		}
	}
	took += time.Since(start)
	if w.Count() != members {
		t.Errorf("%d members", w.Count())
	}
	grown := max(peak, before) - before
	t.Logf("%d rows/s, %.1f MiB live at most", int(float64(members)/took.Seconds()), float64(grown)/(1<<20))
	if grown > most {
		t.Errorf("%d bytes live, want at most %d", grown, most)
	}
}
