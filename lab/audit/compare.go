package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Excuse is why a right need not have been used. Its fields stand for every value when they are empty.
type Excuse struct {
	Right
	Resources []string // one of these, in place of Resource
	With      string   // the right is excused only where this verb on the same resource, and the same object if it is named, was used
	Why       string

	Chance bool // whether the right is used depends on when a process is killed, so an excuse that nothing needs is fine
}

func (e Excuse) covers(r Right, used map[Right]int) bool {
	for _, pair := range [][2]string{
		{e.Cluster, r.Cluster},
		{e.User, r.User},
		{e.Verb, r.Verb},
		{e.Group, r.Group},
		{e.Resource, r.Resource},
		{e.Namespace, r.Namespace},
		{e.Name, r.Name},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if len(e.Resources) > 0 && !slices.Contains(e.Resources, r.Resource) {
		return false
	}
	if e.With == "" {
		return true
	}
	r.Verb = e.With
	return used[r] > 0
}

// everybody may ask these of any API server, by its own roles for all who are known to it.
var everybody = []string{"selfsubjectaccessreviews"}

// Compare says what is wrong, one line each, sorted: a right that was missing, one that was used without being granted, one
// that was granted and not used, and an excuse that nothing needs.
func Compare(granted []Right, uses Uses, excuses []Excuse) []string {
	var out []string
	has := map[Right]bool{}
	for _, r := range granted {
		has[r] = true
	}
	for r, n := range uses.Denied {
		out = append(out, fmt.Sprintf("%s: was asked for %d times and denied", r, n))
	}
	for r := range uses.Allowed {
		if !has[r] && !has[r.ofAny()] && !slices.Contains(everybody, r.Resource) {
			out = append(out, fmt.Sprintf("%s: was used, and no role of the tool grants it", r))
		}
	}
	needed, used := map[int]bool{}, uses.wide()
	for r := range maps.Keys(has) {
		if used[r] > 0 {
			continue
		}
		i := slices.IndexFunc(excuses, func(e Excuse) bool { return e.covers(r, used) })
		if i < 0 {
			out = append(out, fmt.Sprintf("%s: is granted and was never used", r))
			continue
		}
		needed[i] = true
	}
	for i, e := range excuses {
		if !needed[i] && !e.Chance {
			out = append(out, fmt.Sprintf("nothing needs the excuse %q any more", strings.TrimSpace(e.Why)))
		}
	}
	slices.Sort(out)
	return out
}
