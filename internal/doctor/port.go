package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/server"
)

// defaultPort is where ZeroTier's packets are sent unless somebody chose another.
const defaultPort = 9993

// checkPort sees whether another program has the UDP port that the server of
// this machine has, or would take.
func (s *survey) checkPort(context.Context) []Finding {
	const name = "port"
	if s.Client != nil && !s.serverHere() {
		return one(name, Skipped, "the server is on another machine", "run orrery doctor there to see whether another program takes its UDP port")
	}
	port, running := s.udpPort()
	holders := server.PortHolders("udp", port)
	others := slices.DeleteFunc(slices.Clone(holders), func(p server.Process) bool { return running && s.isServer(p) })
	switch {
	case running && port == 0:
		return one(name, Skipped, "the server of this machine does not say which UDP port it has", "see database")
	case running && runtime.GOOS != "linux":
		return one(name, OK, fmt.Sprintf("the server has UDP port %d; this system does not tell whether another program has it too", port), "")
	case running && len(others) == 0:
		return one(name, OK, fmt.Sprintf("UDP port %d is the server's alone", port), "")
	case running:
		return one(name, Problem, fmt.Sprintf("UDP port %d, which the server listens on, is also held by %s: packets go to either", port, list(others)), fmt.Sprintf("stop that program, or start the server with another port, such as --udp :%d, and --root endpoints with it", port+1))
	case len(others) > 0:
		return one(name, s.taken(), fmt.Sprintf("UDP port %d, which a server here would take, is held by %s", port, list(others)), fmt.Sprintf("stop that program, or start the server with another port, such as --udp :%d", port+1))
	}
	if err := canListen(port); err != nil {
		return one(name, s.taken(), fmt.Sprintf("UDP port %d, which a server here would take, cannot be had: %s", port, err), fmt.Sprintf("find the program with netstat or lsof and stop it, or start the server with another port, such as --udp :%d", port+1))
	}
	return one(name, OK, fmt.Sprintf("UDP port %d is free for a server on this machine", port), "")
}

// taken is how bad a port is that is in use while no server runs here: a device
// without one has a right to run ZeroTier.
func (s *survey) taken() State {
	if s.serverHere() {
		return Problem
	}
	return Warning
}

// udpPort is the port of the server on this machine, 0 if it does not say, and
// whether it runs.
func (s *survey) udpPort() (port uint16, running bool) {
	if s.local != nil {
		return s.pages.udpAddress().Port(), true
	}
	if s.serverHere() && s.folder.Planet != nil {
		if root := s.folder.Planet.Root(s.controller); root != nil && len(root.Endpoints) > 0 {
			return root.Endpoints[0].Port(), false
		}
	}
	return defaultPort, false
}

// isServer reports whether a process is the server: it also has the port of the
// APIs.
func (s *survey) isServer(p server.Process) bool {
	at, err := url.Parse(s.local.URL)
	if err != nil {
		return false
	}
	port, err := strconv.ParseUint(at.Port(), 10, 16)
	if err != nil {
		return false
	}
	return slices.Contains(server.PortHolders("tcp", uint16(port)), p)
}

func list(processes []server.Process) string {
	var names []string
	for _, p := range processes {
		names = append(names, p.String())
	}
	return strings.Join(names, " and ")
}

// canListen tries for a moment, where the system does not tell who listens.
func canListen(port uint16) error {
	if runtime.GOOS == "linux" {
		return nil
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(port)})
	if err != nil {
		return err
	}
	return socket.Close()
}
