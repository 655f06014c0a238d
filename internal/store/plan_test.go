package store

import (
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
)

// plan returns how SQLite runs a query.
func plan(t *testing.T, s *Store, query string, arguments ...any) string {
	t.Helper()
	rows, err := s.readDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// Every page of the activity log comes from one index, in its order.
func TestEventQueriesWalkAnIndex(t *testing.T) {
	s := openWithNetwork(t)
	two := []model.EventKind{model.MemberAdded, model.MemberUpdated}
	for want, queries := range map[string][]EventQuery{
		"autoindex_events_1 (seq>":      {{}, {Since: 1}, {Until: 2}, {Since: 1, Until: 2}},
		"events_network (network=?":     {{Network: 1}, {Network: 1, Kinds: two}, {Network: 1, Actor: "a"}, {Network: 1, Since: 1, Until: 2}},
		"events_node (node=?":           {{Node: 1}, {Network: 1, Node: 1, Actor: "a", User: "u", Org: "o", Kinds: two}},
		"events_actor (actor=?":         {{Actor: "a"}, {Actor: "a", Kinds: two}},
		"events_user (user_id=?":        {{User: "u"}, {User: "u", Network: 1}},
		"events_org (org=?":             {{Org: "o"}, {Org: "o", Actor: "a"}},
		"events_kind (kind=? AND seq>?": {{Kinds: two[:1]}, {Kinds: two}, {Kinds: two, Since: 1}},
	} {
		for _, q := range queries {
			q.Limit = 10
			text, arguments := q.statement(0)
			steps := plan(t, s, text, arguments...)
			if !strings.Contains(steps, want) || strings.Contains(steps, "SCAN e") {
				t.Errorf("%+v, want %q:\n%s", q, want, steps)
			}
			// What is sorted of several kinds is a page of each at most.
			if len(q.Kinds) == 0 && strings.Contains(steps, "TEMP B-TREE") {
				t.Errorf("%+v sorts:\n%s", q, steps)
			}
		}
	}
}

func TestReadsUseIndexes(t *testing.T) {
	s := openWithNetwork(t)
	for query, want := range map[string]string{
		networkEventAfter:              "COVERING INDEX events_network (network=? AND seq>?)",
		networkEventsAfter:             "COVERING INDEX events_network (network=? AND seq>?)",
		networksOfUser + networksHeld:  "network_users_user (user_id=?)",
		networksOfUser + networksOwned: "network_users_owner (user_id=?)",
		userWithEmail:                  "users_email (email=?)",
		usersInOrg:                     "users_org (org=?)",
		invitationsTo:                  "invitations_email (email=?)",
		invitationsOf:                  "invitations_org (org=?)",
		usesOfTokens:                   "tokens_user (user_id=?)",
	} {
		steps := plan(t, s, query, "1", "2", "3")
		if !strings.Contains(steps, want) || strings.Contains(steps, "SCAN") || strings.Contains(steps, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s, want %q:\n%s", query, want, steps)
		}
	}
}
