package kubetest

import (
	"net/http"
	"slices"
	"strings"
)

// Call is what a request is about, in the words of a role.
type Call struct {
	Verb     string // get, list, watch, create, update, patch, apply, delete, deletecollection or connect
	Resource string // with its subresource; the path of what is none
	Name     string // "" where the path has none
}

// Kind is the verb and the resource.
func (c Call) Kind() string { return c.Verb + " " + c.Resource }

// Writes says whether the server keeps something of it. A review only asks.
func (c Call) Writes() bool {
	return slices.Contains([]string{"create", "update", "patch", "apply", "delete", "deletecollection"}, c.Verb) && !strings.HasSuffix(c.Resource, "reviews")
}

// callOf reads /api/v1/[namespaces/x/]resource[/name[/sub]], and the same below /apis/group.
func callOf(r *http.Request) (c Call) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	skip := map[string]int{"api": 2, "apis": 3}[path[0]]
	if skip == 0 || len(path) <= skip {
		return Call{Verb: strings.ToLower(r.Method), Resource: r.URL.Path}
	}
	path = path[skip:]
	if path[0] == "namespaces" && len(path) > 2 {
		path = path[2:]
	}
	c.Resource = path[0]
	if len(path) > 1 {
		c.Name = path[1]
	}
	if len(path) > 2 {
		c.Resource += "/" + path[2]
	}
	c.Verb = verbOf(r, c)
	return c
}

func verbOf(r *http.Request, c Call) string {
	if strings.HasSuffix(c.Resource, "/portforward") {
		return "connect"
	}
	switch applied := strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch"); {
	case r.Method == http.MethodPost:
		return "create"
	case r.Method == http.MethodPut:
		return "update"
	case r.Method == http.MethodPatch && applied:
		return "apply"
	case r.Method == http.MethodPatch:
		return "patch"
	case r.Method == http.MethodDelete && c.Name == "":
		return "deletecollection"
	case r.Method == http.MethodDelete:
		return "delete"
	case r.URL.Query().Get("watch") != "":
		return "watch"
	case c.Name == "":
		return "list"
	}
	return "get"
}
