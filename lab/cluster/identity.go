package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"cutover.dev/cutover/lab/pki"
	"cutover.dev/cutover/lab/world"
)

// userKubelet is the node's own identity; it is not in world because nobody else may use it.
const userKubelet = "kubelet"

// identity is a user with a token.
type identity struct{ file, user, group, token string }

func (c *Cluster) identities() []identity {
	list := []identity{{user: world.UserAdmin, group: "system:masters"}}
	for _, user := range []string{world.UserMain, world.UserInner, world.UserContour} {
		list = append(list, identity{user: user, group: "lab:users"})
	}
	for i := range list {
		list[i].file = c.World.Kubeconfig(c.Cluster, list[i].user)
	}
	return append(list, identity{
		file: c.Path(userKubelet + ".kubeconfig"), user: "system:node:" + c.NodeName(), group: "system:nodes",
	})
}

// writeIdentities makes a token for each user, the API server's list of them, and a
// kubeconfig with everything inside for each.
func (c *Cluster) writeIdentities() error {
	var tokens bytes.Buffer
	for _, id := range c.identities() {
		token := make([]byte, 20)
		if _, err := rand.Read(token); err != nil {
			return fmt.Errorf("make a token: %w", err)
		}
		id.token = hex.EncodeToString(token)
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", id.token, id.user, id.user, id.group)
		data, err := kubeconfig(c.Cluster, c.Authority.Cert, id)
		if err != nil {
			return err
		}
		if err := os.WriteFile(id.file, data, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(TokenFile(c.World, c.Cluster, id.user), []byte(id.token), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(c.Path("certs", "tokens.csv"), tokens.Bytes(), 0o600)
}

// TokenFile holds only the token of a user, for programs that don't read kubeconfigs.
func TokenFile(w world.World, c world.Cluster, user string) string {
	return filepath.Join(w.Folder(c), "certs", user+".token")
}

var kubeconfigTemplate = template.Must(template.New("kubeconfig").Parse(`apiVersion: v1
kind: Config
current-context: {{.Name}}
contexts:
- name: {{.Name}}
  context: {cluster: {{.Name}}, user: "{{.User}}"}
clusters:
- name: {{.Name}}
  cluster:
    server: {{.API}}
    certificate-authority-data: {{.CA}}
users:
- name: "{{.User}}"
  user: {token: {{.Token}}}
`))

func kubeconfig(c world.Cluster, ca []byte, id identity) ([]byte, error) {
	var out bytes.Buffer
	err := kubeconfigTemplate.Execute(&out, map[string]string{
		"Name": c.Name, "User": id.user, "API": c.API(), "Token": id.token,
		"CA": base64.StdEncoding.EncodeToString(ca),
	})
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig of %s: %w", id.user, err)
	}
	return out.Bytes(), nil
}

// writeKeys makes the API server's certificate, the aggregation layer's client certificate
// and the key that signs ServiceAccount tokens.
func (c *Cluster) writeKeys() error {
	server, err := c.Authority.Server(c.Node, c.ServiceIP(), "127.0.0.1", "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return err
	}
	aggregator, err := c.Authority.Client(aggregatorName)
	if err != nil {
		return err
	}
	for name, pair := range map[string]pki.Pair{"apiserver": server, "aggregator": aggregator} {
		if err := pair.Write(c.Path("certs", name)); err != nil {
			return err
		}
	}
	accounts, err := pki.SigningKey()
	if err != nil {
		return err
	}
	return os.WriteFile(c.Path("certs", "accounts.key"), accounts, 0o600)
}
