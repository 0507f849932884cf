package cli

import (
	"encoding/json"
	"slices"
	"strings"

	"cutover.dev/cutover/pkg/report"
)

// shortSecret is the length below which a value is not looked for: that would blank out words.
const shortSecret = 8

// mask hides credentials in the log of a step, and in what hide looks through.
func (c *call) mask(canaries []string) {
	if c.action != nil {
		c.action.Mask(canaries...)
	}
	c.hiding.Lock()
	defer c.hiding.Unlock()
	for _, v := range canaries {
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); len(line) >= shortSecret && !slices.Contains(c.secrets, line) {
				c.secrets = append(c.secrets, line)
			}
		}
	}
}

// hide is a second net under the first, which is that no secret gets into a document at all: the runner hides masked
// values in logs and summaries, but neither in a comment, nor in a file that somebody keeps.
func (c *call) hide(d report.Document) report.Document {
	c.hiding.Lock()
	defer c.hiding.Unlock()
	if len(c.secrets) == 0 {
		return d
	}
	var pairs []string // the longest first: one may begin with another
	for _, secret := range slices.SortedFunc(slices.Values(c.secrets), func(a, b string) int { return len(b) - len(a) }) {
		pairs = append(pairs, secret, "***")
	}
	var tree any
	var hidden report.Document
	raw, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(raw, &tree)
	}
	if err == nil {
		raw, err = json.Marshal(scrub(tree, strings.NewReplacer(pairs...)))
	}
	if err == nil {
		err = json.Unmarshal(raw, &hidden)
	}
	if err != nil { // a bug: plain fields there and back. What cannot be looked through is not shown
		return report.Document{Verb: d.Verb, Phase: d.Phase, Result: d.Result, Mutated: d.Mutated}
	}
	return hidden
}

// scrub replaces in every text of a JSON tree.
func scrub(v any, secrets *strings.Replacer) any {
	switch v := v.(type) {
	case string:
		return secrets.Replace(v)
	case []any:
		for i := range v {
			v[i] = scrub(v[i], secrets)
		}
	case map[string]any:
		for key := range v {
			v[key] = scrub(v[key], secrets)
		}
	}
	return v
}
