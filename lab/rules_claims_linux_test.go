package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// claim says that a flow works between two members, or that it does not.
type claim struct {
	flow     string // as orrery rules trace reads it
	from, to *ruledMember
	works    bool
}

func works(flow string, from, to *ruledMember) claim { return claim{flow, from, to, true} }
func fails(flow string, from, to *ruledMember) claim { return claim{flow, from, to, false} }

func (c claim) String() string {
	return fmt.Sprintf("%s from %s to %s (%s to %s)", c.flow, c.from.name, c.to.name, c.from.at, c.to.at)
}

const (
	patience = 500 * time.Millisecond // with one attempt
	attempts = 3                      // of which none may work
	// startsWithin bounds how long nodes need to know each other's certificates and,
	// looking every 5 s, a new address of their host.
	startsWithin = 15 * time.Second
)

// agree holds claims against real nodes, and against what orrery says of them.
func (n *ruledNetwork) agree(t *testing.T, claims ...claim) {
	t.Helper()
	n.hold(t, claims...)
	n.each(claims, func(c claim) {
		if answer := n.traceByCommand(t, c); answer.Works != c.works {
			explained, _ := n.orreryTrace(c, "--verbose")
			t.Errorf("orrery rules trace says that %s is %s:\n%s", c, answer.Outcome, explained)
		}
		if answer := n.traceByAPI(t, c); answer.Works != c.works {
			t.Errorf("POST /rules/trace says that %s is %s: %s", c, answer.Outcome, answer.Why)
		}
	})
}

// hold holds claims against real nodes. That something does not work is believed
// after some attempts, if what works does so before and after them.
func (n *ruledNetwork) hold(t *testing.T, claims ...claim) {
	t.Helper()
	n.each(claims, func(c claim) {
		if !c.works {
			return
		}
		began, tries, err := time.Now(), 1, n.attempt(c)
		for ; err != nil && time.Since(began) < startsWithin; tries++ {
			err = n.attempt(c)
		}
		if err != nil {
			t.Errorf("%s does not work: %v", c, err)
		} else if tries > 1 {
			t.Logf("%s worked at attempt %d, after %s", c, tries, time.Since(began).Round(time.Millisecond))
		}
	})
	n.each(claims, func(c claim) {
		for try := range attempts {
			if !c.works && n.attempt(c) == nil {
				t.Errorf("%s works, at attempt %d", c, try+1)
				return
			}
		}
	})
	n.each(claims, func(c claim) {
		if c.works && n.attempt(c) != nil { // a busy machine may lose one
			if err := n.attempt(c); err != nil {
				t.Errorf("%s does not work anymore: %v", c, err)
			}
		}
	})
}

// each does something for all claims at once.
func (n *ruledNetwork) each(claims []claim, f func(c claim)) {
	var running sync.WaitGroup
	for _, c := range claims {
		running.Go(func() { f(c) })
	}
	running.Wait()
}

// attempt tries a flow once.
func (n *ruledNetwork) attempt(c claim) error {
	kind, detail, _ := strings.Cut(c.flow, " ")
	switch kind {
	case "tcp", "udp":
		conn, err := n.dial(c)
		if err != nil {
			return err
		}
		defer conn.Close()
		name, err := greeting(conn, patience)
		if err == nil && name != c.to.name {
			err = fmt.Errorf("%q answers", name)
		}
		return err
	case "ping":
		out, ok := n.lab.try(c.from.host, "ping", "-n", "-q", "-c", "1", "-W", fmt.Sprint(patience.Seconds()), "-I", c.from.at.String(), c.to.at.String())
		if !ok {
			return fmt.Errorf("ping: %s", strings.TrimSpace(out))
		}
		return nil
	case "ethertype":
		etherType, err := strconv.ParseUint(detail, 0, 16)
		if err != nil {
			return err
		}
		return n.frameArrives(c.from, c.to, uint16(etherType))
	}
	return fmt.Errorf("no flow %q", c.flow)
}

// frameArrives sends a frame that no program knows.
func (n *ruledNetwork) frameArrives(from, to *ruledMember, etherType uint16) error {
	payload := fmt.Sprintf("a frame of the test of rules, sent at %s", time.Now().Format(time.RFC3339Nano))
	if err := from.wire.send(frame{dest: to.mac, source: from.mac, etherType: etherType, payload: []byte(payload)}); err != nil {
		return err
	}
	return to.capture.awaits(patience, "the frame", func(f frame) bool { return f.etherType == etherType && string(f.payload) == payload })
}

// dial opens the socket of a flow of TCP or UDP.
func (n *ruledNetwork) dial(c claim) (net.Conn, error) {
	kind, detail, _ := strings.Cut(c.flow, " ")
	port, err := strconv.ParseUint(detail, 10, 16)
	if err != nil {
		return nil, err
	}
	return n.lab.dial(c.from.host, kind, c.from.at, netip.AddrPortFrom(c.to.at, uint16(port)), patience)
}
