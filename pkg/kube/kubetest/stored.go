package kubetest

import (
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// version is an object as it was read, and the revision at which etcd had it.
type version struct {
	revision string
	object   *unstructured.Unstructured
}

// stored reads what the namespaces hold, of one folder of etcd or ("") of all: every kind of object but Events, whoever made it. It
// asks etcd which objects there are and the API server for those that changed since: a list of each kind would wait for
// the watch cache, a tenth of a second each time.
func (c *Cluster) stored(folder string) (map[string]*unstructured.Unstructured, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	prefix := "/registry/" + folder
	keys, err := c.keys(prefix)
	if err != nil {
		return nil, err
	}
	out := map[string]*unstructured.Unstructured{}
	for key, revision := range keys {
		kind, ns, name := split(key)
		if !slices.Contains(c.namespaces, ns) || strings.HasPrefix(key, "/registry/events/") { // what the server remarks
			continue
		}
		if c.known[key].revision != revision {
			u := &unstructured.Unstructured{Object: map[string]any{"unknown kind": key}}
			if kind != "" {
				if u, err = c.of(kind, ns).Get(c.t.Context(), name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
					continue
				} else if err != nil {
					return nil, err
				}
			}
			c.known[key] = version{revision, u}
		}
		out[strings.TrimPrefix(key, "/registry/")] = c.known[key].object
	}
	return out, nil
}

// split takes a key of etcd apart; kind is "" for one that is not in resources.
func split(key string) (kind, ns, name string) {
	parts := strings.Split(strings.TrimPrefix(key, "/registry/"), "/")
	if len(parts) < 3 {
		return "", "", ""
	}
	folder := strings.Join(parts[:len(parts)-2], "/")
	ns, name = parts[len(parts)-2], parts[len(parts)-1]
	for kind, r := range resources {
		if folder == r.Resource || folder == map[string]string{"Service": "services/specs", "Ingress": "ingress"}[kind] {
			return kind, ns, name
		}
	}
	return "", ns, name
}

// keys are the keys of etcd below a prefix, with their revisions.
func (c *Cluster) keys(prefix string) (map[string]string, error) {
	all, err := c.server.etcdKeys(prefix)
	out := map[string]string{}
	for _, kv := range all.Kvs {
		out[string(kv.Key)] = kv.Revision
	}
	return out, err
}
