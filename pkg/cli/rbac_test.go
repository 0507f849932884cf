package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/cli"
)

var update = flag.Bool("update", false, "write docs/rbac")

// printed is what cutover rbac prints for a plan.
func printed(t *testing.T, plan, cluster, role string) string {
	t.Helper()
	var out, errs bytes.Buffer
	args := []string{"cutover", "rbac", "--plan", plan, "--cluster", cluster, "--role", role}
	code := cli.Main(t.Context(), args, func(string) string { return "" }, strings.NewReader(""), &out, &errs)
	if code != 0 {
		t.Fatalf("%v: code %d\n%s", args, code, errs.String())
	}
	return out.String()
}

// each calls f for both roles in both clusters, in the folder of the checkout.
func each(t *testing.T, f func(t *testing.T, cluster, role string)) {
	t.Chdir("../..")
	for _, cluster := range []string{"old", "new"} {
		for _, role := range []string{"run", "plan"} {
			f(t, cluster, role)
		}
	}
}

func TestTheCommittedRolesAreThoseOfTheDemo(t *testing.T) {
	each(t, func(t *testing.T, cluster, role string) {
		file, want := filepath.Join("docs", "rbac", cluster+"-"+role+".yaml"), printed(t, "plans/demo.yaml", cluster, role)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not what the phases ask for (%v); fix: go test ./pkg/cli -run Roles -update", file, err)
		}
	})
}

// roles reads manifests strictly and returns the Roles by namespace, the ClusterRole under "".
func roles(t *testing.T, text string) map[string][]rbacv1.PolicyRule {
	t.Helper()
	out := map[string][]rbacv1.PolicyRule{}
	for _, doc := range strings.Split(text, "---\n") {
		var kind struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind != "Role" && kind.Kind != "ClusterRole" {
			continue
		}
		var r rbacv1.Role
		if err := yaml.UnmarshalStrict([]byte(doc), &r); err != nil {
			t.Fatal(err)
		}
		out[r.Namespace] = r.Rules
	}
	return out
}

func TestNoRoleGivesMoreThanItSays(t *testing.T) {
	each(t, func(t *testing.T, cluster, role string) {
		all := roles(t, printed(t, "plans/demo.yaml", cluster, role))
		if len(all) != 4 { // shop, blog, cutover-system, and what is cluster-scoped
			t.Errorf("%s in %s has rules in %d scopes", role, cluster, len(all))
		}
		for ns, rules := range all {
			for _, r := range rules {
				where := fmt.Sprintf("%s in %s, namespace %q: %v", role, cluster, ns, r)
				has := func(verbs ...string) bool {
					return slices.ContainsFunc(r.Verbs, func(v string) bool { return slices.Contains(verbs, v) })
				}
				if has("*", "escalate", "bind", "impersonate", "deletecollection") || slices.Contains(r.Resources, "*") || slices.Contains(r.APIGroups, "*") {
					t.Errorf("%s: that is more than any phase needs", where)
				}
				if slices.Contains(r.Resources, "secrets") && (role == "plan" || ns != "shop" && ns != "blog" || cluster == "old" && !slices.Equal(r.Verbs, []string{"get"})) {
					t.Errorf("%s: Secrets", where)
				}
				if role == "plan" && has("create", "update", "patch", "delete") || ns == "" && !slices.Equal(r.Verbs, []string{"get"}) {
					t.Errorf("%s: that is not only looking", where)
				}
				if cluster == "old" && has("delete") && slices.ContainsFunc(r.ResourceNames, func(n string) bool { return !strings.HasPrefix(n, "cutover-") }) ||
					cluster == "old" && has("delete") && len(r.ResourceNames) == 0 {
					t.Errorf("%s: old's own objects could be removed", where)
				}
			}
		}
	})
}

func TestWithALinkTheAddressesOfBothSidesMayBeSeen(t *testing.T) {
	folder := t.TempDir()
	each(t, func(t *testing.T, cluster, role string) {
		demo, err := os.ReadFile("plans/demo.yaml")
		if err != nil {
			t.Fatal(err)
		}
		const relay = `, relay: {image: "lab.test/lab/cutover:dev"}}`
		text := strings.NewReplacer("d7f10}", "d7f10"+relay, "0a911}", "0a911"+relay, "\n  tail:", "\n  link: {}\n  tail:").Replace(string(demo))
		file := filepath.Join(folder, "plan.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, resource := range []string{"nodes", "servicecidrs"} { // verify looks at them, whoever it is
			if !slices.ContainsFunc(roles(t, printed(t, file, cluster, role))[""], func(r rbacv1.PolicyRule) bool {
				return slices.Contains(r.Resources, resource) && slices.Equal(r.Verbs, []string{"list"})
			}) {
				t.Errorf("%s in %s may not list %s", role, cluster, resource)
			}
		}
	})
}

// certified is an Ingress with a certificate.
const certified = `---
{apiVersion: v1, kind: Secret, metadata: {name: shop-tls, namespace: shop}, type: kubernetes.io/tls, data: {tls.crt: aHVudGVyMg==, tls.key: aHVudGVyMg==}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: secure, namespace: shop}, spec: {ingressClassName: main, tls: [{hosts: [secure.example.com],
 secretName: shop-tls}], rules: [{host: secure.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
`

// admit creates objects as administrator.
func admit(t *testing.T, kubeconfig, text string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range strings.Split(text, "---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
		if _, err := client.Resource(resource).Namespace(o.GetNamespace()).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// become makes both kubeconfigs those of one identity, whose rights are what is printed for it after change.
func (w *world) become(t *testing.T, role string, change func(string) string) {
	t.Helper()
	for env, config := range map[string]*string{"old": &w.old, "new": &w.new} {
		admit(t, *config, change(printed(t, w.plan, env, role)))
		text, err := os.ReadFile(*config)
		if err != nil {
			t.Fatal(err)
		}
		as := "user: {as: system:serviceaccount:cutover-system:cutover-two-" + role + ", "
		path := filepath.Join(t.TempDir(), env)
		if err := os.WriteFile(path, bytes.Replace(text, []byte("user: {token"), []byte(as+"token"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		*config = path
	}
}

func same(s string) string { return s }

func TestWhoOnlyPlansNeedsNoSecretAndMayNotApply(t *testing.T) {
	w := newWorld(t)
	admit(t, w.old, certified)
	digests := map[string]string{}
	digest := func(phase, out string) string {
		_, rest, _ := strings.Cut(out, "\ndigest ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	for _, phase := range []string{"proxy", "routes", "migrate/shop", "cleanup"} {
		code, out, errs := w.run(t, []string{"plan", "--phase", phase})
		if digests[phase] = digest(phase, out); code != 0 || digests[phase] == "" {
			t.Fatalf("plan of %s as administrator: code %d\n%s%s", phase, code, out, errs)
		}
	}
	w.become(t, "plan", same)
	for phase, want := range digests {
		code, out, errs := w.run(t, []string{"plan", "--phase", phase})
		if code != 0 || digest(phase, out) != want || !strings.Contains(errs, "may not read Secrets") {
			t.Errorf("plan of %s: code %d, digest %q, want %q\n%s%s", phase, code, digest(phase, out), want, out, errs)
		}
		if got := strings.Contains(out, "UNSURE"); got != (phase == "routes") {
			t.Errorf("plan of %s: something is unsure: %t\n%s", phase, got, out)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"status"}, 0, "proxy"},
		{[]string{"verify"}, 0, "done"},
		{[]string{"next"}, 0, "next proxy"},
		{[]string{"journal"}, 0, ""},
		{[]string{"apply"}, 3, "lease"},
	} {
		if code, out, errs := w.run(t, c.args); code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%v: code %d, want %d and %q\n%s%s", c.args, code, c.code, c.want, out, errs)
		}
	}
}

func TestARightThatIsMissingIsNamedBeforeAnythingIsWritten(t *testing.T) {
	w := newWorld(t)
	w.become(t, "run", func(text string) string {
		return strings.Replace(text, `resources: ["secrets"], verbs: ["get"]`, `resources: ["secrets"], verbs: ["list"]`, 1)
	})
	if code, out, errs := w.run(t, []string{"plan"}); code != 0 || strings.Contains(errs, "Secrets") {
		t.Errorf("plan of a phase without Secrets: code %d\n%s%s", code, out, errs)
	}
	code, out, errs := w.run(t, []string{"plan", "--phase", "routes"})
	if code != 3 || !strings.Contains(errs, "this identity may not get secrets in namespace shop in old") || !strings.Contains(errs, "cutover rbac") {
		t.Errorf("plan of a phase with Secrets: code %d\n%s%s", code, out, errs)
	}
}
