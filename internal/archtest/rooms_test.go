package archtest

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	"zt/vl1":      {"zt", "zt/identity", "zt/packet", "zt/world"},
	"zt/member":   {"zt", "zt/identity", "zt/packet", "zt/world", "zt/netconf", "zt/vl1"},

	"internal/model":      {"zt", "zt/netconf"},
	"internal/store":      {"internal/model", "zt"},
	"internal/controller": {"internal/model", "internal/store", "zt", "zt/identity", "zt/netconf", "zt/packet", "zt/vl1"},
	"internal/central":    {"internal/model", "internal/store", "zt"},
	"internal/centralapi": {"internal/central", "internal/model", "zt", "zt/netconf"},
	"internal/server":     {"internal/central", "internal/centralapi", "internal/controller", "internal/model", "internal/store", "zt", "zt/identity", "zt/vl1", "zt/world"},
	"internal/cli":        {"internal/server"},
	"internal/archtest":   {},
	"lab":                 nil, // drives the others from outside
}

type goPackage struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", "./...")
	command.Dir = repository
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
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
		from := room(p.ImportPath)
		if from == "" {
			t.Errorf("%s lies in no listed room", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			to := room(imported)
			if to != from && rooms[from] != nil && !slices.Contains(rooms[from], to) {
				t.Errorf("%s imports %s: room %s may not know %s", p.ImportPath, imported, from, to)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "DEPENDENCIES.md"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Indirect .Main)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	for _, path := range strings.Fields(string(out)) {
		if !strings.Contains(string(text), "`"+path+"`") {
			t.Errorf("%s is not in DEPENDENCIES.md", path)
		}
	}
}
