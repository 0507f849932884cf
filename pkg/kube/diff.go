package kube

import (
	"encoding/json"
	"fmt"
	"regexp"
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
		fmt.Fprintf(&b, "%s: %s -> %s\n", d.Path, brieflyJSON(d.Live), brieflyJSON(d.Want))
	}
	return b.String()
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
