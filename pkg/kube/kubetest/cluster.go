package kubetest

import (
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// Cluster is a Server with so much around it that the steps of a phase come to their end: namespaces, controllers that
// say "ready", and an entry that answers as the Ingresses say. What its clients write is counted.
type Cluster struct {
	Kubeconfig string // of the way on which writes are counted

	t          testing.TB
	server     *Server
	namespaces []string
	client     dynamic.Interface // straight to the server: what a test or a controller does is not counted

	mu     sync.RWMutex // read-held by every write in flight
	count  sync.Mutex
	writes int

	reading sync.Mutex
	known   map[string]version // by key in etcd
}

// resources are the namespaced kinds that a phase may read or write.
var resources = map[string]schema.GroupVersionResource{
	"Service":                 {Version: "v1", Resource: "services"},
	"ConfigMap":               {Version: "v1", Resource: "configmaps"},
	"Secret":                  {Version: "v1", Resource: "secrets"},
	"ServiceAccount":          {Version: "v1", Resource: "serviceaccounts"},
	"PersistentVolumeClaim":   {Version: "v1", Resource: "persistentvolumeclaims"},
	"Pod":                     {Version: "v1", Resource: "pods"},
	"ResourceQuota":           {Version: "v1", Resource: "resourcequotas"},
	"Deployment":              {Group: "apps", Version: "v1", Resource: "deployments"},
	"StatefulSet":             {Group: "apps", Version: "v1", Resource: "statefulsets"},
	"DaemonSet":               {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"CronJob":                 {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"Job":                     {Group: "batch", Version: "v1", Resource: "jobs"},
	"Ingress":                 {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	"NetworkPolicy":           {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	"EndpointSlice":           {Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	"Role":                    {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	"RoleBinding":             {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	"HorizontalPodAutoscaler": {Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
	"PodDisruptionBudget":     {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
}

// Cluster makes the namespaces and starts the controllers for them. All ends with the test.
func (s *Server) Cluster(t testing.TB, namespaces ...string) *Cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1 // no limit: it is the test's own server
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, server: s, namespaces: namespaces, client: client, known: map[string]version{}}
	for _, ns := range namespaces {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		u.SetName(ns)
		if _, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(t.Context(), u, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	c.forward()
	c.control()
	return c
}

// Put creates objects from YAML, documents apart by lines of three dashes; those without a namespace in the first one. What
// is there already stays as it is.
func (c *Cluster) Put(text string) {
	c.t.Helper()
	for _, document := range strings.Split(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			c.t.Fatal(err)
		}
		if u.GetNamespace() == "" {
			u.SetNamespace(c.namespaces[0])
		}
		if _, err := c.of(u.GetKind(), u.GetNamespace()).Create(c.t.Context(), u, metav1.CreateOptions{FieldManager: "somebody"}); err != nil && !apierrors.IsAlreadyExists(err) {
			c.t.Fatalf("create %s %s/%s: %v", u.GetKind(), u.GetNamespace(), u.GetName(), err)
		}
	}
}

func (c *Cluster) of(kind, ns string) dynamic.ResourceInterface {
	return c.client.Resource(resources[kind]).Namespace(ns)
}

// Objects is what is in the namespaces, by kind and name: without the status, without what the server sets, and without
// what the controllers here made.
func (c *Cluster) Objects() map[string]any {
	c.mu.Lock() // no write in flight
	defer c.mu.Unlock()
	all, err := c.stored("")
	if err != nil {
		c.t.Errorf("see what is stored: %v", err)
	}
	out := map[string]any{}
	for key, u := range all {
		if u.GetLabels()[byController] != controller {
			out[key] = bare(u).Object
		}
	}
	return out
}

func bare(u *unstructured.Unstructured) *unstructured.Unstructured {
	u = u.DeepCopy()
	delete(u.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", "deprecated.daemonset.template.generation")
	if ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP"); ip != "None" { // given by the server
		unstructured.RemoveNestedField(u.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(u.Object, "spec", "clusterIPs")
	}
	return u
}
