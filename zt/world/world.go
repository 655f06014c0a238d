// Package world is the signed list of root servers that nodes start from: the
// planet, of which each node has one, and moons, which add to it (protocol 04).
// It decides whether one revision may replace another; finding, storing and
// handing out worlds is the business of others.
package world

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Kind tells planets from moons. Its values are those of the wire.
type Kind uint8

// The kinds of worlds.
const (
	Planet Kind = 0x01
	Moon   Kind = 0x7f
)

const (
	// MaxRoots is how many roots a world can have.
	MaxRoots = 4
	// MaxEndpoints is how many endpoints a root can have.
	MaxEndpoints = 32

	keyLen = 64
	// bodyStart is where the signature ends and the roots begin: behind
	// kind (1), id (8), timestamp (8), next key (64) and signature (96).
	bodyStart = 1 + 8 + 8 + keyLen + identity.SignatureLen
	// signatureStart is the end of what is signed before the signature.
	signatureStart = bodyStart - identity.SignatureLen
)

// Root is a root server and the addresses at which it always answers. An
// endpoint that is not valid stands for one that this program cannot read.
type Root struct {
	Identity  *identity.Identity
	Endpoints []netip.AddrPort
}

// World is one revision of a planet or moon.
type World struct {
	Kind      Kind
	ID        uint64
	Timestamp int64    // ms since 1970; the higher one is the newer revision
	NextKey   [64]byte // public key that must sign the next revision
	Signature identity.Signature
	Roots     []Root
}

// Parse reads a world from the start of b and returns how many bytes it took;
// others may follow. It does not check the signature, which only means something
// next to an earlier revision, nor whether the roots' identities are valid. The
// dictionary that a moon can carry is skipped.
func Parse(b []byte) (*World, int, error) {
	w, n, err := parse(b)
	if err != nil {
		return nil, 0, fmt.Errorf("world: %w", err)
	}
	return w, n, nil
}

func parse(b []byte) (*World, int, error) {
	if len(b) <= bodyStart {
		return nil, 0, zt.ErrShort
	}
	w := &World{
		Kind:      Kind(b[0]),
		ID:        binary.BigEndian.Uint64(b[1:]),
		Timestamp: int64(binary.BigEndian.Uint64(b[9:])),
		NextKey:   [keyLen]byte(b[17:signatureStart]),
		Signature: identity.Signature(b[signatureStart:bodyStart]),
	}
	if w.Kind != Planet && w.Kind != Moon {
		return nil, 0, fmt.Errorf("unknown type %#02x", b[0])
	}
	count := int(b[bodyStart])
	if count > MaxRoots {
		return nil, 0, fmt.Errorf("%d roots, at most %d are allowed", count, MaxRoots)
	}
	at := bodyStart + 1
	for range count {
		root, n, err := parseRoot(b[at:])
		if err != nil {
			return nil, 0, err
		}
		w.Roots = append(w.Roots, root)
		at += n
	}
	if w.Kind == Moon {
		if len(b) < at+2 {
			return nil, 0, zt.ErrShort
		}
		at += 2 + int(binary.BigEndian.Uint16(b[at:]))
		if len(b) < at {
			return nil, 0, zt.ErrShort
		}
	}
	return w, at, nil
}

func parseRoot(b []byte) (root Root, n int, err error) {
	if root.Identity, n, err = identity.ParsePublic(b); err != nil {
		return root, 0, err
	}
	if len(b) <= n {
		return root, 0, zt.ErrShort
	}
	count := int(b[n])
	n++
	if count > MaxEndpoints {
		return root, 0, fmt.Errorf("%d endpoints of root %s, at most %d are allowed", count, root.Identity.Address(), MaxEndpoints)
	}
	for range count {
		endpoint, size, err := zt.InetAddrFrom(b[n:])
		if err != nil {
			return root, 0, err
		}
		root.Endpoints = append(root.Endpoints, endpoint)
		n += size
	}
	return root, n, nil
}

// Append writes the binary form, which is that of files and of OK(HELLO), to b.
func (w *World) Append(b []byte) []byte {
	b = w.appendHead(b)
	b = append(b, w.Signature[:]...)
	return w.appendBody(b)
}

// Sign signs the revision. The key is the one that the revision before it
// named, for a first revision normally its own NextKey.
func (w *World) Sign(key *identity.SigningKey) { w.Signature = key.Sign(w.signedMessage()) }

// Replaces returns nil if w may replace the current revision (protocol 04 §4),
// and why not otherwise. With no current revision (nil) anything will do: where
// a first world comes from is for the caller to judge.
func (w *World) Replaces(current *World) error {
	switch {
	case current == nil:
		return nil
	case w.Kind != current.Kind:
		return errors.New("world: a planet and a moon cannot replace each other")
	case w.ID != current.ID:
		return fmt.Errorf("world: %016x cannot replace %016x", w.ID, current.ID)
	case w.Timestamp <= current.Timestamp:
		return fmt.Errorf("world: revision %d is not newer than %d", w.Timestamp, current.Timestamp)
	case !w.signedBy(current.NextKey):
		return errors.New("world: not signed with the key that the current revision names")
	}
	return nil
}

// Root returns the root with an address, or nil.
func (w *World) Root(a zt.Address) *Root {
	for i := range w.Roots {
		if w.Roots[i].Identity.Address() == a {
			return &w.Roots[i]
		}
	}
	return nil
}

// FileName is the name under which nodes look for the world: "planet" in their
// home directory, or "<16 hex digits>.moon" in its folder moons.d.
func (w *World) FileName() string {
	if w.Kind == Planet {
		return "planet"
	}
	return fmt.Sprintf("%016x.moon", w.ID)
}

//go:embed public.planet
var publicPlanet []byte

// Public returns the public planet of ZeroTier, Inc. in the revision of
// February 2022 (protocol 04 §8). Roots hand out newer ones.
func Public() *World {
	w, _, err := Parse(publicPlanet)
	if err != nil {
		panic(err) // the embedded file is broken: no input can cause it
	}
	return w
}

func (w *World) signedBy(key [keyLen]byte) bool {
	return identity.VerifyWith(key, w.signedMessage(), w.Signature[:])
}

// signedMessage is the binary form without its signature, between two markers
// (protocol 04 §2). A moon's dictionary is signed as if it were empty, whatever
// came with it, as nodes do.
func (w *World) signedMessage() []byte {
	const before, after = 0x7f7f7f7f7f7f7f7f, 0xf7f7f7f7f7f7f7f7
	message := binary.BigEndian.AppendUint64(nil, before)
	message = w.appendBody(w.appendHead(message))
	return binary.BigEndian.AppendUint64(message, after)
}

// appendHead writes what comes before the signature.
func (w *World) appendHead(b []byte) []byte {
	b = append(b, byte(w.Kind))
	b = binary.BigEndian.AppendUint64(b, w.ID)
	b = binary.BigEndian.AppendUint64(b, uint64(w.Timestamp))
	return append(b, w.NextKey[:]...)
}

// appendBody writes what comes after the signature.
func (w *World) appendBody(b []byte) []byte {
	b = append(b, byte(len(w.Roots)))
	for _, root := range w.Roots {
		b = append(root.Identity.AppendPublic(b), byte(len(root.Endpoints)))
		for _, endpoint := range root.Endpoints {
			b = appendEndpoint(b, endpoint)
		}
	}
	if w.Kind == Moon {
		b = append(b, 0, 0)
	}
	return b
}

// appendEndpoint keeps IPv4-mapped addresses as they were read: writing them as
// IPv4 would break the signature.
func appendEndpoint(b []byte, endpoint netip.AddrPort) []byte {
	if !endpoint.Addr().Is4In6() {
		return zt.AppendInetAddr(b, endpoint)
	}
	const inetIPv6 = 0x06
	raw := endpoint.Addr().As16()
	b = append(append(b, inetIPv6), raw[:]...)
	return binary.BigEndian.AppendUint16(b, endpoint.Port())
}
