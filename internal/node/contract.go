// Package node works with the ZeroTier service on this device: where its files
// are, what it says, how it is stopped and started, and how a node is cleaned up
// so that it is out of its networks now. It knows nothing of Orrery's server;
// who is let in is the Controller's business.
package node

import "errors"

var errContract = errors.New("not there")
