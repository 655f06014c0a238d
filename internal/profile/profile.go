// Package profile keeps which servers a person works with and the tokens for
// them, in a file that nobody else may read.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/BurntSushi/toml"
)

// Server is a server that a person logged in to.
type Server struct {
	URL   string `toml:"url"` // base of Central's API
	Token string `toml:"token"`
}

// File is the file with all profiles.
type File struct {
	Default string            `toml:"default,omitempty"` // name of the profile that is used if none is named
	Servers map[string]Server `toml:"server,omitempty"`  // by the profile's name
}

// maxSize is how many bytes a file has at most.
const maxSize = 1 << 20

// Path is where the file is: $ORRERY_CONFIG, else config.toml in
// $XDG_CONFIG_HOME/orrery or ~/.config/orrery, on Windows in %AppData%\orrery.
func Path() (string, error) { return pathFor(runtime.GOOS, os.Getenv, os.UserHomeDir) }

func pathFor(system string, getenv func(string) string, home func() (string, error)) (string, error) {
	if path := getenv("ORRERY_CONFIG"); path != "" {
		return path, nil
	}
	if system == "windows" {
		dir := getenv("AppData")
		if dir == "" {
			return "", errors.New("there is no folder for settings; set AppData, or ORRERY_CONFIG to the file of the profiles")
		}
		return dir + `\orrery\config.toml`, nil
	}
	if dir := getenv("XDG_CONFIG_HOME"); strings.HasPrefix(dir, "/") { // others count as unset (XDG Base Directory Specification)
		return strings.TrimRight(dir, "/") + "/orrery/config.toml", nil
	}
	dir, err := home()
	if err != nil || dir == "" {
		return "", errors.New("there is no home folder; set HOME, or ORRERY_CONFIG to the file of the profiles")
	}
	return strings.TrimRight(dir, "/") + "/.config/orrery/config.toml", nil
}

// Load reads the file; none is an empty File. One that others may read is an
// error that says which command mends it (not on Windows). No error shows what is
// in the file.
func Load(path string) (*File, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Servers: make(map[string]Server)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the profiles: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read the profiles: %s is no file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("others may read %s, which holds tokens; run: chmod 600 %s", path, quoted(path))
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s has more than %d MiB, which no file of profiles has; move it away and log in again", path, maxSize>>20)
	}
	var f File
	if err := toml.Unmarshal(text, &f); err != nil {
		return nil, damaged(path, err)
	}
	if f.Servers == nil {
		f.Servers = make(map[string]Server)
	}
	return &f, nil
}

// damaged says where a file is not TOML, or has not what belongs there. What the
// decoder says of it may have a part of a token.
func damaged(path string, err error) error {
	const advice = "mend it, or move it away and log in again"
	var syntax toml.ParseError
	if errors.As(err, &syntax) && syntax.Position.Line > 0 {
		return fmt.Errorf("line %d of %s cannot be understood; %s", syntax.Position.Line, path, advice)
	}
	return fmt.Errorf("%s cannot be understood; %s", path, advice)
}

// Change changes the file, unless change fails, whose error it returns. Others
// that change it at the same time wait, so that none undoes what another did (not
// on Windows, where the last one wins if they meet within milliseconds).
func Change(path string, change func(*File) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save the profiles: %w", err)
	}
	defer lockDir(filepath.Dir(path))()
	f, err := Load(path)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	return f.Save(path)
}

// Save writes the file whole or not at all, mode 0600, in a folder of mode 0700.
// A symbolic link to a file stays, and the file that it leads to is replaced.
func (f *File) Save(path string) error {
	var text bytes.Buffer
	encoder := toml.NewEncoder(&text)
	encoder.Indent = ""
	if err := encoder.Encode(f); err != nil {
		return fmt.Errorf("save the profiles: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save the profiles: %w", err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := replace(path, text.Bytes()); err != nil {
		return fmt.Errorf("save the profiles in %s: %w", path, err)
	}
	return nil
}

func replace(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".config-*.toml") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// quoted makes a path one word of a shell.
func quoted(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
