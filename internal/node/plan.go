package node

import (
	"fmt"
	"strings"
)

// Plan says what Run will do, in lines for people. Names in it are as the server
// wrote them.
func (c *Cleanup) Plan() []string {
	at := ""
	if c.home != nil {
		at = ", home folder " + c.home.path
	}
	p := plan{lines: []string{"node " + c.Node.String() + at}}
	c.planNetworks(&p)
	if !c.task.NetworksOnly {
		c.planDevice(&p)
	}
	return p.lines
}

// plan is a numbered list.
type plan struct {
	lines []string
	steps int
}

func (p *plan) step(format string, values ...any) {
	p.steps++
	p.lines = append(p.lines, fmt.Sprintf("  %d. %s", p.steps, fmt.Sprintf(format, values...)))
}

func (p *plan) note(text string) {
	if text != "" {
		p.lines = append(p.lines, "     "+text)
	}
}

func (c *Cleanup) planNetworks(p *plan) {
	if len(c.Networks) == 0 {
		return
	}
	do := "deauthorize it on"
	if c.Delete {
		do = "delete it from"
	}
	p.step("%s %s of %s:", do, count(len(c.Networks), "network"), c.Server)
	for _, network := range c.Networks {
		p.note("  " + network.String() + was(network.Was))
	}
	p.note(c.Effect)
}

func was(m Membership) string {
	switch m {
	case NoMember:
		return " (is no member there)"
	case NotAuthorized:
		return " (is not authorized)"
	case Authorized:
		return " (is authorized)"
	}
	return ""
}

func (c *Cleanup) planDevice(p *plan) {
	if c.service != nil {
		state := "runs"
		if !c.running {
			state = "does not run now"
		}
		p.step("stop %s, which %s", c.service, state)
	}
	switch {
	case len(c.files) == 0:
		p.step("remove %s: there is none", and(c.task.Forget.Files()))
	case c.task.Backup != "":
		p.step("copy %s to %s, then remove %s", and(c.files), c.task.Backup, them(c.files))
	default:
		p.step("remove %s; without --backup there is no way back", and(c.files))
	}
	if c.task.Forget == AuthToken {
		p.note("The service makes another token; the node keeps its address.")
	}
	switch {
	case c.service != nil:
		p.step("start %s, and wait until it answers", starting(c.service))
		if c.task.Forget == Identity {
			p.note("It comes back with another address, as a stranger who asks to join the same networks.")
		}
	case c.task.KeepRunning && c.running:
		p.note("The service runs on and keeps what it has in memory until it is restarted.")
	case c.task.KeepRunning:
		p.note("The service does not run, and is not started.")
	default:
		p.note("The service does not run; starting it is left to you.")
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func them(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "them"
}

// files are joined for a sentence.
func and(names []string) string { return strings.Join(names, " and ") }
