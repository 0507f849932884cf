package rehearse

import (
	"fmt"
	"slices"
	"testing"
)

func TestTheNarrationIsHeardLineByLine(t *testing.T) {
	for text, want := range map[string]Line{
		"06:08:18Z [ 4/37] done     copy Service shop/web to new: as wanted\n": {"done", "copy Service shop/web to new", "as wanted"},
		"06:08:17Z phase    proxy":                     {"phase", "proxy", ""},
		"06:08:22Z [3/7] so far   8% after 5s":         {"so far", "8% after 5s", ""},
		"06:08:18Z [ 0/37] yes      the scope: yes: 2": {"yes", "the scope", "yes: 2"},
	} {
		if got, ok := LineOf(text); !ok || got != want {
			t.Errorf("%q is %+v %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "next:     routes", "06:08:18Z [ 3/37]            and why", `{"steps": []}`} {
		if got, ok := LineOf(text); ok {
			t.Errorf("%q was taken for %+v", text, got)
		}
	}
	var heard []string
	l := Listen(func(l Line) { heard = append(heard, l.Word+" "+l.Title) })
	for _, part := range []string{"06:08:18Z doing    a: x\n06:08", ":18Z done     a\nnext: b\n06:08:19Z do", "ing    b\n06:08:20Z done"} {
		fmt.Fprint(l, part)
	}
	if want := []string{"doing a", "done a", "doing b"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}
