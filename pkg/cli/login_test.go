package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

// believing is an API server that believes tokens as docs/rbac/github-oidc.yaml says, of a double, for its own uid.
func believing(t *testing.T, issuer *runnertest.Issuer) *kubetest.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "authentication.yaml")
	ca := strings.ReplaceAll(read(t, issuer.CA), "\n", "\n        ")
	write := func(audience string) {
		text := read(t, "../../docs/rbac/github-oidc.yaml")
		for was, is := range map[string]string{
			"      url: https://token.actions.githubusercontent.com\n": fmt.Sprintf("      url: %s\n      certificateAuthority: |\n        %s\n", issuer.URL, ca),
			"CLUSTER-UID": audience,
		} {
			if !strings.Contains(text, was) {
				t.Fatalf("the example does not say %q", was)
			}
			text = strings.Replace(text, was, is, 1)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("nobody-yet")
	s := kubetest.Start(t, "--authentication-config="+file)
	w := &world{servers: map[string]*kubetest.Server{"old": s}}
	uid, err := w.connect(t, "old").UID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(uid)
	s.Kill()
	s.Restart(t)
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	binding := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": "migration"},
		"roleRef":  map[string]any{"apiGroup": rbacv1.GroupName, "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []any{map[string]any{"apiGroup": rbacv1.GroupName, "kind": "User", "name": "github:1234:migration"}},
	}
	bindings := rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
	if _, err := client.Resource(bindings).Create(t.Context(), &unstructured.Unstructured{Object: binding}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// plugged is the kubeconfig that a cloud's program writes: it has the address, and no credentials.
func plugged(t *testing.T, w *world, env string) string {
	t.Helper()
	path := filepath.Join(w.dir, env+"-plugged")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: %q, certificate-authority: %q}}],
 users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: gke-gcloud-auth-plugin, interactiveMode: Never}}}]}`,
		w.servers[env].URL, w.servers[env].CA)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAJobLogsInAsWhatGitHubSaysItIs(t *testing.T) {
	claims := map[string]any{"sub": "repo:acme/shop:environment:migration", "repository_id": "1234", "environment": "migration", "ref": "refs/heads/main"}
	issuer := runnertest.NewIssuer(t, 5*time.Minute, claims)
	w := worldOn(t, believing(t, issuer), believing(t, issuer))
	t.Setenv("PATH", "/nowhere") // as in the image, no cloud's program is there
	old, current := plugged(t, w, "old"), plugged(t, w, "new")
	env := append([]string{"CUTOVER_OLD_KUBECONFIG", old, "CUTOVER_NEW_KUBECONFIG", current}, issuer.Env()...)

	code, out, errs := w.run(t, []string{"status"}, env...)
	for _, say := range []string{"kubeconfig of old runs the program \"gke-gcloud-auth-plugin\"", "kubeconfig of new runs", "get-gke-credentials", "kube-auth: github-oidc"} {
		if code != 2 || !strings.Contains(errs, say) {
			t.Errorf("kubeconfigs with programs: code %d, want 2 and %q\n%s%s", code, say, out, errs)
		}
	}
	t.Chdir(w.dir)
	planning := func(inputs ...string) *runnertest.Step {
		return runnertest.NewStep(t).Set(env...).With(append([]string{"plan", w.plan, "verb", "plan", "kube-auth", "github-oidc"}, inputs...)...)
	}
	step := planning()
	if code, outputs := act(t, step), step.Outputs(); code != 0 || outputs["phase"] != "proxy" || len(issuer.Issued()) != 2 {
		t.Fatalf("with GitHub's token: code %d, outputs %q, %d tokens\n%s", code, outputs, len(issuer.Issued()), step.Log())
	}
	masked := step.Commands()
	for _, token := range issuer.Issued() {
		if !slices.ContainsFunc(masked, func(c runnertest.Command) bool { return c.Name == "add-mask" && c.Message == token }) ||
			strings.Contains(step.Printed()+read(t, step.Env["GITHUB_STEP_SUMMARY"])+read(t, "cutover-report.json"), token) {
			t.Errorf("a token is shown, or not masked: %d commands", len(masked))
		}
	}

	for name, c := range map[string]struct {
		step *runnertest.Step
		code int
		says string
	}{
		"for somebody else": {planning("kube-audience", "sts.amazonaws.com"), 3, "docs/rbac/github-oidc.yaml"},
		"without the right": {planning().Set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""), 2, "id-token: write"},
		"another way":       {planning("kube-auth", "aws"), 2, "github-oidc or nothing"},
	} {
		if code := act(t, c.step); code != c.code || !strings.Contains(c.step.Log(), c.says) {
			t.Errorf("%s: code %d, want %d and %q\n%s", name, code, c.code, c.says, c.step.Log())
		}
	}
	// In a step with `run:` what is written may go into a file that outlives the step.
	before := len(issuer.Issued())
	_, out, errs = w.run(t, []string{"status"}, append(env, "CUTOVER_KUBE_AUTH", "github-oidc")...)
	tokens := issuer.Issued()[before:]
	for _, token := range tokens {
		if strings.Contains(out+errs, token) {
			t.Errorf("outside of the action a token is shown:\n%s%s", out, errs)
		}
	}
	if len(tokens) == 0 {
		t.Errorf("outside of the action nobody asked for a token:\n%s%s", out, errs)
	}
	claims["environment"] = "migration-plan"
	step = planning()
	if code := act(t, step); code != 3 || !strings.Contains(step.Log(), `User "github:1234:migration-plan" cannot`) {
		t.Errorf("another environment: code %d\n%s", code, step.Log())
	}
	claims["environment"], claims["ref"] = "migration", "refs/heads/other"
	step = planning()
	if code := act(t, step); code != 3 || !strings.Contains(step.Log(), "Unauthorized") {
		t.Errorf("another branch: code %d\n%s", code, step.Log())
	}
}
