package main

import (
	"fmt"
	"slices"

	"cutover.dev/cutover/lab/world"
)

// strangers names what is wrong with the members at the end: once the primary moved, cleanup has taken every old one out of the set.
func (b *database) strangers() []string {
	want := world.Old.MongodHosts()
	if b.Moves {
		want = world.New.MongodHosts()
	}
	if is := slices.Sorted(slices.Values(b.Members)); !slices.Equal(is, slices.Sorted(slices.Values(want))) {
		return []string{fmt.Sprintf("the members of the set at the end are %v, not %v", is, want)}
	}
	return nil
}
