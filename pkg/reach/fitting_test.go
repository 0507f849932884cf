package reach

import (
	"slices"
	"strings"
	"testing"
)

func TestAnAnswerHasWholeAddressesOnly(t *testing.T) {
	var many []string
	for range 200 {
		many = append(many, "198.51.100.200")
	}
	got := strings.Fields(fitting(many))
	if len(got) < 50 || len(got) > 100 || slices.Contains(got[1:], "198.51.100.2") || got[len(got)-1] != "198.51.100.200" {
		t.Errorf("%d words, the last is %q", len(got), got[len(got)-1])
	}
}
