package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
)

// answering is a cluster that answers with its uid, and to everything else as it is told.
func answering(t *testing.T, env, uid string, code int, body string) *kube.Cluster {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if uid != "" && strings.HasSuffix(r.URL.Path, "/kube-system") {
			_, _ = fmt.Fprintf(w, `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": %q}}`, uid)
			return
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), env)
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {token: hunter2-hunter2}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := kube.Connect(t.Context(), env, path, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// What cannot be told of new is no sign that it, or its journal, is gone.
func TestOnlyAnUnreachableNewIsGoneAndOnlyADamagedJournalIsLost(t *testing.T) {
	status := func(code int, reason string) string {
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": %d, "reason": %q}`, code, reason)
	}
	damaged := `{"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": [{"metadata": {"name": "x", "namespace": "cutover-system"}}]}`
	for name, c := range map[string]struct {
		uid  string // of new, "" = not even that is answered
		code int
		body string
		want fault.Code
	}{
		"the journal may not be read":    {"n", 403, status(403, "Forbidden"), fault.Refused},
		"the journal gets no answer":     {"n", 500, status(500, "InternalError"), fault.Unsure},
		"the journal is damaged":         {"n", 200, damaged, fault.OK},
		"new has a fault":                {"", 500, status(500, "InternalError"), fault.Unsure},
		"a load balancer speaks for new": {"", 503, "no upstream", fault.Unsure},
		"new lets nobody in":             {"", 401, status(401, "Unauthorized"), fault.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &plan.Plan{}
			p.Metadata.Name, p.Spec.State.Namespace = "two", "cutover-system"
			p.Spec.Clusters.Old.UID, p.Spec.Clusters.New.UID = "o", "n"
			s := &session{
				plan: p, call: &call{stderr: &strings.Builder{}},
				old: answering(t, phase.Old, "o", 404, "{}"), new: answering(t, phase.New, c.uid, c.code, c.body),
			}
			if err := s.breakGlass(t.Context()); fault.CodeOf(err) != c.want || s.gone {
				t.Errorf("code %d, want %d; gone: %v (%v)", fault.CodeOf(err), c.want, s.gone, err)
			}
		})
	}
}

// At night nobody looks for a flag: who goes back, and gets no answer from new, is told the command that does without it.
func TestWhoGetsNoAnswerFromNewIsToldHowToDoWithoutIt(t *testing.T) {
	silent := fault.New(fault.Unsure, "see to it", "new gave no answer")
	for _, c := range []struct {
		name, want string
		args       []string
		flags      flags
	}{
		{"rollback", "cutover rollback --plan p.yaml --to routes --break-glass REASON", nil, flags{To: "routes"}},
		{"rollback", "cutover rollback --plan p.yaml --phase proxy --break-glass REASON", nil, flags{Phase: "proxy"}},
		{"status", "cutover status --plan p.yaml --break-glass REASON", nil, flags{}},
		{"unlock", "cutover unlock --plan p.yaml --holder 'run 7' --break-glass REASON", nil, flags{Holder: "run 7"}},
		{"journal", "cutover journal --plan p.yaml show --break-glass REASON", []string{"show"}, flags{}},
		{"apply", "", nil, flags{Phase: "proxy"}},
		{"rollback", "", nil, flags{To: "routes", BreakGlass: "new burnt down"}}, // new answered, and then no more
	} {
		i := slices.IndexFunc(verbs(), func(v verb) bool { return v.Name == c.name })
		c.flags.Plan = "p.yaml"
		asks := &call{verb: verbs()[i], args: c.args, flags: c.flags}
		hints := fault.Hints(asks.withoutNew(silent))
		if hints[0] != "see to it" || c.want == "" && len(hints) > 1 || c.want != "" && !strings.Contains(hints[len(hints)-1], " gone for good: "+c.want+" ") {
			t.Errorf("%s: hints %q, want %q", c.name, hints, c.want)
		}
		if refused := fault.New(fault.Refused, "", "new lets nobody in"); len(fault.Hints(asks.withoutNew(refused))) > 0 {
			t.Errorf("%s: a new that answers is taken for one that is gone", c.name)
		}
	}
}
