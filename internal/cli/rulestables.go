package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

func compileRulesCommand() *cobra.Command {
	var mode string
	command := &cobra.Command{
		Use:   "compile [FILE]",
		Short: "Print the tables of a program, as Central's API has them",
		Long: `Print the tables of a program as JSON, as networks have them in Central's API:
config.rules, config.capabilities and config.tags, capabilitiesByName and
tagsByName. Without FILE the program comes from standard input. It needs no server.`,
		Example: `  orrery rules compile office.rules
  orrery rules compile office.rules | jq .config.rules
  orrery rules compile --mode compatible old.rules > tables.json`,
		Args: atMostOneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf(c, "mode", mode, string(rules.Strict), string(rules.Compatible)); err != nil {
				return err
			}
			programs, err := readPrograms(c, args)
			if err != nil {
				return err
			}
			compiled, err := programs[0].compile(c, rules.Mode(mode))
			if err != nil {
				return err
			}
			return printJSON(c, &compiled.Set)
		},
	}
	withMode(command, &mode)
	return command
}

func atMostOneFile(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage(c, fmt.Errorf("%q is too much; want one file", args[1]))
	}
	return nil
}

func decompileRulesCommand() *cobra.Command {
	var network string
	command := &cobra.Command{
		Use:   "decompile [FILE]",
		Short: "Make a program of tables",
		Long: `Make a program of tables in JSON: what compile prints, a network as an API shows it
(Central's or that of a self-hosted controller), or a list of rules. Without FILE
they come from standard input; with --network they are those of a network. It needs
no server for files.

What the language cannot say is left out and named on standard error; if it
matters, the exit status is 3.`,
		Example: `  orrery rules decompile tables.json
  orrery rules decompile --network office
  sudo cat /var/lib/zerotier-one/controller.d/network/8056c2e21c000001.json | orrery rules decompile`,
		Args: atMostOneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("network") {
				if len(args) > 0 {
					return usage(c, errors.New("name a file or a network, not both"))
				}
				stored, err := fetchRules(c, network)
				if err != nil {
					return err
				}
				return decompile(c, stored.name, stored.set)
			}
			files, err := orInput(c, args)
			if err != nil {
				return err
			}
			text, err := readInput(c, files[0], maxTables)
			if err != nil {
				return err
			}
			set, err := decodeTables([]byte(text))
			if err != nil {
				return fmt.Errorf("%s: %w", fileLabel(files[0]), err)
			}
			return decompile(c, fileLabel(files[0]), set)
		},
	}
	withNetworkFlag(command, &network, "take the tables of this `network` instead of a file")
	return command
}

// decompile prints a program of tables.
func decompile(c *cobra.Command, name string, set *ruleset.Set) error {
	text, found := rules.Decompile(set)
	if err := writeText(c.OutOrStdout(), text); err != nil {
		return err
	}
	p := program{name, text}
	p.explain(c.ErrOrStderr(), found)
	if err := p.refusal(found); err != nil {
		return partly("the language cannot say all that the tables of %s say; the lines above say what", name)
	}
	return nil
}

// decodeTables reads tables from JSON: of Central's API, of a controller, which
// has them without config around them, or the rules alone.
func decodeTables(text []byte) (*ruleset.Set, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if bytes.HasPrefix(text, []byte("[")) {
		text = fmt.Appendf(nil, `{"rules":%s}`, text)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, fmt.Errorf("this is not JSON: %w", err)
	}
	if object["config"] == nil {
		if object["rules"] == nil {
			return nil, errors.New("there are no rules in this JSON")
		}
		config, err := json.Marshal(map[string]json.RawMessage{
			"rules": object["rules"], "capabilities": orNull(object["capabilities"]), "tags": orNull(object["tags"]),
		})
		if err != nil {
			return nil, fmt.Errorf("write JSON: %w", err)
		}
		object["config"] = config
		if text, err = json.Marshal(object); err != nil {
			return nil, fmt.Errorf("write JSON: %w", err)
		}
	}
	set := &ruleset.Set{}
	if err := json.Unmarshal(text, set); err != nil {
		return nil, err
	}
	return set, nil
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}
