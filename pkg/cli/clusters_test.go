package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

const objects = `
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: main}, spec: {controller: %s}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: cutover-system}}
`

const workload = `---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: web}},
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}, spec: {ingressClassName: main, rules: [
 {host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
`

const planText = `
apiVersion: cutover.dev/v1alpha1
kind: Plan
metadata: {name: two}
spec:
  through: routes
  clusters: {old: {uid: %s}, new: {uid: %s}}
  namespaces: [shop]
  entry: {old: {addresses: [192.0.2.1], ingressClass: main}, new: {addresses: [192.0.2.2], ingressClass: main}}
  bridge: {addresses: [192.0.2.3], port: 8080, marker: 4f9c2a7e, echo: {image: echo, namespace: cutover-system}}
  tail: {addresses: [192.0.2.4], port: 8080}
  dns: {none: "a test"}
  waves: [{name: shop, workloads: [shop/Deployment/web]}]
  lock: {ttl: 1m}
  windows: {routes: 1s, drain: 1s}
  approvals: %s
`

// world is two clusters that consist of an API server each.
type world struct {
	old, new, dir, plan string
	uids                []any
	servers             map[string]*kubetest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, kubetest.Lend(t), kubetest.Lend(t))
}

func worldOn(t *testing.T, old, current *kubetest.Server) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), servers: map[string]*kubetest.Server{"old": old, "new": current}}
	w.old, w.new = w.servers["old"].Kubeconfig, w.servers["new"].Kubeconfig
	for _, c := range []struct{ env, text string }{
		{"old", fmt.Sprintf(objects, "projectcontour.io/main") + workload}, {"new", fmt.Sprintf(objects, "traefik.io/ingress-controller")},
	} {
		w.create(t, c.env, c.text)
		uid, err := w.connect(t, c.env).UID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.uids = append(w.uids, uid)
	}
	w.write(t, "{}")
	return w
}

// write writes the plan with its approvals.
func (w *world) write(t *testing.T, approvals string) {
	w.plan = filepath.Join(w.dir, "two.yaml")
	if err := os.WriteFile(w.plan, fmt.Appendf(nil, planText, w.uids[0], w.uids[1], approvals), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a verb on the plan; env is name, value, name, value on top of the two kubeconfigs.
func (w *world) run(t *testing.T, args []string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	vars := map[string]string{"CUTOVER_OLD_KUBECONFIG": w.old, "CUTOVER_NEW_KUBECONFIG": w.new}
	for i := 0; i+1 < len(env); i += 2 {
		vars[env[i]] = env[i+1]
	}
	if args[0] != "action" {
		args = append([]string{args[0], "--plan", w.plan}, args[1:]...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	errs := &listener{at: "] doing ", do: cancel}
	code = cli.Main(ctx, append([]string{"cutover"}, args...), func(n string) string { return vars[n] }, strings.NewReader(""), &out, errs)
	return code, out.String(), errs.String()
}

// listener does something as soon as a run says something.
type listener struct {
	said bytes.Buffer // not embedded: io.Copy would write past us
	at   string
	do   func()
}

func (l *listener) String() string { return l.said.String() }

func (l *listener) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(l.at)) {
		l.do()
	}
	return l.said.Write(b)
}

func TestAStoppedRunCanBeTakenBack(t *testing.T) {
	w := newWorld(t)
	code, out, errs := w.run(t, []string{"apply", "--output", "json"})
	var d struct {
		Mutated bool
		GoBack  string
		Steps   []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != 130 || !d.Mutated || len(d.Steps) < 5 || strings.Contains(errs, "    seen: ") {
		t.Fatalf("apply: code %d, %v\n%s%s", code, err, out, errs)
	}
	if !strings.Contains(d.GoBack, "rollback --plan") || strings.Contains(errs, "warning") {
		t.Errorf("the way back is %q\n%s", d.GoBack, errs)
	}
	if _, out, _ := w.run(t, []string{"status"}); !strings.Contains(out, "proxy         open") {
		t.Errorf("status is\n%s", out)
	}
	w.tellsWhatItSees(t)
	if code, out, errs := w.run(t, []string{"rollback", "--phase", "proxy", "--break-glass", "new is gone"}, "CUTOVER_NEW_KUBECONFIG", w.gone(t)); code != 0 {
		t.Errorf("rollback from old's copy: code %d\n%s%s", code, out, errs)
	}
}

// tellsWhatItSees resumes a phase that waits for a Deployment which never gets ready, now for a second only.
func (w *world) tellsWhatItSees(t *testing.T) {
	t.Helper()
	w.create(t, "old", `{apiVersion: v1, kind: Event, metadata: {namespace: cutover-system, name: e}, type: Warning, reason: FailedCreate,
 message: "exceeded quota: small", involvedObject: {kind: ReplicaSet, namespace: cutover-system, name: cutover-echo-7d9f}}`)
	if err := os.WriteFile(w.plan, []byte(strings.Replace(read(t, w.plan), "routes: 1s,", "routes: 1s, ready: 1s,", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.run(t, []string{"apply", "--output", "json"})
	const id = "apply:old/cutover-system/Deployment/cutover-echo"
	under := strings.Index(errs, "  "+id+" (failed)\n    seen: old: there is no pod with ")
	if code != 4 || under < 0 || !strings.Contains(errs[under:], "    seen: old: event at ") || !strings.Contains(errs[under:], "exceeded quota: small") {
		t.Errorf("a step that failed: exit code %d\n%s", code, errs)
	}
	var d struct {
		Steps []struct {
			ID    string
			Facts []string
		}
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil || d.Steps[0].ID != id || len(d.Steps[0].Facts) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// gone is a kubeconfig of a server that is not there.
func (w *world) gone(t *testing.T) string {
	path := filepath.Join(w.dir, "gone")
	config := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: u, user: {token: hunter2-hunter2}}]}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheActionWritesItsOutputs(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.dir)
	old, current := base64.StdEncoding.EncodeToString([]byte(read(t, w.old))), base64.StdEncoding.EncodeToString([]byte(read(t, w.new)))
	kubeconfigs := []string{"old-kubeconfig", old, "new-kubeconfig", current}
	plan := runnertest.NewStep(t).Secret(old, current).With(append(kubeconfigs, "plan", w.plan, "verb", "plan")...)
	code := act(t, plan)
	outputs, dropped := plan.JobOutputs()
	for _, canary := range []string{old, current, "token-admin"} {
		if strings.Contains(plan.Printed()+read(t, plan.Env["GITHUB_STEP_SUMMARY"])+read(t, "cutover-report.json"), canary) || len(dropped) > 0 {
			t.Errorf("%.20s… is shown, or the runner drops outputs: %q", canary, dropped)
		}
	}
	if !slices.ContainsFunc(plan.Commands(), func(c runnertest.Command) bool { return c.Name == "add-mask" && c.Message == "token-admin" }) {
		t.Error("the runner is not told to hide what stands in the kubeconfigs")
	}
	if code != 0 || outputs["result"] != "done" || outputs["phase"] != "proxy" || outputs["mutated"] != "false" || outputs["digest"] == "" {
		t.Errorf("plan: code %d, outputs %q\n%s", code, outputs, plan.Log())
	}
	if !strings.Contains(read(t, "cutover-report.json"), `"verb": "plan"`) || !strings.Contains(plan.Summary(), "proxy") {
		t.Errorf("the report or the summary is missing:\n%s", plan.Summary())
	}
	apply := runnertest.NewStep(t).With(append(kubeconfigs, "plan", w.plan, "phase", "routes")...)
	if code := act(t, apply); code != 3 || apply.Outputs()["result"] != "refused" {
		t.Errorf("apply of a later phase: code %d, outputs %q\n%s", code, apply.Outputs(), apply.Log())
	}
}

func TestVerbsOnTwoClustersInWhichNothingRuns(t *testing.T) {
	w := newWorld(t)
	code, out, errs := w.run(t, []string{"status", "--output", "json"})
	var status struct {
		Phases []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(out), &status); code != 0 || err != nil || len(status.Phases) != 4 || status.Phases[0].State != "next" {
		t.Fatalf("status: code %d, %v\n%s%s", code, err, out, errs)
	}
	for _, c := range []struct {
		name string
		args []string
		env  []string
		code int
		want string
	}{
		{"the first phase can be planned", []string{"plan"}, nil, 0, "digest "},
		{"a later phase can be looked at", []string{"plan", "--phase", "cleanup"}, nil, 0, "not the turn of cleanup"},
		{"another digest is refused", []string{"plan", "--expect-digest", "x"}, nil, 3, "is no digest"},
		{"next names the phase", []string{"next", "--output", "json"}, nil, 0, `"next": "proxy"`},
		{"a later phase cannot be applied", []string{"apply", "--phase", "migrate/shop"}, nil, 3, "order"},
		{"an unknown phase is a wrong flag", []string{"apply", "--phase", "x"}, nil, 2, `no phase "x"`},
		{"swapped clusters", []string{"status"}, []string{"CUTOVER_OLD_KUBECONFIG", w.new, "CUTOVER_NEW_KUBECONFIG", w.old}, 3, "swapped"},
		{"one cluster twice", []string{"apply"}, []string{"CUTOVER_NEW_KUBECONFIG", w.old}, 3, "the same cluster twice"},
		{"nothing to take back", []string{"rollback", "--phase", "proxy"}, nil, 0, "nothing was begun"},
		{"nothing to recover", []string{"recover"}, nil, 0, "done"},
		{"nothing to verify", []string{"verify"}, nil, 0, "done"},
		{"nothing is frozen", []string{"adopt"}, nil, 3, "nothing is frozen"},
		{"nothing is after a phase that was not begun", []string{"status", "--to", "proxy"}, nil, 2, "nothing of it was begun"},
		{"nobody holds the lock", []string{"unlock"}, nil, 0, "nobody holds"},
		{"nobody holds the lock, for machines", []string{"unlock", "--output", "json"}, nil, 0, `"taken": false`},
		{"an empty journal", []string{"journal", "export"}, nil, 0, ""},
	} {
		if code, out, errs := w.run(t, c.args, c.env...); code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: code %d, want %d and %q\n%s\n%s", c.name, code, c.code, c.want, out, errs)
		}
	}
}

func TestAPhaseThatThePlanWantsApprovedRunsOnlyWithTheYesOnRecord(t *testing.T) {
	w := newWorld(t) // routes is not next, so that nothing is ever begun; every no is told beside the other
	w.write(t, "{routes: production}")
	record := ""
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/repos/acme/shop/actions/runs/42/approvals" && record != "":
			_, _ = fmt.Fprint(rw, record)
		case r.URL.Path == "/repos/acme/shop/environments/production":
			_, _ = fmt.Fprint(rw, `{"name": "production", "protection_rules": []}`)
		default:
			rw.WriteHeader(http.StatusNotFound)
		}
	}))
	defer api.Close()
	repository := []string{"GITHUB_API_URL", api.URL, "GITHUB_REPOSITORY", "acme/shop", "GITHUB_TOKEN", "hub-t0k3n"}
	job := append([]string{"GITHUB_RUN_ID", "42", "GITHUB_RUN_ATTEMPT", "1"}, repository...)
	_, planned, _ := w.run(t, []string{"plan", "--phase", "routes", "--output", "json"})
	var d struct{ Digest string }
	if err := json.Unmarshal([]byte(planned), &d); err != nil || d.Digest == "" {
		t.Fatalf("no digest (%v) in %s", err, planned)
	}
	yes := `[{"state": "approved", "user": {"login": "cat"}, "environments": [{"name": "production"}]}]`
	for _, c := range []struct {
		name, record string
		args, env    []string
		want         string // "" = the gate says yes
	}{
		{"by hand", yes, nil, repository, "only a run of GitHub Actions can be"},
		{"nobody did", "[]", []string{"--expect-digest", d.Digest}, job, "nobody approved this run on production"},
		{"of no digest", yes, nil, job, "an approval of routes is for one digest"},
		{"no record", "", []string{"--expect-digest", d.Digest}, job, "ask who approved run 42 on production"},
		{"approved", yes, []string{"--expect-digest", d.Digest}, job, ""},
		{"by the will of who runs it", "[]", []string{"--unapproved", "GitHub is down"}, nil, ""},
	} {
		record = c.record
		code, out, errs := w.run(t, append([]string{"apply", "--phase", "routes"}, c.args...), c.env...)
		if asked := strings.Contains(errs, "gate approval"); asked != (c.want != "") || !strings.Contains(errs, c.want) || code != 3 || !strings.Contains(errs, "not the turn of routes") {
			t.Errorf("%s: code %d, want %q\n%s%s", c.name, code, c.want, out, errs)
		}
		if strings.Contains(out+errs, "hub-t0k3n") {
			t.Errorf("%s: the token is in the output", c.name)
		}
	}
	if code, out, _ := w.run(t, []string{"preflight", "--output", "json"}, repository...); code != 3 || !strings.Contains(out, `"gate": false`) {
		t.Errorf("preflight for machines: code %d\n%s", code, out)
	}
	if code, out, errs := w.run(t, []string{"preflight"}, repository...); code != 3 || !strings.Contains(errs, "no required reviewers") {
		t.Errorf("preflight: code %d\n%s%s", code, out, errs)
	}
}
