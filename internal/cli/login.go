package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/profile"
	"github.com/orrery-net/orrery/internal/table"
)

func loginCommand() *cobra.Command {
	var name, tokenFile string
	command := &cobra.Command{
		Use:   "login [URL]",
		Short: "Keep a server and a token for the other commands",
		Long: `Keep a server and a token for it, so that the other commands need to be told
neither. It is called a profile; there can be any number, and the first is the
default. Without a URL the server is that of ORRERY_URL or ZEROTIER_CENTRAL_URL,
else the hosted service.

The token is asked for, or read from standard input where nobody sits at a
terminal, and kept only if the server accepts it. Profiles are in
~/.config/orrery/config.toml (on Windows in %AppData%\orrery\config.toml, or
wherever ORRERY_CONFIG says), which nobody else may read.

On the server's own machine its user needs no profile.`,
		Example: `  orrery login https://orrery.example.com
  orrery login https://orrery.example.com --name office --token-file office.token
  orrery login https://api.zerotier.com --name hosted < token`,
		Args: atMostOne("URL"),
		RunE: func(c *cobra.Command, args []string) error {
			return login(c, args, name, tokenFile)
		},
	}
	command.Flags().StringVar(&name, "name", "", "`name` of the profile; otherwise the server's host")
	command.Flags().StringVar(&tokenFile, "token-file", "", "`file` that holds the API token")
	return command
}

// atMostOne is for commands with one argument that may be left out, but not empty.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 || len(args) == 1 && args[0] == "" {
			return usage(c, fmt.Errorf("want one %s at most", what))
		}
		return nil
	}
}

func login(c *cobra.Command, args []string, name, tokenFile string) error {
	_, at := firstSet("ORRERY_URL", "ZEROTIER_CENTRAL_URL")
	switch {
	case len(args) > 0:
		at = args[0]
	case at == "":
		at = client.HostedURL
	}
	at, err := client.NormalizeURL(at)
	if err != nil {
		return usage(c, err)
	}
	_, file, err := loadProfiles()
	if err != nil {
		return err
	}
	if name, err = chooseName(file, name, at); err != nil { // before a token is asked for
		return usage(c, err)
	}
	to := access{url: at}
	if to.token, err = tokenForLogin(c, at, tokenFile); err != nil {
		return err
	}
	api, err := to.connect(c)
	if err != nil {
		return err
	}
	status, err := api.Status(c.Context())
	switch {
	case err != nil:
		return err
	case status.User == nil: // it is no error to ask with a token that is not good
		return fmt.Errorf("%s does not accept this token; was it copied whole, and is it for this server?", siteOf(at))
	}
	standard := false
	err = changeProfiles(func(file *profile.File) error {
		if _, err := chooseName(file, name, at); err != nil { // another login may have taken it
			return usage(c, err)
		}
		file.Servers[name] = profile.Server{URL: at, Token: to.token}
		if file.Default == "" {
			file.Default = name
		}
		standard = file.Default == name
		return nil
	})
	if err != nil {
		return err
	}
	who := status.User.Email
	if who == "" {
		who = status.User.DisplayName
	}
	fmt.Fprintf(c.ErrOrStderr(), "logged in to %s as %s; this is the profile %s", siteOf(at), printable(who), name)
	if standard {
		fmt.Fprintln(c.ErrOrStderr(), ", the default")
	} else {
		fmt.Fprintf(c.ErrOrStderr(), "; use it with --profile %s, or make it the default: orrery profile use %s\n", name, name)
	}
	return nil
}

// siteOf is what people call a server, of which an API has its base.
func siteOf(base string) string { return strings.TrimSuffix(base, "/api/v1") }

func loadProfiles() (path string, file *profile.File, err error) {
	if path, err = profile.Path(); err != nil {
		return "", nil, err
	}
	file, err = profile.Load(path)
	return path, file, err
}

func changeProfiles(change func(*profile.File) error) error {
	path, err := profile.Path()
	if err != nil {
		return err
	}
	return profile.Change(path, change)
}

// profileName is what needs no quotes in a shell.
var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}$`)

// chooseName decides what a profile is called: as the user says, as the one that
// there is for the server, or as the server's host.
func chooseName(file *profile.File, name, at string) (string, error) {
	if name == "" {
		for _, known := range slices.Sorted(maps.Keys(file.Servers)) {
			if file.Servers[known].URL == at {
				return known, nil
			}
		}
		u, err := url.Parse(at)
		if err != nil {
			return "", err
		}
		name = strings.Trim(strings.NewReplacer("[", "", "]", "", "%", "-").Replace(u.Host), ":")
		if at == client.HostedURL {
			name = "hosted"
		}
	}
	if !profileName.MatchString(name) {
		return "", fmt.Errorf("%q is no name for a profile; give one of letters, digits and - _ . : with --name", printable(name))
	}
	if other, taken := file.Servers[name]; taken && other.URL != at {
		return "", fmt.Errorf("the profile %s is for %s; choose another name with --name, or first: orrery logout %s", name, siteOf(other.URL), name)
	}
	return name, nil
}

// tokenForLogin reads a token from a file, from a person who does not see it, or
// from standard input.
func tokenForLogin(c *cobra.Command, at, tokenFile string) (string, error) {
	if tokenFile != "" {
		return tokenOfFile(c, tokenFile)
	}
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !isTerminal(in) {
		token, err := fromInput(c, readToken)
		if err != nil {
			return "", fmt.Errorf("read the token from standard input: %w", err)
		}
		return token, nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "API token for %s (it is not shown): ", siteOf(at))
	token, err := readHidden(c, in)
	fmt.Fprintln(c.ErrOrStderr())
	if err != nil {
		return "", err
	}
	return readToken(strings.NewReader(token))
}

// readHidden reads a line that the terminal does not show. An interrupt leaves
// the terminal as it was.
func readHidden(c *cobra.Command, in *os.File) (string, error) {
	terminal := int(in.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	line, err := fromInput(c, func(io.Reader) ([]byte, error) { return term.ReadPassword(terminal) })
	switch interrupted := c.Context().Err(); {
	case interrupted != nil:
		return "", errors.Join(interrupted, term.Restore(terminal, before))
	case err != nil:
		return "", errors.New("no token was given")
	}
	return string(line), nil
}

func logoutCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "logout [NAME]",
		Short: "Forget a profile and its token",
		Long: `Forget a profile and its token: the default one, unless another is named. The
token stays valid; to end it, use orrery token delete first.`,
		Example: `  orrery logout
  orrery logout office`,
		Args:              atMostOne("profile"),
		ValidArgsFunction: completeFirst(1, completeProfiles),
		RunE: func(c *cobra.Command, args []string) error {
			var name, at, note string
			err := changeProfiles(func(file *profile.File) (err error) {
				if name, err = profileOf(c, file, args); err != nil {
					return err
				}
				at = file.Servers[name].URL
				delete(file.Servers, name)
				if file.Default != name {
					return nil
				}
				file.Default = ""
				if rest := slices.Sorted(maps.Keys(file.Servers)); len(rest) == 1 {
					file.Default = rest[0]
					note = fmt.Sprintf("; the default is %s now", printable(rest[0]))
				} else if len(rest) > 1 {
					note = "; no profile is the default now, choose one: orrery profile use NAME"
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "forgot the profile %s for %s%s\n", printable(name), printable(siteOf(at)), note)
			return nil
		},
	}
	return command
}

// profileOf is the profile that is named, or else the default.
func profileOf(c *cobra.Command, file *profile.File, args []string) (string, error) {
	name := file.Default
	if len(args) > 0 {
		name = args[0]
	}
	switch _, known := file.Servers[name]; {
	case known:
		return name, nil
	case name == "" && len(file.Servers) == 0:
		return "", usage(c, errors.New("there are no profiles; make one with orrery login"))
	case name == "":
		return "", usage(c, errors.New("no profile is the default; name one"))
	}
	return "", usage(c, noProfile(file, name))
}

func profileCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "profile",
		Short: "The servers that you logged in to",
		Long:  "The servers that you logged in to, see orrery login. Tokens are never shown.",
		Example: `  orrery profile list
  orrery profile use office`,
	}, listProfilesCommand(), useProfileCommand(), showProfileCommand())
}

// shownProfile is a profile as it is shown: without its token.
type shownProfile struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Default bool   `json:"default"`
	File    string `json:"file"`
}

func shown(file *profile.File, name, path string) shownProfile {
	return shownProfile{name, siteOf(file.Servers[name].URL), name == file.Default, path}
}

func profileColumns() []table.Column {
	return []table.Column{
		{Name: "name", Paths: []string{"name"}},
		{Name: "url", Paths: []string{"url"}},
		{Name: "default", Paths: []string{"default"}, Kind: table.Bool},
		{Name: "file", Paths: []string{"file"}},
	}
}

func listProfilesCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "list",
		Short: "List the profiles",
		Example: `  orrery profile list
  orrery profile list -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, file, err := loadProfiles()
			if err != nil {
				return err
			}
			all := make([]shownProfile, 0, len(file.Servers))
			for _, name := range slices.Sorted(maps.Keys(file.Servers)) {
				all = append(all, shown(file, name, path))
			}
			return o.print(c, objects(each(all), objectOf))
		},
	}
	o = withOutput(command, profileColumns(), 3)
	o.none = "You have no profiles; make one: orrery login URL"
	return command
}

func showProfileCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a profile, without its token",
		Long:  "Show a profile, without its token: the default one, unless another is named.",
		Example: `  orrery profile show
  orrery profile show office -o json`,
		Args:              atMostOne("profile"),
		ValidArgsFunction: completeFirst(1, completeProfiles),
		RunE: func(c *cobra.Command, args []string) error {
			path, file, err := loadProfiles()
			if err != nil {
				return err
			}
			name, err := profileOf(c, file, args)
			if err != nil {
				return err
			}
			one, err := objectOf(shown(file, name, path))
			if err != nil {
				return err
			}
			return o.printOne(c, one)
		},
	}
	o = withOutput(command, profileColumns(), 4)
	return command
}

func useProfileCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Make a profile the default",
		Example:           `  orrery profile use office`,
		Args:              one("profile"),
		ValidArgsFunction: completeFirst(1, completeProfiles),
		RunE: func(c *cobra.Command, args []string) error {
			var name, at string
			err := changeProfiles(func(file *profile.File) (err error) {
				name, err = profileOf(c, file, args)
				file.Default, at = name, file.Servers[name].URL
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "the default is %s now, %s\n", printable(name), printable(siteOf(at)))
			return nil
		},
	}
}
