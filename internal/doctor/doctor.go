// Package doctor looks for what goes wrong in practice with a server, the
// machine that it runs on and its networks, and says for each what to do. It
// works on the server's machine, on another one that has a token, and on a
// device that knows nothing but a planet; what cannot be seen from there is
// skipped. It changes nothing, but for a network that it makes and deletes again
// if asked to.
package doctor

import (
	"context"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// State is how a thing was found.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning" // it works, but not for everybody, or not for long
	Problem State = "problem"
	Skipped State = "skipped" // it cannot be seen from here
)

// Finding is what one check found. A check can have several.
type Finding struct {
	Check string `json:"check"` // its name: api, clock, udp, …
	State State  `json:"state"`
	Found string `json:"found"` // one line; has text of others and may not be printable
	Do    string `json:"do"`    // what to do about it, one line; empty if nothing
}

// Options say what is looked at.
type Options struct {
	Client *client.Client // of the server; nil: none is known
	// NoClient is why there is none, for people.
	NoClient error
	// Data is the folder of the server on this machine; empty: there is none. It
	// is only looked at if it belongs to the Client's server, should there be one.
	Data string
	// Planet is the one that clients have; nil: the server's own in Data, the one
	// in Home if it is this server's, or the public one if the server is on that.
	Planet *world.World
	// Endpoints are tried instead of those that the planet names.
	Endpoints []netip.AddrPort
	// Home is the folder of the ZeroTier service on this machine; it may not be
	// there.
	Home string
	// Join makes a temporary network and joins it.
	Join bool
	// Version of this program, which the server's is compared with.
	Version string

	// Patience is how long the answer to a packet is waited for; 0: 8 s, in which
	// a lost one is sent again.
	Patience time.Duration
	Now      func() time.Time // nil: time.Now

	generate func(context.Context) (*identity.Identity, error) // nil: identity.Generate
}

// The bounds of a run, in which all checks work at the same time.
const (
	surveyTime      = 15 * time.Second
	checkTime       = 40 * time.Second
	defaultPatience = 8 * time.Second
)

// Run does all checks, and yields what they find in a fixed order, each as soon
// as those before it are done. Everything that it began has ended when it
// returns. If ctx ends, what is missing then is left out, but for a temporary
// network that could not be deleted.
func Run(ctx context.Context, o Options) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		s := o.survey(ctx)
		var results []chan []Finding
		for _, check := range []func(context.Context) []Finding{
			s.checkAPI, s.checkClock, s.checkUDP, s.checkPort, s.checkPlanet, s.checkDatabase, s.checkFolder, s.checkNetworks, s.checkMembers,
		} {
			result := make(chan []Finding, 1)
			results = append(results, result)
			running.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, checkTime)
				defer cancel()
				result <- check(ctx)
			})
		}
		for _, result := range results {
			for _, finding := range <-result {
				if ctx.Err() != nil && (finding.Check != joinCheck || finding.State != Problem) {
					continue
				}
				if !yield(finding) {
					return
				}
			}
		}
	}
}

// one is the findings of a check that has one.
func one(check string, state State, found, do string) []Finding {
	return []Finding{{Check: check, State: state, Found: found, Do: do}}
}
