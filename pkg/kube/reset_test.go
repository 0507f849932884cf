package kube_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

// resetting is a server that resets every connection. It returns its address and counts.
func resetting(t *testing.T) (string, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	tries := &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tries.Add(1)
			_, _ = c.Read(make([]byte, 1)) // the request is on its way
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	return l.Addr().String(), tries
}

// forbidding is a server that knows no roles, and breaks the first connections off.
func forbidding(t *testing.T, breaks int32) *kube.Cluster {
	t.Helper()
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= breaks {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}`))
	}))
	t.Cleanup(s.Close)
	return plain(t, s.Listener.Addr().String())
}

func TestAServerThatForbidsIsBelievedUnlessItHasJustComeBack(t *testing.T) {
	for breaks, want := range map[int32]fault.Code{0: fault.Refused, 1: fault.Unsure} {
		_, err := forbidding(t, breaks).Read(t.Context(), kube.Namespace, "", "kube-system")
		if fault.CodeOf(err) != want || !apierrors.IsForbidden(err) {
			t.Errorf("after %d connections that broke off: code %d, want %d: %v", breaks, fault.CodeOf(err), want, err)
		}
	}
}

// plain is a connection to an address by HTTP.
func plain(t *testing.T, address string) *kube.Cluster {
	t.Helper()
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
		clusters: [{name: k, cluster: {server: "http://%s"}}], users: [{name: u, user: {token: x}}]}`, address)
	c, err := kube.Connect(t.Context(), "new", base64.StdEncoding.EncodeToString([]byte(config)), kube.Options{})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestAServerThatResetsEveryConnectionIsAskedAsOftenAsAnyOther(t *testing.T) {
	address, tries := resetting(t)
	_, err := plain(t, address).Read(t.Context(), kube.Namespace, "", "kube-system")
	if fault.CodeOf(err) != fault.Unsure || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("got %v", err)
	}
	if n := tries.Load(); n < 2 || n > 5 {
		t.Errorf("it was asked %d times, want at most 5", n)
	}
}
