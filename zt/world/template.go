package world

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt/identity"
)

// Template is what a revision of a world is made from: the JSON file that the
// usual tools write, an operator edits and the tools sign (protocol 04 §7).
type Template struct {
	Kind    Kind
	ID      uint64
	Roots   []Root
	NextKey [64]byte             // public key that must sign the revision after this one
	Key     *identity.SigningKey // signs this revision
}

// templateJSON has the fields in the order in which the usual tools write them.
type templateJSON struct {
	ID         string     `json:"id"`
	ObjectType string     `json:"objtype"`
	Roots      []rootJSON `json:"roots"`
	Key        string     `json:"signingKey"`
	KeySecret  string     `json:"signingKey_SECRET"`
	NextKey    string     `json:"updatesMustBeSignedBy"`
	Kind       string     `json:"worldType"`
}

type rootJSON struct {
	Identity  string   `json:"identity"`
	Endpoints []string `json:"stableEndpoints"`
}

const (
	planetName = "planet"
	moonName   = "moon"
)

// NewTemplate starts a moon with one root that has no endpoints yet, the root's
// address as its id and a fresh key for this and the next revision.
func NewTemplate(root *identity.Identity) (*Template, error) {
	key, err := identity.NewSigningKey()
	if err != nil {
		return nil, fmt.Errorf("world template: %w", err)
	}
	return &Template{
		Kind:    Moon,
		ID:      uint64(root.Address()),
		Roots:   []Root{{Identity: root.Public()}},
		NextKey: key.Public(),
		Key:     key,
	}, nil
}

// ParseTemplate reads the JSON form. It is stricter than the usual tools, whose
// mistakes only show when no node accepts the result: every field must be in
// order, and the roots' identities must be valid, which takes about 10 ms of CPU
// each to check. No error quotes the secret key.
func ParseTemplate(data []byte) (*Template, error) {
	t, err := decodeTemplate(data)
	if err != nil {
		return nil, fmt.Errorf("world template: %w", err)
	}
	for _, root := range t.Roots {
		if err := root.Identity.Validate(); err != nil {
			return nil, fmt.Errorf("world template: root %s: %w", root.Identity.Address(), err)
		}
	}
	return t, nil
}

// JSON writes the JSON form, indented and with a newline at its end. It holds
// the secret key.
func (t *Template) JSON() []byte {
	public, private := t.Key.Public(), t.Key.Private()
	raw := templateJSON{
		ID:         fmt.Sprintf("%010x", t.ID),
		ObjectType: "world",
		Roots:      []rootJSON{},
		Key:        hex.EncodeToString(public[:]),
		KeySecret:  hex.EncodeToString(private[:]),
		NextKey:    hex.EncodeToString(t.NextKey[:]),
		Kind:       moonName,
	}
	if t.Kind == Planet {
		raw.Kind = planetName
	}
	for _, root := range t.Roots {
		r := rootJSON{Identity: root.Identity.String(), Endpoints: []string{}}
		for _, e := range root.Endpoints {
			r.Endpoints = append(r.Endpoints, fmt.Sprintf("%s/%d", e.Addr(), e.Port()))
		}
		raw.Roots = append(raw.Roots, r)
	}
	text, err := json.MarshalIndent(raw, "", " ")
	if err != nil {
		panic(err) // strings always encode
	}
	return append(text, '\n')
}

// World makes and signs a revision; timestamp is in ms since 1970. Roots and
// endpoints are put in the order of the usual tools.
func (t *Template) World(timestamp int64) *World {
	w := &World{Kind: t.Kind, ID: t.ID, Timestamp: timestamp, NextKey: t.NextKey}
	for _, root := range t.Roots {
		endpoints := slices.SortedFunc(slices.Values(root.Endpoints), compareEndpoints)
		w.Roots = append(w.Roots, Root{Identity: root.Identity, Endpoints: endpoints})
	}
	slices.SortFunc(w.Roots, func(a, b Root) int { return a.Identity.Compare(b.Identity) })
	w.Sign(t.Key)
	return w
}

// compareEndpoints orders by family, port and address as the usual tools do on
// common machines: they compare the port, and an IPv4 address, as little-endian
// numbers. Equal input so gives equal files.
func compareEndpoints(a, b netip.AddrPort) int {
	first, second := a.Addr(), b.Addr()
	byFamily := cmp.Compare(first.BitLen(), second.BitLen())
	byPort := cmp.Compare(bits.ReverseBytes16(a.Port()), bits.ReverseBytes16(b.Port()))
	if order := cmp.Or(byFamily, byPort); order != 0 || !first.Is4() {
		return cmp.Or(order, first.Compare(second))
	}
	x, y := first.As4(), second.As4()
	return cmp.Compare(binary.LittleEndian.Uint32(x[:]), binary.LittleEndian.Uint32(y[:]))
}

// decodeTemplate is ParseTemplate without the expensive check of the roots.
func decodeTemplate(data []byte) (*Template, error) {
	var raw templateJSON
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &raw); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%s has the wrong type", cmp.Or(wrong.Field, "the file"))
	} else if err != nil {
		return nil, err
	}
	return raw.template()
}

func (raw *templateJSON) template() (*Template, error) {
	t := &Template{}
	switch raw.Kind {
	case planetName:
		t.Kind = Planet
	case moonName:
		t.Kind = Moon
	default:
		return nil, fmt.Errorf("worldType %q, want %s or %s", raw.Kind, planetName, moonName)
	}
	var err error
	if t.ID, err = strconv.ParseUint(raw.ID, 16, 64); err != nil || t.ID == 0 {
		return nil, fmt.Errorf("id %q, want up to 16 hex digits, not all zero", raw.ID)
	}
	if t.NextKey, err = parseKey(raw.NextKey); err != nil {
		return nil, fmt.Errorf("updatesMustBeSignedBy: %w", err)
	}
	private, err := parseKey(raw.KeySecret)
	if err != nil {
		return nil, fmt.Errorf("signingKey_SECRET: %w", err)
	}
	if t.Key, err = identity.ParseSigningKey(private); err != nil {
		return nil, fmt.Errorf("signingKey_SECRET: %w", err)
	}
	if public, err := parseKey(raw.Key); err != nil {
		return nil, fmt.Errorf("signingKey: %w", err)
	} else if public != t.Key.Public() {
		return nil, errors.New("signingKey does not belong to signingKey_SECRET")
	}
	if len(raw.Roots) > MaxRoots {
		return nil, fmt.Errorf("%d roots, at most %d are allowed", len(raw.Roots), MaxRoots)
	}
	for _, r := range raw.Roots {
		root, err := r.root()
		if err != nil {
			return nil, err
		}
		t.Roots = append(t.Roots, root)
	}
	return t, nil
}

func (r *rootJSON) root() (root Root, err error) {
	id, err := identity.ParseText(r.Identity)
	if err != nil {
		return root, err
	}
	if len(r.Endpoints) > MaxEndpoints {
		return root, fmt.Errorf("%d endpoints of root %s, at most %d are allowed", len(r.Endpoints), id.Address(), MaxEndpoints)
	}
	root.Identity = id.Public()
	for _, text := range r.Endpoints {
		endpoint, err := parseEndpoint(text)
		if err != nil {
			return root, fmt.Errorf("root %s: %w", id.Address(), err)
		}
		root.Endpoints = append(root.Endpoints, endpoint)
	}
	return root, nil
}

// parseEndpoint reads "IP/port".
func parseEndpoint(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(host)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || number == 0 || ip.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("endpoint %q, want IP/port", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

// parseKey does not quote what it read: it may be a secret.
func parseKey(text string) (key [keyLen]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != keyLen {
		return key, fmt.Errorf("want %d hex digits", 2*keyLen)
	}
	return [keyLen]byte(raw), nil
}
