// Command orrery is a self-hosted ZeroTier Central: server and command line in
// one program.
package main

import (
	"os"

	"github.com/orrery-net/orrery/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
