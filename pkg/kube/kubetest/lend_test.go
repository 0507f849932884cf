package kubetest_test

import (
	"os"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/kube/kubetest"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

func TestTwoTestsAtOnceHaveServersOfTheirOwn(t *testing.T) {
	if a, b := kubetest.Lend(t), kubetest.Lend(t); a.URL == b.URL {
		t.Error("they have the same one")
	}
}

// made is something of each kind that a test of the program makes.
var made = map[schema.GroupVersionResource]string{
	{Version: "v1", Resource: "namespaces"}: `{apiVersion: v1, kind: Namespace, metadata: {name: shop}}`,
	{Version: "v1", Resource: "configmaps"}: `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, data: {k: v}}`,
	{Version: "v1", Resource: "services"}:   `{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {clusterIP: 10.96.7.7, ports: [{port: 80}]}}`,
	{Version: "v1", Resource: "events"}: `{apiVersion: v1, kind: Event, metadata: {name: a, namespace: shop}, type: Normal, reason: R,
 involvedObject: {kind: ConfigMap, namespace: shop, name: a}}`,
	{Group: "apps", Version: "v1", Resource: "deployments"}: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: shop}, spec: {selector: {matchLabels: {a: b}},
 template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}}`,
	{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}:             `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: a, namespace: shop}}`,
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}:       `{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: a}, spec: {controller: a.test/b}}`,
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}:            `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, namespace: shop}, spec: {rules: [{host: a.test}]}}`,
	{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}:        `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a, namespace: shop}, addressType: IPv4, endpoints: []}`,
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}:        `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a, namespace: shop}, rules: []}`,
	{Group: "apps", Version: "v1", Resource: "statefulsets"}:                      `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a, namespace: shop}, spec: {serviceName: a, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}}`,
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}: `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}, rules: []}`,
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}: `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: a},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: a}}`,
	{Version: "v1", Resource: "secrets"}:                                        `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}}`,
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}:          `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a, namespace: shop}, spec: {minAvailable: 1}}`,
	{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}: `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: shop}, spec: {maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: a, apiVersion: apps/v1}}}`,
}

func at(t *testing.T, client dynamic.Interface, r schema.GroupVersionResource, text string) (dynamic.ResourceInterface, *unstructured.Unstructured) {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	if u.GetNamespace() == "" {
		return client.Resource(r), u
	}
	return client.Resource(r).Namespace(u.GetNamespace()), u
}

// Each of the three makes everything, with the same names and the same cluster IP, and must find nothing of it before, neither in
// the store nor in what the API server keeps in memory.
func TestAServerThatIsLentAgainHasNothingOfTheTestBefore(t *testing.T) {
	lent := map[string]bool{}
	for _, name := range []string{"first", "second", "third"} {
		t.Run(name, func(t *testing.T) {
			s := kubetest.Lend(t)
			lent[s.URL] = true
			config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			config.QPS = -1
			client, err := dynamic.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			for r, text := range made {
				where, u := at(t, client, r, text)
				for _, version := range []string{"", "0"} { // "0": whatever is in memory
					if got, err := where.Get(t.Context(), u.GetName(), metav1.GetOptions{ResourceVersion: version}); !apierrors.IsNotFound(err) {
						t.Errorf("%s is there (%v): %v", u.GetKind(), err, got)
					}
				}
			}
			namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
			for _, r := range append([]schema.GroupVersionResource{namespaces}, others()...) {
				where, u := at(t, client, r, made[r])
				if _, err := where.Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
					t.Errorf("make %s: %v", u.GetKind(), err)
				}
			}
		})
	}
	if len(lent) != 1 {
		t.Errorf("%d servers were started, want one that is lent three times", len(lent))
	}
}

func others() (all []schema.GroupVersionResource) {
	for r := range made {
		if r.Resource != "namespaces" {
			all = append(all, r)
		}
	}
	return all
}

func TestOneWhomATestKilledIsNotLentAgain(t *testing.T) {
	var killed string
	t.Run("a test kills its server", func(t *testing.T) {
		s := kubetest.Lend(t)
		killed = s.URL
		s.Kill()
	})
	if s := kubetest.Lend(t); s.URL == killed {
		t.Error("the dead one is lent")
	}
}
