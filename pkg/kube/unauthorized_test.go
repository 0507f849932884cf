package kube_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
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
			for kind, ask := range map[string]func(*kube.Cluster) error{
				"get configmaps": func(k *kube.Cluster) error { _, err := k.Read(t.Context(), kube.ConfigMap, ns, "a"); return err },
				"patch configmaps": func(k *kube.Cluster) error {
					return k.Patch(t.Context(), kube.ConfigMap, ns, "a", []kube.Op{{Op: "add", Path: "/data/more", Value: "1"}})
				},
			} {
				user, renew := "{token: token-ended}", func() error { return nil }
				if c.program {
					user, renew = login(t)
				}
				k, asked := as(t, f, user), 0
				f.Obey(func(call kubetest.Call) kubetest.Fault {
					if call.Kind() == kind {
						asked++
					}
					if c.mended {
						if err := renew(); err != nil {
							t.Error(err)
						}
					}
					return ""
				})
				err := ask(k)
				if c.well && err != nil || !c.well && (!apierrors.IsUnauthorized(err) || fault.CodeOf(err) != fault.Refused) {
					t.Errorf("%s: %v", kind, err)
				}
				if f.Obey(nil); asked != c.asked {
					t.Errorf("%s: it was asked %d times, want %d", kind, asked, c.asked)
				}
			}
		})
	}
}

// as is another connection through the proxy, as a user of a kubeconfig.
func as(t *testing.T, f *kubetest.Faulty, user string) *kube.Cluster {
	t.Helper()
	config, err := os.ReadFile(f.Kubeconfig)
	must(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(path, bytes.Replace(config, []byte("{token: token-admin}"), []byte(user), 1), 0o600))
	c, err := kube.Connect(t.Context(), "new", path, kube.Options{})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// login is a user of a kubeconfig that logs in by a program, whose token has ended until renew is called.
func login(t *testing.T) (user string, renew func() error) {
	t.Helper()
	dir := t.TempDir()
	command, token := filepath.Join(dir, "login"), filepath.Join(dir, "token")
	must(t, os.WriteFile(command, []byte(program), 0o700)) //nolint:gosec // it is to be run
	must(t, os.WriteFile(token, []byte("token-ended"), 0o600))
	user = fmt.Sprintf("{exec: {apiVersion: client.authentication.k8s.io/v1, command: %q, env: [{name: TOKEN, value: %q}], interactiveMode: Never}}", command, token)
	return user, func() error { return os.WriteFile(token, []byte("token-admin"), 0o600) }
}
