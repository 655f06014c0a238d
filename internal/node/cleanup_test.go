package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// done is what became of each step, in a line each.
func done(r *Result) []string {
	var lines []string
	for _, s := range r.Steps {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", s.Outcome, s.What, s.Detail))
	}
	return lines
}

const secrets = "identity.secret and identity.public"

// TestCleanup does cleanups of every kind and with every failure.
func TestCleanup(t *testing.T) {
	const (
		putOut    = "deauthorize {old} on 8056c2e21c000001"
		putOutToo = "deauthorize {old} on 8056c2e21c000002"
		homeOut   = "done: deauthorize on 8056c2e21c000001 home ()"
		officeOut = "nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)"
		stopped   = "done: stop the service ()"
		removed   = "done: remove " + secrets + " ()"
		renewed   = "done: start the service (it answers as {new}, its new address)"
		asBefore  = "done: start the service (it answers as {old}, as before)"
		unsafe    = "not done: remove " + secrets + " (not safe while the service may run)"
	)
	all := []string{putOut, putOutToo, "stop", "start"}
	for _, x := range []struct {
		name   string
		change func(s *scene, c *Cleanup)
		calls  []string
		steps  []string
		gone   string // which files are not the old ones afterwards: identity, token
		partly bool
		check  func(t *testing.T, s *scene, c *Cleanup, r *Result)
	}{
		{
			name: "all is well", calls: all,
			steps: []string{homeOut, officeOut, stopped, removed, renewed}, gone: "identity", partly: true,
			check: func(t *testing.T, s *scene, _ *Cleanup, r *Result) {
				if r.Address.String() != s.ids[1][:10] || len(r.Left()) != 0 || s.members[home] != NotAuthorized {
					t.Errorf("%s, left %q, %v", r.Address, r.Left(), s.members)
				}
			},
		},
		{
			name:   "deleted",
			change: func(s *scene, c *Cleanup) { c.Delete = true },
			calls:  []string{"delete {old} from 8056c2e21c000001", "delete {old} from 8056c2e21c000002", "stop", "start"},
			steps:  []string{"done: delete from 8056c2e21c000001 home ()", "done: delete from 8056c2e21c000002 ()", stopped, removed, renewed}, gone: "identity", partly: true,
		},
		{
			name:   "no member",
			change: func(s *scene, c *Cleanup) { c.Networks = []Network{{ID: unknown}} },
			calls:  []string{"deauthorize {old} on 8056c2e21c000003", "stop", "start"},
			steps:  []string{"nothing to do: deauthorize on 8056c2e21c000003 (it is no member)", stopped, removed, renewed}, gone: "identity", partly: true,
		},
		{
			name:   "the token",
			change: func(s *scene, c *Cleanup) { c.task.Forget = AuthToken },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, "done: remove authtoken.secret ()", asBefore}, gone: "token", partly: true,
		},
		{
			name:   "nothing to remove",
			change: func(s *scene, c *Cleanup) { _, err := c.home.forget(Identity.Files()); s.on = mustNot(err) },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, "nothing to do: remove " + secrets + " (there is none in {home})", renewed}, gone: "identity", partly: true,
		},
		{
			name:   "with a backup",
			change: func(s *scene, c *Cleanup) { c.task.Backup = filepath.Join(s.home, "deep", "kept") },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, "done: remove " + secrets + " (copied to {home}/deep/kept)", renewed}, gone: "identity", partly: true,
			check: func(t *testing.T, s *scene, c *Cleanup, _ *Result) {
				if info, err := os.Stat(c.task.Backup); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("%v %v", info, err)
				}
				for name, want := range map[string]string{secretFile: s.ids[0], publicFile: public(t, s.ids[0])} {
					path := filepath.Join(c.task.Backup, name)
					info, err := os.Stat(path)
					got, readErr := os.ReadFile(path)
					if err != nil || readErr != nil || info.Mode().Perm() != 0o600 || string(got) != want {
						t.Errorf("%s: %v %v %v", name, info, err, readErr)
					}
				}
			},
		},
		{
			name: "the backup fails",
			change: func(s *scene, c *Cleanup) {
				c.task.Backup = filepath.Join(s.home, "kept")
				s.on = func(call string) {
					if call == "stop" { // after the plan was made
						put(s.t, filepath.Join(s.home, "kept", publicFile), "mine")
					}
				}
			},
			calls: all,
			steps: []string{homeOut, officeOut, stopped, "failed: remove " + secrets + " (nothing is removed without a backup: identity.public is in {home}/kept already, which is not overwritten; name another folder)", asBefore}, partly: true,
			check: func(t *testing.T, s *scene, _ *Cleanup, _ *Result) {
				if kept, err := os.ReadFile(filepath.Join(s.home, "kept", publicFile)); err != nil || string(kept) != "mine" {
					t.Errorf("overwritten: %q %v", kept, err)
				}
				if _, err := os.Stat(filepath.Join(s.home, "kept", secretFile)); err == nil {
					t.Error("half of a backup is left")
				}
			},
		},
		{
			name: "a link appears",
			change: func(s *scene, c *Cleanup) {
				s.on = func(call string) {
					if call == "stop" {
						put(s.t, filepath.Join(s.home, "outside"), "precious")
						link(s.t, s.home, secretFile, "outside")
					}
				}
			},
			calls: all,
			steps: []string{homeOut, officeOut, stopped, "failed: remove " + secrets + " ({home}/identity.secret is a link to another file, which is not removed here; remove both by hand)", asBefore}, gone: "identity", partly: true,
			check: func(t *testing.T, s *scene, _ *Cleanup, _ *Result) {
				if kept, err := os.ReadFile(filepath.Join(s.home, "outside")); err != nil || string(kept) != "precious" {
					t.Errorf("%q %v", kept, err)
				}
			},
		},
		{
			name: "forbidden",
			change: func(s *scene, _ *Cleanup) {
				s.refuse[home] = errors.New("change member: forbidden\nthe token may not")
			},
			calls: all,
			steps: []string{"failed: deauthorize on 8056c2e21c000001 home (change member: forbidden; the token may not)", officeOut, stopped, removed, renewed}, gone: "identity", partly: true,
			check: func(t *testing.T, _ *scene, _ *Cleanup, r *Result) {
				if left := r.Left(); len(left) != 1 || left[0] != "deauthorize on 8056c2e21c000001 home (change member: forbidden; the token may not)" {
					t.Errorf("left %q", left)
				}
			},
		},
		{
			name:   "the server is silent",
			change: func(s *scene, _ *Cleanup) { s.silent[home] = true },
			calls:  all,
			steps:  []string{"failed: deauthorize on 8056c2e21c000001 home (the server did not answer in 1m0s; it may be done)", officeOut, stopped, removed, renewed}, gone: "identity", partly: true,
		},
		{
			name:   "it is slow",
			change: func(s *scene, _ *Cleanup) { s.slow = 50 * time.Second },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, removed, renewed}, gone: "identity", partly: true,
		},
		{
			name:   "it cannot be stopped",
			change: func(s *scene, _ *Cleanup) { s.stopErr = errors.New("systemctl stop: access denied") },
			calls:  all,
			steps:  []string{homeOut, officeOut, "failed: stop the service (systemctl stop: access denied)", unsafe, asBefore}, partly: true,
		},
		{
			name:   "it does not stop",
			change: func(s *scene, _ *Cleanup) { s.stuck = true },
			calls:  all,
			steps:  []string{homeOut, officeOut, "failed: stop the service (it runs still after 1m0s; --timeout can be longer)", unsafe, asBefore}, partly: true,
		},
		{
			name:   "its manager does not say",
			change: func(s *scene, _ *Cleanup) { s.askErr = errors.New("systemctl show: no bus") },
			calls:  all,
			steps:  []string{homeOut, officeOut, "failed: stop the service (systemctl show: no bus)", unsafe, asBefore}, partly: true,
		},
		{
			name:   "somebody starts it again",
			change: func(s *scene, _ *Cleanup) { s.respawn = time.Second },
			calls:  all,
			steps:  []string{homeOut, officeOut, "failed: stop the service (something starts it again at once, a supervisor, a container or a script; stop it there, run this with --service none, and start it there)", unsafe, asBefore}, partly: true,
		},
		{
			name:   "it cannot be started",
			change: func(s *scene, _ *Cleanup) { s.startErr = errors.New("systemctl start: failed") },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, removed, "failed: start the service (systemctl start: failed)"}, gone: "identity", partly: true,
			check: func(t *testing.T, s *scene, _ *Cleanup, r *Result) {
				if left := r.Left(); len(left) != 1 || left[0] != "start the service (systemctl start: failed)" || r.Address != 0 {
					t.Errorf("left %q", left)
				}
			},
		},
		{
			name:   "it does not answer",
			change: func(s *scene, _ *Cleanup) { s.mute = true },
			calls:  all,
			steps:  []string{homeOut, officeOut, stopped, removed, "failed: start the service (it was started and does not answer after 1m0s: the ZeroTier service does not answer on 127.0.0.1:9993; is it running?)"}, gone: "identity", partly: true,
		},
		{
			name: "it keeps its identity",
			change: func(s *scene, _ *Cleanup) {
				s.ids = []string{s.ids[0], s.ids[0]}
			},
			calls: all,
			steps: []string{homeOut, officeOut, stopped, removed, "failed: start the service (it is {old} still, as before)"}, partly: true,
		},
		{
			name:   "it did not run",
			change: func(s *scene, c *Cleanup) { s.runs, c.running = false, false },
			calls:  []string{putOut, putOutToo, "start"},
			steps:  []string{homeOut, officeOut, "nothing to do: stop the service (it does not run)", removed, renewed}, gone: "identity", partly: true,
		},
		{
			name:   "kept running",
			change: func(s *scene, c *Cleanup) { c.task.KeepRunning, c.service = true, nil },
			calls:  []string{putOut, putOutToo},
			steps:  []string{homeOut, officeOut, removed, "not done: restart the service (until then the service that runs stays {old})"}, gone: "identity", partly: true,
		},
		{
			name:   "kept running, the token",
			change: func(s *scene, c *Cleanup) { c.task.KeepRunning, c.service, c.task.Forget = true, nil, AuthToken },
			calls:  []string{putOut, putOutToo},
			steps:  []string{homeOut, officeOut, "done: remove authtoken.secret ()", "not done: restart the service (until then the service that runs keeps its token)"}, gone: "token", partly: true,
		},
		{
			name:   "kept as it is, which is stopped",
			change: func(s *scene, c *Cleanup) { c.task.KeepRunning, c.service, c.running = true, nil, false },
			calls:  []string{putOut, putOutToo},
			steps:  []string{homeOut, officeOut, removed}, gone: "identity", partly: true,
		},
		{
			name:   "no service",
			change: func(s *scene, c *Cleanup) { c.service, c.running = nil, false },
			calls:  []string{putOut, putOutToo},
			steps:  []string{homeOut, officeOut, removed, "nothing to do: start the service (--service none leaves that to you; the node gets a new address then)"}, gone: "identity", partly: true,
		},
		{
			name:   "networks only",
			change: func(s *scene, c *Cleanup) { c.task.NetworksOnly = true },
			calls:  []string{putOut, putOutToo},
			steps:  []string{homeOut, officeOut}, partly: true,
		},
		{
			name: "nothing works",
			change: func(s *scene, c *Cleanup) {
				s.refuse[home], s.refuse[office] = errors.New("no"), errors.New("no")
				s.stopErr = errors.New("no")
			},
			calls: all,
			steps: []string{"failed: deauthorize on 8056c2e21c000001 home (no)", "failed: deauthorize on 8056c2e21c000002 (no)", "failed: stop the service (no)", unsafe, asBefore},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, c := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				if x.change != nil {
					x.change(s, c)
				}
				var told []Step
				r := c.Run(t.Context(), func(step Step) { told = append(told, step) })
				expand := strings.NewReplacer("{old}", s.ids[0][:10], "{new}", s.ids[1][:10], "{home}", c.home.path)
				if want := expand.Replace(strings.Join(x.calls, "\n")); strings.Join(s.calls, "\n") != want {
					t.Errorf("called\n%s\nwant\n%s", strings.Join(s.calls, "\n"), want)
				}
				if got, want := strings.Join(done(r), "\n"), expand.Replace(strings.Join(x.steps, "\n")); got != want {
					t.Errorf("steps\n%s\nwant\n%s", got, want)
				}
				if !slices.Equal(told, r.Steps) || r.Partly() != x.partly {
					t.Errorf("partly %t, told %v", r.Partly(), told)
				}
				s.left(x.gone)
				if x.check != nil {
					x.check(t, s, c, r)
				}
			})
		})
	}
}

// TestInterrupt interrupts a cleanup at each of its calls: what was stopped runs
// afterwards, and what is not done is said.
func TestInterrupt(t *testing.T) {
	for _, x := range []struct {
		at    string
		slow  time.Duration
		after time.Duration // that much later
		steps []string
		gone  string
	}{
		{at: "deauthorize on home", steps: []string{
			"failed: deauthorize on 8056c2e21c000001 home (interrupted before the server answered; it may be done)",
			"not done: deauthorize on 8056c2e21c000002 (interrupted)",
			"not done: stop the service (interrupted)",
			"not done: remove " + secrets + " (interrupted)",
		}},
		{at: "deauthorize on office", steps: []string{
			"done: deauthorize on 8056c2e21c000001 home ()",
			"failed: deauthorize on 8056c2e21c000002 (interrupted before the server answered; it may be done)",
			"not done: stop the service (interrupted)",
			"not done: remove " + secrets + " (interrupted)",
		}},
		{at: "stop", steps: []string{
			"done: deauthorize on 8056c2e21c000001 home ()",
			"nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)",
			"done: stop the service ()",
			"not done: remove " + secrets + " (interrupted)",
			"done: start the service (it answers as {old}, as before)",
		}},
		{at: "stop", slow: 10 * time.Second, after: 5 * time.Second, steps: []string{
			"done: deauthorize on 8056c2e21c000001 home ()",
			"nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)",
			"done: stop the service ()", // before, it could not be started again
			"not done: remove " + secrets + " (interrupted)",
			"done: start the service (it answers as {old}, as before)",
		}},
		{at: "stop", after: time.Second, steps: []string{ // while it is watched
			"done: deauthorize on 8056c2e21c000001 home ()",
			"nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)",
			"done: stop the service ()",
			"not done: remove " + secrets + " (interrupted)",
			"done: start the service (it answers as {old}, as before)",
		}},
		{at: "start", steps: []string{
			"done: deauthorize on 8056c2e21c000001 home ()",
			"nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)",
			"done: stop the service ()",
			"done: remove " + secrets + " ()",
			"failed: start the service (interrupted before it answered)",
		}, gone: "identity"},
		{at: "start", slow: 10 * time.Second, after: 5 * time.Second, steps: []string{
			"done: deauthorize on 8056c2e21c000001 home ()",
			"nothing to do: deauthorize on 8056c2e21c000002 (it was not authorized)",
			"done: stop the service ()",
			"done: remove " + secrets + " ()",
			"failed: start the service (interrupted before it answered)",
		}, gone: "identity"},
	} {
		t.Run(fmt.Sprint(x.at, x.after), func(t *testing.T) {
			s, c := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				s.slow = x.slow
				s.on = func(call string) {
					call = strings.NewReplacer(s.ids[0][:10]+" ", "", home.String(), "home", office.String(), "office").Replace(call)
					switch {
					case call != x.at:
					case x.after > 0:
						time.AfterFunc(x.after, interrupt)
					default:
						interrupt()
					}
				}
				r := c.Run(ctx, func(Step) {})
				expand := strings.NewReplacer("{old}", s.ids[0][:10])
				if got, want := strings.Join(done(r), "\n"), expand.Replace(strings.Join(x.steps, "\n")); got != want {
					t.Errorf("steps\n%s\nwant\n%s", got, want)
				}
				time.Sleep(s.slow) // what it was told it does
				if !s.isRunning() {
					t.Error("the service is left stopped")
				}
				if len(r.Left()) == 0 {
					t.Error("nothing is said to be left")
				}
				s.left(x.gone)
			})
		})
	}
}

func TestPlan(t *testing.T) {
	s, c := newScene(t)
	c.Networks, c.Effect = append(c.Networks, Network{ID: unknown, Was: NoMember}), "At once."
	want := strings.Split(strings.TrimSpace(`
node {old}, home folder {home}
  1. deauthorize it on 3 networks of https://example.com/api/v1:
       8056c2e21c000001 home (is authorized)
       8056c2e21c000002
       8056c2e21c000003 (is no member there)
     At once.
  2. stop the service, which runs
  3. remove identity.secret and identity.public; without --backup there is no way back
  4. start the service, and wait until it answers
     It comes back with another address, as a stranger who asks to join the same networks.
`), "\n")
	expand := strings.NewReplacer("{old}", s.ids[0][:10], "{home}", c.home.path)
	same := func(want []string) {
		t.Helper()
		if got, want := strings.Join(c.Plan(), "\n"), expand.Replace(strings.Join(want, "\n")); got != want {
			t.Errorf("plan\n%s\nwant\n%s", got, want)
		}
	}
	same(want)
	c.Networks, c.task.Backup, c.running = nil, "/root/kept", false
	same([]string{
		want[0],
		"  1. stop the service, which does not run now",
		"  2. copy identity.secret and identity.public to /root/kept, then remove them",
		"  3. start the service, and wait until it answers",
		want[9],
	})
	c.task.Backup, c.task.Forget, c.files, c.service = "", AuthToken, []string{authTokenFile}, nil
	same([]string{
		want[0],
		"  1. remove authtoken.secret; without --backup there is no way back",
		"     The service makes another token; the node keeps its address.",
		"     The service does not run; starting it is left to you.",
	})
	c.task.KeepRunning, c.running, c.files = true, true, nil
	same([]string{
		want[0],
		"  1. remove authtoken.secret: there is none",
		"     The service makes another token; the node keeps its address.",
		"     The service runs on and keeps what it has in memory until it is restarted.",
	})
	c.task.NetworksOnly, c.Networks, c.Delete, c.Effect = true, []Network{{ID: home, Name: "home", Was: Authorized}}, true, ""
	same([]string{want[0], "  1. delete it from 1 network of https://example.com/api/v1:", want[2]})
}
