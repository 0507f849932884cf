package zonetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
)

func checksKey(t *testing.T, f Fixture) {
	if err := f.Editor.Check(t.Context()); err != nil {
		t.Errorf("the right key: %v", err)
	}
	if f.Wrong == nil {
		return // Check has been asked
	}
	wrong, secret := f.Wrong(t)
	was := get(t, f.Editor, "web.shop.test")
	swapping := wrong.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: was, Want: nil}})
	for about, err := range map[string]error{"Check": wrong.Check(t.Context()), "Swap": swapping} {
		if fault.CodeOf(err) != fault.Refused || errors.Is(err, phase.ErrMoved) {
			t.Errorf("%s with a wrong key: want code %d, got %v", about, fault.Refused, err)
		}
		if said := fmt.Sprint(err, fault.Hints(err)); strings.Contains(said, secret) {
			t.Errorf("%s shows the secret: %s", about, said)
		}
	}
	served(t, f, "web.shop.test", was)
}
