package kube_test

import (
	"testing"

	"cutover.dev/cutover/pkg/kube"
)

func TestDifferencesAreWhatMatters(t *testing.T) {
	for _, c := range []struct{ name, want, live, path string }{
		{"more is there than is wanted", `{kind: X, spec: {a: 1}}`, `{kind: X, spec: {a: 1, b: 2}}`, ""},
		{"something else", `{kind: X, spec: {a: 1}}`, `{kind: X, spec: {a: 2}}`, "spec.a"},
		{"missing", `{kind: X, spec: {a: 1}}`, `{kind: X}`, "spec.a"},
		{"empty and absent", `{kind: X, spec: {a: {}, b: [], c: "", d: null}}`, `{kind: X}`, ""},
		{"an empty list and a full one", `{kind: X, spec: {a: []}}`, `{kind: X, spec: {a: [1]}}`, "spec.a"},
		{"a list in another order", `{kind: X, spec: {a: [{b: 1}, {}]}}`, `{kind: X, spec: {a: [{}, {b: 1}]}}`, "spec.a[0].b"},
		{"a longer list", `{kind: X, spec: {a: [1]}}`, `{kind: X, spec: {a: [1, 2]}}`, "spec.a"},
		{"a selector with one more label", `{kind: X, spec: {podSelector: {a: b}}}`, `{kind: X, spec: {podSelector: {a: b, c: d}}}`, "spec.podSelector.c"},
		{"a selector that was everything", `{kind: X, spec: {podSelector: {}}}`, `{kind: X, spec: {podSelector: {a: b}}}`, "spec.podSelector.a"},
		{"what servers set", `{kind: X, metadata: {uid: a, resourceVersion: "1", generation: 1}, status: {a: 1}}`, `{kind: X, metadata: {uid: b, resourceVersion: "2", generation: 2}, status: {a: 2}}`, ""},
		{"a key with dots", `{kind: X, metadata: {labels: {a.b/c: d}}}`, `{kind: X, metadata: {labels: {a.b/c: e}}}`, "metadata.labels[a.b/c]"},
		{"quantities", `{apiVersion: v1, kind: ResourceQuota, spec: {hard: {cpu: 1000m}}}`, `{apiVersion: v1, kind: ResourceQuota, spec: {hard: {cpu: "1"}}}`, ""},
		{"a ConfigMap is no quantity", `{apiVersion: v1, kind: ConfigMap, data: {cpu: 1000m}}`, `{apiVersion: v1, kind: ConfigMap, data: {cpu: "1"}}`, "data.cpu"},
		{"stringData", `{apiVersion: v1, kind: Secret, stringData: {a: b}}`, `{apiVersion: v1, kind: Secret, data: {a: Yg==}}`, ""},
		{"a false that means something", `{apiVersion: v1, kind: ServiceAccount, automountServiceAccountToken: false}`, `{apiVersion: v1, kind: ServiceAccount}`, "automountServiceAccountToken"},
		{"a false that means nothing", `{apiVersion: v1, kind: Pod, spec: {hostNetwork: false}}`, `{apiVersion: v1, kind: Pod, spec: {}}`, ""},
	} {
		got := kube.Differences(parse(c.want), parse(c.live))
		switch {
		case c.path == "" && len(got) == 0:
		case len(got) == 1 && got[0].Path == c.path:
		default:
			t.Errorf("%s: %v, want %q", c.name, got, c.path)
		}
	}
}
