// Package server reads the configuration, puts the rooms of Orrery together,
// and starts and stops them in order. It decides nothing about networks.
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/gate"
)

// Config is what `orrery serve` can be told. The zero value is not usable;
// begin with Default.
type Config struct {
	Data      string           // folder of everything that must be kept
	HTTP      string           // host:port of console and APIs
	UDP       string           // host:port of VL1; an empty host means all addresses
	Roots     []netip.AddrPort // endpoints of the own planet; none: a leaf on the public planet
	Database  string           // "" : SQLite in Data
	LogLevel  string           // debug, info, warn, error
	LogFormat string           // text, json
	Version   string

	RateLimit    int           // requests per second of one user; 0: no limit
	RateBurst    int           // requests of one user at once
	KeepActivity time.Duration // how long the activity log goes back; 0: forever
}

// Default returns the settings of a server that was told nothing.
func Default() Config {
	return Config{
		Data: "orrery-data", HTTP: "127.0.0.1:8000", UDP: ":9993", LogLevel: "info", LogFormat: "text",
		RateLimit: gate.DefaultLimits.PerSecond, RateBurst: gate.DefaultLimits.Burst, KeepActivity: 90 * day,
	}
}

// ErrUsage marks an error in what the operator asked for.
var ErrUsage = errors.New("usage")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUsage}, args...)...)
}

// Validate checks all settings; its error wraps ErrUsage.
func (c *Config) Validate() error {
	if c.Data == "" {
		return usage("--data is empty; name a folder")
	}
	for flag, addr := range map[string]string{"--http": c.HTTP, "--udp": c.UDP} {
		_, port, err := net.SplitHostPort(addr)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return usage("%s %q is no host:port; write for example 127.0.0.1:8000 or :9993", flag, addr)
		}
	}
	if c.Database != "" {
		return usage("--database: this version keeps its data in SQLite inside --data; leave the flag out")
	}
	if len(c.Roots) > maxRootEndpoints {
		return usage("--root was given %d times; a planet names at most %d endpoints of a root", len(c.Roots), maxRootEndpoints)
	}
	if _, err := c.level(); err != nil {
		return err
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return usage("--log-format %q; want text or json", c.LogFormat)
	}
	if err := c.checkRates(); err != nil {
		return err
	}
	if c.KeepActivity != 0 && (c.KeepActivity < minKeepActivity || c.KeepActivity > maxKeepActivity) {
		return usage("--keep-activity %s; want from %s to %d days, or 0 to keep everything", c.KeepActivity, minKeepActivity, maxKeepActivity/day)
	}
	return nil
}

func (c *Config) checkRates() error {
	switch {
	case c.RateLimit < 0 || c.RateLimit > maxRate:
		return usage("--rate-limit %d; want requests per second, at most %d, or 0 for no limit", c.RateLimit, maxRate)
	case c.RateLimit == 0:
		return nil
	case c.RateBurst < c.RateLimit || c.RateBurst > maxRate:
		return usage("--rate-burst %d; want at least --rate-limit, which is %d, and at most %d", c.RateBurst, c.RateLimit, maxRate)
	}
	return nil
}

const day = 24 * time.Hour

// The bounds of settings.
const (
	maxRate         = 1_000_000
	minKeepActivity = tidyEvery // it is not looked at more often
	maxKeepActivity = 36_500 * day
)

// ParseKeep reads how long something is kept: days ("90d"), a duration as Go
// writes it ("720h"), or "0" for ever.
func ParseKeep(flag, s string) (time.Duration, error) {
	days, isDays := strings.CutSuffix(s, "d")
	if number, err := strconv.ParseUint(days, 10, 16); isDays && err == nil {
		return time.Duration(number) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, usage("%s %q; want days or hours, for example 90d or 720h, or 0 to keep everything", flag, s)
	}
	return d, nil
}

func (c *Config) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return 0, usage("--log-level %q; want debug, info, warn or error", c.LogLevel)
	}
	return level, nil
}

// ParseRoot reads one endpoint of the own planet, written IP/PORT as ZeroTier's
// tools do, or IP:PORT.
func ParseRoot(s string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(s)
	if ip, port, ok := strings.Cut(s, "/"); ok {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(ip); err == nil {
			var number uint64
			if number, err = strconv.ParseUint(port, 10, 16); err == nil {
				at = netip.AddrPortFrom(addr, uint16(number))
			}
		}
	}
	switch {
	case err != nil || at.Port() == 0:
		return netip.AddrPort{}, usage("--root %q is no IP/PORT; write for example 203.0.113.5/9993", s)
	case at.Addr().IsUnspecified() || at.Addr().IsMulticast():
		return netip.AddrPort{}, usage("--root %s: clients cannot send to this address; name the address at which they reach this server", s)
	case at.Addr().IsLoopback() || at.Addr().IsLinkLocalUnicast():
		return netip.AddrPort{}, usage("--root %s: ZeroTier clients never use loopback or link-local addresses; name one at which they reach this server", s)
	}
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()), nil
}
