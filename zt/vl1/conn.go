package vl1

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// MaxDatagram is the size of the buffers that an endpoint reads into, in bytes:
// longer datagrams are no valid packets (protocol 02 §1) and may be cut.
const MaxDatagram = 10240

// Datagram is one UDP datagram with both ends of its way.
type Datagram struct {
	// Data is, when reading, the buffer to fill, cut to what arrived; when
	// writing, what to send.
	Data []byte
	// Remote is the other host's address and port. IPv4 is never written as
	// IPv4-mapped IPv6.
	Remote netip.AddrPort
	// Local is the address of this host that the datagram came to, or is to
	// leave from. If it is not valid when writing, the system chooses.
	Local netip.Addr
	// TTL, if not 0, is the IPv4 time to live to send with. It is not set when
	// reading and has no meaning for IPv6.
	TTL uint8
}

// Conn carries datagrams in batches. All methods are safe for concurrent use.
type Conn interface {
	// ReadBatch waits for at least one datagram, fills the first n elements and
	// returns n. After Close it returns net.ErrClosed; other errors are passing.
	ReadBatch([]Datagram) (n int, err error)
	// WriteBatch sends the datagrams in order and returns how many it handed
	// over. If that are fewer than given, err says why the next one was not.
	WriteBatch([]Datagram) (n int, err error)
	// LocalAddr returns the address the Conn is bound to.
	LocalAddr() netip.AddrPort
	// Close ends all reads and writes.
	Close() error
}

// batchSize is how many datagrams one system call reads or writes at most.
const batchSize = 32

// socketBuffer is what is asked of the system for each direction, in bytes: a
// burst of requests while the process is busy must not be lost.
const socketBuffer = 4 << 20

// batcher is what ipv4.PacketConn and ipv6.PacketConn have in common.
type batcher interface {
	ReadBatch([]ipv6.Message, int) (int, error)
	WriteBatch([]ipv6.Message, int) (int, error)
}

type udpConn struct {
	socket  *net.UDPConn
	batch   batcher
	bound   netip.AddrPort
	mapped  bool // an IPv6 socket that carries IPv4 too, as mapped addresses
	readers chan *messages
	writers chan *messages
}

// messages is the working memory of one ReadBatch or WriteBatch.
type messages struct {
	list  []ipv6.Message
	addrs []net.UDPAddr
	ips   [][16]byte
}

// ListenUDP opens one UDP socket on addr, "host:port"; with an empty host it
// serves IPv4 and IPv6, or IPv4 alone where the system has no IPv6. Replies can
// leave with the address the request came to (Datagram.Local) on Linux;
// elsewhere the system's choice is used.
func ListenUDP(addr string) (Conn, error) {
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on udp %s: %w", addr, err)
	}
	socket, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("listening on udp %s: %w", addr, err)
	}
	// A smaller buffer than asked for still works.
	_ = socket.SetReadBuffer(socketBuffer)
	_ = socket.SetWriteBuffer(socketBuffer)

	c := &udpConn{
		socket:  socket,
		bound:   socket.LocalAddr().(*net.UDPAddr).AddrPort(),
		readers: make(chan *messages, 16),
		writers: make(chan *messages, 16),
	}
	if c.bound.Addr().Is4() {
		p := ipv4.NewPacketConn(socket)
		c.batch, err = p, wantLocal4(p)
	} else {
		p := ipv6.NewPacketConn(socket)
		c.batch, c.mapped, err = p, true, wantLocal6(p)
	}
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("asking for destination addresses on udp %s: %w", addr, err)
	}
	return c, nil
}

func (c *udpConn) LocalAddr() netip.AddrPort { return c.bound }

func (c *udpConn) Close() error { return c.socket.Close() }

func (c *udpConn) ReadBatch(ds []Datagram) (int, error) {
	m := take(c.readers)
	defer give(c.readers, m)
	ds = ds[:min(len(ds), batchSize)]
	for i := range ds {
		m.list[i].Buffers[0] = ds[i].Data
		m.list[i].OOB = m.list[i].OOB[:cap(m.list[i].OOB)]
	}
	n, err := c.batch.ReadBatch(m.list[:len(ds)], 0)
	if err != nil {
		return 0, err
	}
	for i := range n {
		msg := &m.list[i]
		ds[i].Data = ds[i].Data[:msg.N]
		ds[i].Remote, ds[i].TTL = netip.AddrPort{}, 0
		if a, ok := msg.Addr.(*net.UDPAddr); ok {
			remote := a.AddrPort()
			ds[i].Remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
		}
		ds[i].Local = localFrom(msg.OOB[:msg.NN])
		msg.Buffers[0] = nil
	}
	return n, nil
}

func (c *udpConn) WriteBatch(ds []Datagram) (int, error) {
	m := take(c.writers)
	defer give(c.writers, m)
	sent := 0
	for sent < len(ds) {
		part := ds[sent:min(len(ds), sent+batchSize)]
		for i := range part {
			c.prepare(m, i, &part[i], true)
		}
		n, err := c.batch.WriteBatch(m.list[:len(part)], 0)
		if n > 0 {
			sent += n
			continue
		}
		if err == nil {
			err = errNothingSent
		} else if part[0].Local.IsValid() && !errors.Is(err, net.ErrClosed) {
			// The address may have gone from this host: let the system choose.
			c.prepare(m, 0, &part[0], false)
			if n, _ := c.batch.WriteBatch(m.list[:1], 0); n == 1 {
				sent++
				continue
			}
		}
		return sent, err
	}
	return sent, nil
}

var errNothingSent = errors.New("nothing sent")

// prepare fills message i for sending d.
func (c *udpConn) prepare(m *messages, i int, d *Datagram, from bool) {
	msg, ip := &m.list[i], d.Remote.Addr()
	msg.Buffers[0] = d.Data
	addr := &m.addrs[i]
	addr.Port = int(d.Remote.Port())
	if c.mapped || ip.Is6() {
		m.ips[i] = ip.As16()
		addr.IP = m.ips[i][:]
	} else {
		raw := ip.As4()
		addr.IP = m.ips[i][:copy(m.ips[i][:], raw[:])]
	}
	msg.Addr = addr
	local := d.Local
	if !from {
		local = netip.Addr{}
	}
	msg.OOB = appendControl(msg.OOB[:0], local, ip.Is4(), d.TTL)
}

func take(pool chan *messages) *messages {
	select {
	case m := <-pool:
		return m
	default:
	}
	m := &messages{
		list:  make([]ipv6.Message, batchSize),
		addrs: make([]net.UDPAddr, batchSize),
		ips:   make([][16]byte, batchSize),
	}
	for i := range m.list {
		m.list[i].Buffers = make([][]byte, 1)
		m.list[i].OOB = make([]byte, 0, controlLen)
	}
	return m
}

func give(pool chan *messages, m *messages) {
	select {
	case pool <- m:
	default:
	}
}
