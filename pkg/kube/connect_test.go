package kube_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

const canary = "canary-4711-secret-token"

func kubeconfig(user string) string {
	return `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
		clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: ` + user + `}]}`
}

func TestAKubeconfigIsAPathOrBase64AndItsCredentialsAreKnown(t *testing.T) {
	content := kubeconfig(`{token: ` + canary + `}`)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(path, []byte(content), 0o600))
	for _, given := range []string{path, base64.StdEncoding.EncodeToString([]byte(content)) + "\n"} {
		c, err := kube.Connect(t.Context(), "old", given, kube.Options{})
		must(t, err)
		c.Close()
		if c.Env() != "old" || !slices.Contains(c.Canaries(), canary) || !slices.Contains(c.Canaries(), base64.StdEncoding.EncodeToString([]byte(canary))) {
			t.Errorf("%s %d canaries", c.Env(), len(c.Canaries()))
		}
	}
}

func TestAKubeconfigThatCannotBeUsedIsRefusedWithoutQuotingIt(t *testing.T) {
	encoded := func(content string) string { return base64.StdEncoding.EncodeToString([]byte(content)) }
	for name, c := range map[string]struct{ given, says string }{
		"nothing":           {"", "is not set"},
		"a path to nothing": {"/nowhere/" + canary, "neither an existing file nor base64"},
		"plain content":     {kubeconfig(`{token: ` + canary + `}`), "neither an existing file nor base64"},
		"base64 of junk":    {encoded("{" + canary), "not of a kubeconfig"},
		"no context":        {encoded(`{apiVersion: v1, kind: Config, users: [{name: ` + canary + `}]}`), "no current-context"},
		"a login program":   {encoded(kubeconfig(`{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, args: [` + canary + `], interactiveMode: Never}}`)), `"no-such-login"`},
		"an auth provider":  {encoded(kubeconfig(`{auth-provider: {name: gcp, config: {token: ` + canary + `}}}`)), `"gcp"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := kube.Connect(t.Context(), "old", c.given, kube.Options{})
			if fault.CodeOf(err) != fault.Usage || len(fault.Hints(err)) == 0 || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v %q", err, fault.Hints(err))
			}
			if all := err.Error() + strings.Join(fault.Hints(err), ""); strings.Contains(all, canary) {
				t.Errorf("the content is quoted: %s", all)
			}
		})
	}
}
