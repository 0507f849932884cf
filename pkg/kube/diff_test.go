package kube

import "testing"

func TestADiffOfListsShowsOnlyWhatOneOfThemLacks(t *testing.T) {
	long := []any{"--a", "--b", "--c", "--d"}
	for _, c := range []struct {
		live, want any
		shown      string
	}{
		{[]any{"--a", "--b", "--tls", "--d"}, long, "x: - --tls, + --c\n"},
		{[]any{"--a", "--b", "--c", "--d", "--tls"}, long, "x: - --tls\n"},
		{[]any{"--a", "--a"}, []any{"--a"}, "x: - --a\n"},
		{[]any{"b", "a"}, []any{"a", "b"}, `x: ["b","a"] -> ["a","b"]` + "\n"},
		{[]any{map[string]any{"k": "v"}}, []any{"a"}, `x: [{"k":"v"}] -> ["a"]` + "\n"},
		{nil, []any{"a"}, `x: (none) -> ["a"]` + "\n"},
		{"a", "b", "x: a -> b\n"},
	} {
		if got := show([]Difference{{Path: "x", Live: c.live, Want: c.want}}, false); got != c.shown {
			t.Errorf("%v -> %v is shown as %q, want %q", c.live, c.want, got, c.shown)
		}
	}
}
