package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/profile"
	"github.com/orrery-net/orrery/internal/server"
)

// withAccess gives a group of commands the flags that say which server to talk
// to and as whom: --url, --token, --token-file, --profile, --data.
func withAccess(command *cobra.Command) *cobra.Command {
	flags := command.PersistentFlags()
	flags.String("url", "", "`URL` of the server, as https://orrery.example.com")
	flags.String("token", "", "API `token`; others on this computer can see it, --token-file is better")
	flags.String("token-file", "", "`file` that holds the API token")
	flags.String("profile", "", "`name` of a profile made by orrery login")
	flags.String("data", "", "data `folder` of the server that runs on this machine")
	// Neither fails with the name of a flag that is there.
	_ = command.RegisterFlagCompletionFunc("profile", completeProfiles)
	_ = command.MarkPersistentFlagDirname("data")
	return command
}

// connect makes the client of the server that flags, environment, profile or
// this machine name, in this order. It is a usage error if none does.
//
// A token that was found, in a profile or in the data folder of this machine's
// server, goes to the server it was found with and to no other.
func connect(c *cobra.Command) (*client.Client, error) {
	to, err := findAccess(c)
	if err != nil {
		return nil, err
	}
	return to.connect(c)
}

// access is a server and a token for it.
type access struct {
	url       string // normalized
	token     string
	tokenFrom string // in words
	local     bool   // it runs on this machine
}

func (a access) connect(c *cobra.Command) (*client.Client, error) {
	options := client.Options{
		URL: a.url, Token: a.token, TokenFrom: a.tokenFrom, UserAgent: "orrery/" + Version, Waiting: noteWaiting(c.ErrOrStderr()),
	}
	if a.local { // what a proxy is for is elsewhere
		options.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	}
	made, err := client.New(options)
	if err != nil {
		return nil, usage(c, err)
	}
	if u, err := url.Parse(made.URL()); err == nil && a.token != "" && u.Scheme == "http" && !nearby(u.Hostname()) {
		fmt.Fprintf(c.ErrOrStderr(), "note: the token goes to %s unencrypted, for everyone on the way to read; use https\n", printable(u.Host))
	}
	return made, nil
}

// noteWaiting says on standard error why nothing happens for a second or more: at
// once, and then every now and then while it goes on.
func noteWaiting(to io.Writer) func(time.Duration, string) {
	const every = 30 * time.Second
	var last time.Time
	var lastWhy string
	return func(wait time.Duration, why string) {
		if wait < time.Second || why == lastWhy && time.Since(last) < every {
			return
		}
		last, lastWhy = time.Now(), why
		fmt.Fprintf(to, "note: %s; trying again in %s\n", why, wait.Round(time.Second))
	}
}

// nearby reports whether what is sent to a host stays on this computer or in a
// network of one's own, as far as the name tells.
func nearby(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast()
	}
	for _, end := range []string{".localhost", ".local", ".lan", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return !strings.Contains(host, ".")
}

// said is what a user said about the server to use.
type said struct {
	command *cobra.Command

	url        string // of --url, normalized
	token      string // of --token or --token-file
	tokenFrom  string
	profile    string // of --profile or ORRERY_PROFILE
	mustBe     bool   // it is of --profile
	data       string // of --data
	loaded     *profile.File
	envURL     string // normalized
	envURLFrom string
}

func findAccess(c *cobra.Command) (access, error) {
	s := &said{command: c}
	if err := s.read(); err != nil {
		return access{}, err
	}
	named, err := s.named()
	if err != nil {
		return access{}, err
	}
	switch {
	case named != nil && s.token != "": // another token for the same server
		return access{named.url, s.token, s.tokenFrom, named.local}, nil
	case named != nil:
		return *named, nil
	}
	at := s.url
	if at == "" {
		at = s.envURL
	}
	token, from, hosted := s.token, s.tokenFrom, false
	if token == "" {
		token, from, hosted = tokenOfEnvironment()
	}
	switch {
	case at != "" && token != "":
		return access{url: at, token: token, tokenFrom: from}, nil
	case at != "":
		return s.ownerOf(at)
	case token != "" && hosted:
		return access{url: client.HostedURL, token: token, tokenFrom: from}, nil
	}
	found, err := s.usual()
	if err != nil {
		return access{}, err
	}
	if token != "" {
		found.token, found.tokenFrom = token, from
	}
	return found, nil
}

// read reads flags and environment.
func (s *said) read() (err error) {
	text := func(name string) string {
		flag := s.command.Flags().Lookup(name)
		if flag == nil || !flag.Changed {
			return ""
		}
		if strings.TrimSpace(flag.Value.String()) == "" {
			err = errors.Join(err, usage(s.command, fmt.Errorf("--%s is empty", name)))
		}
		return flag.Value.String()
	}
	typed, tokenFile := text("url"), text("token-file")
	s.token, s.profile, s.data = text("token"), text("profile"), text("data")
	s.tokenFrom, s.mustBe = "--token", s.profile != ""
	switch {
	case err != nil:
		return err
	case s.token != "" && tokenFile != "":
		return usage(s.command, errors.New("--token and --token-file are both given; give one"))
	case s.profile != "" && s.data != "":
		return usage(s.command, errors.New("--profile and --data name two servers; give one"))
	}
	if tokenFile != "" {
		s.tokenFrom = printable(tokenFile)
		if s.token, err = tokenOfFile(s.command, tokenFile); err != nil {
			return err
		}
	}
	if typed != "" {
		if s.url, err = client.NormalizeURL(typed); err != nil {
			return usage(s.command, fmt.Errorf("--url: %w", err))
		}
	}
	if s.profile == "" && s.data == "" {
		s.profile = os.Getenv("ORRERY_PROFILE")
	}
	s.envURLFrom, s.envURL = firstSet("ORRERY_URL", "ZEROTIER_CENTRAL_URL")
	if s.envURL != "" && s.url == "" {
		if s.envURL, err = client.NormalizeURL(s.envURL); err != nil {
			return usage(s.command, fmt.Errorf("%s: %w", s.envURLFrom, err))
		}
	}
	return nil
}

func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return name, value
		}
	}
	return "", ""
}

// tokenOfEnvironment finds a token in the environment. The variables of other
// tools mean the hosted service, if they are all that is said.
func tokenOfEnvironment() (token, from string, hosted bool) {
	name, value := firstSet("ORRERY_TOKEN", "ZEROTIER_CENTRAL_TOKEN", "ZEROTIER_API_TOKEN", "ZT_TOKEN")
	return value, name, name != "ORRERY_TOKEN"
}

// tokenOfFile is readTokenFile for a file that may be a pipe, which nobody may
// ever write to.
func tokenOfFile(c *cobra.Command, path string) (string, error) {
	return fromInput(c, func(io.Reader) (string, error) { return readTokenFile(path) })
}

// readTokenFile reads a file that has a token in its first line.
func readTokenFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer file.Close()
	token, err := readToken(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %s: %w", path, err)
	}
	return token, nil
}

// readToken reads a token from the first line of what there is that is not empty.
// Editors of Windows begin a file with a byte order mark.
func readToken(from io.Reader) (string, error) {
	const most = 16 << 10
	lines := bufio.NewScanner(io.LimitReader(from, most))
	for lines.Scan() {
		if line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); line != "" {
			return line, nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", errors.New("there is no token in it")
}

// named is the server of a profile or data folder that was named, which comes
// before the environment; nil if none was, or --url means another one than
// ORRERY_PROFILE.
func (s *said) named() (*access, error) {
	var a access
	switch {
	case s.data != "":
		local, found, err := findLocal(s.data)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, fmt.Errorf("no server runs on the data folder %s; start it with orrery serve --data, or name another", printable(s.data))
		}
		a = local
	case s.profile != "":
		var err error
		if a, err = s.profileNamed(s.profile); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	if s.url == "" || s.url == a.url {
		return &a, nil
	}
	if s.data != "" || s.mustBe {
		return nil, usage(s.command, fmt.Errorf("--url is not the URL of that server, which is %s; give one of both", a.url))
	}
	return nil, nil
}

func (s *said) profiles() (*profile.File, error) {
	if s.loaded == nil {
		path, err := profile.Path()
		if err != nil {
			return nil, err
		}
		if s.loaded, err = profile.Load(path); err != nil {
			return nil, err
		}
	}
	return s.loaded, nil
}

func (s *said) profileNamed(name string) (access, error) {
	file, err := s.profiles()
	if err != nil {
		return access{}, err
	}
	found, ok := file.Servers[name]
	if !ok {
		return access{}, usage(s.command, noProfile(file, name))
	}
	return accessOf(name, found)
}

// noProfile says which profiles there are instead.
func noProfile(file *profile.File, name string) error {
	if len(file.Servers) == 0 {
		return fmt.Errorf("there is no profile %s, nor any other; make one with orrery login", printable(name))
	}
	names := printable(strings.Join(slices.Sorted(maps.Keys(file.Servers)), ", "))
	return fmt.Errorf("there is no profile %s; there are: %s", printable(name), names)
}

func accessOf(name string, found profile.Server) (access, error) {
	at, err := client.NormalizeURL(found.URL)
	if err != nil {
		return access{}, fmt.Errorf("the profile %s: %w", printable(name), err)
	}
	return access{url: at, token: found.Token, tokenFrom: "the profile " + printable(name)}, nil
}

// ownerOf finds the token of a server that was named by its URL alone: that of a
// profile, or of this machine's server, with this very URL.
func (s *said) ownerOf(at string) (access, error) {
	file, err := s.profiles()
	if err != nil {
		return access{}, err
	}
	var names []string
	var found access
	for _, name := range slices.Sorted(maps.Keys(file.Servers)) {
		a, err := accessOf(name, file.Servers[name])
		if err != nil || a.url != at {
			continue
		}
		if name == file.Default {
			return a, nil
		}
		names, found = append(names, name), a
	}
	switch {
	case len(names) == 1:
		return found, nil
	case len(names) > 1:
		return access{}, usage(s.command, fmt.Errorf("the profiles %s are all for %s; choose one with --profile", printable(strings.Join(names, ", ")), at))
	}
	local, ok, err := s.local()
	if ok && local.url == at {
		return local, nil
	}
	how := "give one with --token-file or ORRERY_TOKEN, or run: orrery login " + strings.TrimSuffix(at, "/api/v1")
	switch {
	case ok:
		how += "; the server on this machine is " + local.url
	case err != nil:
		how += fmt.Sprintf("; whether it is this machine's server could not be seen: %v", err)
	}
	return access{}, usage(s.command, fmt.Errorf("no token is known for %s; %s", at, how))
}

// usual is the server that is meant when none is named.
func (s *said) usual() (access, error) {
	file, err := s.profiles()
	if err != nil {
		return access{}, err
	}
	if file.Default != "" {
		return s.profileNamed(file.Default)
	}
	local, ok, err := s.local()
	switch {
	case err != nil:
		return access{}, fmt.Errorf("%w; run this as the user that runs the server, or log in with orrery login", err)
	case ok:
		return local, nil
	}
	return access{}, usage(s.command, errNoServer)
}

// errNoServer is for commands that can do without a server.
var errNoServer = errors.New("no server is known; log in with orrery login, name one with --url and --token-file, or run this where the server runs")

// local finds the server that runs on this machine.
func (s *said) local() (access, bool, error) {
	var failed error
	for _, folder := range dataFolders() {
		switch a, found, err := findLocal(folder); {
		case found && os.Getenv("ORRERY_DATA") == "" && folder == server.Default().Data && !ours(folder):
			// In a folder that many share, anybody could have put it to be told tokens.
			failed = fmt.Errorf("the server on the data folder %s is another user's; if it is the one you mean, name it with --data", folder)
		case found:
			return a, true, nil
		case failed == nil:
			failed = err
		}
	}
	return access{}, false, failed
}

// dataFolders are the folders in which this machine's server is looked for.
func dataFolders() []string {
	if folder := os.Getenv("ORRERY_DATA"); folder != "" {
		return []string{folder}
	}
	return []string{server.Default().Data, "/var/lib/orrery"}
}

func findLocal(folder string) (access, bool, error) {
	found, ok, err := server.FindLocal(folder)
	if err != nil || !ok {
		return access{}, false, err
	}
	at, err := client.NormalizeURL(found.URL)
	return access{url: at, token: found.OwnerToken, tokenFrom: "the data folder " + printable(folder), local: true}, err == nil, err
}

func completeProfiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	path, err := profile.Path()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	file, err := profile.Load(path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(file.Servers)), cobra.ShellCompDirectiveNoFileComp
}
