package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// maxRulesBody is how large a body with a program or tables may be, in bytes: a
// program of 1 MiB is longer as a JSON string.
const maxRulesBody = 4 << 20

// diagnostic is a rules.Diagnostic.
type diagnostic struct {
	Severity  string            `json:"severity" enum:"error,warning,information" doc:"A program with an error does not compile." example:"error"`
	Code      string            `json:"code" doc:"The sort of finding, for programs." example:"BAD_RANGE"`
	Line      int               `json:"line" doc:"Where it begins, from 1. 0: it is about the whole." example:"2"`
	Column    int               `json:"column" doc:"In characters, from 1." example:"34"`
	EndLine   int               `json:"endLine" doc:"Where it ends." example:"2"`
	EndColumn int               `json:"endColumn" doc:"Behind the last character." example:"39"`
	Message   string            `json:"message" doc:"What is wrong, in one sentence." example:"\"22,80\" is not a port number."`
	Hint      string            `json:"hint,omitempty" doc:"What to write instead." example:"Write one match for each port, joined by or."`
	Related   []relatedPosition `json:"related,omitempty" nullable:"false" doc:"Other places that have to do with it."`
}

// relatedPosition is another place that has to do with a diagnostic.
type relatedPosition struct {
	Line    int    `json:"line" doc:"From 1." example:"12"`
	Column  int    `json:"column" doc:"From 1." example:"1"`
	Message string `json:"message" doc:"What there is." example:"included from here"`
}

func diagnosticsOf(found []rules.Diagnostic) []diagnostic {
	all := make([]diagnostic, 0, len(found))
	for _, d := range found {
		shown := diagnostic{
			Severity: d.Severity, Code: d.Code, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn,
			Message: d.Message, Hint: d.Hint,
		}
		for _, r := range d.Related {
			shown.Related = append(shown.Related, relatedPosition(r))
		}
		all = append(all, shown)
	}
	return all
}

// rulesUsage is a rules.Usage.
type rulesUsage struct {
	Rules                 int `json:"rules" doc:"Entries of the base rules: matches and actions." example:"5"`
	MaxRules              int `json:"maxRules" doc:"How many nodes take." example:"1024"`
	Capabilities          int `json:"capabilities" doc:"Capabilities." example:"0"`
	MaxCapabilities       int `json:"maxCapabilities" doc:"How many a network can have." example:"128"`
	LargestCapability     int `json:"largestCapability" doc:"Entries of the largest capability." example:"0"`
	MaxRulesPerCapability int `json:"maxRulesPerCapability" doc:"How many nodes take in one." example:"64"`
	Tags                  int `json:"tags" doc:"Tags." example:"0"`
	MaxTags               int `json:"maxTags" doc:"How many a network can have." example:"128"`
}

// ruleNumber is the id of a tag or a capability, or a tag's value.
type ruleNumber uint32

// Schema implements huma.SchemaProvider. (What huma makes of an uint32 is a number
// of 31 bits.)
func (ruleNumber) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0), Maximum: new(float64(math.MaxUint32)), Examples: []any{1}}
}

// ruleEntry is a match or an action of a table, in the form of Central's API.
type ruleEntry json.RawMessage

// MarshalJSON implements json.Marshaler.
func (e ruleEntry) MarshalJSON() ([]byte, error) { return e, nil }

// UnmarshalJSON implements json.Unmarshaler.
func (e *ruleEntry) UnmarshalJSON(text []byte) error {
	*e = bytes.Clone(text)
	return nil
}

// Schema implements huma.SchemaProvider.
func (ruleEntry) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Description: "A match or an action, in the form of Central's API.",
		Examples: []any{map[string]any{"type": "ACTION_ACCEPT"}},
	}
}

// ruleCapability is a table that members can be given.
type ruleCapability struct {
	ID      ruleNumber  `json:"id" doc:"The capability's id." example:"1"`
	Default bool        `json:"default,omitempty" doc:"Members get it at their first authorization." example:"false"`
	Rules   []ruleEntry `json:"rules" nullable:"false" doc:"Its table."`
}

// ruleTag is a number that members carry and rules compare.
type ruleTag struct {
	ID      ruleNumber `json:"id" doc:"The tag's id." example:"1000"`
	Default *int64     `json:"default" required:"false" nullable:"true" doc:"Of members that have no value of their own. null: they do not have the tag." example:"0"`
}

// namedObject is an object in which names stand for something.
type namedObject json.RawMessage

// MarshalJSON implements json.Marshaler.
func (o namedObject) MarshalJSON() ([]byte, error) { return o, nil }

// UnmarshalJSON implements json.Unmarshaler.
func (o *namedObject) UnmarshalJSON(text []byte) error {
	*o = bytes.Clone(text)
	return nil
}

// Schema implements huma.SchemaProvider.
func (namedObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// RuleTables are what a program compiles to: fields that several answers have. It
// is exported because huma sees no others embedded.
type RuleTables struct {
	Rules              []ruleEntry      `json:"rules" nullable:"false" doc:"The base rules: matches, each run of them closed by an action."`
	Capabilities       []ruleCapability `json:"capabilities" nullable:"false" doc:"Tables that members can be given." example:"[]"`
	Tags               []ruleTag        `json:"tags" nullable:"false" doc:"Numbers that members carry and rules compare." example:"[]"`
	TagsByName         namedObject      `json:"tagsByName" doc:"For each name of a tag its id, default, enums and flags." example:"{}"`
	CapabilitiesByName namedObject      `json:"capabilitiesByName" doc:"For each name of a capability its id." example:"{}"`
}

// tablesOf are the tables of a set, written as Central does.
func tablesOf(set *ruleset.Set) (RuleTables, error) {
	text, err := json.Marshal(set)
	if err != nil {
		return RuleTables{}, fmt.Errorf("write rules: %w", err)
	}
	var read tablesRequest
	if err := json.Unmarshal(text, &read); err != nil {
		return RuleTables{}, fmt.Errorf("read rules: %w", err)
	}
	return RuleTables{
		Rules: read.Config.Rules, Capabilities: read.Config.Capabilities, Tags: read.Config.Tags,
		TagsByName: read.TagsByName, CapabilitiesByName: read.CapabilitiesByName,
	}, nil
}

// programRequest is a program.
type programRequest struct {
	Source string `json:"source" maxLength:"1048576" doc:"The program." example:"accept;"`
}

// checkRequest is a program to check.
type checkRequest struct {
	Source string `json:"source" maxLength:"1048576" doc:"The program." example:"accept;"`
	Mode   string `json:"mode,omitempty" enum:"strict,lenient,compatible" default:"strict" doc:"strict: as it should be. lenient: as Central's API here takes it, where whatever the original compiler takes is taken, with warnings. compatible: exactly as the original compiler has it." example:"strict"`
}

// checkedProgram is what there is to say about a program.
type checkedProgram struct {
	OK          bool         `json:"ok" doc:"It compiles. Otherwise all tables are empty." example:"true"`
	Diagnostics []diagnostic `json:"diagnostics" nullable:"false" doc:"By position, at most 50." example:"[]"`
	Usage       rulesUsage   `json:"usage" doc:"How much of the limits of nodes it uses."`
	RuleTables
}

// formattedProgram is a program in the one good form.
type formattedProgram struct {
	Source      string       `json:"source" doc:"The program; as it was sent, if it cannot be read." example:"accept;\n"`
	Diagnostics []diagnostic `json:"diagnostics" nullable:"false" doc:"Why it cannot be read." example:"[]"`
}

// configTables are the tables of a network, where Central's API has them.
type configTables struct {
	Rules        []ruleEntry      `json:"rules" nullable:"false" doc:"The base rules."`
	Capabilities []ruleCapability `json:"capabilities,omitempty" nullable:"false" doc:"Tables that members can be given." example:"[]"`
	Tags         []ruleTag        `json:"tags,omitempty" nullable:"false" doc:"Numbers that members carry." example:"[]"`
}

// tablesRequest is tables to make a program of: parts of a network of Central's
// API.
type tablesRequest struct {
	Config             configTables `json:"config" doc:"The tables."`
	TagsByName         namedObject  `json:"tagsByName,omitempty" doc:"The names of tags and their values. Absent: the program has made-up names." example:"{}"`
	CapabilitiesByName namedObject  `json:"capabilitiesByName,omitempty" doc:"The names of capabilities. Absent: the program has made-up names." example:"{}"`
}

// decompiledTables are a program that was made of tables.
type decompiledTables struct {
	Source      string       `json:"source" doc:"The program; it compiles to the same tables, as far as the language can say them." example:"accept;\n"`
	Diagnostics []diagnostic `json:"diagnostics" nullable:"false" doc:"What the language cannot say. An error: something that counts is missing or differs." example:"[]"`
}

type (
	checkInput      struct{ Body checkRequest }
	checkOutput     struct{ Body checkedProgram }
	formatInput     struct{ Body programRequest }
	formatOutput    struct{ Body formattedProgram }
	decompileInput  struct{ Body tablesRequest }
	decompileOutput struct{ Body decompiledTables }
)

func (a *api) registerRules() {
	tags := []string{tagRules}
	handle(a, huma.Operation{
		OperationID: "check-rules", Method: http.MethodPost, Path: "/rules/check", Tags: tags, MaxBodyBytes: maxRulesBody,
		Summary:     "Check a program",
		Description: "Compiles it and says what is wrong with it, or does not do what its writer expects. Nothing is stored. Every valid token may ask this.",
	}, a.checkRules)
	handle(a, huma.Operation{
		OperationID: "format-rules", Method: http.MethodPost, Path: "/rules/format", Tags: tags, MaxBodyBytes: maxRulesBody,
		Summary:     "Tidy up a program",
		Description: "Writes it in the one good form, with its comments. Nothing is stored. Every valid token may ask this.",
	}, a.formatRules)
	handle(a, huma.Operation{
		OperationID: "decompile-rules", Method: http.MethodPost, Path: "/rules/decompile", Tags: tags, MaxBodyBytes: maxRulesBody,
		Summary:     "Make a program of tables",
		Description: "The tables are in the form that networks have in Central's API, and no larger than nodes take. Nothing is stored. Every valid token may ask this.",
	}, a.decompileRules)
	a.registerNetworkRules()
	a.registerTrace()
}

func (a *api) checkRules(ctx context.Context, caller central.Caller, in *checkInput) (*checkOutput, error) {
	program, found, err := a.service.CompileRules(ctx, caller, in.Body.Source, rules.Mode(in.Body.Mode))
	if err != nil {
		return nil, err
	}
	answer := checkedProgram{OK: program != nil, Diagnostics: diagnosticsOf(found)}
	if program == nil {
		program = &rules.Program{Usage: rules.UsageOf(&ruleset.Set{})}
	}
	answer.Usage = rulesUsage(program.Usage)
	if answer.RuleTables, err = tablesOf(&program.Set); err != nil {
		return nil, err
	}
	return &checkOutput{answer}, nil
}

func (a *api) formatRules(ctx context.Context, caller central.Caller, in *formatInput) (*formatOutput, error) {
	source, found, err := a.service.FormatRules(ctx, caller, in.Body.Source)
	if err != nil {
		return nil, err
	}
	return &formatOutput{formattedProgram{source, diagnosticsOf(found)}}, nil
}

func (a *api) decompileRules(ctx context.Context, caller central.Caller, in *decompileInput) (*decompileOutput, error) {
	text, err := json.Marshal(in.Body)
	if err != nil {
		return nil, fmt.Errorf("write tables: %w", err)
	}
	set := new(ruleset.Set)
	if err := set.UnmarshalJSON(text); err != nil {
		path, reason, _ := strings.Cut(err.Error(), ": ")
		return nil, invalid("body."+path, reason)
	}
	source, found, err := a.service.DecompileRules(ctx, caller, set)
	if err != nil {
		return nil, err
	}
	return &decompileOutput{decompiledTables{source, diagnosticsOf(found)}}, nil
}
