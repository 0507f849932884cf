package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

// tokenSeconds is how long the tool's tokens are good for: longer than any lab is up.
const tokenSeconds = 24 * 60 * 60

// admitTool gives the tool its two identities in the way that docs/rbac tells an administrator, and with exactly the
// rights that are committed there.
func (c *Cluster) admitTool(ctx context.Context) error {
	for user, role := range map[string]string{world.UserRun: "run", world.UserPlan: "plan"} {
		if err := c.admit(ctx, user, filepath.Join(c.Rights, c.Name+"-"+role+".yaml")); err != nil {
			return fmt.Errorf("let the tool in as %s: %w", user, err)
		}
	}
	return nil
}

// admit applies the manifests of an identity and writes a kubeconfig with a token for it.
func (c *Cluster) admit(ctx context.Context, user, manifests string) error {
	text, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	list, err := objects.Parse(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", manifests, err)
	}
	if err := c.Client.Apply(ctx, list...); err != nil {
		return err
	}
	seconds := int64(tokenSeconds)
	wanted := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	made, err := c.Client.Kube.CoreV1().ServiceAccounts(world.SystemSpace).CreateToken(ctx, user, wanted, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a token: %w", err)
	}
	data, err := kubeconfig(c.Cluster, c.Authority.Cert, identity{user: user, token: made.Status.Token})
	if err != nil {
		return err
	}
	return os.WriteFile(c.World.Kubeconfig(c.Cluster, user), data, 0o600)
}
