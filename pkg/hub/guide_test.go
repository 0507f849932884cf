package hub_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub/hubtest"
)

// guide is the block of commands of docs/github.md that has these words.
func guide(t *testing.T, words string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/github.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], words) {
			return block[1]
		}
	}
	t.Fatalf("docs/github.md has no commands with %q", words)
	return ""
}

// inline is the command within a line of docs/github.md that begins with these words.
func inline(t *testing.T, words string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/github.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("`(" + regexp.QuoteMeta(words) + "[^`]*)`").FindSubmatch(text)
	if found == nil {
		t.Fatalf("docs/github.md has no command %q", words)
	}
	return string(found[1])
}

// settings is the rest of the API that a person sets a repository up by: what was put where.
type settings map[string]map[string]any

func (s settings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch path := strings.TrimPrefix(r.URL.Path, "/repos/acme/shop/"); {
	case strings.HasSuffix(path, "/secrets/public-key"):
		_ = json.NewEncoder(w).Encode(map[string]string{"key_id": "1", "key": "q83vq83vq83vq83vq83vq83vq83vq83vq83vq83vq80="})
	case r.Method == http.MethodPut || r.Method == http.MethodPost:
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s[path] = body
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("{}"))
	default:
		http.NotFound(w, r)
	}
}

// cli is GitHub's own command line, at work on a double of the API behind TLS, as it wants it.
func cli(t *testing.T, h *hubtest.Hub, rest settings) func(script string) {
	t.Helper()
	if _, err := exec.LookPath("gh"); err != nil {
		t.Skip("there is no gh here; fix: apt-get install gh")
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/v3")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "token ", "Bearer ", 1))
		switch path := r.URL.Path; {
		case strings.Contains(path, "/secrets/"), strings.HasSuffix(path, "/actions/variables"), strings.HasSuffix(path, "/actions/permissions/workflow"):
			rest.ServeHTTP(w, r)
		case r.Method == http.MethodGet && strings.HasSuffix(path, "/actions/workflows/migrate.yml"):
			const file = "migrate.yml"
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"id": 1, "name": file, "path": ".github/workflows/" + file, "state": "disabled_manually"})
		case strings.HasSuffix(path, "/actions/workflows/1/enable"):
			r.URL.Path = strings.Replace(path, "/1/", "/migrate.yml/", 1)
			h.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	host := server.Listener.Addr().String()
	return func(script string) {
		t.Helper()
		script = strings.NewReplacer("OWNER/REPO", "acme/shop").Replace(script)
		cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
		cmd.Dir, cmd.Env = dir, []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "SSL_CERT_FILE=" + ca, "GH_HOST=" + host, "GH_REPO=" + host + "/acme/shop",
			"GH_ENTERPRISE_TOKEN=" + hubtest.Token, "GH_NO_UPDATE_NOTIFIER=1", "GH_PROMPT_DISABLED=1",
		}
		for _, name := range []string{"old-run", "new-run", "old-plan", "new-plan"} {
			if err := os.WriteFile(filepath.Join(dir, name+".kubeconfig"), []byte("apiVersion: v1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s\n%v\n%s", script, err, said)
		}
	}
}

// Who follows docs/github.md has to have gates afterwards. GitHub's own program gives the commands, as they stand there.
func TestTheCommandsOfTheGuideMakeGates(t *testing.T) {
	h, rest := hubtest.Start(t), settings{}
	h.Login, h.People = "ann", map[int64]string{1234: "rita"}
	h.Workflows["migrate.yml"] = &hubtest.Workflow{Off: true}
	typed := cli(t, h, rest)
	c, r := client(t, h, hubtest.Token)
	if err := c.Guarded(t.Context(), r, "production-dns"); fault.CodeOf(err) != fault.Unsure || !strings.Contains(strings.Join(fault.Hints(err), "\n"), "docs/github.md") {
		t.Errorf("nothing is set up yet, and who asks is told %v, %q", err, fault.Hints(err))
	}
	typed(guide(t, "environments/production-dns"))
	if err := c.Guarded(t.Context(), r, "production-dns"); err != nil {
		t.Errorf("the environment for approvals is none: %v", err)
	}
	if err := c.Guarded(t.Context(), r, "migration-plan"); fault.CodeOf(err) != fault.Refused {
		t.Errorf("the environment of who only looks: %v", err)
	}
	if e := h.Environments["migration"]; e == nil || e.Branch != "main" {
		t.Errorf("the environment of who runs phases lets every branch in: %+v", e)
	}
	typed(guide(t, "gh secret set OLD_KUBECONFIG_B64"))
	secrets := 0
	for path, body := range rest {
		if strings.Contains(path, "_KUBECONFIG_B64") && body["encrypted_value"] != "" && body["key_id"] == "1" {
			secrets++
		}
	}
	if secrets != 4 {
		t.Errorf("%d kubeconfigs are secrets: %v", secrets, rest)
	}
	typed(guide(t, "actions/variables"))
	if v := rest["actions/variables"]; v["name"] != "CUTOVER_PLAN" || v["value"] != "plans/shop.yaml" {
		t.Errorf("the variable is %v", v)
	}
	typed(guide(t, "can_approve_pull_request_reviews"))
	if v := rest["actions/permissions/workflow"]; v["can_approve_pull_request_reviews"] != true || v["default_workflow_permissions"] != "read" {
		t.Errorf("what jobs may do is %v", v)
	}
	typed(inline(t, "gh workflow enable"))
	if h.Workflows["migrate.yml"].Off {
		t.Error("migrate.yml is still off")
	}
}
