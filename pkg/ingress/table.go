package ingress

import (
	"strings"
)

// treatment is what happens to an annotation of old's Ingress on its way to new.
type treatment int

const (
	inform  treatment = iota // no controller's: absent while proxied, comes back after; half-moved is fine
	carry                    // has to happen where clients and TLS end: in new from the first moment
	restore                  // old does it while proxied; comes back when everything has moved
	refuse                   // cannot be carried
	never                    // says who owns the object in old: not in new
	later                    // switched off until DNS has moved: Target.HandOver
)

// The prefixes under which controllers read annotations.
const (
	nginx       = "nginx.ingress.kubernetes.io/"
	traefik     = "traefik.ingress.kubernetes.io/"
	contour     = "projectcontour.io/"
	haproxy     = "haproxy-ingress.github.io/"
	haproxyOld  = "ingress.kubernetes.io/"
	haproxyTech = "haproxy.org/"
)

// dialects says whose annotations the controller of an IngressClass obeys, by spec.controller.
var dialects = map[string][]string{
	"k8s.io/ingress-nginx":                 {nginx},
	"traefik.io/ingress-controller":        {traefik},
	"projectcontour.io/ingress-controller": {contour},
	"haproxy-ingress.github.io/controller": {haproxy, haproxyOld},
	"haproxy.org/ingress-controller":       {haproxyTech},
}

// foreign are prefixes of controllers that cutover does not know: it treats their annotations as behaviour.
var foreign = []string{
	"nginx.org/", "nginx.com/", "alb.ingress.kubernetes.io/", "konghq.com/", "appgw.ingress.kubernetes.io/",
	"networking.gke.io/", "getambassador.io/", "k8s.apisix.apache.org/", "higress.io/", "zalando.org/", "voyager.appscode.com/",
}

// group gives one treatment to the annotations of one prefix, and the reason. A name that ends in * stands for all that
// begin alike; the longest match counts.
type group struct {
	prefixes []string
	names    string
	do       treatment
	secure   bool // without it somebody gets in who must not: a controller that does not know it is a no
	needed   bool // without it requests are answered differently, for sure
	why      string
}

var table = []group{
	// What has to happen at the front door.
	{
		[]string{nginx},
		"proxy-body-size client-body-buffer-size proxy-request-buffering proxy-buffering proxy-buffer-size " +
			"proxy-buffers-number proxy-busy-buffers-size proxy-max-temp-file-size", carry, false, false,
		"the stricter of two hops wins, so the new one must not be stricter",
	},
	{
		[]string{nginx},
		"proxy-connect-timeout proxy-read-timeout proxy-send-timeout proxy-http-version", carry, false, false,
		"a slow answer must survive both hops",
	},
	{[]string{nginx}, "ssl-redirect force-ssl-redirect preserve-trailing-slash ssl-ciphers ssl-prefer-server-ciphers " +
		"http2-push-preload enable-access-log enable-rewrite-log", carry, false, false, "belongs to where TLS ends"},
	{[]string{traefik}, "router.entrypoints router.observability.*", carry, false, false, "belongs to where clients arrive"},
	{[]string{contour}, "response-timeout websocket-routes", carry, false, false, "a slow or upgraded request must survive both hops"},
	{[]string{contour}, "tls-minimum-protocol-version tls-maximum-protocol-version", carry, false, false, "belongs to where TLS ends"},
	{
		[]string{haproxy, haproxyOld},
		"proxy-body-size timeout-* request-buffering", carry, false, false,
		"the stricter of two hops wins, so the new one must not be stricter",
	},
	{
		[]string{haproxy, haproxyOld},
		"ssl-redirect ssl-redirect-code force-ssl-redirect hsts hsts-* ssl-ciphers* ssl-options*", carry, false, false,
		"belongs to where TLS ends",
	},
	{[]string{haproxyTech}, "timeout-* ssl-redirect ssl-redirect-code ssl-redirect-port", carry, false, false, "belongs to where clients arrive"},
	{[]string{"kubernetes.io/"}, "ingress.allow-http", carry, false, false, "belongs to where clients arrive"},

	// What old does itself while it answers; done twice it breaks requests.
	{
		[]string{nginx},
		"rewrite-target use-regex x-forwarded-prefix app-root upstream-vhost permanent-redirect permanent-redirect-code " +
			"temporal-redirect temporal-redirect-code relative-redirects proxy-redirect-* proxy-cookie-* backend-protocol default-backend " +
			"custom-http-errors custom-headers connection-proxy-header service-upstream", restore, false, true,
		"changes requests or answers on their way; done twice it breaks them",
	},
	{[]string{nginx}, "enable-cors cors-*", restore, false, true, "a browser refuses an answer with doubled CORS headers"},
	{
		[]string{nginx},
		"affinity affinity-* session-cookie-* upstream-hash-by* load-balance proxy-next-upstream*", restore, false, false,
		"old chooses among its own pods; two retries of one request are one too many",
	},
	{
		[]string{nginx},
		"auth-* enable-global-auth satisfy whitelist-source-range allowlist-source-range denylist-source-range limit-* " +
			"enable-modsecurity enable-owasp-core-rules modsecurity-transaction-id", restore, true, true,
		"old lets in or turns away while it answers",
	},
	{[]string{traefik}, "router.middlewares", restore, true, true, "a middleware may rewrite or authenticate; old's does it while it answers"},
	{[]string{traefik}, "router.priority router.rulesyntax", restore, false, true, "orders old's own routes"},
	{[]string{traefik}, "service.*", restore, false, false, "old chooses among its own pods"},
	{[]string{contour}, "num-retries retry-on per-try-timeout", restore, false, false, "two retries of one request are one too many"},
	{
		[]string{haproxy, haproxyOld},
		"rewrite-target app-root cors-* redirect-* headers forwardfor use-regex backend-protocol secure-backends", restore, false, true,
		"changes requests or answers on their way; done twice it breaks them",
	},
	{
		[]string{haproxy, haproxyOld},
		"affinity session-cookie-* balance-algorithm backend-check-* initial-weight maxconn-server maxqueue-server",
		restore, false, false, "old chooses among its own pods",
	},
	{
		[]string{haproxy, haproxyOld},
		"auth-* oauth* allowlist-source-range whitelist-source-range denylist-source-range limit-* waf waf-*", restore, true, true,
		"old lets in or turns away while it answers",
	},
	{
		[]string{haproxyTech},
		"path-rewrite cors-* request-set-header response-set-header request-redirect* set-host forwarded-for server-ssl server-proto",
		restore, false, true, "changes requests or answers on their way; done twice it breaks them",
	},
	{[]string{haproxyTech}, "cookie-persistence* load-balance check check-* pod-maxconn", restore, false, false, "old chooses among its own pods"},
	{
		[]string{haproxyTech},
		"auth-* allow-list deny-list whitelist blacklist rate-limit-* src-ip-header", restore, true, true,
		"old lets in or turns away while it answers",
	},

	// What cannot be carried.
	{
		[]string{nginx},
		"configuration-snippet server-snippet auth-snippet modsecurity-snippet stream-snippet", refuse, false, false,
		"raw configuration of one controller can do anything, so nobody can tell which half belongs to which side; write it as annotations of their own",
	},
	{
		[]string{haproxy, haproxyOld},
		"config-*", refuse, false, false,
		"raw configuration of one controller can do anything, so nobody can tell which half belongs to which side; write it as annotations of their own",
	},
	{
		[]string{haproxyTech},
		"*-config-snippet", refuse, false, false,
		"raw configuration of one controller can do anything, so nobody can tell which half belongs to which side; write it as annotations of their own",
	},
	{
		[]string{nginx},
		"canary canary-*", refuse, false, false,
		"two Ingresses share one host and path, and a swap of one of them would decide for both; end the canary first",
	},
	{[]string{haproxy, haproxyOld}, "blue-green-*", refuse, false, false, "shares one path between versions that may move apart; end the canary first"},
	{[]string{nginx}, "mirror-*", refuse, false, false, "requests would be mirrored by both sides, or by none; stop mirroring first"},
	{
		[]string{nginx, haproxy, haproxyOld, haproxyTech},
		"ssl-passthrough ssl-passthrough-*", refuse, false, false,
		"TLS has to end at new's entry, or no path can be told from another and no answer marked; end TLS at the Ingress first",
	},
	{
		[]string{nginx, haproxy, haproxyOld},
		"auth-tls-*", refuse, false, false,
		"client certificates end at new's entry, and the bridge cannot see them; authenticate in the application for the time of the move",
	},
	{
		[]string{haproxyTech},
		"client-ca client-crt-*", refuse, false, false,
		"client certificates end at new's entry, and the bridge cannot see them; authenticate in the application for the time of the move",
	},
	{
		[]string{nginx, haproxy, haproxyOld},
		"server-alias server-alias-regex from-to-www-redirect", refuse, false, false,
		"it serves a host that is in no rule, so no phase would probe or move that name; write the host as a rule of its own",
	},
	{
		[]string{traefik},
		"router.tls router.tls.*", refuse, false, false,
		"the bridge has no TLS, and a router that demands it answers 404 there; remove it and let spec.tls and the entry point say so",
	},
	{
		[]string{traefik},
		"router.pathmatcher", refuse, false, false,
		"it gives every path another meaning than its path type; say it with pathType (Exact or Prefix)",
	},
	{
		[]string{haproxy, haproxyOld},
		"path-type path-type-order", refuse, false, false,
		"it gives every path another meaning than its path type; say it with pathType (Exact or Prefix)",
	},
	{
		[]string{contour},
		"tls-cert-namespace", refuse, false, false,
		"the certificate is in another namespace by a delegation that is not carried; copy the Secret into the namespace of the Ingress",
	},

	// Who owns the object in old, and who would act on it in new too early.
	{[]string{"cert-manager.io/", "acme.cert-manager.io/", "certmanager.k8s.io/"}, "*", later, false, false, "would order a certificate before DNS leads here"},
	{[]string{"kubernetes.io/"}, "tls-acme", later, false, false, "would order a certificate before DNS leads here"},
	{[]string{"kubernetes.io/"}, "ingress.class", never, false, false, "spec.ingressClassName says it"},
	{
		[]string{"argocd.argoproj.io/", "meta.helm.sh/", "helm.sh/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "config.kubernetes.io/"},
		"*", never, false, false, "names the owner of the object in old",
	},
	{[]string{"kubectl.kubernetes.io/"}, "last-applied-configuration", never, false, false, "describes the object in old"},
}

var unknownBehaviour = group{do: restore, why: "cutover does not know it; old goes on obeying it while it answers"}

// find returns what the table says about an annotation. known is false for one under a controller's prefix that the
// table does not name; of a key that is no controller's the group is empty and known.
func find(key string) (g group, known bool) {
	best := -1
	for _, candidate := range table {
		for _, prefix := range candidate.prefixes {
			name, under := strings.CutPrefix(key, prefix)
			if !under {
				continue
			}
			if n := longest(candidate.names, name); n > best {
				g, best = candidate, n
			}
		}
	}
	switch {
	case best >= 0:
		return g, true
	case fromDNS(key):
		return group{do: later, why: "would move DNS before it is time"}, true
	case dialectOf(key) != "":
		return unknownBehaviour, false
	}
	return group{}, true
}

// longest returns how many characters of the best pattern in names match name, -1 when none does.
func longest(names, name string) int {
	best := -1
	for pattern := range strings.FieldsSeq(names) {
		head, tail, wild := strings.Cut(pattern, "*")
		if pattern == name {
			return len(name) + 1 // better than any pattern
		}
		if wild && len(name) >= len(head)+len(tail) && strings.HasPrefix(name, head) && strings.HasSuffix(name, tail) {
			best = max(best, len(head)+len(tail))
		}
	}
	return best
}

func treatmentOf(key string) treatment {
	g, _ := find(key)
	return g.do
}

// dialectOf returns the controller's prefix that a key has, or "".
func dialectOf(key string) string {
	for _, known := range []string{nginx, traefik, contour, haproxy, haproxyOld, haproxyTech} {
		if strings.HasPrefix(key, known) {
			return known
		}
	}
	for _, prefix := range foreign {
		if strings.HasPrefix(key, prefix) {
			return prefix
		}
	}
	return ""
}

func prefixOf(key string) string {
	prefix, _, _ := strings.Cut(key, "/")
	return prefix
}
