package cli

import (
	"context"
	"errors"
	"io"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// How to log in to both clusters other than by the kubeconfigs, and whom the tokens are for.
const (
	authVariable     = "CUTOVER_KUBE_AUTH"
	audienceVariable = "CUTOVER_KUBE_AUDIENCE"
	githubOIDC       = "github-oidc"
)

// cluster is the connection to one cluster; nothing is sent yet. Its credentials are masked as soon as they are read.
func (c *call) cluster(ctx context.Context, env, uid string) (*kube.Cluster, error) {
	token, err := c.login(uid)
	variable := oldVariable
	if env == phase.New {
		variable = newVariable
	}
	k, read := kube.Connect(ctx, env, c.env(variable), kube.Options{UserAgent: "cutover/" + build(), Token: token})
	if k != nil {
		c.mask(k.Canaries())
	}
	return k, errors.Join(err, read)
}

// login returns where tokens for a cluster come from; nil: its kubeconfig has them. A token is for one cluster, unless somebody
// wants one for both: what an API server is told it could tell another.
func (c *call) login(uid string) (func(context.Context) (string, error), error) {
	switch how := c.env(authVariable); how {
	case "":
		return nil, nil
	case githubOIDC:
	default:
		return nil, fault.New(fault.Usage, "leave it out, and the kubeconfigs say how", "kube-auth (%s) is %s or nothing, not %q", authVariable, githubOIDC, how)
	}
	tokens, err := ghaction.New(c.env, io.Discard).IDTokens(first(c.env(audienceVariable), uid))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		token, err := tokens.Token(ctx)
		if err == nil {
			c.mask([]string{token})
		}
		return token, err
	}, nil
}
