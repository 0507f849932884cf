package names_test

import (
	"context"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/names"
	"cutover.dev/cutover/pkg/zone"
)

// open is an editor that lets everybody in.
type open struct{ compares bool }

func (o open) Get(context.Context, []string) (zone.Names, error) { return nil, nil }
func (o open) Swap(context.Context, []zone.Change) error         { return nil }
func (o open) Check(context.Context) error                       { return nil }
func (o open) Abilities() zone.Abilities                         { return zone.Abilities{CompareAndSwap: o.compares} }

func TestAnEditorThatCannotCompareIsLetInOnlyByThePlan(t *testing.T) {
	for about, c := range map[string]struct {
		compares, allowed bool
		want              phase.State
	}{
		"it compares":                 {compares: true, want: phase.Done},
		"it does not":                 {want: phase.Failed},
		"it does not, and that is ok": {allowed: true, want: phase.Done},
	} {
		s := names.Scope{Zone: &zone.Zone{Name: "shop.test", AllowRace: c.allowed, Editor: open{c.compares}}}
		o, err := names.KeyProof(s).Observe(t.Context())
		if err != nil || o.State != c.want || c.want == phase.Failed && !strings.Contains(o.Detail, "would be lost, and nobody would be told") {
			t.Errorf("%s: %v %q, %v", about, o.State, o.Detail, err)
		}
	}
}
