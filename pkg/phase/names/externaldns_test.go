package names

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestExternalDNSIsKnownByItsImageOrByWhatItIsStartedWith(t *testing.T) {
	for about, c := range map[string]struct {
		container corev1.Container
		want      bool
	}{
		"the project's image":    {corev1.Container{Image: "registry.k8s.io/external-dns/external-dns:v0.22.0"}, true},
		"a mirror with a digest": {corev1.Container{Image: "registry.example.com:5000/mirror/bitnami-external-dns@sha256:aa"}, true},
		"another name":           {corev1.Container{Image: "dns:1", Args: []string{"--source=ingress", "--txt-owner-id=x"}}, true},
		"by its command":         {corev1.Container{Image: "tools:1", Command: []string{"/bin/external-dns"}}, true},
		"a registry's path":      {corev1.Container{Image: "registry.example.com/external-dns/web:1"}, false},
		"something else":         {corev1.Container{Image: "coredns:1", Args: []string{"-conf", "/etc/coredns/Corefile"}}, false},
	} {
		if got := isExternalDNS(c.container); got != c.want {
			t.Errorf("%s: %v, want %v", about, got, c.want)
		}
	}
}

func TestWhatExternalDNSCouldWriteIsReadFromItsFlags(t *testing.T) {
	hosts := []string{"web.shop.test", "api.shop.test"}
	flags := func(args ...string) writer {
		return writer{where: "it", replicas: 1, flags: flagsOf(corev1.Container{Args: args})}
	}
	environment := writer{where: "it", replicas: 1, flags: flagsOf(corev1.Container{Env: []corev1.EnvVar{
		{Name: "EXTERNAL_DNS_SOURCE", Value: "crd"}, {Name: "EXTERNAL_DNS_DOMAIN_FILTER", Value: "other.test\nshop.test"},
	}})}
	scaledDown := flags("--source=crd")
	scaledDown.replicas = 0
	if template, host := flags("--fqdn-template={{.Name}}.other.test,api.{{.Namespace}}.test").makes(hosts); host != "api.shop.test" {
		t.Errorf("%s makes %q", template, host)
	}
	if template, host := flags("--fqdn-template={{.Name}}.other.test,www.{{.Namespace}}.test").makes(hosts); host != "" {
		t.Errorf("%s makes %q", template, host)
	}
	for about, c := range map[string]struct {
		w    writer
		want bool
	}{
		"nothing said":                      {flags(), true},
		"a source that is not looked at":    {flags("--source=gateway-httproute", "--policy=sync"), true},
		"upsert-only changes what is there": {flags("--source=crd", "--policy=upsert-only"), true},
		"create-only does not":              {flags("--source=crd", "--policy=create-only"), false},
		"it is told in two words":           {flags("--source", "crd", "--policy", "create-only"), false},
		"a rehearsal":                       {flags("--source=crd", "--dry-run"), false},
		"scaled to 0":                       {scaledDown, false},
		"another domain":                    {flags("--source=crd", "--domain-filter=other.test"), false},
		"a domain that only looks like it":  {flags("--source=crd", "--domain-filter=op.test"), false},
		"one of two domains":                {flags("--source=crd", "--domain-filter=other.test", "--domain-filter=.shop.test"), true},
		"one of the hosts":                  {flags("--source=crd", "--domain-filter=api.shop.test"), true},
		"a pattern nobody can be sure of":   {flags("--source=crd", "--regex-domain-filter=other", "--domain-filter=other.test"), true},
		"all hosts are excluded":            {flags("--source=crd", "--exclude-domains=shop.test"), false},
		"what stands in the environment":    {environment, true},
		"a template of our names":           {flags("--source=ingress", "--fqdn-template={{.Name}}.shop.test"), true},
		"a template of one name":            {flags("--source=service", "--fqdn-template=x.test, Web.shop.test."), true},
		"a template that makes anything":    {flags("--source=service", "--fqdn-template={{.Name}}.other.test,{{.Namespace}}"), true},
		"a template with branches":          {flags("--source=service", "--fqdn-template={{if true}}web.shop.test{{end}}.other.test"), true},
		"a template, and a filter":          {flags("--source=service", "--fqdn-template={{.Name}}", "--domain-filter=other.test"), false},
	} {
		why, err := c.w.reaches(t.Context(), nil, nil, hosts)
		if err != nil || (why != "") != c.want {
			t.Errorf("%s: %q (%v), want a reason: %v", about, why, err, c.want)
		}
	}
}

func TestAnObjectIsOffUnderThePrefixThatIsObeyed(t *testing.T) {
	either, newer, own := writer{}, writer{flags: map[string][]string{"annotation-prefix": {"external-dns.kubernetes.io/"}}},
		writer{flags: map[string][]string{"annotation-prefix": {"inner.example.com/"}}}
	both := map[string]string{"external-dns.alpha.kubernetes.io/controller": "cutover-disabled", "external-dns.kubernetes.io/controller": "cutover-disabled"}
	old := map[string]string{"external-dns.alpha.kubernetes.io/controller": "none"}
	on := map[string]string{"external-dns.alpha.kubernetes.io/controller": "dns-controller", "external-dns.kubernetes.io/controller": "dns-controller"}
	for about, c := range map[string]struct {
		w           writer
		annotations map[string]string
		want        bool
	}{
		"both prefixes, as routes sets them": {either, both, true},
		"the prefix of before v0.22 alone":   {either, old, false},
		"its own controller":                 {either, on, false},
		"nothing":                            {either, nil, false},
		"the prefix it is told":              {newer, both, true},
		"another than it is told":            {newer, old, false},
		"a prefix of its own":                {own, both, false},
	} {
		if got := c.w.off(c.annotations); got != c.want {
			t.Errorf("%s: off is %v, want %v", about, got, c.want)
		}
	}
}

func TestAWildcardInScopeAnswersForWhatOwnsNothing(t *testing.T) {
	names := []string{"*.apps.shop.test", "web.shop.test"}
	for name, want := range map[string]bool{"x.apps.shop.test": true, "x.y.apps.shop.test": true, "apps.shop.test": false, "web.shop.test": false} {
		if got := Covered(name, names); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestAServiceAsksForAHostByItsAnnotations(t *testing.T) {
	hosts := []string{"web.shop.test"}
	for about, c := range map[string]struct {
		key, value string
		want       bool
	}{
		"by the usual one":      {"external-dns.alpha.kubernetes.io/hostname", "a.test, Web.shop.test.", true},
		"by the inner one":      {"external-dns.kubernetes.io/internal-hostname", "web.shop.test", true},
		"another host":          {"external-dns.alpha.kubernetes.io/hostname", "web.other.test", false},
		"something else of it":  {"external-dns.alpha.kubernetes.io/target", "web.shop.test", false},
		"a prefix of its owner": {"inner.example.com/hostname", "web.shop.test", true},
	} {
		if got := asksFor(map[string]string{c.key: c.value}, hosts); got != c.want {
			t.Errorf("%s: %v, want %v", about, got, c.want)
		}
	}
}
