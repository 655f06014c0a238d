package store

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// decodeMember reads a member's document: in one pass, as fast as it can be, if
// it is just as this program writes it, else with encoding/json. Lists of
// thousands of members spend their time here.
func decodeMember(text string) (*model.Member, error) {
	m := new(model.Member)
	d := document{all: text}
	d.member(m)
	if !d.whole() {
		return decode[model.Member]([]byte(text))
	}
	return m, nil
}

// document is a JSON text that is expected to be as encode writes it: the fields
// in their order, no spaces. strange says that it is not so, or that a value is
// not valid; what was read is then worth nothing.
type document struct {
	all     string
	at      int // what comes next
	strange bool
}

// whole reports whether all was read and as expected.
func (d *document) whole() bool { return !d.strange && d.at == len(d.all) }

// member reads the fields in the order of model.Member. The texts of a member
// are copies, so that they do not keep the document in memory.
func (d *document) member(m *model.Member) {
	d.expect(`{"networkId":`)
	m.Network = parsed(d, zt.ParseNetworkID)
	d.expect(`,"nodeId":`)
	m.Node = parsed(d, zt.ParseAddress)
	d.expect(`,"name":`)
	m.Name = d.text()
	d.expect(`,"description":`)
	m.Description = d.text()
	d.expect(`,"hidden":`)
	m.Hidden = d.boolean()
	d.expect(`,"authorized":`)
	m.Authorized = d.boolean()
	d.expect(`,"activeBridge":`)
	m.ActiveBridge = d.boolean()
	d.expect(`,"noAutoAssignIps":`)
	m.NoAutoAssignIPs = d.boolean()
	d.expect(`,"ssoExempt":`)
	m.SSOExempt = d.boolean()
	d.expect(`,"ipAssignments":`)
	m.Addresses = d.addresses()
	d.expect(`,"tags":`)
	m.Tags = d.tags()
	d.expect(`,"capabilities":`)
	m.Capabilities = d.capabilities()
	if d.accept(`,"identity":`) {
		m.Identity = d.text()
	}
	if d.accept(`,"remoteTraceTarget":`) {
		m.TraceTarget = parsed(d, zt.ParseAddress)
	}
	if d.accept(`,"remoteTraceLevel":`) {
		m.TraceLevel = d.int()
	}
	d.expect(`,"creationTime":`)
	m.CreationTime = d.int64()
	d.expect(`,"lastAuthorizedTime":`)
	m.LastAuthorizedTime = d.int64()
	d.expect(`,"lastDeauthorizedTime":`)
	m.LastDeauthorizedTime = d.int64()
	if d.accept(`,"authorizedBy":`) {
		m.AuthorizedBy = d.text()
	}
	if d.accept(`,"deletedTime":`) {
		m.DeletedTime = d.int64()
	}
	d.expect(`,"revision":`)
	m.Revision = d.uint64()
	d.expect(`}`)
}

func (d *document) addresses() []netip.Addr {
	if !d.array() {
		return nil
	}
	all := []netip.Addr{}
	for d.element(len(all)) {
		all = append(all, d.address())
	}
	return all
}

func (d *document) tags() []model.MemberTag {
	if !d.array() {
		return nil
	}
	all := []model.MemberTag{}
	for d.element(len(all)) {
		all = append(all, d.tag())
	}
	return all
}

func (d *document) capabilities() []uint32 {
	if !d.array() {
		return nil
	}
	all := []uint32{}
	for d.element(len(all)) {
		all = append(all, d.uint32())
	}
	return all
}

func (d *document) address() netip.Addr {
	return parsed(d, func(text string) (netip.Addr, error) {
		if text == "" {
			return netip.Addr{}, nil
		}
		return netip.ParseAddr(text)
	})
}

func (d *document) tag() (tag model.MemberTag) {
	d.expect(`{"id":`)
	tag.ID = d.uint32()
	d.expect(`,"value":`)
	tag.Value = d.uint32()
	if d.accept(`,"unset":`) {
		tag.Unset = d.boolean()
	}
	d.expect(`}`)
	return tag
}

// accept takes a text from the front if it is there.
func (d *document) accept(text string) bool {
	if !strings.HasPrefix(d.all[d.at:], text) {
		return false
	}
	d.at += len(text)
	return true
}

func (d *document) expect(text string) {
	if !d.accept(text) {
		d.strange = true
	}
}

func (d *document) boolean() bool {
	if d.accept("true") {
		return true
	}
	d.expect("false")
	return false
}

// text reads a string.
func (d *document) text() string {
	inner, plain := d.quoted()
	if plain {
		return strings.Clone(inner)
	}
	text, err := decode[string]([]byte(`"` + inner + `"`))
	if err != nil {
		d.strange = true
		return ""
	}
	return *text
}

// quoted takes a string and returns what is between its quotes, and whether that
// is its value as it stands.
func (d *document) quoted() (inner string, plain bool) {
	d.expect(`"`)
	rest := d.all[d.at:]
	plain = true
	ascii := true
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			d.at += i + 1
			return rest[:i], plain && (ascii || utf8.ValidString(rest[:i]))
		case c == '\\':
			plain = false
			i++ // what is escaped may be a quote
		case c < ' ':
			plain = false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.strange = true
	return "", false
}

// parsed reads a string that has a meaning.
func parsed[T any](d *document, parse func(string) (T, error)) T {
	inner, plain := d.quoted()
	value, err := parse(inner)
	if !plain || err != nil {
		d.strange = true
	}
	return value
}

// array begins an array and reports true, or reads null and reports false.
func (d *document) array() bool {
	if d.accept("null") {
		return false
	}
	d.expect("[")
	return true
}

// element reports whether an array goes on after a number of elements.
func (d *document) element(after int) bool {
	if d.strange || d.accept("]") {
		return false
	}
	if after > 0 {
		d.expect(",")
	}
	return !d.strange
}

func (d *document) uint32() uint32 { return uint32(d.unsigned(32)) }
func (d *document) uint64() uint64 { return d.unsigned(64) }
func (d *document) int() int       { return int(d.signed(strconv.IntSize)) }
func (d *document) int64() int64   { return d.signed(64) }

func (d *document) unsigned(bits int) uint64 {
	value, err := strconv.ParseUint(d.number(), 10, bits)
	if err != nil {
		d.strange = true
	}
	return value
}

func (d *document) signed(bits int) int64 {
	value, err := strconv.ParseInt(d.number(), 10, bits)
	if err != nil {
		d.strange = true
	}
	return value
}

// number takes an integer. JSON knows no leading zeros.
func (d *document) number() string {
	first := d.at
	d.accept("-")
	digits := d.at
	for d.at < len(d.all) && '0' <= d.all[d.at] && d.all[d.at] <= '9' {
		d.at++
	}
	if d.at > digits+1 && d.all[digits] == '0' {
		d.strange = true
	}
	return d.all[first:d.at]
}
