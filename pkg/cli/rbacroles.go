package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/phase"
)

// account is the ServiceAccount that roles are printed for.
type account struct {
	Name, Namespace string
	Apart           string // the namespace of the relay, which is printed too; "": none
	From            string // the command that prints them
}

// verbOrder is how the verbs of a rule are listed.
var verbOrder = []string{"get", "list", "watch", "create", "update", "patch", "delete"}

// rule is one rule of a role, with the fields in the order in which rules are sorted.
type rule struct {
	group     string
	resources []string
	names     []string // none: any
	verbs     []string
}

// manifests is a ServiceAccount with the fewest roles that allow rights: one for each namespace, and one for what is
// cluster-scoped.
func manifests(id account, rights []phase.Access) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Printed by: %s\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s, namespace: %s}\n", id.From, id.Name, id.Namespace)
	if id.Apart != "" {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted}}\n", id.Apart)
	}
	in := map[string][]phase.Access{}
	for _, a := range rights {
		in[a.Namespace] = append(in[a.Namespace], a)
	}
	for _, ns := range slices.Sorted(maps.Keys(in)) {
		kind, meta := "ClusterRole", "name: "+id.Name
		if ns != "" {
			kind, meta = "Role", meta+", namespace: "+ns
		}
		const head = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata: {%s}\n"
		fmt.Fprintf(&b, head+"rules:\n", kind, meta)
		for _, r := range rules(in[ns]) {
			fmt.Fprintf(&b, "- %s\n", r)
		}
		fmt.Fprintf(&b, head+"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %s}\n", kind+"Binding", meta, kind, id.Name)
		fmt.Fprintf(&b, "subjects: [{kind: ServiceAccount, name: %s, namespace: %s}]\n", id.Name, id.Namespace)
	}
	return b.String()
}

func (r rule) String() string {
	names := ""
	if len(r.names) > 0 {
		names = ", resourceNames: " + list(r.names)
	}
	return fmt.Sprintf("{apiGroups: %s, resources: %s%s, verbs: %s}", list([]string{r.group}), list(r.resources), names, list(r.verbs))
}

// list writes text as YAML; what is quoted cannot be taken for anything else.
func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// rules are the fewest rules for rights in one namespace. What is allowed for any name is not repeated for some.
func rules(rights []phase.Access) []rule {
	type object struct{ group, resource, name string }
	verbs := map[object][]string{}
	for _, a := range rights {
		all := a
		all.Name = ""
		if a.Name == "" || !slices.Contains(rights, all) {
			o := object{a.Group, a.Resource, a.Name}
			verbs[o] = append(verbs[o], a.Verb)
		}
	}
	merged := map[string]*rule{}
	for o, of := range verbs {
		slices.SortFunc(of, func(a, b string) int { return cmp.Compare(slices.Index(verbOrder, a), slices.Index(verbOrder, b)) })
		of = slices.Compact(of)
		one := rule{group: o.group, resources: []string{o.resource}, verbs: of}
		key := fmt.Sprint(o.group, of) // with any name, resources share a rule
		if o.name != "" {
			one.names, key = []string{o.name}, fmt.Sprint(o.group, of, o.resource) // of one resource, names share a rule
		}
		if r := merged[key]; r == nil {
			merged[key] = &one
		} else {
			r.resources, r.names = append(r.resources, one.resources...), append(r.names, one.names...)
		}
	}
	var out []rule
	for _, r := range merged {
		slices.Sort(r.resources)
		slices.Sort(r.names)
		r.resources, r.names = slices.Compact(r.resources), slices.Compact(r.names)
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b rule) int { return cmp.Compare(a.String(), b.String()) })
	return out
}
