package kube_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

// program logs in with what a file has.
const program = `#!/bin/sh
echo "{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": {\"token\": \"$(cat "$TOKEN")\"}}"
`

// A token that stands in the kubeconfig does not get better by asking again. What a program gives, client-go replaces by
// itself after a 401, but hands out the 401.
func TestA401IsRepeatedOnlyWhereAProgramGivesTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		program, mended bool // mended: by the time of the 401 the program has a good token
		asked           int
		well            bool
	}{
		"static":  {false, true, 1, false},
		"renewed": {true, true, 2, true},
		"ended":   {true, false, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, admin, ns := misbehaving(t, 0)
			must(t, admin.Apply(t.Context(), own(config(ns, "a", "x"))))
			for method, ask := range map[string]func(*kube.Cluster) error{
				http.MethodGet: func(k *kube.Cluster) error { _, err := k.Read(t.Context(), kube.ConfigMap, ns, "a"); return err },
				http.MethodPatch: func(k *kube.Cluster) error {
					return k.Patch(t.Context(), kube.ConfigMap, ns, "a", []kube.Op{{Op: "add", Path: "/data/more", Value: "1"}})
				},
			} {
				user, renew := "{token: token-ended}", func() {}
				if c.program {
					user, renew = login(t)
				}
				k := f.as(t, user)
				f.set(func(*http.Request) string {
					if c.mended {
						renew()
					}
					return ""
				})
				err := ask(k)
				if c.well && err != nil || !c.well && (!apierrors.IsUnauthorized(err) || fault.CodeOf(err) != fault.Refused) {
					t.Errorf("%s: %v", method, err)
				}
				if n := f.count(method); n != c.asked {
					t.Errorf("%s: it was asked %d times, want %d", method, n, c.asked)
				}
			}
		})
	}
}

// login is a user of a kubeconfig that logs in by a program, whose token has ended until renew is called.
func login(t *testing.T) (user string, renew func()) {
	t.Helper()
	dir := t.TempDir()
	command, token := filepath.Join(dir, "login"), filepath.Join(dir, "token")
	must(t, os.WriteFile(command, []byte(program), 0o700)) //nolint:gosec // it is to be run
	must(t, os.WriteFile(token, []byte("token-ended"), 0o600))
	user = fmt.Sprintf("{exec: {apiVersion: client.authentication.k8s.io/v1, command: %q, env: [{name: TOKEN, value: %q}], interactiveMode: Never}}", command, token)
	return user, func() { must(t, os.WriteFile(token, []byte("token-admin"), 0o600)) }
}
