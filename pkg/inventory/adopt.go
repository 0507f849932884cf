package inventory

import (
	"maps"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/ingress"
)

// Adopt is what to freeze in the place of frozen: old as it is in live, but without the tails that cutover itself put into
// its Ingresses. A path that is sent on to new is one that led to a Service of old, and is frozen as that: otherwise the way
// back would lead to what never was.
func Adopt(frozen, live *Inventory) *Inventory {
	out := &Inventory{
		FrozenAt: live.FrozenAt, Namespaces: live.Namespaces, Controllers: live.Controllers, Ingresses: slices.Clone(live.Ingresses),
		Services: live.Services, Workloads: live.Workloads, Calls: live.Calls, Unmovable: live.Unmovable, Seals: live.Seals,
	}
	for i := range out.Ingresses {
		now := &out.Ingresses[i].Object
		if was, ok := frozen.Ingress(now.Namespace, now.Name); ok {
			out.Ingresses[i].Object = *ingress.Untailed(now, &was.Object)
		}
	}
	return out
}

// Remade says which objects have another seal than the one under which they were frozen. Compare need not see any
// difference in them, and cleanup deletes nothing of which it cannot tell that it is what was frozen. What appeared or
// vanished is for Compare.
func Remade(frozen, live *Inventory) []Change {
	var out []Change
	for _, object := range slices.Sorted(maps.Keys(live.Seals)) {
		if was, there := frozen.Seals[object]; !there || was == live.Seals[object] {
			continue
		}
		why := "it was made anew"
		if slices.ContainsFunc(whole, func(kind string) bool { return strings.Contains(object, "/"+kind+"/") }) {
			why += ", or its content changed"
		}
		out = append(out, Change{Changed, object, why})
	}
	return out
}
