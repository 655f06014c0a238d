package client

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestUnsetTags(t *testing.T) {
	s, config := newOrrery(t, nil)
	c, ctx := clientOf(t, s, config), t.Context()
	n, err := c.CreateNetwork(ctx, map[string]string{"rulesSource": "tag role id 7 default 5; tag other id 8 default 1; drop tseq role 3; accept;"})
	if err != nil {
		t.Fatal(err)
	}
	const many = 6
	for i := range many {
		body := map[string]any{"name": "8a9d09e442"} // of all of them
		if i%2 == 0 {
			body["config"] = map[string]any{"tags": [][]any{{7, false}, {8, 2}}}
		}
		if _, err := c.UpdateMember(ctx, n.ID, fmt.Sprintf("8a9d09%04x", i), body); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.UnsetTags(ctx, n.ID, "")
	if err != nil || len(all) != many/2 || !slices.Equal(all["8a9d090002"], []uint32{7}) || all["8a9d090001"] != nil {
		t.Errorf("%d members: %v", len(all), err)
	}
	if err := c.LeaveTagsToDefault(ctx, n.ID, "8A9D090002", []uint32{7}); err != nil {
		t.Error(err)
	}
	for node, want := range map[string][]uint32{"8a9d090002": nil, "8A9D090004": {7}} {
		one, err := c.UnsetTags(ctx, n.ID, node)
		if err != nil || !slices.Equal(slices.Concat(slices.Collect(maps.Values(one))...), want) {
			t.Errorf("%s: %v %v", node, one, err)
		}
	}
	m, err := c.Member(ctx, n.ID, "8a9d090002")
	if err != nil || string(m.Config.Tags) != "[[8,2]]" {
		t.Errorf("%s %v", m.Config.Tags, err)
	}
	isAll(t, errorOf(c.UnsetTags(ctx, "a1b2c3d4e5f60718", "")), ErrNotFound)
}

func TestUnsetTagsComeByPages(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch cursor := r.URL.Query().Get("cursor"); {
		case strings.HasSuffix(r.URL.Path, "/me"):
			fmt.Fprint(w, `{"user":{"id":"x"},"token":{"name":"y"}}`)
		case cursor == "":
			fmt.Fprint(w, `{"members":[{"nodeId":"8a9d09e441","unsetTags":[{"id":1}]},{"nodeId":"8a9d09e442","unsetTags":[]}],"nextCursor":"a b&c"}`)
		case cursor == "a b&c":
			fmt.Fprint(w, `{"members":[{"nodeId":"8a9d09e443","unsetTags":[{"id":1},{"id":2}]}],"nextCursor":"d"}`)
		default: // a server without an end
			fmt.Fprint(w, `{"members":[],"nextCursor":"d"}`)
		}
	})
	all, err := c.UnsetTags(t.Context(), "a1b2c3d4e5f60718", "")
	if want := "map[8a9d09e441:[1] 8a9d09e443:[1 2]]"; err != nil || fmt.Sprint(all) != want {
		t.Errorf("%v %v", all, err)
	}
}

// Other servers show unset tags with members.
func TestUnsetTagsElsewhere(t *testing.T) {
	c := replaying(t, nil)
	if unset, err := c.UnsetTags(t.Context(), "a1b2c3d4e5f60718", ""); err != nil || unset != nil {
		t.Errorf("%v %v", unset, err)
	}
	isAll(t, c.LeaveTagsToDefault(t.Context(), "a1b2c3d4e5f60718", "8a9d09e442", []uint32{1}), ErrNotOrrery)
}
