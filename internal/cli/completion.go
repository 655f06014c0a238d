package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: `Print the script that makes a shell complete orrery's commands, flags, networks
and members with the Tab key. The shells are bash, zsh, fish and powershell.
Networks and members are asked of the server that the other commands would use.

Bash, which needs its bash-completion package:

  orrery completion bash > /etc/bash_completion.d/orrery                # for all users
  orrery completion bash > ~/.local/share/bash-completion/completions/orrery

Zsh, into a folder of $fpath; compinit must run in ~/.zshrc:

  orrery completion zsh > "${fpath[1]}/_orrery"

Fish:

  orrery completion fish > ~/.config/fish/completions/orrery.fish

PowerShell, for every session:

  orrery completion powershell >> $PROFILE

A new shell has it. For the one that is open: source <(orrery completion bash),
source <(orrery completion zsh), orrery completion fish | source, or
orrery completion powershell | Out-String | Invoke-Expression.`,
		Example: `  source <(orrery completion bash)
  orrery completion zsh > "${fpath[1]}/_orrery"
  orrery completion fish > ~/.config/fish/completions/orrery.fish`,
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish", "powershell"},
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)(c, args); err != nil {
				return usage(c, err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			root, out := c.Root(), c.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return root.GenPowerShellCompletionWithDesc(out)
		},
	}
}

// The bounds of one press of the Tab key.
const (
	completionTime  = 1500 * time.Millisecond
	completionCount = 500
)

// completeNetworks completes any number of networks: ids, or names once one was
// begun. It is silent and offers nothing if no server is known or it takes too
// long. Wrap it in completeFirst where only so many are taken.
func completeNetworks(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFromServer(c, func(ctx context.Context, api *client.Client) []cobra.Completion {
		found := offer{begun: begun, given: args}
		for network, err := range api.Networks(ctx) {
			if err != nil || !found.add(network.ID, network.Config.Name) {
				break
			}
		}
		return found.all
	})
}

// completeMembers completes a network and then any number of its members: node
// addresses, or names once one was begun. It is as silent as completeNetworks.
func completeMembers(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completeNetworks(c, args, begun)
	}
	return completeFromServer(c, func(ctx context.Context, api *client.Client) []cobra.Completion {
		network, err := findNetwork(ctx, api, args[0])
		if err != nil {
			return nil
		}
		found := offer{begun: begun, given: args[1:]}
		for member, err := range api.Members(ctx, network.ID) {
			if err != nil || !found.add(member.NodeID, member.Name) {
				break
			}
		}
		return found.all
	})
}

// completeCapability completes a capability of the network that was named: ids, or
// names once one was begun.
func completeCapability(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeFromServer(c, func(ctx context.Context, api *client.Client) []cobra.Completion {
		network, err := findNetwork(ctx, api, args[0])
		if err != nil {
			return nil
		}
		set, err := rulesOf(network)
		if err != nil {
			return nil
		}
		found := offer{begun: begun}
		for _, capability := range set.Capabilities {
			if !found.add(fmt.Sprint(capability.ID), capability.Name) {
				break
			}
		}
		return found.all
	})
}

// completeFirst completes the first count arguments and nothing after them.
func completeFirst(count int, complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= count {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, begun)
	}
}

func completeFromServer(c *cobra.Command, list func(context.Context, *client.Client) []cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completionTime)
	defer cancel()
	c.SetErr(io.Discard)
	c.SetContext(ctx) // the token may be in a pipe that nobody writes to
	api, err := connect(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return list(ctx, api), cobra.ShellCompDirectiveNoFileComp
}

// offer collects what completes the word that was begun.
type offer struct {
	begun string
	given []string // the words before it, which are not offered again
	all   []cobra.Completion
}

// add offers an id, or the name if that is what was begun, and reports whether
// there is room for more.
func (o *offer) add(id, name string) bool {
	name = strings.TrimSpace(name)
	isWord := isSafeWord(name)
	switch {
	case !isSafeWord(id):
	case slices.Contains(o.given, id), isWord && slices.Contains(o.given, name):
	case strings.HasPrefix(id, strings.ToLower(o.begun)):
		o.offer(id, name)
	case isWord && strings.HasPrefix(name, o.begun):
		o.offer(name, id)
	}
	return len(o.all) < completionCount
}

// offer leaves out what was offered already: bash would take the beginning of the
// descriptions for what both have in common.
func (o *offer) offer(choice, description string) {
	if !slices.ContainsFunc(o.all, func(c cobra.Completion) bool { return c == choice || strings.HasPrefix(c, choice+"\t") }) {
		o.all = append(o.all, described(choice, description))
	}
}

// isSafeWord reports whether a text of a server may stand in a command line as it
// is: shells insert what several offers have in common without quotes, and the
// scripts evaluate the line at the next press of Tab.
func isSafeWord(text string) bool {
	return !strings.HasPrefix(text, "-") && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -_.@+/", r)
	})
}

func described(choice, description string) cobra.Completion {
	if description == "" {
		return choice
	}
	return cobra.CompletionWithDesc(choice, printable(description))
}
