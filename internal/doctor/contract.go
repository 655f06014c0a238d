// Package doctor looks for what goes wrong in practice with a server and its
// networks, and says for each what to do.
package doctor

import "errors"

var errContract = errors.New("not there")
