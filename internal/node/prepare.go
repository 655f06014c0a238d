package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// Task is what a user wants to have cleaned up.
type Task struct {
	Node        string // its address, if the user names it; empty: this device's
	Home        string // empty: the platform's
	Service     Kind
	ServiceName string
	Forget      Secret
	Backup      string // folder that copies go to; empty: none are made
	KeepRunning bool   // neither stop nor start the service
	// ControllerToo says that the networks which the node controls may be lost.
	ControllerToo bool
	// NetworksOnly leaves the device as it is.
	NetworksOnly bool
	// Timeout bounds each wait: for the server, for the service to stop, and for
	// it to answer. 0: one minute.
	Timeout time.Duration
}

// Cleanup is a cleanup that is ready to be done. Its networks are the caller's to
// set.
type Cleanup struct {
	Node     zt.Address
	Networks []Network // in the order in which the node is put out of them
	Delete   bool      // delete the member instead of deauthorizing it
	Expel    Expeller  // nil if there are no networks
	Server   string    // for the plan: where Expel does it
	Effect   string    // for the plan: what follows from it

	task    Task
	home    *Home   // nil: only networks
	service Service // nil: neither stopped nor started
	api     interface {
		Status(ctx context.Context) (*LocalStatus, error)
	}
	files   []string // that are there to be removed
	running bool     // the service, now
	joined  []Joined // as far as the service says
}

// Network is a network that a node is to be put out of.
type Network struct {
	ID   zt.NetworkID
	Name string
	Was  Membership // as far as is known
}

// Membership is what a node is to a network.
type Membership int

// The memberships.
const (
	Unknown Membership = iota
	NoMember
	NotAuthorized
	Authorized
)

// Expeller puts a node out of a network, at the network's controller. Both return
// what the node was before, and nil only if the server has confirmed that it is
// out: not authorized, or deleted.
type Expeller interface {
	Deauthorize(ctx context.Context, network zt.NetworkID, node zt.Address) (Membership, error)
	Delete(ctx context.Context, network zt.NetworkID, node zt.Address) (Membership, error)
}

// Prepare looks at the device, changes nothing, and refuses what would not be
// safe. Close the cleanup afterwards.
func (d *Device) Prepare(ctx context.Context, task Task) (*Cleanup, error) {
	if task.Timeout <= 0 {
		task.Timeout = time.Minute
	}
	if task.Forget != Identity && task.Forget != AuthToken {
		return nil, fmt.Errorf("--forget %q; want identity or authtoken", task.Forget)
	}
	c := &Cleanup{task: task}
	if task.NetworksOnly && task.Node != "" {
		var err error
		c.Node, err = named(task.Node)
		return c, err
	}
	home, err := d.OpenHome(task.Home)
	if err != nil {
		return nil, err
	}
	c.home = home
	if err := c.prepare(ctx, d); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close ends the use of the home folder.
func (c *Cleanup) Close() error {
	if c.home == nil {
		return nil
	}
	return c.home.Close()
}

func (c *Cleanup) prepare(ctx context.Context, d *Device) error {
	local := c.home.Local()
	c.api = local
	status, statusErr := local.Status(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if statusErr == nil {
		c.joined, _ = local.Networks(ctx)
	}
	c.running = statusErr == nil || (!errors.Is(statusErr, ErrSilent) && local.listens(ctx))
	if !c.task.NetworksOnly {
		if err := c.prepareDevice(ctx, d); err != nil {
			return err
		}
	}
	files, filesErr := c.home.Address()
	var asked zt.Address
	if status != nil {
		asked = status.Address
	}
	var err error
	c.Node, err = which(c.task.Node, files, filesErr, asked)
	return err
}

// named is the node that the user names.
func named(address string) (zt.Address, error) {
	node, err := zt.ParseAddress(strings.ToLower(address))
	if err != nil {
		return 0, fmt.Errorf("ZEROTIER_NODE_ID: %w", err)
	}
	return node, nil
}

// which decides which node it is that is cleaned up: user is what the user says
// (may be empty), files what the home folder says, running what the service says
// (0 if it says nothing). The service's word alone does not count: while it is
// stopped, any user of the device can answer in its place.
func which(user string, files zt.Address, filesErr error, running zt.Address) (zt.Address, error) {
	if user != "" {
		node, err := named(user)
		if err != nil {
			return 0, err
		}
		if known := filesErr == nil || running != 0; known && node != files && node != running {
			this := files
			if filesErr != nil {
				this = running
			}
			return 0, fmt.Errorf("ZEROTIER_NODE_ID says %s, but this device is %s; unset it, or say --only networks to put another node out of networks", node, this)
		}
		return node, nil
	}
	switch {
	case filesErr == nil && running != 0 && running != files:
		return 0, fmt.Errorf("the service that runs is %s, but its files are of %s; restart it first, or say which is meant with ZEROTIER_NODE_ID", running, files)
	case filesErr == nil:
		return files, nil
	case running != 0 && (errors.Is(filesErr, fs.ErrNotExist) || errors.Is(filesErr, fs.ErrPermission)):
		return 0, fmt.Errorf("%w; what answers as its service says that it is %s; if it is, run this with ZEROTIER_NODE_ID=%s", filesErr, running, running)
	}
	return 0, fmt.Errorf("%w; ZEROTIER_NODE_ID can name the node", filesErr)
}

// prepareDevice finds out how the part on this device is to be done.
func (c *Cleanup) prepareDevice(ctx context.Context, d *Device) error {
	if err := c.home.check(); err != nil {
		return err
	}
	if !c.task.KeepRunning {
		service, err := d.FindService(ctx, c.home, c.task.Service, c.task.ServiceName)
		if err != nil {
			return err
		}
		c.service = service
	}
	_, process := c.service.(*bare)
	if !d.privileged() && (!d.owns(c.home.path) || (c.service != nil && !process)) {
		return fmt.Errorf("what is to be done on this device needs more rights; %s, or say --only networks", d.becomeRoot())
	}
	if c.service != nil && !c.running {
		running, err := c.service.Running(ctx)
		if err != nil {
			return err
		}
		c.running = running
	}
	if c.service == nil && !c.task.KeepRunning && c.running {
		return errors.New("the ZeroTier service runs, and --service none does not stop it; stop it first, or say --keep-running")
	}
	var err error
	if c.files, err = c.home.present(c.task.Forget.Files()); err != nil {
		return err
	}
	if c.task.Backup != "" {
		if err := checkBackup(c.task.Backup, c.files); err != nil {
			return fmt.Errorf("--backup: %w", err)
		}
	}
	if c.task.Forget != Identity || c.task.ControllerToo {
		return nil
	}
	hosted, err := c.home.hostsNetworks()
	if err != nil {
		return fmt.Errorf("%w; whether this node is a controller, whose networks would be lost, is not known; if it is none, say --controller-too", err)
	}
	if hosted != "" {
		return fmt.Errorf("this node is the controller of %s; without its identity they are lost for good, as their ids and all members' trust depend on it; if that is wanted, say --controller-too", hosted)
	}
	return nil
}

// Reached returns the network over which this device reaches an address, as far
// as the service's networks tell; false if over none of them.
func (c *Cleanup) Reached(server netip.Addr) (zt.NetworkID, bool) {
	server = server.Unmap()
	for _, network := range c.joined {
		ranges := network.AssignedAddresses
		for _, route := range network.Routes {
			if target, err := netip.ParsePrefix(route.Target); err == nil && target.Bits() > 0 {
				ranges = append(ranges, target)
			}
		}
		for _, one := range ranges {
			if one.Masked().Contains(server) {
				return network.ID, true
			}
		}
	}
	return 0, false
}
