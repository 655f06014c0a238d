package controller

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

// finish answers a request, or pushes, from what is in memory. Called with m.mu
// held.
func (c *Controller) finish(s *snapshot, j job) {
	n, m := j.network, j.member
	if m.record == nil {
		return
	}
	if j.request != nil {
		m.metadata = j.request.metadata
		if m.record.DeletedTime == 0 { // otherwise it is on no list to be seen on
			c.noteSeen(n, m, j.request)
		}
	}
	switch {
	case admitted(m.record):
		c.sendConfiguration(n, s, j)
		c.node.Trust(c.address, m.node)
		c.giveRevocations(n, m)
	case j.request != nil:
		c.counts.denied.Add(1)
		c.refuse(m.node, j.request.packetID, n.id, packet.ErrorNetworkAccessDenied)
		if j.request.holdsConfig {
			c.putOut(n, m, packet.ErrorNetworkAccessDenied, 0)
		}
	}
}

// answerDeleted answers a request for a network that was deleted. Called with
// m.mu held.
func (c *Controller) answerDeleted(j job) {
	if j.request == nil {
		return
	}
	c.counts.notFound.Add(1)
	c.refuse(j.member.node, j.request.packetID, j.network.id, packet.ErrorObjectNotFound)
	if j.request.holdsConfig {
		c.putOut(j.network, j.member, packet.ErrorObjectNotFound, 0)
	}
}

// refuse sends an ERROR in reply to a request; with a packet id of 0 unasked,
// which nodes take as well (protocol 05 §8).
func (c *Controller) refuse(node zt.Address, packetID uint64, id zt.NetworkID, code packet.ErrorCode) {
	var network [zt.NetworkIDLen]byte
	if err := c.node.SendError(c.address, node, packet.VerbNetworkConfigRequest, packetID, code, id.Append(network[:0])); err != nil {
		c.counts.unsent.Add(1)
	}
}

// buffers are reused between answers: a configuration and one packet of it.
type buffers struct{ dictionary, payload []byte }

var bufferPool = sync.Pool{New: func() any { return new(buffers) }}

// sendConfiguration builds a member's configuration and sends it, as the reply
// to a request or as a push. Called with m.mu held.
func (c *Controller) sendConfiguration(n *network, s *snapshot, j job) {
	m := j.member
	if m.identity == nil {
		return // nobody has shown this identity in this run: nothing to sign for
	}
	m.lastIssued = c.issue.Above(m.lastIssued)
	certificates, areNew := c.certificates(s, m)
	if areNew {
		c.agenda.after(showAgain, func() { c.push(n, m, 0) })
	}
	own := netconf.Config{Timestamp: m.lastIssued, Member: m.node, Addresses: certificates.addresses}
	own.TraceTarget, own.TraceLevel = s.record.TraceTarget, s.record.TraceLevel
	if m.record.TraceTarget != 0 {
		own.TraceTarget, own.TraceLevel = m.record.TraceTarget, m.record.TraceLevel
	}
	if s.record.EnableBroadcast {
		own.Flags |= netconf.FlagBroadcast
	}
	if (s.record.V6.RFC4193 || s.record.V6.SixPlane) && !m.record.NoAutoAssignIPs {
		own.Flags |= netconf.FlagNDPEmulation
	}
	template, short := s.rulesFor(certificates.limits, certificates.dropAll)
	c.noteLimits(n, m, cmp.Or(short, certificates.short))
	b := bufferPool.Get().(*buffers)
	defer bufferPool.Put(b)
	b.dictionary = template.AppendWith(b.dictionary[:0], &own, certificates.encoded)
	if j.request != nil {
		c.counts.answered.Add(1)
		c.sendChunks(n.id, m.node, b, newUpdate(), j.request)
		return
	}
	c.counts.pushed.Add(1)
	update := c.expect(receipt{network: n, member: m, attempt: j.attempt})
	c.sendChunks(n.id, m.node, b, update, nil)
}

// newUpdate returns an update id: never 0, never used before.
func newUpdate() uint64 { return rand.Uint64() | 1 }

// sendChunks signs and sends a configuration in as many packets as it needs
// (protocol 05 §3): in reply to a request, or without one as a push.
func (c *Controller) sendChunks(id zt.NetworkID, node zt.Address, b *buffers, update uint64, r *request) {
	for offset := 0; offset < len(b.dictionary); offset += netconf.ChunkLen {
		size := min(netconf.ChunkLen, len(b.dictionary)-offset)
		began := time.Now()
		b.payload = netconf.AppendChunk(b.payload[:0], id, b.dictionary, offset, size, update, c.identity)
		c.counts.signing(time.Since(began))
		var err error
		if r != nil {
			err = c.node.SendOK(c.address, node, packet.VerbNetworkConfigRequest, r.packetID, b.payload)
		} else {
			_, err = c.node.Send(c.address, node, packet.VerbNetworkConfig, b.payload)
		}
		if err != nil {
			c.counts.unsent.Add(1)
		}
	}
}

// putOut tells a node that it is no longer on a network: it gets a last
// configuration that takes everything away and drops all traffic, then the
// ERROR that its status shows. Its revision of 0 tells this configuration from
// a real one in the node's next request. Called with m.mu held.
func (c *Controller) putOut(n *network, m *member, code packet.ErrorCode, attempt int) {
	m.lastIssued = c.issue.Above(m.lastIssued)
	m.credentials = nil
	last := netconf.Config{
		Network:   n.id,
		Timestamp: m.lastIssued,
		MaxDelta:  credentialWindow,
		Member:    m.node,
		MTU:       model.DefaultMTU,
		Rules:     netconf.DropAll(),
	}
	if s := n.snapshot.Load(); s != nil {
		last.Name, last.MTU = s.record.Name, s.record.MTU
	}
	b := bufferPool.Get().(*buffers)
	defer bufferPool.Put(b)
	b.dictionary = last.Append(b.dictionary[:0])
	c.counts.putOut.Add(1)
	update := c.expect(receipt{network: n, member: m, attempt: attempt, out: true, code: code})
	c.sendChunks(n.id, m.node, b, update, nil)
	c.refuse(m.node, 0, n.id, code)
}

// parseReceipt reads what a node sends back for a pushed configuration: network
// id and update id, 8 bytes each (protocol 02 §6.13).
func parseReceipt(payload []byte) (zt.NetworkID, uint64, bool) {
	if len(payload) < 16 {
		return 0, 0, false
	}
	return zt.NetworkIDFrom(payload), binary.BigEndian.Uint64(payload[8:]), true
}
