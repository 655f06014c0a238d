package centralapi

import (
	"net/http"
	"strings"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/zt"
)

// route is what a method and a path ask for.
type route struct {
	operation func(*request) error
	anonymous bool // also without a valid token
}

// resource is what a path names; a nil field is a method that it does not have.
type resource struct {
	get, post, delete func(*request) error
	anonymous         bool
}

// findRoute finds the operation for a request. PUT means POST, HEAD means GET,
// /api and /api/v1 are the same, and a slash at the end does not matter
// (api-behaviour §2).
func findRoute(method, path string) (route, error) {
	named, err := findResource(path)
	if err != nil {
		return route{}, err
	}
	found := route{anonymous: named.anonymous}
	switch method {
	case http.MethodGet, http.MethodHead:
		found.operation = named.get
	case http.MethodPost, http.MethodPut:
		found.operation = named.post
	case http.MethodDelete:
		found.operation = named.delete
	}
	if found.operation == nil {
		return route{}, &methodError{named.methods()}
	}
	return found, nil
}

func (r resource) methods() []string {
	all := []string{http.MethodOptions}
	if r.get != nil {
		all = append(all, http.MethodGet, http.MethodHead)
	}
	if r.post != nil {
		all = append(all, http.MethodPost, http.MethodPut)
	}
	if r.delete != nil {
		all = append(all, http.MethodDelete)
	}
	return all
}

func findResource(path string) (resource, error) {
	rest, ok := strings.CutPrefix(path, "/api/v1/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/api/")
	}
	if !ok {
		return resource{}, errPath
	}
	parts := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	if parts[0] == "network" && len(parts) > 1 {
		return findNetworkResource(parts[1], parts[2:])
	}
	if len(parts) != 1 {
		return resource{}, errPath
	}
	switch parts[0] {
	case "status":
		return resource{get: (*request).status, anonymous: true}, nil
	case "randomToken":
		return resource{get: (*request).randomToken}, nil
	case "self":
		return resource{get: (*request).self}, nil
	case "network":
		return resource{get: (*request).listNetworks, post: (*request).createNetwork}, nil
	}
	return resource{}, errPath
}

// findNetworkResource looks below /network/{id}. A path with an id that is none
// names something that does not exist.
func findNetworkResource(idText string, below []string) (resource, error) {
	id, err := zt.ParseNetworkID(idText)
	if err != nil {
		return resource{}, central.NewError(central.NotFound, "%s", err)
	}
	onNetwork := func(operation func(*request, zt.NetworkID) error) func(*request) error {
		return func(q *request) error { return operation(q, id) }
	}
	switch {
	case len(below) == 0:
		return resource{
			get:    onNetwork((*request).getNetwork),
			post:   onNetwork((*request).updateNetwork),
			delete: onNetwork((*request).deleteNetwork),
		}, nil
	case len(below) > 2 || below[0] != "member":
		return resource{}, errPath
	case len(below) == 1:
		return resource{get: onNetwork((*request).listMembers)}, nil
	}
	node, err := zt.ParseAddress(below[1])
	if err != nil {
		return resource{}, central.NewError(central.NotFound, "%s", err)
	}
	onMember := func(operation func(*request, zt.NetworkID, zt.Address) error) func(*request) error {
		return func(q *request) error { return operation(q, id, node) }
	}
	return resource{
		get:    onMember((*request).getMember),
		post:   onMember((*request).updateMember),
		delete: onMember((*request).deleteMember),
	}, nil
}
