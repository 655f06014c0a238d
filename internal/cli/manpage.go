package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual writes manual pages in the language of man(7). (The generator that comes
// with cobra takes texts for Markdown, which would fold their tables.)
type manual struct {
	version string
	date    time.Time // zero: not shown
}

// roff is a page as it grows.
type roff struct{ strings.Builder }

// of returns the page of a command.
func (m manual) of(command *cobra.Command) []byte {
	var r roff
	date := ""
	if !m.date.IsZero() {
		date = m.date.Format(time.DateOnly)
	}
	fmt.Fprintf(&r, ".TH \"%s\" 1 \"%s\" \"Orrery %s\" \"Orrery Manual\"\n", plain(strings.ToUpper(pageName(command))), date, plain(m.version))
	r.WriteString(".nh\n.ad l\n") // commands are not to be broken apart
	r.section("NAME")
	fmt.Fprintf(&r, "%s \\- %s\n", plain(pageName(command)), plain(command.Short))
	r.section("SYNOPSIS")
	synopsis := strings.TrimPrefix(command.UseLine(), command.CommandPath())
	if !command.Runnable() || command.HasAvailableSubCommands() {
		synopsis = " COMMAND [flags]"
	}
	fmt.Fprintf(&r, "\\fB%s\\fR%s\n", plain(command.CommandPath()), plain(synopsis))
	r.section("DESCRIPTION")
	if command.Long != "" {
		r.text(command.Long)
	} else {
		r.text(command.Short + ".")
	}
	r.commands(command)
	r.flags("OPTIONS", command.NonInheritedFlags())
	r.flags("OPTIONS OF THE WHOLE GROUP", command.InheritedFlags())
	if command.Example != "" {
		r.section("EXAMPLES")
		r.text(command.Example)
	}
	r.pairs("EXIT STATUS", exitStatuses)
	r.pairs("ENVIRONMENT", environment(command))
	r.seeAlso(command)
	return []byte(r.String())
}

func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %s\n", name) }

// text writes paragraphs. Lines that begin with a blank stay as they are: tables
// and what is to be typed.
func (r *roff) text(text string) {
	verbatim, paragraph := false, false
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		line = strings.TrimRight(line, " \n")
		switch {
		case line == "":
			paragraph = true
			continue
		case strings.HasPrefix(line, " ") && !verbatim:
			r.WriteString(".PP\n.RS 2\n.nf\n")
			verbatim = true
		case !strings.HasPrefix(line, " ") && verbatim:
			r.WriteString(".fi\n.RE\n.PP\n")
			verbatim = false
		case paragraph && verbatim:
			r.WriteString("\n")
		case paragraph:
			r.WriteString(".PP\n")
		}
		paragraph = false
		r.line(strings.TrimPrefix(line, "  "))
	}
	if verbatim {
		r.WriteString(".fi\n.RE\n")
	}
}

func (r *roff) line(text string) { r.WriteString(plain(text) + "\n") }

func (r *roff) commands(command *cobra.Command) {
	below := documented(command)[1:]
	if len(below) == 0 {
		return
	}
	r.section("COMMANDS")
	for _, c := range below {
		if c.Parent() == command {
			fmt.Fprintf(r, ".TP\n\\fB%s\\fR\n%s\n", plain(c.CommandPath()), plain(c.Short))
		}
	}
}

func (r *roff) flags(name string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	r.section(name)
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Deprecated != "" {
			return
		}
		value, meaning := pflag.UnquoteUsage(flag)
		r.WriteString(".TP\n")
		if flag.Shorthand != "" {
			fmt.Fprintf(r, "\\fB%s\\fR, ", plain("-"+flag.Shorthand))
		}
		fmt.Fprintf(r, "\\fB%s\\fR", plain("--"+flag.Name))
		if value != "" {
			fmt.Fprintf(r, " \\fI%s\\fR", plain(value))
		}
		r.WriteString("\n")
		if shown := flag.DefValue; shown != "" && shown != "[]" && shown != "false" && shown != "0" {
			meaning += " (default " + shown + ")"
		}
		r.line(meaning)
	})
}

// pair is a word with what it means.
type pair struct{ word, meaning string }

func (r *roff) pairs(name string, pairs []pair) {
	r.section(name)
	for _, p := range pairs {
		fmt.Fprintf(r, ".TP\n\\fB%s\\fR\n%s\n", plain(p.word), plain(p.meaning))
	}
}

func (r *roff) seeAlso(command *cobra.Command) {
	var pages []*cobra.Command
	if command.HasParent() {
		pages = append(pages, command.Parent())
	}
	for _, c := range documented(command)[1:] {
		if c.Parent() == command {
			pages = append(pages, c)
		}
	}
	if len(pages) == 0 {
		return
	}
	r.section("SEE ALSO")
	for i, c := range pages {
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(r, ".BR %s (1)%s\n", plain(pageName(c)), end)
	}
}

var exitStatuses = []pair{
	{strconv.Itoa(exitDone), "done"},
	{strconv.Itoa(exitFailed), "failed; nothing was done, or it is said what was"},
	{strconv.Itoa(exitUsage), "called in a wrong way; nothing was done"},
	{strconv.Itoa(exitPartly), "partly done: it is said what is not"},
}

// environment is what a command takes from the environment.
func environment(command *cobra.Command) []pair {
	var all []pair
	flag := func(name string) bool {
		return command.Flag(name) != nil || command.InheritedFlags().Lookup(name) != nil
	}
	if flag("http") {
		all = append(all, pair{"ORRERY_DATA, ORRERY_HTTP, …", "any flag of this command: ORRERY_ and its name in capitals, with _ for -; a flag wins"})
	}
	if flag("token-file") || !command.HasParent() {
		all = append(all,
			pair{"ORRERY_URL, ZEROTIER_CENTRAL_URL", "URL of the server, unless --url or --profile names one"},
			pair{"ORRERY_TOKEN, ZEROTIER_CENTRAL_TOKEN, ZEROTIER_API_TOKEN, ZT_TOKEN", "API token; all but the first mean the hosted service if no URL is given"},
			pair{"ORRERY_PROFILE", "name of the profile to use, unless --profile names one"},
			pair{"ORRERY_CONFIG", "file with the profiles, instead of orrery/config.toml in $XDG_CONFIG_HOME or ~/.config"},
			pair{"ORRERY_DATA", "data folder of the server on this machine, instead of ./orrery-data and /var/lib/orrery"},
			pair{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "proxy for requests to servers elsewhere"},
		)
	}
	if command.Name() == "man" {
		all = append(all, pair{"SOURCE_DATE_EPOCH", "date of the pages, in seconds since 1970"})
	}
	return append(all,
		pair{"NO_COLOR, TERM=dumb", "no colors; there are none in any case where the output is not a terminal"},
		pair{"COLUMNS", "width of tables, instead of the terminal's"},
	)
}

// plain escapes a text for man(7): what it would take for its own, and signs that
// would become typographic ones, which no shell understands.
func plain(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}
