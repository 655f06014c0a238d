package member

import (
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/vl1"
)

// Nodes that control none of our networks are not remembered, however many send
// credentials.
func TestStrangersCredentialsAreNotRemembered(t *testing.T) {
	n := &Node{host: &Host{config: Config{Now: time.Now}}, memberships: make(map[zt.NetworkID]*Membership)}
	n.memberships[zt.NewNetworkID(0x1122334455, 1)] = &Membership{node: n}
	for i := range 100 {
		wire := make([]byte, identity.PublicLen)
		zt.Address(0x1122334455 + i).Put(wire)
		id, _, err := identity.ParsePublic(wire)
		if err != nil {
			t.Fatal(err)
		}
		n.receiveCredentials(&vl1.Inbound{Peer: id})
	}
	if len(n.lastCredentials) != 1 {
		t.Errorf("%d senders are remembered, want the controller alone", len(n.lastCredentials))
	}
}
