package audit

import (
	"slices"
	"strings"
	"testing"
)

const roles = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: x}
rules: [{apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: x, namespace: shop}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [get, watch]}
- {apiGroups: [""], resources: [pods/portforward], verbs: [create]}
- {apiGroups: [apps], resources: [deployments], resourceNames: [api, web], verbs: [patch]}
`

const log = `{"stage":"ResponseComplete","verb":"get","user":{"username":"sa:run"},"objectRef":{"resource":"namespaces","namespace":"kube-system","name":"kube-system"},"responseStatus":{"code":200}}
{"stage":"ResponseStarted","verb":"watch","user":{"username":"sa:run"},"objectRef":{"resource":"deployments","namespace":"shop","apiGroup":"apps"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"create","user":{"username":"sa:run"},"objectRef":{"resource":"selfsubjectaccessreviews","apiGroup":"authorization.k8s.io"},"responseStatus":{"code":201}}
{"stage":"ResponseComplete","verb":"create","user":{"username":"sa:run"},"objectRef":{"resource":"pods","subresource":"portforward","namespace":"shop"},"responseStatus":{"code":101}}
{"stage":"ResponseComplete","verb":"patch","user":{"username":"sa:run"},"objectRef":{"resource":"deployments","namespace":"shop","name":"web","apiGroup":"apps"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"patch","user":{"username":"sa:run"},"objectRef":{"resource":"deployments","namespace":"shop","name":"api","apiGroup":"apps"},"responseStatus":{"code":200}}
{"stage":"ResponseComplete","verb":"delete","user":{"username":"somebody"},"objectRef":{"resource":"nodes"},"responseStatus":{"code":200}}
`

const made = "- {apiGroups: [apps], resources: [deployments], verbs: [create]}\n"

func create(name string) string {
	return `{"verb":"create","user":{"username":"sa:run"},"objectRef":{"resource":"deployments","namespace":"shop","name":"` + name + `","apiGroup":"apps"},"responseStatus":{"code":201}}`
}

var drift = Excuse{Right: Right{Verb: "patch"}, With: "create", Why: "drift"}

var view = Excuse{Right: Right{Verb: "get"}, With: "watch", Why: "a view"}

func compare(t *testing.T, manifests, log string, excuses ...Excuse) []string {
	t.Helper()
	granted, err := Granted([]byte(manifests), "old", "run")
	if err != nil {
		t.Fatal(err)
	}
	var uses Uses
	if err := EventsIn(strings.NewReader(log), "old", uses.of("old", map[string]string{"sa:run": "run"})); err != nil {
		t.Fatal(err)
	}
	return Compare(granted, uses, excuses)
}

func TestRightsThatAreGrantedAndUsedAreFine(t *testing.T) {
	if got := compare(t, roles, log+`{"stage":"Respon`, view); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestEveryDifferenceIsNamed(t *testing.T) {
	const denied = `{"verb":"list","user":{"username":"sa:run"},"objectRef":{"resource":"secrets","namespace":"shop"},"responseStatus":{"code":403}}`
	const silent = `{"verb":"get","user":{"username":"sa:run"},"requestURI":"/metrics","responseStatus":{"code":200}}`
	for name, c := range map[string]struct {
		roles, log string
		excuses    []Excuse
		want       []string
	}{
		"a rule too few":  {strings.Replace(roles, "[get, watch]", "[get]", 1), log, nil, []string{"get deployments.apps in namespace shop: is granted and was never", "watch deployments.apps in namespace shop: was used, and no role"}},
		"a rule too many": {strings.Replace(roles, "[pods/", "[pods, pods/", 1), log, []Excuse{view}, []string{"create pods in namespace shop: is granted and was never used"}},
		"a denial":        {roles, log + denied, []Excuse{view}, []string{"list secrets in namespace shop: was asked for 1 times and denied"}},
		"no object":       {roles, log + silent, []Excuse{view}, []string{"get /metrics: was used, and no role"}},
		"a stale excuse":  {roles, log, []Excuse{view, {Right: Right{Verb: "bind"}, Why: "long gone"}}, []string{`nothing needs the excuse "long gone"`}},
		"another place": {strings.Replace(roles, "namespace: shop", "namespace: blog", 1), log, nil, []string{
			"create pods/portforward in namespace blog: is granted", "get deployments.apps in namespace blog: is", "watch deployments.apps in namespace blog: is", "create pods/portforward in namespace shop: was used", "watch deployments.apps in namespace shop: was used",
			"patch deployments.apps api in namespace blog: is", "patch deployments.apps web in namespace blog: is", "patch deployments.apps api in namespace shop: was", "patch deployments.apps web in namespace shop: was",
		}},
		"a name too many":       {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1), log, []Excuse{view}, []string{"patch deployments.apps cart in namespace shop: is granted and was never used"}},
		"a name too few":        {strings.Replace(roles, "[api, web]", "[web]", 1), log, []Excuse{view}, []string{"patch deployments.apps api in namespace shop: was used, and no role"}},
		"any name":              {strings.Replace(roles, "resourceNames: [api, web], ", "", 1), log, []Excuse{view}, nil},
		"made under that name":  {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1) + made, log + create("cart"), []Excuse{view, drift}, nil},
		"made under another":    {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1) + made, log + create("blog"), []Excuse{view, drift}, []string{"patch deployments.apps cart in namespace shop: is granted", "nothing needs"}},
		"of another resource":   {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1), log, []Excuse{view, {Right: Right{Verb: "patch"}, Resources: []string{"services", "secrets"}, Why: "x"}}, []string{"patch deployments.apps cart in namespace shop: is granted", "nothing needs"}},
		"of one of these":       {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1), log, []Excuse{view, {Right: Right{Verb: "patch"}, Resources: []string{"services", "deployments"}, Why: "x"}}, nil},
		"of that name":          {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1), log, []Excuse{view, {Right: Right{Name: "cart"}, Why: "x"}}, nil},
		"of another name's one": {strings.Replace(roles, "[api, web]", "[api, cart, web]", 1), log, []Excuse{view, {Right: Right{Name: "blog"}, Why: "x"}}, []string{"patch deployments.apps cart in namespace shop: is granted", "nothing needs"}},
	} {
		got := compare(t, c.roles, c.log, c.excuses...)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q", name, got)
		}
		for _, want := range c.want {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("%s: want %q, got %q", name, want, got)
			}
		}
	}
}

func TestOnlyWhatWasGrantedCountsAsUsed(t *testing.T) {
	var uses Uses
	if err := EventsIn(strings.NewReader(log), "old", uses.of("old", map[string]string{"sa:run": "run"})); err != nil {
		t.Fatal(err)
	}
	granted, err := Granted([]byte(roles+"---\n"+strings.ReplaceAll(roles, "[api, web]", "[api]")), "old", "run")
	if err != nil {
		t.Fatal(err)
	}
	if n := uses.Of(granted); n != 5 { // one of the six is a get of what was watched
		t.Errorf("%d were used of %d", n, len(granted))
	}
}

func TestAnExcuseThatGoesWithAnotherVerbNeedsItUsed(t *testing.T) {
	got := compare(t, roles, strings.Replace(log, `"watch"`, `"get"`, 1), view)
	if len(got) != 2 || !strings.Contains(got[0]+got[1], "watch deployments") {
		t.Errorf("got %q", got)
	}
	if _, err := Granted([]byte("kind: Role\nmetadata: {name: x}"), "old", "run"); err == nil {
		t.Error("manifests that allow nothing pass")
	}
}
