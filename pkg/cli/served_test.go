package cli

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/report"
)

// shop is an Ingress with / to web, /api to api and, as a regular expression, /v[0-9]+ to old-api.
func shop() *networkingv1.Ingress {
	prefix, own := networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific
	path := func(p string, as *networkingv1.PathType, service string) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{Path: p, PathType: as, Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}
	}
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
			Host: "shop.example.com",
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
				path("/", &prefix, "web"), path("/api", &prefix, "api"), path("/v[0-9]+", &own, "old-api"),
			}}},
		}}},
	}
}

func TestEachPathIsServedByWhomTheTwoIngressesLeadTo(t *testing.T) {
	none := func(string) bool { return false }
	all := func(string) bool { return true }
	plain := shop() // a regular expression makes an Ingress move as a whole; without it, paths move by themselves
	plain.Spec.Rules[0].HTTP.Paths = plain.Spec.Rules[0].HTTP.Paths[:2]
	api := func(service string) bool { return service == "api" }
	drifted := ingress.Desired(plain, none, ingress.Target{})
	drifted.Spec.Rules[0].HTTP.Paths[1].Backend.Service.Name = "somebody"
	for _, c := range []struct {
		name                 string
		frozen, inNew, inOld *networkingv1.Ingress
		by                   []string
		tail                 []bool
	}{
		{"not in new yet", shop(), nil, shop(), []string{"old", "old", "old"}, []bool{false, false, false}},
		{"in neither", plain, nil, nil, []string{"", ""}, []bool{false, false}},
		{"routes", shop(), ingress.Desired(shop(), none, ingress.Target{}), shop(), []string{"proxy", "proxy", "proxy"}, []bool{false, false, false}},
		{"swapped", plain, ingress.Desired(plain, api, ingress.Target{}), plain, []string{"proxy", "new"}, []bool{false, false}},
		{"tailed", plain, ingress.Desired(plain, api, ingress.Target{}), ingress.Tailed(plain, api), []string{"proxy", "new"}, []bool{false, true}},
		{"all moved", shop(), ingress.Desired(shop(), all, ingress.Target{}), ingress.Tailed(shop(), all), []string{"new", "new", "new"}, []bool{true, true, true}},
		{"old is gone", plain, ingress.Desired(plain, all, ingress.Target{}), nil, []string{"new", "new"}, []bool{false, false}},
		{"changed by somebody", plain, drifted, plain, []string{"proxy", ""}, []bool{false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []report.Served
			for i, r := range ingress.Routes(c.frozen) {
				want = append(want, report.Served{Host: "shop.example.com", Path: r.Path, Service: r.Service, By: c.by[i], Tail: c.tail[i]})
			}
			if got := servedNow(c.frozen, c.inNew, c.inOld); !slices.Equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
