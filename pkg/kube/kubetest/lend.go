package kubetest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Lend is Start for a package of many tests, none of which needs a cluster that nobody ever used: it takes a server that an
// earlier test is done with, if there is one, and takes out what was put in. The uid of the cluster stays the same, and so does
// what tests make in the namespaces of the system. The package needs a TestMain, as for Shared.
func Lend(t testing.TB) *Server {
	t.Helper()
	path := binary(t)
	s, err := spare()
	if err == nil && s == nil {
		s, err = lent(path)
	}
	if err != nil {
		t.Fatalf("find an API server to lend: %v", err)
	}
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		shared.spares = append(shared.spares, s)
	})
	return s
}

// lent starts a server that lives as long as the package.
func lent(path string) (*Server, error) {
	dir, err := os.MkdirTemp("", "kubetest")
	if err != nil {
		return nil, err
	}
	s, err := start(path, dir, nil)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	all, err := s.etcdKeys("/registry/")
	if err != nil {
		s.discard()
		return nil, err
	}
	s.fresh = all.Header.Revision
	return s, nil
}

// spare is a server that nobody uses, emptied; nil if there is none. One that a test killed is no use to the next.
func spare() (*Server, error) {
	shared.Lock()
	defer shared.Unlock()
	for last := len(shared.spares) - 1; last >= 0; last-- {
		s := shared.spares[last]
		shared.spares = shared.spares[:last]
		select {
		case <-s.server.done:
			s.discard()
			continue
		default:
		}
		if err := s.empty(); err != nil {
			s.discard()
			return nil, err
		}
		return s, nil
	}
	return nil, nil
}

func (s *Server) discard() {
	s.stop()
	_ = os.RemoveAll(s.dir) // it is in the folder for what is temporary
}

// besides are the kinds that are not in resources, but that the tests of whole programs make, or the server for them, by folder
// of etcd.
var besides = map[string]schema.GroupVersionResource{
	"namespaces":          {Version: "v1", Resource: "namespaces"},
	"events":              {Version: "v1", Resource: "events"},
	"leases":              {Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
	"ingressclasses":      {Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"},
	"ipaddresses":         {Group: "networking.k8s.io", Version: "v1", Resource: "ipaddresses"},
	"clusterroles":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	"clusterrolebindings": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
}

// empty takes out what was made since the server was new, below the API, since here is nobody who ends a namespace, and waits until
// the API server knows.
func (s *Server) empty() error {
	all, err := s.etcdKeys("/registry/")
	if err != nil {
		return err
	}
	known := map[schema.GroupVersionResource]string{} // the revision at which nothing is left
	for _, kv := range all.Kvs {
		key := string(kv.Key)
		if !later(kv.Created, s.fresh) || system(key) {
			continue
		}
		kind, ok := listed(key)
		if !ok {
			return fmt.Errorf("take %s out of the cluster: kubetest does not know its kind; fix: name it in kubetest", key)
		}
		var gone etcdAnswer
		if err := s.askEtcd("deleterange", map[string]any{"key": kv.Key}, &gone); err != nil {
			return err
		}
		known[kind] = gone.Header.Revision
	}
	for kind, revision := range known {
		at := "/apis/" + kind.Group + "/" + kind.Version + "/" + kind.Resource
		if kind.Group == "" {
			at = "/api/" + kind.Version + "/" + kind.Resource
		}
		if err := s.until(at + "?resourceVersionMatch=NotOlderThan&resourceVersion=" + revision); err != nil {
			return fmt.Errorf("wait until the API server knows that %s are gone: %w", kind.Resource, err)
		}
	}
	return nil
}

func later(a, b string) bool {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	return errX != nil || errY != nil || x > y
}

// system: a new server makes it by itself, some of it after it says that it is ready.
func system(key string) bool {
	own := []string{"kube-system", "kube-public", "kube-node-lease"}
	parts := strings.Split(strings.TrimPrefix(key, "/registry/"), "/")
	if parts[0] == "namespaces" {
		return len(parts) == 2 && (slices.Contains(own, parts[1]) || parts[1] == "default")
	}
	return len(parts) > 2 && slices.Contains(own, parts[len(parts)-2]) || strings.HasSuffix(key, "/default/kubernetes") ||
		slices.Contains([]string{"flowschemas", "prioritylevelconfigurations", "servicecidrs", "masterleases"}, parts[0])
}

// listed is what has to be listed to see an object of etcd.
func listed(key string) (schema.GroupVersionResource, bool) {
	if kind, _, _ := split(key); kind != "" {
		return resources[kind], true
	}
	folder, _, _ := strings.Cut(strings.TrimPrefix(key, "/registry/"), "/")
	r, ok := besides[folder]
	return r, ok
}
