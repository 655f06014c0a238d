package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/world"
)

const joinCheck = "join"

// temporaryName is what the network is called that is there while it is joined.
const temporaryName = "orrery doctor (temporary, may be deleted)"

// finishTime is how long that network is tried to be made, and deleted, also when
// nobody waits for the result anymore: one that is made while its answer is not
// read would stay.
const finishTime = 10 * time.Second

// checkJoin does what a device does: it joins a network, which is made for it and
// deleted again, is let in and gets an address. planet leads to the controller;
// nil: there is no way to it.
func (s *survey) checkJoin(ctx context.Context, planet *world.World) (found Finding) {
	const name = joinCheck
	switch {
	case s.Client == nil || s.status == nil || s.status.User == nil:
		return Finding{name, Skipped, "no network can be made without a server and a good token", "see api"}
	case planet == nil:
		return Finding{name, Skipped, "nothing can be joined while the controller does not answer", "see udp"}
	}
	begun := time.Now()
	finish := context.WithoutCancel(ctx)
	making, cancel := context.WithTimeout(finish, finishTime)
	defer cancel()
	network, err := s.Client.CreateNetwork(making, temporary())
	if err != nil {
		return Finding{name, Problem, err.Error(), fmt.Sprintf("use a token that may make networks, or leave --join out; should there be a network %q now, delete it", temporaryName)}
	}
	id, err := zt.ParseNetworkID(network.ID)
	if err != nil || slices.ContainsFunc(s.networks, func(n *client.Network) bool { return n.ID == network.ID }) {
		return Finding{name, Problem, fmt.Sprintf("the server was to make a network and answers with %q, which is none that it made", network.ID), fmt.Sprintf("should there be a network %q now, delete it", temporaryName)}
	}
	defer func() {
		deleting, cancel := context.WithTimeout(finish, finishTime)
		defer cancel()
		if err := s.Client.DeleteNetwork(deleting, network.ID); err != nil {
			found = Finding{name, Problem, fmt.Sprintf("the temporary network %s is still there: %s", network.ID, err), "delete it: orrery network delete " + network.ID}
		}
	}()
	state, err := s.join(ctx, planet, id)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Finding{name, Skipped, "it was interrupted", "run orrery doctor --join again"}
	case err != nil:
		return Finding{name, Problem, err.Error(), "see that a controller answers (udp), then look at the server's log"}
	case len(state.Addresses()) == 0:
		return Finding{name, Problem, "a member joined and was let in, but got no address", "look at the server's log"}
	}
	return Finding{name, OK, fmt.Sprintf("a member joined a temporary network, was let in and got the address %s, in %s", state.Addresses()[0].Addr(), rounded(time.Since(begun))), ""}
}

func (s *survey) join(ctx context.Context, planet *world.World, id zt.NetworkID) (member.State, error) {
	node, _, stop, err := s.probe(ctx, planet, nil)
	if err != nil {
		return member.State{}, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*s.Patience)
	defer cancel()
	m := node.Join(id)
	if state, err := m.Wait(ctx, func(s member.State) bool { return s.Status != member.Requesting }); err != nil || state.Status != member.AccessDenied {
		return state, fmt.Errorf("a member that is not authorized has the state %s on the temporary network, want %s", state.Status, member.AccessDenied)
	}
	type config struct {
		Authorized bool `json:"authorized"`
	}
	if _, err := s.Client.UpdateMember(ctx, id.String(), node.Address().String(), struct {
		Name   string `json:"name"`
		Config config `json:"config"`
	}{temporaryName, config{true}}); err != nil {
		return member.State{}, err
	}
	state, err := m.Wait(ctx, func(s member.State) bool { return s.Status == member.OK })
	if err != nil {
		return state, fmt.Errorf("a member that was just authorized has the state %s on the temporary network, want %s", state.Status, member.OK)
	}
	return state, nil
}

// temporary is a network that gives addresses which documents use (RFC 5737).
func temporary() any {
	type object = map[string]any
	return object{"config": object{
		"name": temporaryName, "private": true,
		"routes":            []object{{"target": "192.0.2.0/24"}},
		"ipAssignmentPools": []object{{"ipRangeStart": "192.0.2.1", "ipRangeEnd": "192.0.2.254"}},
		"v4AssignMode":      object{"zt": true},
	}}
}
