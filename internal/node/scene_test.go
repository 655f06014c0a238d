package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// scene is a device with a service, and a server with networks, that note what
// is done to them in one list.
type scene struct {
	t     *testing.T
	home  string
	calls []string
	ids   []string // the identities that the service has, one after another

	// the service
	runs                      bool
	born                      int           // how often it was started
	slow                      time.Duration // from being told to having done it
	respawn                   time.Duration // after which somebody else starts it; 0: nobody
	stuck                     bool          // it does not stop, whatever it is told
	mute                      bool          // it does not answer
	stopErr, startErr, askErr error
	changed                   time.Time // when it is as runs says; before, it is not

	// the server
	members map[zt.NetworkID]Membership
	refuse  map[zt.NetworkID]error
	silent  map[zt.NetworkID]bool // never answers

	on func(call string) // before a call has its effect
}

func (s *scene) call(text string) {
	s.calls = append(s.calls, text)
	if s.on != nil {
		s.on(text)
	}
}

func (s *scene) String() string { return "the service" }

func (s *scene) Running(context.Context) (bool, error) { return s.isRunning(), s.askErr }

func (s *scene) isRunning() bool {
	if s.respawn > 0 && !s.runs && time.Since(s.changed) > s.respawn {
		s.turn(true)
	}
	if time.Since(s.changed) < s.slow {
		return !s.runs
	}
	return s.runs
}

// turn starts or stops the service, which makes the files that are missing.
func (s *scene) turn(on bool) {
	s.runs, s.changed = on, time.Now()
	if !on {
		return
	}
	if _, err := os.Lstat(filepath.Join(s.home, secretFile)); err != nil {
		s.born++
		put(s.t, filepath.Join(s.home, secretFile), s.ids[s.born])
		put(s.t, filepath.Join(s.home, publicFile), public(s.t, s.ids[s.born]))
	}
	if _, err := os.Lstat(filepath.Join(s.home, authTokenFile)); err != nil {
		put(s.t, filepath.Join(s.home, authTokenFile), "another")
	}
}

func (s *scene) Stop(context.Context) error {
	s.call("stop")
	if s.stopErr == nil && !s.stuck {
		s.turn(false)
	}
	return s.stopErr
}

func (s *scene) Start(context.Context) error {
	s.call("start")
	if s.startErr == nil && !s.runs {
		s.turn(true)
	}
	return s.startErr
}

func (s *scene) Status(ctx context.Context) (*LocalStatus, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !s.isRunning() || s.mute {
		return nil, silent("does not answer on 127.0.0.1:9993; is it running?")
	}
	address, err := zt.ParseAddress(s.ids[s.born][:10])
	return &LocalStatus{Address: address}, err
}

func (s *scene) Deauthorize(ctx context.Context, network zt.NetworkID, node zt.Address) (Membership, error) {
	s.call(fmt.Sprintf("deauthorize %s on %s", node, network))
	return s.expel(ctx, network, NotAuthorized)
}

func (s *scene) Delete(ctx context.Context, network zt.NetworkID, node zt.Address) (Membership, error) {
	s.call(fmt.Sprintf("delete %s from %s", node, network))
	return s.expel(ctx, network, NoMember)
}

func (s *scene) expel(ctx context.Context, network zt.NetworkID, to Membership) (Membership, error) {
	if s.silent[network] {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return Unknown, fmt.Errorf("change the member: %w", err)
	}
	if err := s.refuse[network]; err != nil {
		return Unknown, err
	}
	was := s.members[network]
	if was != NoMember {
		s.members[network] = to
	}
	return was, nil
}

const (
	home    = zt.NetworkID(0x8056c2e21c000001)
	office  = zt.NetworkID(0x8056c2e21c000002)
	unknown = zt.NetworkID(0x8056c2e21c000003)
)

func newScene(t *testing.T) (*scene, *Cleanup) {
	t.Helper()
	ids := identities(t)
	s := &scene{
		t: t, ids: ids, runs: true,
		home:    folder(t, "identity.secret:"+ids[0], "identity.public:"+public(t, ids[0]), "authtoken.secret:secret", "networks.d/x.conf:x"),
		members: map[zt.NetworkID]Membership{home: Authorized, office: NotAuthorized, unknown: NoMember},
		refuse:  map[zt.NetworkID]error{}, silent: map[zt.NetworkID]bool{},
	}
	address, err := zt.ParseAddress(ids[0][:10])
	if err != nil {
		t.Fatal(err)
	}
	return s, &Cleanup{
		Node: address, Networks: []Network{{ID: home, Name: "home", Was: Authorized}, {ID: office}}, Expel: s,
		Server: "https://example.com/api/v1",
		task:   Task{Forget: Identity, Timeout: time.Minute},
		home:   open(t, s.home), service: s, api: s, running: true, files: Identity.Files(),
	}
}

func mustNot(err error) func(string) {
	if err != nil {
		panic(err)
	}
	return nil
}

// left checks which of the old secrets are left on the disk.
func (s *scene) left(gone string) {
	s.t.Helper()
	for name, was := range map[string]string{secretFile: s.ids[0], publicFile: public(s.t, s.ids[0]), authTokenFile: "secret"} {
		raw, err := os.ReadFile(filepath.Join(s.home, name))
		isGone := err != nil || string(raw) != was
		if want := gone == "identity" && name == secretFile || gone == "token" && name == authTokenFile; want != isGone && name != publicFile {
			s.t.Errorf("%s: gone %t, want %t", name, isGone, want)
		}
	}
	if _, err := os.Stat(filepath.Join(s.home, "networks.d/x.conf")); err != nil {
		s.t.Error(err)
	}
}
