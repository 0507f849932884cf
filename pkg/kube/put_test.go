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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	c := toStub(t, s, kube.Options{Writes: most})
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

// toStub is a connection to a server that is none of Kubernetes'.
func toStub(t *testing.T, s *httptest.Server, o kube.Options) *kube.Cluster {
	t.Helper()
	config := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "c", "cluster": {"server": %q}}], "users": [{"name": "u", "user": {"token": "none"}}],
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`, s.URL))
	c, err := kube.Connect(t.Context(), "new", config, o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// The answer to a large segment of the journal is not the segment.
func TestARecordIsWrittenWholeAndItsMetadataComesBack(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "a large one") {
			t.Errorf("what arrives is %s (%v)", body, err)
		}
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
			t.Errorf("the answer to %s is to be %s", r.Method, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a", "namespace": "n", "resourceVersion": "8"}}`)
	}))
	t.Cleanup(s.Close)
	c := toStub(t, s, kube.Options{})
	u := config("n", "a", "a large one")
	made, err := c.Create(t.Context(), u)
	must(t, err)
	u.SetResourceVersion("7")
	changed, err := c.Update(t.Context(), u)
	must(t, err)
	for verb, got := range map[string]*unstructured.Unstructured{"create": made, "update": changed} {
		content, _, _ := unstructured.NestedString(got.Object, "data", "key")
		if got.GetKind() != "ConfigMap" || got.GetResourceVersion() != "8" || content != "a large one" {
			t.Errorf("after %s it is %v", verb, got.Object)
		}
	}
	if u.GetResourceVersion() != "7" {
		t.Error("what was given was changed")
	}
}
