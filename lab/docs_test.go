package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamples runs the examples of docs/api.md, one after the other in one
// shell, as they stand there, and looks for what they must print, in this order.
func TestExamples(t *testing.T) {
	needTools(t, "bash", "curl", "jq")
	document, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	if len(blocks) < 10 {
		t.Fatalf("found %d examples", len(blocks))
	}
	script := "set -euo pipefail\n"
	for _, block := range blocks {
		script += block[1] + "echo\n"
	}
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data)
	command := exec.Command("bash", "-c", script)
	command.Env = append(os.Environ(), "ORRERY="+s.api, "TOKEN="+s.token,
		"ORRERY_DATA="+data, "PATH="+filepath.Dir(orreryBinary)+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for _, want := range []string{
		`[true,"4","Owner"]`, "null",
		`"home",0`, `"10.9.0.0/24"`, `["the five laptops",1400,{"domain":"home.example","servers":["10.9.0.53"]}]`,
		"true", `["alice",["10.9.0.7"]]`, `"8a9d09e442","alice",false,true,0,,"10.9.0.7","0.0.0"`, `["8a9d09e442",2]`,
		"id,lastSeen,physicalAddress,ipAssignment,name\r\n", "-8a9d09e442,0,,10.9.0.7,alice\r\n", "false", "{}",
		"id,name,description,totalMemberCount,creationTime,ipRangeStart,ipRangeEnd\r\n", ",home,the five laptops,0,", ",10.9.0.1,10.9.0.254\r\n",
		`["ann@example.com","pending","owner@localhost"]`, `"accepted"`,
		`["Ann",true,true,false,false]`, `["Ann",true,true,true,false]`, `"owner@localhost",true,true,true,true`, `"ann@example.com",true,true,true,false`, "{}",
		"owner@localhost", `"Ann","ann@example.com"`, `"Owner","owner@localhost"`, "{}", `"canceled"`,
		`"my laptop"`, `["my laptop","owner"]`, "{}",
		`"Ann Admin"`, `"ann@example.com","Ann Admin","first"`, "{}",
		"{}", "config.mtu: want an integer, not a string",
		`["MATCH_ETHERTYPE","ACTION_DROP","ACTION_ACCEPT"]`, `line 1 column 14: "ssh" is not a port or range. Use 22. (1 more error)`,
		"Orrery-Warning: line 1 column ",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the examples do not print %s here:\n%s\nall they print:\n%s", want, rest, out)
		}
		rest = after
	}
}
