package kube_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"cutover.dev/cutover/pkg/kube"
)

func TestOnlySoManyWritesAreOnTheirWayAtOnce(t *testing.T) {
	const most, all = 2, 40
	var now, peak atomic.Int64
	entered, leave := make(chan bool, all), make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
			t.Errorf("the answer is to be %s", r.Header.Get("Accept"))
		}
		n := now.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		entered <- true
		<-leave
		now.Add(-1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n", "resourceVersion": "1"}}`)
	}))
	t.Cleanup(s.Close)
	config := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": %q}}], "users": [{"name": "u", "user": {"token": "none"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`, s.URL))
	c, err := kube.Connect(t.Context(), "new", config, kube.Options{Writes: most})
	must(t, err)
	t.Cleanup(c.Close)
	var group errgroup.Group
	for range all {
		group.Go(func() error {
			return c.Patch(t.Context(), kube.ConfigMap, "n", "a", []kube.Op{{Op: "test", Path: "/data/k", Value: "v"}})
		})
	}
	for range most {
		<-entered
	}
	for range all {
		leave <- true
	}
	must(t, group.Wait())
	if peak.Load() != most {
		t.Errorf("%d writes were on their way at once, %d may be", peak.Load(), most)
	}
}
