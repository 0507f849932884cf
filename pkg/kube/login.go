package kube

import (
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"

	"cutover.dev/cutover/pkg/fault"
)

// The ways out that are there for every cluster.
const (
	toAccount = "a kubeconfig with the token of a ServiceAccount (docs/rbac/README.md)"
	toGitHub  = "or, on GitHub, the input `kube-auth: github-oidc`, for which only the cluster's address and certificate count"
)

// plugins are the programs of the large clouds, and how an earlier step or a person gets a token without them.
var plugins = map[string]string{
	"aws":                    "`aws eks get-token` in an earlier step and its token in a kubeconfig, which lasts 15 minutes",
	"aws-iam-authenticator":  "`aws eks get-token` in an earlier step and its token in a kubeconfig, which lasts 15 minutes",
	"gke-gcloud-auth-plugin": "google-github-actions/get-gke-credentials in an earlier step, which writes a kubeconfig with a token of an hour",
	"kubelogin":              "`kubelogin get-token` in an earlier step and its token in a kubeconfig, which lasts an hour",
}

// login refuses what could never log in here. The image of the action has none of these programs, and a person's machine may.
func login(env string, user *api.AuthInfo) error {
	switch {
	case user.AuthProvider != nil:
		return fault.New(fault.Usage, "give "+toAccount+", "+toGitHub, "kubeconfig of %s uses the auth provider %q, which no longer exists", env, user.AuthProvider.Name)
	case user.Exec == nil:
		return nil
	}
	if _, err := exec.LookPath(user.Exec.Command); err == nil {
		return nil
	}
	ways := []string{toAccount}
	name := strings.TrimSuffix(filepath.Base(user.Exec.Command), ".exe")
	if way, known := plugins[name]; known {
		ways = append(ways, way)
	}
	ways = append(ways, toGitHub)
	return fault.New(fault.Usage, "give "+strings.Join(ways, ", "), "kubeconfig of %s runs the program %q to log in, and there is none here (the action's image has no such program)", env, user.Exec.Command)
}
