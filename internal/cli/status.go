package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/table"
)

// serverStatus is what status shows.
type serverStatus struct {
	URL        string `json:"url"`
	Server     string `json:"server"` // in words
	Orrery     bool   `json:"orrery"`
	Version    string `json:"version"`
	Clock      int64  `json:"clock"`
	User       string `json:"user"` // e-mail address
	UserID     string `json:"userId"`
	Name       string `json:"name"`
	Networks   int    `json:"networks"`
	Members    int    `json:"members"`
	Authorized int    `json:"authorized"`
	Token      string `json:"token,omitempty"` // the one that was shown, by name
	Limits     string `json:"limits,omitempty"`
}

func statusCommand() *cobra.Command {
	var o *output
	command := withAccess(&cobra.Command{
		Use:   "status",
		Short: "Show which server you talk to, and as whom",
		Long: `Show which server you talk to, as whom, and what you have there. The exit status is
1 if the server does not accept the token.`,
		Example: `  orrery status
  orrery status --url https://orrery.example.com --token-file orrery.token
  orrery status -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return showStatus(c, o) },
	})
	columns := []table.Column{
		{Name: "server", Paths: []string{"server"}},
		{Name: "url", Paths: []string{"url"}},
		{Name: "user", Paths: []string{"user"}},
		{Name: "name", Paths: []string{"name"}},
		{Name: "networks", Paths: []string{"networks"}, Kind: table.Number},
		{Name: "members", Paths: []string{"members"}, Kind: table.Number},
		{Name: "authorized", Paths: []string{"authorized"}, Kind: table.Number},
		{Name: "token", Paths: []string{"token"}},
		{Name: "limits", Paths: []string{"limits"}},
		{Name: "clock", Paths: []string{"clock"}, Kind: table.Time},
		{Name: "userId", Paths: []string{"userId"}},
		{Name: "version", Paths: []string{"version"}},
	}
	o = withOutput(command, columns, 10)
	return command
}

func showStatus(c *cobra.Command, o *output) error {
	api, err := connect(c)
	if err != nil {
		return err
	}
	status, err := api.Status(c.Context())
	if err != nil {
		return err
	}
	orrery, err := api.IsOrrery(c.Context())
	if err != nil {
		return err
	}
	s := serverStatus{URL: api.URL(), Orrery: orrery, Version: status.Version, Clock: status.Clock}
	s.Server = "ZeroTier Central " + status.Version
	if orrery {
		s.Server = "Orrery " + status.Version
	}
	if status.User == nil {
		return fmt.Errorf("%s, %s, does not accept the token; log in with orrery login, or give another one with --token-file", api.URL(), s.Server)
	}
	s.User, s.UserID, s.Name = status.User.Email, status.User.ID, status.User.DisplayName
	if orrery {
		token, err := api.OwnToken(c.Context())
		if err != nil {
			return err
		}
		s.Token, s.Limits = token.Name, strings.Join(limits(*token), " and ")
	}
	for n, err := range api.Networks(c.Context()) {
		if err != nil {
			return err
		}
		s.Networks++
		s.Members += n.TotalMemberCount
		s.Authorized += n.AuthorizedMemberCount
	}
	one, err := objectOf(s)
	if err != nil {
		return err
	}
	return o.printOne(c, one)
}
