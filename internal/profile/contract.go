// Package profile keeps which servers a person works with and the tokens for
// them, in a file that nobody else may read.
package profile

import "errors"

// Server is a server that a person logged in to.
type Server struct {
	URL   string `toml:"url"` // base of Central's API
	Token string `toml:"token"`
}

// File is the file with all profiles.
type File struct {
	Default string            `toml:"default,omitempty"` // name of the profile that is used if none is named
	Servers map[string]Server `toml:"server,omitempty"`
}

// Path is where the file is: $ORRERY_CONFIG, else config.toml in
// $XDG_CONFIG_HOME/orrery or ~/.config/orrery, on Windows in %AppData%\orrery.
func Path() (string, error) { return "", errContract }

// Load reads the file; none is an empty File. One that others may read is an
// error that says which command mends it (not on Windows).
func Load(path string) (*File, error) { return nil, errContract }

// Save writes the file whole or not at all, mode 0600, in a folder of mode 0700.
func (f *File) Save(path string) error { return errContract }

var errContract = errors.New("not there")
