package names

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
)

// Access is what the proofs of this package do to the API servers.
func Access(d parts.Deps) []phase.Access {
	var all []phase.Access
	for _, env := range []string{phase.Old, phase.New} {
		all = append(all, parts.Access(env, "", kube.Deployment, nil, "list")...)
		all = append(all, parts.Access(env, "", kube.Service, nil, "list")...) // an external-dns reads those of all namespaces
		for _, ns := range d.Plan.Spec.Namespaces {
			all = append(all, parts.See(env, ns, kube.Ingress)...)
		}
	}
	return all
}

// prefixes are the annotation prefixes of external-dns: the default changed in v0.22.
var prefixes = []string{"external-dns.alpha.kubernetes.io", "external-dns.kubernetes.io"}

// writer is one external-dns, as its Deployment tells.
type writer struct {
	where    string
	replicas int32
	flags    map[string][]string
}

// ExternalDNS refuses while an external-dns in either cluster could write a name in scope: it would swap back, or lead clients
// on its own.
func ExternalDNS(d parts.Deps) phase.Step {
	return phase.Step{
		ID: "prove:external-dns", Title: "see that no external-dns writes the names that move",
		Observe: func(ctx context.Context) (phase.Observation, error) {
			scopes, err := Of(d)
			if err != nil {
				return phase.Observation{}, err
			}
			var hosts, nos []string
			for _, s := range scopes {
				hosts = append(hosts, s.Names...)
			}
			found := 0
			for _, c := range []*kube.Cluster{d.Old, d.New} {
				if c == d.New && d.NewGone {
					continue
				}
				writers, err := writersIn(ctx, c)
				if err != nil {
					return phase.Observation{}, err
				}
				found += len(writers)
				for _, w := range writers {
					why, err := w.reaches(ctx, c, d.Plan.Spec.Namespaces, hosts)
					if err != nil {
						return phase.Observation{}, err
					}
					if why != "" {
						nos = append(nos, w.where+" "+why)
					}
				}
			}
			if len(nos) > 0 {
				return phase.Observation{State: phase.Failed, Detail: "external-dns could write a name in scope: " + strings.Join(nos, "; ") +
					". Scale it to 0, give it --policy=create-only, keep it off by --domain-filter, or annotate each Ingress and Service with <prefix>/controller: " + offValue + " and take --fqdn-template away"}, nil
			}
			return phase.Observation{State: phase.Done, Detail: fmt.Sprintf("%d Deployments of external-dns, none writes a name in scope", found)}, nil
		},
	}
}

const offValue = "none" // anything but dns-controller

// writersIn finds every external-dns of a cluster by its image or by what it is started with.
func writersIn(ctx context.Context, c *kube.Cluster) (all []writer, err error) {
	err = c.Walk(ctx, kube.Deployment, "", func(u *unstructured.Unstructured) error {
		live, err := kube.As[appsv1.Deployment](u)
		if err != nil {
			return err
		}
		for _, container := range live.Spec.Template.Spec.Containers {
			if !isExternalDNS(container) {
				continue
			}
			w := writer{where: "Deployment " + live.Namespace + "/" + live.Name + " in " + c.Env(), replicas: 1, flags: flagsOf(container)}
			if live.Spec.Replicas != nil {
				w.replicas = *live.Spec.Replicas
			}
			all = append(all, w)
		}
		return nil
	})
	return all, err
}

func isExternalDNS(c corev1.Container) bool {
	image := c.Image[strings.LastIndexByte(c.Image, '/')+1:]
	name, _, _ := strings.Cut(strings.Split(image, "@")[0], ":")
	if strings.Contains(name, "external-dns") || strings.Contains(name, "externaldns") {
		return true
	}
	for _, word := range slices.Concat(c.Command, c.Args) {
		if strings.HasSuffix(word, "external-dns") || strings.HasPrefix(word, "--txt-owner-id") {
			return true
		}
	}
	return false
}

// flagsOf reads its flags, which may stand in the environment too: EXTERNAL_DNS_DOMAIN_FILTER, one value a line.
func flagsOf(c corev1.Container) map[string][]string {
	flags := map[string][]string{}
	for _, e := range c.Env {
		if name, ok := strings.CutPrefix(e.Name, "EXTERNAL_DNS_"); ok {
			name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
			flags[name] = append(flags[name], strings.Split(e.Value, "\n")...)
		}
	}
	words := slices.Concat(c.Command, c.Args)
	given := map[string][]string{}
	for i, word := range words {
		name, isFlag := strings.CutPrefix(word, "--")
		if !isFlag {
			continue
		}
		name, value, joined := strings.Cut(name, "=")
		if !joined && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			value = words[i+1]
		}
		given[name] = append(given[name], value)
	}
	maps.Copy(flags, given) // what is on the command line counts
	return flags
}

func (w writer) has(flag string, values ...string) bool {
	return slices.ContainsFunc(w.flags[flag], func(v string) bool { return slices.Contains(values, v) })
}

// reaches says why it could write one of the hosts, "" if it cannot. What it cannot tell it takes for a yes.
func (w writer) reaches(ctx context.Context, c *kube.Cluster, namespaces, hosts []string) (string, error) {
	switch {
	case w.replicas == 0:
		return "", nil
	case w.has("dry-run", "true", ""):
		return "", nil
	case w.has("policy", "create-only"): // it changes nothing that is there
		return "", nil
	}
	host := w.passes(hosts)
	if host == "" {
		return "", nil
	}
	if template, host := w.makes(hosts); template != "" {
		return fmt.Sprintf("makes names by --fqdn-template=%s, and %s may be one of them", template, host), nil
	}
	for _, source := range w.flags["source"] {
		switch source {
		case "ingress":
			on, err := w.ingressOn(ctx, c, namespaces)
			if on != "" || err != nil {
				return fmt.Sprintf("(policy %s, owner %s) may write %s: %s is not annotated off", w.first("policy"), w.first("txt-owner-id"), host, on), err
			}
		case "service":
			on, err := w.serviceOn(ctx, c, hosts)
			if on != "" || err != nil {
				return fmt.Sprintf("may write what %s asks for", on), err
			}
		case "node", "pod":
			return fmt.Sprintf("reads source %s, and nothing shows that it leaves %s alone", source, host), nil
		default:
			return fmt.Sprintf("reads source %s, of which this tool sees nothing, and may write %s", source, host), nil
		}
	}
	if len(w.flags["source"]) == 0 {
		return "does not say what it reads (--source), and may write " + host, nil
	}
	return "", nil
}

func (w writer) first(flag string) string {
	if all := w.flags[flag]; len(all) > 0 && all[0] != "" {
		return all[0]
	}
	return "not given"
}

// passes is the first host that its filters let through, "" for none.
func (w writer) passes(hosts []string) string {
	for _, host := range hosts {
		if w.excludes(host) {
			continue
		}
		if len(w.flags["regex-domain-filter"]) > 0 || len(w.flags["domain-filter"]) == 0 {
			return host
		}
		for _, filter := range w.flags["domain-filter"] {
			filter = strings.TrimPrefix(strings.ToLower(filter), ".")
			if filter == "" || host == filter || strings.HasSuffix(host, "."+filter) {
				return host
			}
		}
	}
	return ""
}

func (w writer) excludes(host string) bool {
	return slices.ContainsFunc(w.flags["exclude-domains"], func(domain string) bool {
		domain = strings.TrimPrefix(strings.ToLower(domain), ".")
		return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
	})
}

// off says whether an object is annotated off under the prefix that this external-dns obeys or, where it does not say, under
// both that are a default.
func (w writer) off(annotations map[string]string) bool {
	obeyed := prefixes
	if own := w.flags["annotation-prefix"]; len(own) > 0 {
		obeyed = own
	}
	for _, prefix := range obeyed {
		value, given := annotations[strings.TrimSuffix(prefix, "/")+"/controller"]
		if !given || value == "dns-controller" {
			return false
		}
	}
	return true
}

func (w writer) ingressOn(ctx context.Context, c *kube.Cluster, namespaces []string) (string, error) {
	for _, ns := range namespaces {
		list, err := c.List(ctx, kube.Ingress, ns)
		if err != nil {
			return "", err
		}
		for _, u := range list {
			if !w.off(u.GetAnnotations()) {
				return "Ingress " + ns + "/" + u.GetName(), nil
			}
		}
	}
	return "", nil
}
