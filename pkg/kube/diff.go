package kube

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// guarded are the fields whose values may be credentials in any object: a diff says only that they differ.
var guarded = regexp.MustCompile(`^(data|stringData|binaryData)\b|(^|[.\]])env\[\d+\]\.value$|\.env$|^spec(\..*)?\.(initContainers|containers|template|jobTemplate)$|^spec$`)

// show writes differences as lines "spec.type: ClusterIP -> NodePort", without the values of Secrets, ConfigMaps and
// environment variables. Masked shows no value at all.
func show(diffs []Difference, masked bool) string {
	var b strings.Builder
	for _, d := range diffs {
		if masked || guarded.MatchString(d.Path) {
			fmt.Fprintf(&b, "%s: %s\n", d.Path, differs(d))
			continue
		}
		if few, ok := listed(d.Live, d.Want); ok {
			fmt.Fprintf(&b, "%s: %s\n", d.Path, few)
			continue
		}
		fmt.Fprintf(&b, "%s: %s -> %s\n", d.Path, brieflyJSON(d.Live), brieflyJSON(d.Want))
	}
	return b.String()
}

// listed shows of two lists of words or numbers only what one of them lacks: "- what is there, + what is wanted". False: they
// are no such lists, or have the same in another order.
func listed(live, want any) (string, bool) {
	is, ok1 := words(live)
	ought, ok2 := words(want)
	if !ok1 || !ok2 {
		return "", false
	}
	var out []string
	for _, w := range is {
		if i := slices.Index(ought, w); i >= 0 {
			ought = slices.Delete(ought, i, i+1)
			continue
		}
		out = append(out, "- "+shorten(w))
	}
	for _, w := range ought {
		out = append(out, "+ "+shorten(w))
	}
	return strings.Join(out, ", "), len(out) > 0
}

func words(v any) ([]string, bool) {
	list, ok := v.([]any)
	var out []string
	for _, item := range list {
		switch item.(type) {
		case map[string]any, []any, nil:
			return nil, false
		}
		out = append(out, fmt.Sprint(item))
	}
	return out, ok && len(out) > 0
}

func differs(d Difference) string {
	switch {
	case d.Live == nil:
		return "missing"
	case d.Want == nil:
		return "not wanted"
	}
	return "differs"
}

// longest is how much of one value a diff shows, in bytes.
const longest = 200

func brieflyJSON(v any) string {
	if v == nil {
		return "(none)"
	}
	if s, ok := v.(string); ok {
		return shorten(s)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("(%T)", v)
	}
	return shorten(string(b))
}

func shorten(s string) string {
	if s == "" {
		return `""`
	}
	if len(s) <= longest {
		return s
	}
	cut := longest
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:cut], len(s))
}
