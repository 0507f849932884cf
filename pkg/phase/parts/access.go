package parts

import (
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// Access lists verbs on the objects of a kind that have one of these names; without names, on all of them. Only get,
// update, patch and delete can be held to names.
func Access(env, ns string, k kube.Kind, names []string, verbs ...string) []phase.Access {
	if len(names) == 0 {
		names = []string{""}
	}
	var all []phase.Access
	for _, verb := range verbs {
		for _, name := range names {
			all = append(all, phase.Access{Env: env, Verb: verb, Group: k.Group, Resource: k.Resource, Namespace: ns, Name: name})
		}
	}
	return all
}

// See is what it takes to look at the objects of some kinds: a view lists and watches all of them, and while it is not to
// be believed single ones are asked for.
func See(env, ns string, kinds ...kube.Kind) []phase.Access {
	var all []phase.Access
	for _, k := range kinds {
		all = append(all, Access(env, ns, k, nil, "get", "list", "watch")...)
	}
	return all
}

// Make is what it takes to make objects of a kind, to set them right later and to take them back. Without names they may
// have any; with names nothing else can be changed or removed.
func Make(env, ns string, k kube.Kind, names ...string) []phase.Access {
	all := append(See(env, ns, k), Access(env, ns, k, nil, "create")...)
	return append(all, Access(env, ns, k, names, "patch", "delete")...)
}

// Remove is what it takes to remove objects of a kind with these names.
func Remove(env, ns string, k kube.Kind, names ...string) []phase.Access {
	return append(See(env, ns, k), Access(env, ns, k, names, "delete")...)
}
