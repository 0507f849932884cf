package kube_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/pkg/kube"
)

func deployment(ns, name string) *unstructured.Unstructured {
	u := parse(`{apiVersion: apps/v1, kind: Deployment, metadata: {labels: {app: web}}, spec: {replicas: 2, selector: {matchLabels: {app: web}},
		template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: app, env: [{name: A, value: ""}, {name: B, value: canary}],
		resources: {requests: {cpu: 1000m, memory: 0.5Gi}, limits: {cpu: "2"}}, ports: [{containerPort: 8080}]}], nodeSelector: {}, volumes: [{name: tmp, emptyDir: {}}]}}}}`)
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

func parse(text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		panic(err)
	}
	return u
}

// everyKind is one object of every kind that phases write, with what an API server rewrites: quantities, defaults,
// empty fields.
func everyKind(ns string) []*unstructured.Unstructured {
	all := []*unstructured.Unstructured{config(ns, "a", "x"), service(ns, "a", 80), deployment(ns, "a")}
	for _, text := range []string{
		`{apiVersion: v1, kind: Service, metadata: {name: headless}, spec: {ports: [{name: http, port: 8080}]}}`,
		`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {name: a, labels: {kubernetes.io/service-name: a}}, ports: [{name: http, port: 8080, protocol: TCP}], endpoints: [{addresses: [10.1.1.36], conditions: {ready: true, serving: true}}]}`,
		`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, annotations: {x: "y"}}, spec: {ingressClassName: main, rules: [{host: a.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {name: http}}}}]}}], tls: [{hosts: [a.test], secretName: a}]}}`,
		`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}, ingress: [{}], policyTypes: [Ingress]}}`,
		`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}, automountServiceAccountToken: false}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: a}, subjects: [{kind: ServiceAccount, name: a}]}`,
		`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {minReplicas: 1, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}, metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1024Mi}}}]}}`,
		`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}, spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}}`,
		`{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {schedule: "0 0 * * *", suspend: true, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}}}`,
		`{apiVersion: v1, kind: LimitRange, metadata: {name: a}, spec: {limits: [{type: Container, max: {cpu: 2000m}}]}}`,
		`{apiVersion: v1, kind: ResourceQuota, metadata: {name: a}, spec: {hard: {pods: 10k, requests.cpu: 64000m}}}`,
		`{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque, stringData: {a: b}}`,
	} {
		u := parse(text)
		u.SetNamespace(ns)
		all = append(all, u)
	}
	return all
}

func TestEveryKindIsFoundByName(t *testing.T) {
	if k, ok := kube.KindNamed("HorizontalPodAutoscaler"); !ok || k != kube.HPA || k.GVR().Resource != "horizontalpodautoscalers" || k.GVK().Version != "v2" {
		t.Errorf("%v %v", k, ok)
	}
	if k, ok := kube.KindNamed("Unheard"); ok {
		t.Errorf("found %v", k)
	}
}
