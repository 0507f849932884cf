package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// memory is an API server as far as this package can tell: objects with resourceVersions and compare-and-swap. It knows
// no namespaces, no permissions and no size limit; real_test.go has those.
type memory struct {
	mu      sync.Mutex
	rv      int
	objects map[string]*unstructured.Unstructured
	broken  error
	writes  int
}

func newMemory() *memory { return &memory{objects: map[string]*unstructured.Unstructured{}} }

func (*memory) Env() string { return "new" }

func key(kind, ns, name string) string { return kind + "/" + ns + "/" + name }

func (m *memory) Read(_ context.Context, k kube.Kind, ns, name string) (*unstructured.Unstructured, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	if u := m.objects[key(k.Kind, ns, name)]; u != nil {
		return u.DeepCopy(), nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: k.Resource}, name)
}

func (m *memory) Find(_ context.Context, k kube.Kind, ns, selector string) ([]*unstructured.Unstructured, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		if u := m.objects[name]; strings.HasPrefix(name, key(k.Kind, ns, "")) && matches(u.GetLabels(), selector) {
			all = append(all, u.DeepCopy())
		}
	}
	return all, m.broken
}

func matches(labels map[string]string, selector string) bool {
	for term := range strings.SplitSeq(selector, ",") {
		k, v, equals := strings.Cut(term, "=")
		if got, ok := labels[k]; !ok || equals && got != v {
			return false
		}
	}
	return true
}

func (m *memory) Create(_ context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return m.put(u, func(there *unstructured.Unstructured) bool { return there == nil })
}

func (m *memory) Update(_ context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return m.put(u, func(there *unstructured.Unstructured) bool {
		return there != nil && there.GetResourceVersion() == u.GetResourceVersion()
	})
}

func (m *memory) put(u *unstructured.Unstructured, may func(*unstructured.Unstructured) bool) (*unstructured.Unstructured, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return nil, m.broken
	}
	name := key(u.GetKind(), u.GetNamespace(), u.GetName())
	if !may(m.objects[name]) {
		return nil, fmt.Errorf("write %s: %w", name, phase.ErrMoved)
	}
	m.rv++
	m.writes++
	u = u.DeepCopy()
	u.SetResourceVersion(strconv.Itoa(m.rv))
	m.objects[name] = u
	return u.DeepCopy(), nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *memory) remove(k kube.Kind, ns, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key(k.Kind, ns, name))
}
