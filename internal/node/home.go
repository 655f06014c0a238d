package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// The files of a home folder (protocol 09 §7) that matter here.
const (
	secretFile    = "identity.secret"
	publicFile    = "identity.public"
	authTokenFile = "authtoken.secret"
	portFile      = "zerotier-one.port"
	pidFile       = "zerotier-one.pid"
)

// defaultPort is where the service listens if its home does not say otherwise.
const defaultPort = 9993

// maxFile is more than any file that is read here holds, in bytes.
const maxFile = 64 << 10

// HomeFolder is where a platform's ZeroTier service has its files (protocol 09
// §7).
func (d *Device) HomeFolder() string {
	switch d.OS {
	case "windows":
		data := d.Getenv("ProgramData")
		if data == "" {
			data = `C:\ProgramData`
		}
		return strings.TrimRight(data, `\/`) + `\ZeroTier\One`
	case "darwin":
		return "/Library/Application Support/ZeroTier/One"
	case "freebsd", "openbsd", "netbsd", "dragonfly":
		return "/var/db/zerotier-one"
	}
	return "/var/lib/zerotier-one"
}

// userToken is where a person's own copy of the service's token is, which
// ZeroTier's command line uses as well; "" if there can be none.
func (d *Device) userToken() string {
	switch home := d.Getenv("HOME"); {
	case d.OS == "windows":
		if data := d.Getenv("LOCALAPPDATA"); data != "" {
			return data + `\ZeroTier\authtoken.secret`
		}
	case home == "":
	case d.OS == "darwin":
		return path.Join(home, "Library/Application Support/ZeroTier/One/authtoken.secret")
	default:
		return path.Join(home, ".zeroTierOneAuthToken")
	}
	return ""
}

// Home is the home folder of a ZeroTier service. Everything is read and removed
// below the folder that was opened, wherever links in it lead.
type Home struct {
	path      string // with links resolved
	isDefault bool   // the platform's
	userToken string // the person's copy of the token, of the platform's home
	root      *os.Root
}

// OpenHome opens a home folder, the platform's if path is empty. A link to the
// folder is followed here, once. Close it afterwards.
func (d *Device) OpenHome(path string) (*Home, error) {
	standard := d.HomeFolder()
	if path == "" {
		path = standard
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	var root *os.Root
	if err == nil {
		root, err = os.OpenRoot(resolved)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s; is ZeroTier installed? --home names the folder where its service keeps identity.public", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the folder %s may not be read; %s", path, d.becomeRoot())
	case err != nil:
		return nil, fmt.Errorf("open ZeroTier's home folder %s: %w", path, reason(err))
	}
	h := &Home{path: resolved, root: root, isDefault: same(resolved, standard)}
	if h.isDefault {
		h.userToken = d.userToken()
	}
	return h, nil
}

// becomeRoot says how to get the rights for this device.
func (d *Device) becomeRoot() string {
	if d.OS == "windows" {
		return "run this in a terminal that was opened as administrator"
	}
	return "run this as root, with sudo -E, which keeps the environment"
}

// same says whether two paths lead to the same file or folder.
func same(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// reason is what went wrong with a file, without the operation and its name,
// which the messages here say in their own words.
func reason(err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// Path is the folder, with links resolved.
func (h *Home) Path() string { return h.path }

// Close ends the use of the folder.
func (h *Home) Close() error { return h.root.Close() }

// check refuses a folder that no ZeroTier service has run in, from which nothing
// must be removed.
func (h *Home) check() error {
	if h.has("owner.token") || h.has("orrery.db") {
		return fmt.Errorf("%s is the data folder of an Orrery server, not of a ZeroTier service; name that one's with --home", h.path)
	}
	for _, name := range []string{authTokenFile, portFile, pidFile, "networks.d"} {
		if h.has(name) {
			return nil
		}
	}
	return fmt.Errorf("%s does not look like the home of a ZeroTier service: it has neither %s nor networks.d; name the right folder with --home", h.path, authTokenFile)
}

func (h *Home) has(name string) bool {
	_, err := h.root.Lstat(name)
	return err == nil
}

// read returns a file's content; fs.ErrNotExist and fs.ErrPermission are kept.
func (h *Home) read(name string) ([]byte, error) {
	file, err := h.root.OpenFile(name, os.O_RDONLY|openNow, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errors.New("not a plain file, or too large")
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// Address is the address of the node whose home this is: that of identity.public,
// or of identity.secret where that is missing. Files that do not belong together,
// or a damaged one, are an error: their address may be another node's. Without
// either file the error is fs.ErrNotExist.
func (h *Home) Address() (zt.Address, error) {
	var found *identity.Identity
	for _, name := range []string{publicFile, secretFile} {
		raw, err := h.read(name)
		if errors.Is(err, fs.ErrNotExist) || (errors.Is(err, fs.ErrPermission) && found != nil) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", filepath.Join(h.path, name), err)
		}
		id, err := identity.ParseText(string(raw))
		switch {
		case err == nil && found == nil:
			err = id.Validate() // costly, so only once
		case err == nil && (found.PublicKey() != id.PublicKey() || found.Address() != id.Address()):
			return 0, fmt.Errorf("in %s, %s is not of the identity in %s; restart the ZeroTier service, which writes it anew", h.path, publicFile, secretFile)
		}
		if err != nil {
			return 0, fmt.Errorf("%s is damaged: %w", filepath.Join(h.path, name), err)
		}
		found = id.Public()
	}
	if found == nil {
		return 0, fmt.Errorf("%s has no identity: %w", h.path, fs.ErrNotExist)
	}
	return found.Address(), nil
}

// Port is where the service's API listens on loopback.
func (h *Home) Port() uint16 {
	raw, err := h.read(portFile)
	if err != nil {
		return defaultPort
	}
	return parsePort(raw)
}

func parsePort(raw []byte) uint16 {
	port, err := strconv.ParseUint(string(bytes.TrimSpace(raw)), 10, 16)
	if err != nil || port == 0 {
		return defaultPort
	}
	return uint16(port)
}

// pid is the process that last ran on this home, 0 if unknown.
func (h *Home) pid() int {
	raw, err := h.read(pidFile)
	if err != nil {
		return 0
	}
	return parsePID(raw)
}

func parsePID(raw []byte) int {
	pid, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 32)
	if err != nil || pid < 1 {
		return 0
	}
	return int(pid)
}

var (
	errNoToken     = errors.New("no token")
	tokenCharacter = regexp.MustCompile(`^[!-~]{1,200}$`)
)

// token is what the service's API wants to see. Errors never show it.
func (h *Home) token() (string, error) {
	raw, err := h.read(authTokenFile)
	if err != nil && h.userToken != "" {
		if own, ownErr := readBounded(h.userToken); ownErr == nil {
			raw, err = own, nil
		}
	}
	file := filepath.Join(h.path, authTokenFile)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%w: %s may only be read by root; run this with sudo -E, or as administrator", errNoToken, file)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: there is no %s; has the ZeroTier service run here? --home names another folder", errNoToken, file)
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w", errNoToken, file, err)
	}
	token := string(bytes.TrimSpace(raw))
	if !tokenCharacter.MatchString(token) {
		return "", fmt.Errorf("%w: %s is empty or damaged; remove it and restart the ZeroTier service, which makes another", errNoToken, file)
	}
	return token, nil
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}

var networkRecord = regexp.MustCompile(`^[0-9a-f]{16}\.json$`)

// hostsNetworks says, in words, which networks the node is the controller of; ""
// if of none.
func (h *Home) hostsNetworks() (string, error) {
	raw, err := h.read("local.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for networks in %s: %w", filepath.Join(h.path, "local.conf"), err)
	}
	var conf struct {
		Settings struct{ ControllerDbPath string }
	}
	_ = json.Unmarshal(raw, &conf) // the service passes over one that is damaged, too
	if conf.Settings.ControllerDbPath != "" {
		return "networks of the controllerDbPath in its local.conf", nil
	}
	folder, err := h.root.Open("controller.d/network")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for networks in %s: %w", filepath.Join(h.path, "controller.d"), reason(err))
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return "", fmt.Errorf("look for networks in %s: %w", filepath.Join(h.path, "controller.d"), reason(err))
	}
	var hosted []string
	for _, name := range names {
		if networkRecord.MatchString(name) {
			hosted = append(hosted, strings.TrimSuffix(name, ".json"))
		}
	}
	switch len(hosted) {
	case 0:
		return "", nil
	case 1:
		return "the network " + hosted[0], nil
	}
	return fmt.Sprintf("%d networks", len(hosted)), nil
}
