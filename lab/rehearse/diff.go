package rehearse

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// Diff says what differs between two snapshots, one line each, sorted: objects that appeared or vanished, and fields
// with what they are now and were before. None means that they are equal.
func Diff(before, after Snapshot) []string {
	var out []string
	for key, was := range before {
		is, ok := after[key]
		if !ok {
			out = append(out, key+": vanished")
			continue
		}
		out = append(out, fields(key+":", was, is)...)
	}
	for key := range after {
		if _, ok := before[key]; !ok {
			out = append(out, key+": appeared")
		}
	}
	sort.Strings(out)
	return out
}

// fields compares two values below one path.
func fields(path string, was, is any) []string {
	wasMap, ok1 := was.(map[string]any)
	isMap, ok2 := is.(map[string]any)
	if ok1 && ok2 {
		keys := maps.Clone(wasMap)
		maps.Copy(keys, isMap)
		var out []string
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			out = append(out, fields(join(path, key), wasMap[key], isMap[key])...)
		}
		return out
	}
	wasList, ok1 := was.([]any)
	isList, ok2 := is.([]any)
	if ok1 && ok2 && len(wasList) == len(isList) {
		var out []string
		for i := range wasList {
			out = append(out, fields(fmt.Sprintf("%s[%d]", path, i), wasList[i], isList[i])...)
		}
		return out
	}
	if a, b := text(was), text(is); a != b {
		return []string{fmt.Sprintf("%s is %s, was %s", path, b, a)}
	}
	return nil
}

func join(path, key string) string {
	if path[len(path)-1] == ':' {
		return path + " " + key
	}
	return path + "." + key
}

// text is a value as JSON; what is not there is "absent".
func text(v any) string {
	if v == nil {
		return "absent"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(b)
}
