package kube_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

func TestATokenIsAskedForBeforeEveryRequest(t *testing.T) {
	token, asked := "token-nobody", 0
	c, err := kube.Connect(t.Context(), "new", kubetest.Shared(t).Kubeconfig, kube.Options{Token: func(context.Context) (string, error) {
		asked++
		if token == "" {
			return "", errors.New("GitHub is down")
		}
		return token, nil
	}})
	must(t, err)
	t.Cleanup(c.Close)
	if _, err := c.UID(t.Context()); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("the kubeconfig's own token was used: %v", err)
	}
	token = "token-admin"
	if _, err := c.UID(t.Context()); err != nil || asked < 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	token = ""
	if _, err := c.UID(t.Context()); err == nil || !strings.Contains(err.Error(), "GitHub is down") {
		t.Errorf("without a token: %v", err)
	}
}
