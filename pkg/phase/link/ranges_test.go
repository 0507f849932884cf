package link

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// stands is a cluster with one node, whose API server answers with this code where it is asked for ServiceCIDRs. asked is what it
// was asked for.
func stands(t *testing.T, code int) (c *kube.Cluster, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var paths []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/v1/nodes" {
			_, _ = fmt.Fprint(w, `{"apiVersion": "v1", "kind": "NodeList", "metadata": {}, "items": [{"metadata": {"name": "a"}, "spec": {"podCIDR": "10.61.0.0/24"}}]}`)
			return
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": %d, "reason": %q}`, code, map[int]string{404: "NotFound", 403: "Forbidden"}[code])
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "config")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
 clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {token: hunter2-hunter2}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := kube.Connect(t.Context(), phase.Old, path, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Sorted(slices.Values(paths)))
	}
}

// What it asks for is what access lists, and cutover rbac prints.
func TestBeforeThereWereServiceCIDRsTheRangeOfServicesIsHidden(t *testing.T) {
	c, asked := stands(t, http.StatusNotFound)
	r, err := rangesOf(t.Context(), c)
	if err != nil || !slices.Equal(r.Hidden, []string{services, nodes}) || len(r.Pods) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if got := asked(); !slices.Equal(got, []string{"/api/v1/nodes", "/apis/networking.k8s.io/v1/servicecidrs"}) {
		t.Errorf("it asks for %s", strings.Join(got, ", "))
	}
	c, _ = stands(t, http.StatusForbidden)
	if r, err := rangesOf(t.Context(), c); fault.CodeOf(err) != fault.Refused {
		t.Errorf("%+v %v", r, err)
	}
}
