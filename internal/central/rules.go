package central

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// CompileRules compiles a program. The program is nil if it does not compile;
// the diagnostics say why. Needs a valid token, nothing else.
func (s *Service) CompileRules(ctx context.Context, caller Caller, source string, mode rules.Mode) (*rules.Program, []rules.Diagnostic, error) {
	leave, err := s.enterWorkshop(ctx, caller, source)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	program, found := rules.Compile(source, mode)
	return program, found, nil
}

// FormatRules writes a program in the one good form. If it cannot be parsed, it
// stays as it is and the diagnostics say why. Needs a valid token, nothing else.
func (s *Service) FormatRules(ctx context.Context, caller Caller, source string) (string, []rules.Diagnostic, error) {
	leave, err := s.enterWorkshop(ctx, caller, source)
	if err != nil {
		return "", nil, err
	}
	defer leave()
	formatted, found := rules.Format(source)
	return formatted, found, nil
}

// DecompileRules makes a program of tables. Invalid: they are larger than nodes
// take. Needs a valid token, nothing else.
func (s *Service) DecompileRules(ctx context.Context, caller Caller, set *ruleset.Set) (string, []rules.Diagnostic, error) {
	leave, err := s.enterWorkshop(ctx, caller, "")
	if err != nil {
		return "", nil, err
	}
	defer leave()
	if err := fitsNodes(rules.UsageOf(set)); err != nil {
		return "", nil, err
	}
	source, found := rules.Decompile(set)
	return source, found, nil
}

// fitsNodes returns nil if tables are no larger than nodes take: whoever sends
// more does not send the rules of a network.
func fitsNodes(u rules.Usage) error {
	for _, table := range []struct {
		field, of  string
		used, most int
	}{
		{"config.rules", "entries", u.Rules, u.MaxRules},
		{"config.capabilities", "capabilities", u.Capabilities, u.MaxCapabilities},
		{"config.capabilities", "entries in one", u.LargestCapability, u.MaxRulesPerCapability},
		{"config.tags", "tags, with those that only have a name", u.Tags, u.MaxTags},
	} {
		if table.used > table.most {
			return noSuch(Invalid, table.field, fmt.Sprintf("%d %s; at most %d are allowed", table.used, table.of, table.most), nil)
		}
	}
	return nil
}

// enterWorkshop waits for a place to compute something of a program.
func (s *Service) enterWorkshop(ctx context.Context, caller Caller, source string) (leave func(), err error) {
	if err := s.signedIn(caller); err != nil {
		return nil, err
	}
	if len(source) > model.MaxRulesSourceLen {
		return nil, NewError(TooLarge, "source: %d bytes; at most %d are allowed", len(source), model.MaxRulesSourceLen)
	}
	return s.workshop.enter(ctx, caller.User.ID)
}

// NetworkRules are the rules of a network: its tables, which members enforce, and
// its text.
type NetworkRules struct {
	Network *model.Network // must not be changed
	// Agree says that the text compiles to the tables; they can differ when a
	// client stored tables of its own.
	Agree       bool
	Diagnostics []rules.Diagnostic // of the text
	Usage       rules.Usage        // of the tables
}

// NetworkRules returns the rules of a network. The text is judged as strict as it
// can be if it is to give the tables. Needs r.
func (s *Service) NetworkRules(ctx context.Context, caller Caller, id zt.NetworkID) (NetworkRules, error) {
	n, err := s.readNetwork(ctx, caller, id)
	if err != nil {
		return NetworkRules{}, err
	}
	leave, err := s.enterWorkshop(ctx, caller, "")
	if err != nil {
		return NetworkRules{}, err
	}
	defer leave()
	now := NetworkRules{Network: n, Usage: rules.UsageOf(n.RuleSet())}
	strict, found := rules.Compile(n.RulesSource, rules.Strict)
	if now.Diagnostics, now.Agree = found, gives(n.RulesSource, strict, n); now.Agree {
		return now, nil
	}
	lenient, found := rules.Compile(n.RulesSource, rules.Lenient)
	if gives(n.RulesSource, lenient, n) {
		now.Diagnostics, now.Agree = found, true
	}
	return now, nil
}

// gives reports whether a program has the tables that a network has.
func gives(source string, p *rules.Program, n *model.Network) bool {
	if p == nil {
		return false
	}
	after := n.Clone()
	return after.SetProgram(source, p) == nil && sameTables(after, n)
}

// sameTables reports whether the members of two networks obey the same rules. The
// order of tags and capabilities means nothing.
func sameTables(a, b *model.Network) bool {
	return slices.Equal(a.Rules, b.Rules) &&
		slices.EqualFunc(inOrder(a.Tags, tagID), inOrder(b.Tags, tagID), func(a, b model.NetworkTag) bool {
			return a.ID == b.ID && (a.Default == nil) == (b.Default == nil) && (a.Default == nil || *a.Default == *b.Default)
		}) &&
		slices.EqualFunc(inOrder(a.Capabilities, capabilityID), inOrder(b.Capabilities, capabilityID), func(a, b model.Capability) bool {
			return a.ID == b.ID && a.Default == b.Default && slices.Equal(a.Rules, b.Rules)
		})
}

func tagID(t model.NetworkTag) uint32        { return t.ID }
func capabilityID(c model.Capability) uint32 { return c.ID }

// inOrder returns values ascending by id.
func inOrder[T any](values []T, id func(T) uint32) []T {
	return slices.SortedStableFunc(slices.Values(values), func(a, b T) int { return cmp.Compare(id(a), id(b)) })
}

// RulesWrite is a change of a network's rules.
type RulesWrite struct {
	Source string
	// IfRevision is the revision of the network that the writer saw. nil: whatever
	// it is.
	IfRevision *uint64
	DryRun     bool // nothing is stored
}

// WriteRules compiles a program strictly and makes it the rules of a network, and
// says what that changes. Invalid, with a ProgramError: it does not compile.
// Conflict: the network is not of the wanted revision anymore. Needs m.
func (s *Service) WriteRules(ctx context.Context, caller Caller, id zt.NetworkID, w RulesWrite) (*RulesChange, error) {
	const attempts = 3 // at a network whose rules others change meanwhile
	for range attempts {
		before, err := s.readNetwork(ctx, caller, id)
		if err != nil {
			return nil, err
		}
		if err := permit(caller, before, toModify); err != nil {
			return nil, err
		}
		if err := w.meant(before); err != nil {
			return nil, err
		}
		change, program, err := s.planRules(ctx, caller, before, w.Source)
		if err != nil || w.DryRun {
			return change, err
		}
		stored, err := s.UpdateNetwork(ctx, caller, id, func(n *model.Network) error {
			if err := w.meant(n); err != nil {
				return err
			}
			if !sameTables(before, n) {
				return errOvertaken
			}
			return n.SetProgram(w.Source, program)
		})
		if errors.Is(err, errOvertaken) {
			continue
		}
		if err != nil {
			return nil, err
		}
		change.Stored, change.Network = true, stored.Network
		return change, nil
	}
	return nil, errOvertaken
}

var errOvertaken = NewError(Conflict, "others change the rules at the same time; read them again, then try again")

// meant returns nil if the write is meant for a network as it is.
func (w *RulesWrite) meant(n *model.Network) error {
	if w.IfRevision == nil || *w.IfRevision == n.Revision {
		return nil
	}
	return NewError(Conflict, "ifRevision: the network is of revision %d now; read its rules again, so that your change does not undo another", n.Revision)
}

// planRules compiles a program and finds out what it would change.
func (s *Service) planRules(ctx context.Context, caller Caller, before *model.Network, source string) (*RulesChange, *rules.Program, error) {
	leave, err := s.enterWorkshop(ctx, caller, source)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	program, found := rules.Compile(source, rules.Strict)
	if err := badProgram(found); err != nil {
		return nil, nil, err
	}
	after := before.Clone()
	if err := after.SetProgram(source, program); err != nil {
		return nil, nil, explain("set the rules of "+before.ID.String(), err)
	}
	if err := after.Validate(); err != nil {
		return nil, nil, explain("check the rules of "+before.ID.String(), err)
	}
	change := &RulesChange{Network: after, Diagnostics: found, Usage: program.Usage, Tables: !sameTables(before, after)}
	if err := s.compareRules(ctx, before, change); err != nil {
		return nil, nil, err
	}
	return change, program, nil
}
