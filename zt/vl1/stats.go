package vl1

import "sync/atomic"

// Drop is a reason for which a datagram was not processed, or not sent.
type Drop uint8

// The reasons for dropping.
const (
	DropMalformed   Drop = iota // no packet or fragment, or a payload that does not parse
	DropSelf                    // claims to come from one of our own addresses
	DropAuth                    // wrong MAC, or a cipher that is not accepted
	DropNotForUs                // addressed to someone else, and we are no root
	DropHops                    // to be relayed, but relayed too often already
	DropRelaySource             // to be relayed for somebody not heard from directly
	DropRelayRate               // to be relayed, above the bandwidth of its source
	DropNoRoute                 // no path to the destination, nor a root that may have one
	DropIdentity                // a HELLO whose identity is not valid
	DropCollision               // an address that is known with another identity
	DropVersion                 // protocol version below 4
	DropStrangers               // too many unknown senders at once
	DropPaced                   // an identity that was not validated, to save CPU time
	DropWaiting                 // waited too long, or among too many, for an identity or a path
	DropRate                    // over one of the rate limits of protocol 03 §2.2
	DropUnasked                 // an OK to nothing we asked
	DropUntrusted               // only believed from a root, or a trusted peer
	DropAmplify                 // an answer too large for an unproven address
	DropSendQueue               // the send queue was full
	DropWrite                   // the system did not take the datagram
	DropMulticast               // a multicast entry not allowed, or above the limits
	dropReasons
)

var dropNames = [dropReasons]string{
	"malformed", "self", "auth", "not_for_us", "hops", "relay_source", "relay_rate", "no_route", "identity",
	"collision", "version", "strangers", "paced", "waiting", "rate", "unasked", "untrusted", "amplify",
	"send_queue", "write", "multicast",
}

// String returns the reason in snake case, fit for the label of a metric.
func (d Drop) String() string {
	if d < dropReasons {
		return dropNames[d]
	}
	return "unknown"
}

// counters are what Stats is made from. They only ever go up.
type counters struct {
	receivedDatagrams, receivedBytes atomic.Uint64
	sentDatagrams, sentBytes         atomic.Uint64
	relayed, rendezvous              atomic.Uint64
	hellos, validations, whoisSent   atomic.Uint64
	worldsWithheld, evicted          atomic.Uint64
	dropped                          [dropReasons]atomic.Uint64
}

// Stats is a snapshot of an endpoint's counters, which only go up, and gauges.
type Stats struct {
	ReceivedDatagrams, ReceivedBytes uint64
	SentDatagrams, SentBytes         uint64
	Relayed                          uint64 // packets and fragments passed on for others
	Rendezvous                       uint64 // pairs of peers introduced to each other
	Hellos                           uint64 // authenticated HELLOs answered
	Validations                      uint64 // identities validated the expensive way
	WhoisSent                        uint64
	WorldsWithheld                   uint64 // planets not (yet) sent to unproven addresses
	Evicted                          uint64 // peers forgotten because there were too many
	Dropped                          map[Drop]uint64

	Strangers, Trusted int // peers by kind; upstreams are not counted
	SendQueue          int // datagrams waiting for the socket
	StrangerQueue      int // datagrams of unknown senders not looked at yet
	ValidationQueue    int // identities waiting for validation
	Waiting            int // packets waiting for an identity or a path
	MulticastEntries   int // (group, member) pairs remembered
}

// Stats returns the current counters and gauges.
func (e *Endpoint) Stats() Stats {
	c := &e.count
	s := Stats{
		ReceivedDatagrams: c.receivedDatagrams.Load(), ReceivedBytes: c.receivedBytes.Load(),
		SentDatagrams: c.sentDatagrams.Load(), SentBytes: c.sentBytes.Load(),
		Relayed: c.relayed.Load(), Rendezvous: c.rendezvous.Load(),
		Hellos: c.hellos.Load(), Validations: c.validations.Load(), WhoisSent: c.whoisSent.Load(),
		WorldsWithheld: c.worldsWithheld.Load(), Evicted: c.evicted.Load(),
		Dropped:   make(map[Drop]uint64, dropReasons),
		Strangers: int(e.peers.strangers.Load()), Trusted: int(e.peers.trusted.Load()),
		SendQueue: len(e.outbox), StrangerQueue: len(e.greet), ValidationQueue: len(e.validate),
		Waiting: e.waiting.size(), MulticastEntries: e.multicast.size(),
	}
	for d := range dropReasons {
		s.Dropped[d] = c.dropped[d].Load()
	}
	return s
}

func (e *Endpoint) drop(d Drop) { e.count.dropped[d].Add(1) }
