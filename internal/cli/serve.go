package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/server"
)

func serveCommand() *cobra.Command {
	config := server.Default()
	config.Version = Version
	var roots []string
	keepActivity := "90d"
	command := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: controller, APIs and, with --root, the root of an own planet.

Every flag can be set in the environment instead: ORRERY_ and the flag's name in
capitals, with _ for -. A flag wins over the environment.`,
		Example: `  orrery serve
  orrery serve --data /var/lib/orrery --http 0.0.0.0:8000
  orrery serve --root 203.0.113.5/9993 --root 2001:db8::5/9993`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c); err != nil {
				return err
			}
			for _, root := range roots {
				at, err := server.ParseRoot(root)
				if err != nil {
					return err
				}
				config.Roots = append(config.Roots, at)
			}
			var err error
			if config.KeepActivity, err = server.ParseKeep("--keep-activity", keepActivity); err != nil {
				return err
			}
			return serve(c, config)
		},
	}
	flags := command.Flags()
	flags.StringVar(&config.Data, "data", config.Data, "`folder` of everything that must be kept")
	flags.StringVar(&config.HTTP, "http", config.HTTP, "`host:port` of the APIs")
	flags.StringVar(&config.UDP, "udp", config.UDP, "`host:port` of ZeroTier's packets")
	flags.StringSliceVar(&roots, "root", nil, "serve an own planet with this `IP/PORT` as its root's endpoint (repeatable)")
	flags.StringVar(&config.Database, "database", config.Database, "`URL` of the database; empty: SQLite in the data folder")
	flags.IntVar(&config.RateLimit, "rate-limit", config.RateLimit, "API `requests` per second of one user; 0: no limit")
	flags.IntVar(&config.RateBurst, "rate-burst", config.RateBurst, "API `requests` of one user at once")
	flags.StringVar(&keepActivity, "keep-activity", keepActivity, "for how `long` the activity log goes back, as 90d or 720h; 0: forever")
	flags.StringVar(&config.LogLevel, "log-level", config.LogLevel, "debug, info, warn or error")
	flags.StringVar(&config.LogFormat, "log-format", config.LogFormat, "text or json")
	return command
}

// fromEnvironment sets the flags that were not given from the environment.
func fromEnvironment(c *cobra.Command) error {
	for _, name := range []string{"data", "http", "udp", "root", "database", "rate-limit", "rate-burst", "keep-activity", "log-level", "log-format"} {
		variable := "ORRERY_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value, ok := os.LookupEnv(variable)
		if flag := c.Flags().Lookup(name); !ok || flag == nil || flag.Changed {
			continue
		}
		if err := c.Flags().Set(name, value); err != nil {
			return fmt.Errorf("%w: %s: %w", server.ErrUsage, variable, err)
		}
	}
	return nil
}

func serve(c *cobra.Command, config server.Config) error {
	s, err := server.Start(c.Context(), config, c.ErrOrStderr())
	if err != nil {
		return err
	}
	fmt.Fprint(c.OutOrStdout(), s.Summary())
	return errors.Join(s.Wait(c.Context()), s.Stop())
}

func planetCommand() *cobra.Command {
	data := server.Default().Data
	var output string
	export := &cobra.Command{
		Use:   "export",
		Short: "Write the planet file that clients need",
		Long: `Write the planet file that clients need when the server runs with --root.
Clients take it as the file "planet" in their home folder, for example
/var/lib/zerotier-one/planet, and restart.`,
		Example: `  orrery planet export --output planet
  orrery planet export --output - | ssh laptop 'cat > /var/lib/zerotier-one/planet'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c); err != nil {
				return err
			}
			return exportPlanet(c, data, output)
		},
	}
	export.Flags().StringVar(&data, "data", data, "`folder` of the server's data")
	export.Flags().StringVarP(&output, "output", "o", "planet", "`file` to write; - for standard output")
	return group(&cobra.Command{
		Use:     "planet",
		Short:   "The planet of a server with --root",
		Example: `  orrery planet export --output planet`,
	}, export)
}

func exportPlanet(c *cobra.Command, data, output string) error {
	planet, err := server.ReadPlanet(data)
	if err != nil {
		return err
	}
	raw := planet.Append(nil)
	if output == "-" {
		_, err := c.OutOrStdout().Write(raw)
		return err
	}
	if err := os.WriteFile(output, raw, 0o644); err != nil {
		return fmt.Errorf("write the planet: %w", err)
	}
	var endpoints []netip.AddrPort
	for _, root := range planet.Roots {
		endpoints = append(endpoints, root.Endpoints...)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: planet %016x with root endpoints %v\n", output, planet.ID, endpoints)
	return nil
}
