package plan

import (
	"fmt"
	"strings"
)

// reference returns docs/plan.md: every field with what is allowed, its default and what it means.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("| Field | Allowed | Default | Meaning |\n|---|---|---|---|\n")
	rows(&b, "", root)
	b.WriteString(referenceTail)
	return b.String()
}

func rows(b *strings.Builder, path string, s *shape) {
	for _, f := range s.fields {
		here := join(path, f.name)
		standing := ""
		switch d := f.def.(type) {
		case nil:
			if f.required {
				standing = "required"
			}
		case map[string]any: // its fields say it
		default:
			standing = fmt.Sprintf("`%v`", d)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", here, cell(allowed(f.shape)), standing, cell(f.doc))
		sub := f.shape
		if sub.kind == list {
			here += "[]"
		}
		for sub.item != nil {
			sub = sub.item
		}
		if sub.kind == object {
			rows(b, here, sub)
		}
	}
}

// allowed words what may stand there.
func allowed(s *shape) string {
	words := s.want
	if s.kind == list {
		words = "a list; each item " + s.item.want
		if s.unique {
			words += ", none twice"
		}
	}
	if s.oneOf != nil {
		words += " with exactly one of " + strings.Join(s.oneOf, ", ")
	}
	return words
}

// cell keeps words inside their cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}

const referenceHead = `# The plan

<!-- Written by go test ./pkg/plan -update from pkg/plan/fields.go. Change it there. -->

A plan is one YAML file, committed to git, that says what moves from an old Kubernetes cluster to a new one. It holds no
secret. ` + "`cutover validate`" + ` checks it without a cluster and names every mistake at once, as ` + "`file:line:column: message`" + `;
` + "`cutover schema`" + ` prints its JSON schema, with which an editor completes and checks it while you type.

The format is strict: an unknown or doubled field, a wrong type, an anchor, an alias, a tag or a second document is an error.
Relative paths are relative to the folder in which the tool is started.

## Fields

`

const referenceTail = `
## What no single field can say

- Old and new are two clusters: their uids differ.
- No two of the old entry, the new entry, the bridge and the tail share an address and port, and the bridge's metrics have a port of their own.
- The markers of bridge and tail differ: by them the tool tells who answered.
- A workload is in one wave only, and in one of the namespaces that move. Names of waves are unique.
- ` + "`spec.state.namespace`" + ` is none of the namespaces that move.
- ` + "`spec.through`" + `, the keys of ` + "`spec.approvals`" + ` and ` + "`spec.stepdown.after`" + ` name phases and waves that this plan has.

## Phases

They follow from the plan, in this order: ` + "`link`" + ` (only with spec.link), ` + "`ttl`" + ` (not with dns.none), ` + "`join`" + ` (only with
spec.mongodb), ` + "`proxy`, `routes`, `dns`" + ` (not with dns.none), one ` + "`migrate/<wave>`" + ` for each wave, ` + "`stepdown`" + ` (only with spec.mongodb,
after its wave), ` + "`cleanup`" + `.

## Digest

The digest of a plan is the SHA-256 of what it says with its defaults. Comments, order and spelling do not change it, nor does
` + "`spec.through`" + `. The contents of files that it names are no part of it; the steps that apply them are judged by what they would write.
`
