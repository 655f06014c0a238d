package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/orrery-net/orrery/"

// rooms says which other rooms each room may import, itself and what lies
// inside it aside. A room that is not listed fails the test: add it here and to
// docs/architecture.md.
var rooms = map[string][]string{
	"cmd/orrery": {"internal/cli"},

	"zt":          {},
	"zt/salsa20":  {},
	"zt/identity": {"zt", "zt/salsa20"},
	"zt/packet":   {"zt", "zt/identity", "zt/salsa20"},
	"zt/world":    {"zt", "zt/identity"},
	"zt/netconf":  {"zt", "zt/identity"},
	"zt/rules":    {"zt", "zt/netconf"},
	"zt/vl1":      {"zt", "zt/identity", "zt/packet", "zt/world"},
	"zt/member":   {"zt", "zt/identity", "zt/packet", "zt/world", "zt/netconf", "zt/vl1"},

	"internal/model":      {"zt", "zt/netconf", "zt/rules"},
	"internal/store":      {"internal/model", "zt"},
	"internal/controller": {"internal/model", "internal/store", "zt", "zt/identity", "zt/netconf", "zt/packet", "zt/vl1"},
	"internal/central":    {"internal/model", "internal/store", "zt", "zt/rules"},
	"internal/gate":       {"internal/central"},
	"internal/table":      {},
	"internal/export":     {"internal/table", "zt", "zt/netconf"},
	"internal/centralapi": {"internal/central", "internal/gate", "internal/model", "internal/table", "zt", "zt/netconf", "zt/rules"},
	"internal/api":        {"internal/central", "internal/centralapi", "internal/export", "internal/gate", "internal/model", "internal/table", "zt", "zt/netconf", "zt/rules"},
	"internal/server":     {"internal/api", "internal/central", "internal/centralapi", "internal/controller", "internal/gate", "internal/model", "internal/store", "zt", "zt/identity", "zt/vl1", "zt/world"},
	"internal/client":     {},
	"internal/profile":    {},
	"internal/node":       {"zt", "zt/identity"},
	"internal/doctor":     {"internal/client", "internal/server", "zt", "zt/identity", "zt/member", "zt/vl1", "zt/world"},
	"internal/cli":        {"internal/client", "internal/doctor", "internal/export", "internal/node", "internal/profile", "internal/server", "internal/table", "zt", "zt/netconf", "zt/rules"},
	"internal/archtest":   {},
	"lab":                 nil, // drives the others from outside
}

type goPackage struct {
	path      string // import path
	doc       bool   // has a package comment
	imports   []string
	onlyTests bool
}

// listPackages reads the source of every package, tests aside. (It does not ask
// the go command, whose answers the test cache would not notice to change.)
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	packages := make(map[string]*goPackage)
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		dir, err := filepath.Rel(repository, filepath.Dir(path))
		if err != nil {
			return err
		}
		p := packages[dir]
		if p == nil {
			p = &goPackage{path: module + filepath.ToSlash(dir), onlyTests: true}
			packages[dir] = p
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		p.onlyTests = false
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		p.doc = p.doc || file.Doc != nil
		for _, spec := range file.Imports {
			p.imports = append(p.imports, strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 15 {
		t.Fatalf("found %d packages", len(packages))
	}
	return slices.SortedFunc(func(yield func(goPackage) bool) {
		for _, p := range packages {
			if !yield(*p) {
				return
			}
		}
	}, func(a, b goPackage) int { return strings.Compare(a.path, b.path) })
}

const repository = "../.."

// room is the longest listed room that a package lies in.
func room(path string) string {
	path = strings.TrimPrefix(path, module)
	best := ""
	for name := range rooms {
		if (path == name || strings.HasPrefix(path, name+"/")) && len(name) > len(best) {
			best = name
		}
	}
	if best == "zt" && path != "zt" {
		return "" // a room of its own that nobody listed
	}
	return best
}

func TestArrowsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		from := room(p.path)
		if from == "" {
			t.Errorf("%s lies in no listed room", p.path)
			continue
		}
		for _, imported := range p.imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			to := room(imported)
			if to != from && rooms[from] != nil && !slices.Contains(rooms[from], to) {
				t.Errorf("%s imports %s: room %s may not know %s", p.path, imported, from, to)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range listPackages(t) {
		if !p.onlyTests && !p.doc {
			t.Errorf("%s has no package comment", p.path)
		}
	}
}

func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "DEPENDENCIES.md"))
	if err != nil {
		t.Fatal(err)
	}
	modules, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(modules), -1)
	if len(direct) < 5 {
		t.Fatalf("found %d direct dependencies", len(direct))
	}
	for _, found := range direct {
		if !strings.Contains(string(text), "`"+found[1]+"`") {
			t.Errorf("%s is not in DEPENDENCIES.md", found[1])
		}
	}
}
