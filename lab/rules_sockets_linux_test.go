package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// from runs f in the network namespace of a host: sockets that f opens are there,
// and stay there whoever uses them then.
func (l *lab) from(host string, f func() error) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		namespace, err := os.Open("/run/netns/" + l.prefix + "-" + host)
		if err != nil {
			ended <- err
			return
		}
		defer namespace.Close()
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			ended <- fmt.Errorf("enter the namespace of %s: %w", host, err)
			return
		}
		ended <- f()
	}()
	return <-ended
}

// The ports on which hosts answer.
var (
	tcpPorts = []int{22, 80, 443}
	udpPorts = []int{53, 80}
)

// answer makes a host answer on all ports with its name.
func (l *lab) answer(t *testing.T, host, name string) {
	t.Helper()
	err := l.from(host, func() error {
		for _, port := range tcpPorts {
			listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { listener.Close() })
			go greetTCP(listener, name)
		}
		for _, port := range udpPorts {
			conn, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { conn.Close() })
			go greetUDP(conn, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// greetTCP says its name on each connection, and then repeats what it is told.
func greetTCP(listener net.Listener, name string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = io.WriteString(conn, name+"\n")
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// greetUDP answers each datagram with its name and the datagram.
func greetUDP(conn net.PacketConn, name string) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = conn.WriteTo(append([]byte(name+"\n"), buffer[:n]...), from)
		}
	}
}

// dial opens a socket on a host.
func (l *lab) dial(host, network string, source netip.Addr, dest netip.AddrPort, patience time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	if network == "udp" {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	} else {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	var conn net.Conn
	err := l.from(host, func() (err error) {
		conn, err = dialer.Dial(network, dest.String())
		return err
	})
	return conn, err
}

// greeting waits for the name of whoever answers, and asks for it where one has
// to.
func greeting(conn net.Conn, patience time.Duration) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if conn.LocalAddr().Network() == "udp" {
		if _, err := io.WriteString(conn, "who is there?"); err != nil {
			return "", err
		}
	}
	buffer := make([]byte, 100)
	n, err := conn.Read(buffer)
	name, _, _ := strings.Cut(string(buffer[:n]), "\n")
	return name, err
}

// wire is an interface of a host, on which whole Ethernet frames are seen and
// sent.
type wire struct {
	*os.File
}

// htons is a number in the byte order of networks.
func htons(n uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)) }

// wire opens an interface until the test ends.
func (l *lab) openWire(t *testing.T, host, device string) *wire {
	t.Helper()
	w := &wire{}
	err := l.from(host, func() error {
		link, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		w.File = os.NewFile(uintptr(socket), host+" "+device)
		t.Cleanup(func() { w.Close() })
		if err := unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: link.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// frame is an Ethernet frame without VLAN.
type frame struct {
	dest, source net.HardwareAddr
	etherType    uint16
	payload      []byte
}

func (w *wire) send(f frame) error {
	raw := append(append([]byte(nil), f.dest...), f.source...)
	raw = binary.BigEndian.AppendUint16(raw, f.etherType)
	_, err := w.Write(append(raw, f.payload...))
	return err
}

// capture is what came in on a wire.
type capture struct {
	mu     sync.Mutex
	frames []frame
}

// record records what comes in from now on, until the wire is closed.
func (w *wire) record() *capture {
	c := &capture{}
	go func() {
		for {
			buffer := make([]byte, 10000)
			n, err := w.Read(buffer)
			if err != nil {
				return
			}
			if n < 14 {
				continue
			}
			c.mu.Lock()
			c.frames = append(c.frames, frame{dest: buffer[:6], source: buffer[6:12], etherType: binary.BigEndian.Uint16(buffer[12:]), payload: buffer[14:n]})
			c.mu.Unlock()
		}
	}()
	return c
}

// find returns the recorded frames for which ok holds.
func (c *capture) find(ok func(frame) bool) []frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []frame
	for _, f := range c.frames {
		if ok(f) {
			found = append(found, f)
		}
	}
	return found
}

// awaits waits until a frame for which ok holds was recorded.
func (c *capture) awaits(limit time.Duration, what string, ok func(frame) bool) error {
	until := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(c.find(ok)) == 0 {
		select {
		case <-until:
			return fmt.Errorf("%s did not arrive within %s", what, limit)
		case <-tick.C:
		}
	}
	return nil
}
