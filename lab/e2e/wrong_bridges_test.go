package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/world"
)

// badBridges are bridges with which nothing may be moved: what the committed manifests of the demo's have instead.
var badBridges = []struct{ name, is, becomes string }{
	{"bridge-ends-tls", "            - --metrics.prometheus=true\n", "            - --metrics.prometheus=true\n            - --entrypoints.websecure.http.tls=true\n"},
	{"bridge-down", "  replicas: 1\n", "  replicas: 0\n"},
	{"bridge-without-marker-that-writes-status", "only-new@file,via@file\n", "only-new@file\n            - --providers.kubernetesingress.ingressendpoint.ip=172.30.0.22\n"},
}

// wrongBridges tries the phase proxy where something is in its way: an object of somebody else, and bridges that are none.
// Each run that fails is gone on with by the next one; at the end stands the right one.
func (r *rig) wrongBridges(t *testing.T) {
	const first = "proxy"
	services := r.client(t, world.New).CoreV1().Services(loneSpace)
	foreign := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "cutover-proxy", Annotations: map[string]string{"meta.helm.sh/release-name": "shop"}},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	if _, err := services.Create(t.Context(), foreign, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.refusesBoth(t, "foreign-object", first, "foreign-object-planned", "plan", "--phase", first)
	if err := services.Delete(t.Context(), foreign.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	free := r.letWriteStatus(t)
	before := r.journal(t)
	for _, b := range badBridges {
		r.with(r.bridge(t, b.name, b.is, b.becomes), func() { r.says(t, b.name, broken, "apply", "--phase", first) })
		r.lossless(t)
		before = r.accounted(t, before)
	}
	free()
	r.statusOfOld(t)
	r.expires(t)
	r.apply(t, first)
}

// expires takes the token away in the middle of a run that has nothing left to do but to look on: a token that is bound to
// an object ends with it. API servers know it for some seconds more.
func (r *rig) expires(t *testing.T) {
	core := r.client(t, world.New).CoreV1()
	session, err := core.Secrets(world.SystemSpace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "test-session"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wanted := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: session.Name, UID: session.UID},
	}}
	got, err := core.ServiceAccounts(world.SystemSpace).CreateToken(t.Context(), world.UserRun, wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.made["token that ended"] = got.Status.Token
	text := readFile(t, r.tool.Env[newVariable])
	text = strings.Replace(text, tokenOf(t, text), got.Status.Token, 1)
	r.env(map[string]string{newVariable: r.kubeconfig(t, "ending", text)}, func() {
		r.with(r.variant(t, "token-ends", "status: 1s", "status: 1m"), func() {
			q := r.begin(t, r.tool, nil, at(bridgeWatch, "waiting"), verbLine(r.tool, "apply", "--phase", "proxy")...)
			q.reached(t)
			if err := core.Secrets(world.SystemSpace).Delete(t.Context(), session.Name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			got := q.end(t, verbEnd)
			if got.Code != broken {
				t.Errorf("exit code %d, want %d:\n%s", got.Code, broken, got.Stderr)
			}
			t.Logf("it ended %.1f s after it was begun", got.Took.Seconds())
			r.ends(t, "wrong/token-ends-in-mid-run", got, "Unauthorized")
		})
	})
}

// bridge is a plan with other manifests of the bridge, and a controller that has less time to obey.
func (r *rig) bridge(t *testing.T, name, is, becomes string) string {
	t.Helper()
	const committed = "plans/demo/bridge"
	text := readFile(t, filepath.Join(r.tool.Dir, committed, "bridge.yaml"))
	if strings.Count(text, is) != 1 {
		t.Fatalf("the bridge does not have %q once", is)
	}
	writeFile(t, filepath.Join(r.out, name, "bridge.yaml"), strings.Replace(text, is, becomes, 1))
	folder, err := filepath.Rel(r.tool.Dir, filepath.Join(r.out, name))
	if err != nil {
		t.Fatal(err)
	}
	return r.variant(t, name+"-plan", committed, folder, "routes: 20s", "routes: 1s", "status: 1s", "status: 4s")
}

// letWriteStatus gives the bridge the right that it must not use, and returns what takes it away.
func (r *rig) letWriteStatus(t *testing.T) func() {
	t.Helper()
	rbac := r.client(t, world.Old).RbacV1()
	name := metav1.ObjectMeta{Name: "test-bridge-writes-status"}
	role := &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses/status"}, Verbs: []string{"update", "patch"}}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: name.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "cutover-bridge", Namespace: world.SystemSpace}},
	}
	if _, err := rbac.ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := rbac.ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := rbac.ClusterRoleBindings().Delete(t.Context(), name.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := rbac.ClusterRoles().Delete(t.Context(), name.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// statusOfOld waits until old's own controller has put right what a bridge wrote into the status of Ingresses. A right that is taken
// away may be used for a moment more, so it looks twice.
func (r *rig) statusOfOld(t *testing.T) {
	t.Helper()
	for range 2 {
		pause(t.Context(), 2*time.Second)
		r.until(t, "every Ingress in old shows old's own entry", settled, func() error {
			list, err := r.client(t, world.Old).NetworkingV1().Ingresses("").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, i := range list.Items {
				for _, at := range i.Status.LoadBalancer.Ingress {
					if at.IP != world.Old.Entry {
						return fmt.Errorf("%s/%s shows %s", i.Namespace, i.Name, at.IP)
					}
				}
			}
			return nil
		})
	}
}

// journal are the entries of the exported journal, which come after two lines about it.
func (r *rig) journal(t *testing.T) string {
	t.Helper()
	lines := strings.SplitAfterN(string(r.exits(t, 0, "journal", "export").Stdout), "\n", 3)
	return lines[len(lines)-1]
}

// accounted wants the journal to have grown by a run that failed: what it began is written down, and so is why it ended. It returns
// the journal as it is now.
func (r *rig) accounted(t *testing.T, before string) string {
	t.Helper()
	now := r.journal(t)
	grown, ok := strings.CutPrefix(now, before)
	if !ok || !strings.Contains(grown, `"what":"failed"`) {
		t.Errorf("the journal does not say what failed:\n%s", grown)
	}
	return now
}
