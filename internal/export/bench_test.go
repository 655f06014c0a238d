package export

import (
	"path/filepath"
	"testing"
)

// BenchmarkFormats writes the members of a network to a file; a member is one
// operation.
func BenchmarkFormats(b *testing.B) {
	for _, f := range []Format{CSV, NDJSON, XLSX, SQLite, Prometheus, Hosts, SSHConfig, Ansible} {
		b.Run(string(f), func(b *testing.B) {
			w, err := Open(b.Context(), Target{Format: f, Path: filepath.Join(b.TempDir(), "out")}, Options{Members: true})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Abort()
			b.ReportAllocs()
			manyRows(b, b.N, func(r Row) {
				if err := w.Write(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			})
			if err := w.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
