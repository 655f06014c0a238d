package cli

import (
	"context"
	"errors"

	"github.com/orrery-net/orrery/internal/client"
)

// findNetwork finds the network that a user names: by its id, or by its name if
// only one has it, in any case.
func findNetwork(ctx context.Context, c *client.Client, name string) (*client.Network, error) {
	return nil, errors.New("not there")
}
