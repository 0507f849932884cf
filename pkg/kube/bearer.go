package kube

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/client-go/tools/clientcmd/api"
)

// bearer puts a token on every request, so that one that has ended is replaced without a new connection.
type bearer struct {
	token func(context.Context) (string, error)
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := b.token(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as a RoundTripper has to
		}
		return nil, fmt.Errorf("log in: %w", err)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return b.next.RoundTrip(req)
}

// anonymous is a kubeconfig without whatever it logs in by: only where the cluster is, and whom to trust, is taken from it.
func anonymous(conf *api.Config) {
	if current := conf.Contexts[conf.CurrentContext]; current != nil {
		current.AuthInfo = "nobody"
		conf.AuthInfos = map[string]*api.AuthInfo{"nobody": {}}
	}
}
