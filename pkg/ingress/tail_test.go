package ingress_test

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"cutover.dev/cutover/pkg/ingress"
)

func TestUntailedKeepsWhatSomebodyElseChanged(t *testing.T) {
	_, old := load(t, "testdata/shop.yaml")
	live := ingress.Tailed(old, func(s string) bool { return s == "cart" })
	live.Annotations["example.com/team"] = "somebody"
	live.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "other"
	got := ingress.Untailed(live, old)
	if s := got.Spec.Rules[0].HTTP.Paths[1].Backend.Service.Name; s != "cart" {
		t.Errorf("/cart leads to %s", s)
	}
	if s := got.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name; s != "other" {
		t.Errorf("the drift of / is hidden: %s", s)
	}
	if got.Annotations["example.com/team"] != "somebody" {
		t.Error("the drift of the annotation is hidden")
	}
}

func TestATailThatFrozenDoesNotKnowStays(t *testing.T) {
	_, old := load(t, "testdata/shop.yaml")
	live := ingress.Tailed(old, func(string) bool { return true })
	live.Spec.Rules[0].Host = "renamed.example.com"
	for _, r := range ingress.Routes(ingress.Untailed(live, old)) {
		if (r.Host == "renamed.example.com") != (r.Service == ingress.TailService) {
			t.Errorf("%s%s leads to %s", r.Host, r.Path, r.Service)
		}
	}
}

func TestARewritingAnnotationLeavesOldOnlyWithTheLastOfItsServices(t *testing.T) {
	const rewrite = "nginx.ingress.kubernetes.io/rewrite-target"
	_, old := load(t, "testdata/rewrite.yaml")
	half := ingress.Tailed(old, func(s string) bool { return s == "api" })
	if half.Annotations[rewrite] == "" || ingress.Routes(half)[0].Service != "api" {
		t.Error("an atomic Ingress is half tailed: new would send those requests back")
	}
	whole := ingress.Tailed(old, func(string) bool { return true })
	if whole.Annotations[rewrite] != "" {
		t.Error("old rewrites what new will rewrite again")
	}
	if whole.Annotations["nginx.ingress.kubernetes.io/proxy-body-size"] != "100m" {
		t.Error("old's front door changed")
	}
}

func TestAskNamesARequestThatTakesTheRoute(t *testing.T) {
	for _, c := range []struct{ host, path, wantHost, wantPath string }{
		{"*.blog.test", "/", "cutover-probe.blog.test", "/"},
		{"a.test", "/api(/|$)(.*)", "a.test", "/api"},
		{"a.test", "^/api/?(.*)", "a.test", "/api"},
		{"a.test", "/img/.*", "a.test", "/img/"},
		{"a.test", "/(.*)", "a.test", "/"},
		{"a.test", "", "a.test", "/"},
	} {
		as := networkingv1.PathTypeImplementationSpecific
		ing := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
			Host: c.host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: c.path, PathType: &as}},
			}},
		}}}}
		if host, path := ingress.Routes(ing)[0].Ask(); host != c.wantHost || path != c.wantPath {
			t.Errorf("%s%s is asked as %s%s", c.host, c.path, host, path)
		}
	}
}
