//go:build !linux

package vl1

import (
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Elsewhere than on Linux the system chooses the address that datagrams leave
// from, and openers travel with the normal TTL.

const controlLen = 0

func wantLocal4(*ipv4.PacketConn) error { return nil }

func wantLocal6(*ipv6.PacketConn) error { return nil }

func localFrom([]byte) netip.Addr { return netip.Addr{} }

func appendControl(b []byte, _ netip.Addr, _ bool, _ uint8) []byte { return b }
