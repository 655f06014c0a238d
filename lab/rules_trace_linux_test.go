package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// traced is what orrery says of a flow, in an answer of the program or the API.
type traced struct {
	Works   bool
	Outcome string
	Why     string
	Legs    []struct {
		Name   string
		Result struct {
			Packet           struct{ Size int }
			Sender, Receiver *tracedDecision
		}
	}
}

type tracedDecision struct {
	Outcome    string
	Redirected string
	Target     *tracedDecision
	Copies     []struct {
		To       string
		Length   int // -1: whole
		Observer *tracedDecision
	}
}

// copies are the lengths of what reaches a node of a leg, besides its receiver.
func (r traced) copies(leg, node string) []int {
	lengths := []int{}
	for _, l := range r.Legs {
		for _, d := range []*tracedDecision{l.Result.Sender, l.Result.Receiver} {
			if l.Name != leg || d == nil {
				continue
			}
			for _, c := range d.Copies {
				if c.To != node || c.Observer.Outcome != "accepted" {
					continue
				}
				if c.Length < 0 {
					c.Length = l.Result.Packet.Size
				}
				lengths = append(lengths, c.Length)
			}
			if d.Redirected == node && d.Target.Outcome == "accepted" {
				lengths = append(lengths, l.Result.Packet.Size)
			}
		}
	}
	slices.Sort(lengths)
	return lengths
}

// tracedFlow is a claim's flow with its addresses, as orrery reads it.
func (c claim) tracedFlow() string {
	if strings.HasPrefix(c.flow, "ethertype") {
		return c.flow
	}
	return fmt.Sprintf("%s source %s dest %s", c.flow, c.from.at, c.to.at)
}

func (n *ruledNetwork) traceByCommand(t *testing.T, c claim) (answer traced) {
	t.Helper()
	out, err := n.orreryTrace(c, "-o", "json")
	if wrong := json.Unmarshal([]byte(out), &answer); wrong != nil {
		t.Errorf("orrery rules trace: %v, %v\n%s", err, wrong, out)
	}
	return answer
}

// orreryTrace runs the program on the server's host.
func (n *ruledNetwork) orreryTrace(c claim, more ...string) (string, error) {
	args := append([]string{orreryBinary, "rules", "trace", n.id, "--from", c.from.name, "--to", c.to.name}, more...)
	full := n.lab.inside(n.host, append(args, strings.Fields(c.tracedFlow())...)...)
	command := exec.Command(full[0], full[1:]...)
	command.Env = append(os.Environ(), n.access()...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	return string(out), err
}

func (n *ruledNetwork) traceByAPI(t *testing.T, c claim) (answer traced) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"networkId": n.id, "from": c.from.name, "to": c.to.name, "flow": c.tracedFlow()})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := n.lab.try(n.host, "curl", "-s", "-H", "Authorization: token "+string(n.data("owner.token")), "-H", "Content-Type: application/json",
		"--data", string(body), "http://"+n.ip+":8000/api/orrery/v1/rules/trace")
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Outcome == "" {
		t.Errorf("POST /rules/trace: %v\n%s", err, out)
	}
	return answer
}
