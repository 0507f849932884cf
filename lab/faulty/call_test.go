package faulty

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestACallIsNamedAsInRoles(t *testing.T) {
	const apps = "/apis/apps/v1/namespaces/shop/deployments"
	for _, c := range []struct{ method, target, kind, body, want string }{
		{"GET", "/api/v1/namespaces/kube-system", "", "", "get namespaces  kube-system"},
		{"GET", "/api/v1/namespaces", "", "", "list namespaces"},
		{"GET", apps, "", "", "list deployments shop"},
		{"GET", apps + "?watch=true", "", "", "watch deployments shop"},
		{"GET", apps + "/web", "", "", "get deployments shop web"},
		{"POST", apps, "", `{"metadata":{"name":"web"}}`, "create deployments shop web"},
		{"PUT", apps + "/web/scale", "", `{}`, "update deployments/scale shop web"},
		{"PATCH", apps + "/web", "application/json-patch+json", `[]`, "patch deployments shop web"},
		{"PATCH", apps + "/web", "application/apply-patch+yaml", `{}`, "apply deployments shop web"},
		{"DELETE", apps + "/web", "", "", "delete deployments shop web"},
		{"DELETE", apps, "", "", "deletecollection deployments shop"},
		{"GET", "/api/v1/namespaces/shop/pods/web-1/portforward", "", "", "connect pods/portforward shop web-1"},
		{"GET", "/version", "", "", "get /version"},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		if got := read(r).String(); got != c.want {
			t.Errorf("%s %s is %q, want %q", c.method, c.target, got, c.want)
		}
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != c.body {
			t.Errorf("%s %s: the body is now %q (%v)", c.method, c.target, b, err)
		}
	}
}

func TestOnlyAWriteThatNamesWhatItExpectsIsGuarded(t *testing.T) {
	for _, c := range []struct {
		verb, body string
		want       bool
	}{
		{"create", `{"metadata":{"name":"web"}}`, true},
		{"create", `{"metadata":{"generateName":"web-"}}`, false},
		{"update", `{"metadata":{"name":"web","resourceVersion":"7"}}`, true},
		{"update", `{"metadata":{"name":"web"}}`, false},
		{"apply", `{"metadata":{"name":"web","resourceVersion":"7"}}`, true},
		{"apply", `{"metadata":{"name":"web"}}`, false},
		{"patch", `[{"op":"test","path":"/spec","value":1},{"op":"replace","path":"/spec","value":2}]`, true},
		{"patch", `[{"op":"replace","path":"/metadata/resourceVersion","value":"7"}]`, true},
		{"patch", `[{"op":"replace","path":"/spec","value":2}]`, false},
		{"patch", `{"metadata":{"labels":{"a":"b"}}}`, false},
		{"delete", `{"preconditions":{"uid":"u"}}`, true},
		{"delete", `{}`, false},
		{"delete", ``, false},
	} {
		if got := guarded(c.verb, []byte(c.body)); got != c.want {
			t.Errorf("%s %s: guarded is %v", c.verb, c.body, got)
		}
	}
}

func TestADoubledWriteIsOneThatNothingGuards(t *testing.T) {
	at := time.Now()
	call := func(after time.Duration, f Fault, guarded bool, sum byte) Call {
		return Call{At: at.Add(after), Verb: "patch", Resource: "ingresses", Name: "web", Fault: f, Guarded: guarded, sum: [32]byte{sum}}
	}
	for name, c := range map[string]struct {
		calls []Call
		want  int
	}{
		"after a lost answer":     {[]Call{call(0, Lose, false, 1), call(time.Second, "", false, 1)}, 1},
		"after an error":          {[]Call{call(0, Answer500, false, 1), call(time.Second, "", false, 1)}, 1},
		"a guarded one":           {[]Call{call(0, Lose, true, 1), call(time.Second, "", true, 1)}, 0},
		"after a 429":             {[]Call{call(0, TooMany, false, 1), call(time.Second, "", false, 1)}, 0},
		"after a refusal":         {[]Call{call(0, Vanish, false, 1), call(time.Second, "", false, 1)}, 0},
		"another change":          {[]Call{call(0, Lose, false, 1), call(time.Second, "", false, 2)}, 0},
		"much later":              {[]Call{call(0, Lose, false, 1), call(time.Hour, "", false, 1)}, 0},
		"a review, which is read": {[]Call{{Verb: "create", Resource: "selfsubjectaccessreviews"}, {Verb: "create", Resource: "selfsubjectaccessreviews"}}, 0},
	} {
		if got := Doubled(c.calls, time.Minute); len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
