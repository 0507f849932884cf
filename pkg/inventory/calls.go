package inventory

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/carry"
)

// findCalls looks for names of Services in what the pods are told: environment, arguments, command, and the ConfigMaps
// that they use.
func (inv *Inventory) findCalls(all []listed) error {
	s := scanner{services: map[ingress.Name]bool{}, scope: inv.Namespaces}
	for _, service := range inv.Services {
		s.services[service.Name] = true
	}
	for _, l := range all {
		settings := map[string]map[string]string{}
		for _, u := range l.of[kube.ConfigMap] {
			c, err := kube.As[corev1.ConfigMap](u)
			if err != nil {
				return err
			}
			settings[c.Name] = c.Data
		}
		for _, kind := range movable {
			for _, u := range l.of[kind] {
				calls, err := s.calls(u, settings)
				if err != nil {
					return err
				}
				inv.Calls = append(inv.Calls, calls...)
			}
		}
	}
	slices.SortFunc(inv.Calls, func(a, b Call) int { return cmp.Or(compareRefs(a.From, b.From), compareNames(a.To, b.To)) })
	return nil
}

// calls finds the calls of one workload: one for each Service, with the first place where it is named.
func (s *scanner) calls(u *unstructured.Unstructured, settings map[string]map[string]string) ([]Call, error) {
	pods, err := carry.PodsOf(u)
	if err != nil {
		return nil, err
	}
	var calls []Call
	seen := map[ingress.Name]bool{}
	note := func(where, text string) {
		for _, m := range s.mentions(text, u.GetNamespace()) {
			if !seen[m.name] {
				seen[m.name] = true
				calls = append(calls, Call{From: refOf(u), To: m.name, Where: where, Outside: m.outside})
			}
		}
	}
	told(pods, note)
	for _, n := range carry.Needs(u) {
		if n.Kind != kube.ConfigMap {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(settings[n.Name])) {
			note("ConfigMap "+n.Name+", key "+key, settings[n.Name][key])
		}
	}
	return calls, nil
}

// told gives every text of the pod template to note.
func told(pods *carry.Pods, note func(where, text string)) {
	for _, c := range pods.Containers() {
		for _, env := range c.Env {
			note("env "+env.Name+" of container "+c.Name, env.Value)
		}
		for _, text := range c.Command {
			note("command of container "+c.Name, text)
		}
		for _, text := range c.Args {
			note("args of container "+c.Name, text)
		}
	}
}

type scanner struct {
	services map[ingress.Name]bool
	scope    []string
}

type mention struct {
	name    ingress.Name
	outside bool
}

var (
	dnsName  = regexp.MustCompile(`[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?`)
	variable = regexp.MustCompile(`([A-Z0-9_]+)_SERVICE_(?:HOST|PORT)`)
	ordinal  = regexp.MustCompile(`-[0-9]+$`)
	flag     = regexp.MustCompile(`(?i)-(?:h|[a-z-]*(?:host|hostname|addr|address|server|endpoint|target|upstream))\s+$`)
	port     = regexp.MustCompile(`^:[0-9]{1,5}(?:[^0-9.A-Za-z-]|$)`)
)

// mentions finds names of Services in a text of a workload in namespace ns. What counts:
//
//   - service.namespace, service.namespace.svc and longer, also with the name of a pod before it, if there is such a
//     Service in scope, anywhere in the text as a whole name: web.shop, but not web.shop.example.com;
//   - service.namespace.svc and longer of a namespace that is not in scope, whether there is such a Service or not,
//     except the API server and what is in kube-system;
//   - a short name, or pod-0.service, of a Service of the workload's own namespace, only where a host can stand: after
//     "//" or "@", before ":port", after a flag such as -h or --db-host, or as a whole value (all of the text, or what is
//     between "=", ":", quotes, commas, brackets and ends of lines);
//   - the variables that Kubernetes makes of a Service, such as WEB_SERVICE_HOST.
//
// A whole value that is the name of a Service by chance counts too: a call too many is answered in the plan, one too
// few is an outage.
func (s *scanner) mentions(text, ns string) []mention {
	var found []mention
	add := func(name ingress.Name, outside bool) { found = append(found, mention{name, outside}) }
	for _, at := range dnsName.FindAllStringIndex(text, -1) {
		token := strings.ToLower(text[at[0]:at[1]])
		if name, ok := qualified(token, func(n ingress.Name) bool { return s.services[n] }); ok {
			add(name, false)
			continue
		}
		if name, ok := s.outside(token); ok {
			add(name, true)
			continue
		}
		parts := strings.Split(token, ".")
		short := parts[len(parts)-1]
		member := len(parts) == 2 && ordinal.MatchString(parts[0])
		if name := (ingress.Name{Namespace: ns, Name: short}); (len(parts) == 1 || member) && s.services[name] && hostStands(text, at[0], at[1]) {
			add(name, false)
		}
	}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if name := (ingress.Name{Namespace: ns, Name: strings.ToLower(strings.ReplaceAll(m[1], "_", "-"))}); s.services[name] {
			add(name, false)
		}
	}
	return found
}

// qualified reads service.namespace[.svc…] of a Service that is known, with or without names of pods before it.
func qualified(token string, known func(ingress.Name) bool) (ingress.Name, bool) {
	parts := strings.Split(strings.ToLower(strings.TrimSuffix(token, ".")), ".")
	for i := 0; i+1 < len(parts); i++ {
		name := ingress.Name{Namespace: parts[i+1], Name: parts[i]}
		if known(name) && (i+2 == len(parts) || parts[i+2] == "svc") {
			return name, true
		}
	}
	return ingress.Name{}, false
}

func (s *scanner) outside(token string) (ingress.Name, bool) {
	parts := strings.Split(token, ".")
	for i := 0; i+2 < len(parts); i++ {
		name := ingress.Name{Namespace: parts[i+1], Name: parts[i]}
		if parts[i+2] != "svc" || slices.Contains(s.scope, name.Namespace) {
			continue
		}
		everywhere := name.Namespace == "kube-system" || name == ingress.Name{Namespace: "default", Name: "kubernetes"}
		return name, !everywhere
	}
	return ingress.Name{}, false
}

// hostStands says whether the name at text[from:to] stands where a host can stand.
func hostStands(text string, from, to int) bool {
	before, after := text[:from], text[to:]
	last := before[max(0, len(before)-40):] // a flag is short, a ConfigMap is not
	if strings.HasSuffix(before, "//") || strings.HasSuffix(before, "@") || port.MatchString(after) || flag.MatchString(last) {
		return true
	}
	before = strings.TrimRight(before, " \t\"'`")
	after = strings.TrimLeft(after, " \t\"'`\r")
	opens := before == "" || strings.IndexByte("=:,[({\n-", before[len(before)-1]) >= 0
	closes := after == "" || strings.IndexByte(",;]})#\n", after[0]) >= 0
	return opens && closes
}
