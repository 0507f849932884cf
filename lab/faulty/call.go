package faulty

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Call is one request as it arrived.
type Call struct {
	At        time.Time
	Verb      string
	Resource  string // with its subresource: "deployments/scale"
	Namespace string
	Name      string
	Fault     Fault // "" is none
	Guarded   bool  // a write that cannot happen twice: it names what it expects, or makes what must not be there
	Code      int   // of the server's answer; 0: there is none (yet), or nobody saw it

	sum [sha256.Size]byte // of what it was to write
}

// stored are the verbs that change what a server keeps.
var stored = []string{"create", "update", "patch", "apply", "delete", "deletecollection"}

// reviews only ask, although they are created.
var reviews = []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews", "tokenreviews"}

// Writes says whether the server would keep something of the call.
func (c Call) Writes() bool {
	return slices.Contains(stored, c.Verb) && !slices.Contains(reviews, c.Resource)
}

// Kept says whether the server keeps what the call was to write, or may: unless it said that it does not.
func (c Call) Kept() bool { return c.Writes() && (c.Code == 0 || c.Code/100 == 2) }

func (c Call) String() string {
	s := strings.TrimRight(strings.Join([]string{c.Verb, c.Resource, c.Namespace, c.Name}, " "), " ")
	if c.Fault != "" {
		s += " (" + string(c.Fault) + ")"
	}
	return s
}

// read finds out what a request is about. The body can be read again afterwards.
func read(r *http.Request) *Call {
	c := &Call{At: time.Now()}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default: // discovery, health, version
		c.Verb, c.Resource = strings.ToLower(r.Method), r.URL.Path
		return c
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		c.Namespace, parts = parts[1], parts[2:]
	}
	c.Resource = parts[0]
	if len(parts) > 1 {
		c.Name = parts[1]
	}
	if len(parts) > 2 {
		c.Resource += "/" + strings.Join(parts[2:], "/")
	}
	c.Verb = verb(r, c)
	if !c.Writes() {
		return c
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.sum = sha256.Sum256(append([]byte(r.URL.RawQuery+"\n"), body...))
	c.Guarded = err == nil && guarded(c.Verb, body)
	if c.Verb == "create" && c.Name == "" {
		c.Name = nameIn(body)
	}
	return c
}

// nameIn is the name of an object that is to be made, which the path does not say.
func nameIn(body []byte) string {
	var o struct{ Metadata struct{ Name string } }
	if json.Unmarshal(body, &o) != nil {
		return ""
	}
	return o.Metadata.Name
}

func verb(r *http.Request, c *Call) string {
	if sub := c.Resource[strings.LastIndex(c.Resource, "/")+1:]; slices.Contains([]string{"portforward", "exec", "attach", "proxy"}, sub) {
		return "connect"
	}
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch") {
			return "apply"
		}
		return "patch"
	case http.MethodDelete:
		if c.Name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	switch watch := r.URL.Query().Get("watch"); {
	case watch == "true" || watch == "1":
		return "watch"
	case c.Name == "":
		return "list"
	}
	return "get"
}

// guarded says whether a write holds only if things are as its author saw them, so that it cannot happen twice: a name
// that must be free, a resourceVersion, a uid, a test in a patch.
func guarded(verb string, body []byte) bool {
	var ops []struct{ Op, Path string }
	if verb == "patch" && json.Unmarshal(body, &ops) == nil {
		for _, o := range ops {
			if o.Op == "test" || o.Path == "/metadata/resourceVersion" {
				return true
			}
		}
		return false
	}
	var o struct {
		Metadata      struct{ Name, ResourceVersion string }
		Preconditions struct{ UID, ResourceVersion string }
	}
	if json.Unmarshal(body, &o) != nil {
		return false
	}
	switch verb {
	case "create":
		return o.Metadata.Name != ""
	case "delete":
		return o.Preconditions.UID+o.Preconditions.ResourceVersion != ""
	}
	return o.Metadata.ResourceVersion != ""
}
