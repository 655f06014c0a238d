package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// settle is how long a service that was stopped must stay so. Supervisors start
// theirs again sooner.
const settle = 2 * time.Second

// Outcome is what became of a step.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Nothing Outcome = "nothing to do" // it was so already
	Failed  Outcome = "failed"
	NotDone Outcome = "not done" // it was not tried
)

// Step is a step of a cleanup that is over.
type Step struct {
	What    string // "stop the systemd unit zerotier-one"
	Outcome Outcome
	Detail  string // why, or what came of it; may be empty

	wanted bool // it is what the user wants, not a means to it
}

// Result is what a cleanup did.
type Result struct {
	Steps []Step
	// Address is the node's after the service was started; 0 if that is unknown.
	Address zt.Address
}

// Left says what is not done, a line each; none if all is.
func (r *Result) Left() []string {
	var left []string
	for _, s := range r.Steps {
		switch {
		case s.Outcome != Failed && s.Outcome != NotDone:
		case s.Detail == "":
			left = append(left, s.What)
		default:
			left = append(left, s.What+" ("+s.Detail+")")
		}
	}
	return left
}

// Partly says whether something is done of what the user wanted.
func (r *Result) Partly() bool {
	for _, s := range r.Steps {
		if s.wanted && (s.Outcome == Done || s.Outcome == Nothing) {
			return true
		}
	}
	return false
}

// run is a cleanup while it is done.
type run struct {
	*Cleanup
	Result
	report func(Step)
}

func (r *run) step(s Step) {
	r.Steps = append(r.Steps, s)
	r.report(s)
}

// ended reports a step that was tried.
func (r *run) ended(what, detail string, err error) {
	if err != nil {
		r.step(Step{What: what, Outcome: Failed, Detail: line(err)})
		return
	}
	r.step(Step{What: what, Outcome: Done, Detail: detail})
}

// line is an error's text as one line.
func line(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

const interrupted = "interrupted"

// Run does the cleanup and tells of each step as it ends. Later steps are done
// although an earlier one failed, unless that would not be safe: nothing is
// removed while the service may run. When the context ends, what was not begun is
// not done; only a service that was stopped is started again.
func (c *Cleanup) Run(ctx context.Context, report func(Step)) *Result {
	r := &run{Cleanup: c, report: report}
	for _, network := range c.Networks {
		r.putOut(ctx, network)
	}
	switch {
	case c.task.NetworksOnly:
	case c.task.KeepRunning:
		r.withoutStop(ctx)
	case c.service == nil:
		r.remove(ctx)
		r.step(Step{What: "start the service", Outcome: Nothing, Detail: "--service none leaves that to you" + r.then()})
	default:
		r.withStop(ctx)
	}
	return &r.Result
}

func (r *run) then() string {
	if r.task.Forget == Identity {
		return "; the node gets a new address then"
	}
	return ""
}

func (r *run) putOut(ctx context.Context, network Network) {
	what := "deauthorize on " + network.String()
	expel := r.Expel.Deauthorize
	if r.Delete {
		what, expel = "delete from "+network.String(), r.Expel.Delete
	}
	if ctx.Err() != nil {
		r.step(Step{What: what, Outcome: NotDone, Detail: interrupted, wanted: true})
		return
	}
	limited, cancel := context.WithTimeout(ctx, r.task.Timeout)
	defer cancel()
	was, err := expel(limited, network.ID, r.Node)
	s := Step{What: what, Outcome: Done, wanted: true}
	switch {
	case ctx.Err() != nil && err != nil:
		s.Outcome, s.Detail = Failed, interrupted+" before the server answered; it may be done"
	case errors.Is(err, context.DeadlineExceeded):
		s.Outcome, s.Detail = Failed, fmt.Sprintf("the server did not answer in %s; it may be done", r.task.Timeout)
	case err != nil:
		s.Outcome, s.Detail = Failed, line(err)
	case was == NoMember:
		s.Outcome, s.Detail = Nothing, "it is no member"
	case was == NotAuthorized && !r.Delete:
		s.Outcome, s.Detail = Nothing, "it was not authorized"
	}
	r.step(s)
}

// String names a network for people.
func (n Network) String() string {
	if n.Name == "" {
		return n.ID.String()
	}
	return n.ID.String() + " " + n.Name
}

func (r *run) what() string { return "remove " + and(r.task.Forget.Files()) }

// withoutStop removes the secret from under a service that runs on.
func (r *run) withoutStop(ctx context.Context) {
	removed := r.remove(ctx)
	if !removed || !r.running {
		return
	}
	detail := "until then the service that runs keeps its token"
	if r.task.Forget == Identity {
		detail = fmt.Sprintf("until then the service that runs stays %s", r.Node)
	}
	r.step(Step{What: "restart the service", Outcome: NotDone, Detail: detail})
}

func (r *run) withStop(ctx context.Context) {
	stop, start := "stop "+r.service.String(), "start "+starting(r.service)
	if ctx.Err() != nil {
		r.step(Step{What: stop, Outcome: NotDone, Detail: interrupted})
		r.step(Step{What: r.what(), Outcome: NotDone, Detail: interrupted, wanted: true})
		return
	}
	safe := true
	if r.running {
		err := r.stop(ctx)
		safe = err == nil
		r.ended(stop, "", err)
	} else {
		r.step(Step{What: stop, Outcome: Nothing, Detail: "it does not run"})
	}
	removed := false
	if safe {
		removed = r.remove(ctx)
	} else {
		r.step(Step{What: r.what(), Outcome: NotDone, Detail: "not safe while the service may run", wanted: true})
	}
	address, err := r.start(ctx)
	detail := "it answers as " + address.String()
	switch {
	case err != nil:
	case r.task.Forget == Identity && removed && address == r.Node:
		err = fmt.Errorf("it is %s still, as before", address)
	case address == r.Node:
		detail += ", as before"
	default:
		detail += ", its new address"
	}
	r.Address = address
	r.ended(start, detail, err)
}

// remove removes the secret, after the backup, and says whether it is gone.
func (r *run) remove(ctx context.Context) bool {
	s := Step{What: r.what(), Outcome: Done, wanted: true}
	defer func() { r.step(s) }()
	if ctx.Err() != nil {
		s.Outcome, s.Detail = NotDone, interrupted
		return false
	}
	files, err := r.home.present(r.task.Forget.Files())
	if err == nil && len(files) == 0 {
		s.Outcome, s.Detail = Nothing, "there is none in "+r.home.path
		return true
	}
	if err == nil && r.task.Backup != "" {
		err = r.home.backup(r.task.Backup, files)
		if err != nil {
			err = fmt.Errorf("nothing is removed without a backup: %w", err)
		}
		s.Detail = "copied to " + r.task.Backup
	}
	if err == nil {
		var removed []string
		removed, err = r.home.forget(files)
		if err != nil && len(removed) > 0 {
			err = fmt.Errorf("%w; %s is removed", err, and(removed))
		}
	}
	if err != nil {
		s.Outcome, s.Detail = Failed, line(err)
		return false
	}
	return true
}

// runs says whether the service runs: by its manager, or because it answers.
func (c *Cleanup) runs(ctx context.Context) (bool, error) {
	running, err := c.service.Running(ctx)
	if err != nil || running {
		return running, err
	}
	_, err = c.api.Status(ctx)
	return err == nil, nil
}

// stop stops the service and makes sure that it stays so. It is not interrupted
// until the service has stopped: before, it could not be started again.
func (c *Cleanup) stop(ctx context.Context) error {
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.task.Timeout)
	defer cancel()
	if err := c.service.Stop(telling); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.task.Timeout)
	defer cancel()
	for {
		running, err := c.runs(waiting)
		if err == nil && !running {
			break
		}
		if pause(waiting, 100*time.Millisecond) == nil {
			continue
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("it runs still after %s; --timeout can be longer", c.task.Timeout)
	}
	for end := time.Now().Add(settle); time.Now().Before(end); {
		if pause(ctx, 250*time.Millisecond) != nil {
			return nil // it is stopped; the next step says that it is interrupted
		}
		if running, err := c.runs(context.WithoutCancel(ctx)); running && err == nil {
			return errors.New("something starts it again at once, a supervisor, a container or a script; stop it there, run this with --service none, and start it there")
		}
	}
	return nil
}

// start starts the service and waits until it answers. It is done also after an
// interruption; one that comes while it waits ends the waiting.
func (c *Cleanup) start(ctx context.Context) (zt.Address, error) {
	base := ctx
	if ctx.Err() != nil {
		base = context.WithoutCancel(ctx)
	}
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.task.Timeout)
	defer cancel()
	if err := c.service.Start(telling); err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(base, c.task.Timeout)
	defer cancel()
	silence := ErrSilent
	for {
		status, err := c.api.Status(waiting)
		switch {
		case err == nil:
			return status.Address, nil
		case waiting.Err() == nil:
			silence = err
		}
		if pause(waiting, 200*time.Millisecond) == nil {
			continue
		}
		if base.Err() != nil {
			return 0, errors.New(interrupted + " before it answered")
		}
		return 0, fmt.Errorf("it was started and does not answer after %s: %w", c.task.Timeout, silence)
	}
}
