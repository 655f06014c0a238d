package centralapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
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

// findRoute finds the operation for a request; path is as it came, escaped. PUT
// means POST, HEAD means GET, /api and /api/v1 are the same, and a slash at the
// end does not matter (api-behaviour §2).
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
		return route{}, &gate.MethodError{Allowed: named.methods()}
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

// maxParts is how many parts a path can have that names something, after /api
// and /v1.
const maxParts = 4

// splitPath returns the parts of a path after /api or /api/v1, each unescaped;
// nil if it has another beginning or cannot be one that names something.
func splitPath(path string) []string {
	rest, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		return nil
	}
	rest = strings.TrimPrefix(rest, "v1/")
	parts := strings.SplitN(strings.TrimSuffix(rest, "/"), "/", maxParts+1)
	if len(parts) > maxParts {
		return nil
	}
	for i, part := range parts {
		unescaped, err := url.PathUnescape(part)
		if err != nil {
			return nil
		}
		parts[i] = unescaped
	}
	return parts
}

func findResource(path string) (resource, error) {
	parts := splitPath(path)
	if len(parts) == 0 {
		return resource{}, errPath
	}
	switch kind, rest := parts[0], parts[1:]; kind {
	case "network":
		return findNetwork(rest)
	case "user":
		return findUser(rest)
	case "org":
		return findOrganization(rest)
	case "org-invitation":
		return findInvitation(rest)
	default:
		return findSingle(strings.Join(parts, "/"))
	}
}

// findSingle finds what there is one of.
func findSingle(name string) (resource, error) {
	switch name {
	case "status":
		return resource{get: (*request).status, anonymous: true}, nil
	case "randomToken":
		return resource{get: (*request).randomToken}, nil
	case "self":
		return resource{get: (*request).self}, nil
	case "auth/_logout":
		return resource{post: (*request).logout}, nil
	}
	return resource{}, errPath
}

// findNetwork looks below /network. A path with an id that is none names
// something that does not exist.
func findNetwork(parts []string) (resource, error) {
	if len(parts) == 0 {
		return resource{get: (*request).listNetworks, post: (*request).createNetwork}, nil
	}
	id, err := zt.ParseNetworkID(parts[0])
	if err != nil {
		return resource{}, central.NewError(central.NotFound, "%s", err)
	}
	switch {
	case len(parts) == 1:
		return resource{get: with(id, (*request).getNetwork), post: with(id, (*request).updateNetwork), delete: with(id, (*request).deleteNetwork)}, nil
	case parts[1] == "member":
		return findMember(id, parts[2:])
	case parts[1] == "users":
		return findNetworkUser(id, parts[2:])
	}
	return resource{}, errPath
}

func findMember(id zt.NetworkID, parts []string) (resource, error) {
	if len(parts) == 0 {
		return resource{get: with(id, (*request).listMembers)}, nil
	}
	node, err := zt.ParseAddress(parts[0])
	if err != nil {
		return resource{}, central.NewError(central.NotFound, "%s", err)
	}
	return resource{get: with2(id, node, (*request).getMember), post: with2(id, node, (*request).updateMember), delete: with2(id, node, (*request).deleteMember)}, nil
}

func findNetworkUser(id zt.NetworkID, parts []string) (resource, error) {
	if len(parts) == 0 {
		return resource{get: with(id, (*request).listNetworkUsers), post: with(id, (*request).grant)}, nil
	}
	user, err := parseUUID(parts[0])
	return resource{post: with2(id, user, (*request).changeGrant), delete: with2(id, user, (*request).revoke)}, err
}

func findUser(parts []string) (resource, error) {
	if len(parts) == 0 {
		return resource{get: (*request).listUsers}, nil
	}
	id, err := parseUUID(parts[0])
	if err != nil {
		return resource{}, err
	}
	switch {
	case len(parts) == 1:
		return resource{get: with(id, (*request).getUser), post: with(id, (*request).updateUser), delete: with(id, (*request).deleteUser)}, nil
	case parts[1] == "token" && len(parts) == 2:
		return resource{post: with(id, (*request).createToken)}, nil
	case parts[1] == "token":
		return resource{delete: with2(id, parts[2], (*request).deleteToken)}, nil
	}
	return resource{}, errPath
}

func findOrganization(parts []string) (resource, error) {
	if len(parts) == 0 {
		return resource{get: with("", (*request).getOrganization)}, nil
	}
	id, err := parseUUID(parts[0])
	switch {
	case err != nil:
		return resource{}, err
	case len(parts) == 1:
		return resource{get: with(id, (*request).getOrganization)}, nil
	case len(parts) == 2 && parts[1] == "user":
		return resource{get: with(id, (*request).listOrganizationUsers)}, nil
	}
	return resource{}, errPath
}

func findInvitation(parts []string) (resource, error) {
	switch len(parts) {
	case 0:
		return resource{get: (*request).listInvitations, post: (*request).invite}, nil
	case 1:
		id, err := parseUUID(parts[0])
		return resource{get: with(id, (*request).getInvitation), post: with(id, (*request).acceptInvitation), delete: with(id, (*request).cancelInvitation)}, err
	}
	return resource{}, errPath
}

// with makes an operation of one that needs what a path names.
func with[A any](a A, operation func(*request, A) error) func(*request) error {
	return func(q *request) error { return operation(q, a) }
}

func with2[A, B any](a A, b B, operation func(*request, A, B) error) func(*request) error {
	return func(q *request) error { return operation(q, a, b) }
}

// parseUUID reads the id of a user, an organization or an invitation, and
// returns it in lower case.
func parseUUID(text string) (string, error) {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	ok := len(text) == len(form)
	for i := 0; ok && i < len(form); i++ {
		if form[i] == '-' {
			ok = text[i] == '-'
		} else {
			ok = strings.IndexByte("0123456789abcdefABCDEF", text[i]) >= 0
		}
	}
	if !ok {
		return "", central.NewError(central.NotFound, "%q is not an id, which looks like 01234567-89ab-cdef-0123-456789abcdef", clip(text))
	}
	return strings.ToLower(text), nil
}
