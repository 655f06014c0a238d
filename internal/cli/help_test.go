package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// everyCommand goes through the tree, the root included.
func everyCommand(visit func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		visit(c)
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(rootCommand())
}

func TestEveryCommandIsExplained(t *testing.T) {
	count := 0
	everyCommand(func(c *cobra.Command) {
		count++
		switch path := c.CommandPath(); {
		case c.Short == "":
			t.Errorf("%s has no Short", path)
		case strings.HasSuffix(c.Short, "."):
			t.Errorf("%s: Short ends with a full stop", path)
		case c.Example == "":
			t.Errorf("%s has no Example", path)
		case !c.Runnable():
			t.Errorf("%s does nothing, not even show its help", path)
		}
		for _, line := range strings.Split(c.Short+"\n"+c.Long+"\n"+c.Example, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of the help has %d characters: %s", c.CommandPath(), len([]rune(line)), line)
			}
		}
	})
	if count < 40 {
		t.Errorf("found %d commands", count)
	}
}

// TestExamplesAreCommands finds the command of every example, with flags that it
// has.
func TestExamplesAreCommands(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			_, words, ok := strings.Cut(line, "orrery ")
			if !ok {
				continue
			}
			words, _, _ = strings.Cut(words, " | ")
			found, rest, err := rootCommand().Find(strings.Fields(strings.Trim(words, " )")))
			if err != nil || !found.Runnable() || found.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
				t.Errorf("%s: %q is no command: %v", c.CommandPath(), strings.TrimSpace(line), err)
				continue
			}
			for _, word := range rest {
				name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
				if !strings.HasPrefix(word, "--") || name == "" {
					continue
				}
				if found.Flags().Lookup(name) == nil && found.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: %s has no flag --%s", c.CommandPath(), found.CommandPath(), name)
				}
			}
		}
	})
}
