package plan

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// reference returns docs/plan.md: every field with what is allowed, its default, an example out of a plan that is
// tested, and what it means.
func reference(t *testing.T) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	b.WriteString("| Field | Allowed | Default | Example | Meaning |\n|---|---|---|---|---|\n")
	rows(t, &b, "", root, examples(t))
	b.WriteString(referenceTail)
	full, err := os.ReadFile("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "\n## A whole plan\n\n```yaml\n%s```\n", full)
	return b.String()
}

// examples returns how each field is written in the good plans, the fullest one first.
func examples(t *testing.T) map[string]string {
	found := map[string]string{}
	for _, name := range []string{"full", "hostnames", "manual"} {
		data, err := os.ReadFile("testdata/good/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		collect(t, found, "", doc.Content[0])
	}
	return found
}

func collect(t *testing.T, found map[string]string, path string, n *yaml.Node) {
	if _, old := found[path]; !old {
		flow := *n
		flow.Style |= yaml.FlowStyle
		text, err := yaml.Marshal(&flow)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = strings.TrimSpace(string(text))
	}
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			collect(t, found, path+"[]", c)
		case i%2 == 1:
			collect(t, found, join(path, n.Content[i-1].Value), c)
		}
	}
}

func rows(t *testing.T, b *strings.Builder, path string, s *shape, examples map[string]string) {
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
		sub, below := f.shape, here
		if sub.kind == list {
			below += "[]"
		}
		for sub.item != nil {
			sub = sub.item
		}
		example := ""
		if sub.kind != object || len(sub.fields) == 0 {
			if examples[here] == "" {
				t.Errorf("no good plan shows %s", here)
			}
			example = "`" + examples[here] + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", here, cell(allowed(f.shape)), standing, example, cell(f.doc))
		if sub.kind == object {
			rows(t, b, below, sub, examples)
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

Some readers of YAML take ` + "`no`, `on`, `0x1f` or `12345678`" + ` for something else than text, and ` + "`010`" + ` for 8. Where text is wanted, such
a word needs quotes; a number is written in plain digits. Durations are hours, minutes, seconds and milliseconds: ` + "`36h`, `1m30s`, `500ms`" + `.

## Fields

`

const referenceTail = `
## What no single field can say

- ` + "`allowRace: true`" + ` stands at the zones whose provider cannot compare and swap, and at no others. With ` + "`cloudflare`" + ` ` + "`spec.dns.ttl`" + ` is a minute at least.
- ` + "`spec.windows.residual`" + ` is no shorter than ` + "`spec.dns.ttl`" + ` where names move, and ` + "`spec.mongodb.settle`" + ` longer than ` + "`spec.windows.lag`" + `.
- A plan moves one replica set at most, and ` + "`spec.mongodb.new`" + ` has seven members at most: all of them shall vote.
- A DaemonSet is not exclusive: it has no replicas, and would run in new before it ended in old.
- Old and new are two clusters: their uids differ.
- No two of the old entry, the new entry, the bridge and the tail share an address and port, and the metrics of bridge and old entry have ports of their own.
- With ` + "`Ingress`" + ` in ` + "`spec.cleanup.delete`" + ` there is ` + "`spec.entry.oldMetrics`" + `: old's Ingresses go only when it is measured that nobody comes.
- The markers of bridge and tail differ: by them the tool tells who answered.
- A workload is in one wave only, and in one of the namespaces that move. Names of waves are unique.
- ` + "`spec.state.namespace`" + ` is none of the namespaces that move, and the namespace of a relay neither that one nor one of these.
- ` + "`spec.link`" + ` takes a relay in new, and one in old with ` + "`spec.tail`, `spec.mongodb`" + ` or a path from old: nobody else can dial from there.
- Who is to ask, in a ` + "`from`" + `, has a relay; and with ` + "`spec.dns.from`" + ` every zone names its servers.
- ` + "`spec.through`" + `, the keys of ` + "`spec.approvals`" + ` and ` + "`spec.stepdown.after`" + ` name phases and waves that this plan has.

## Reach

Where the machine that runs the tool reaches nothing but the two API servers, as a hosted runner does, ` + "`spec.clusters.*.relay`" + ` makes a
small pod that dials from inside, through the API server's port-forward. Each side has its own, and each is optional. With one:

- What is inside a cluster is dialled from inside it, and its names are resolved there: of old the bridge, its metrics, ` + "`spec.entry.oldMetrics`" + `
  and the members that ` + "`CUTOVER_MONGODB_URI`" + ` names; of new the members in ` + "`spec.mongodb.new`" + `. New learns the addresses of the bridge's host name from its own relay.
- The public entries are asked from the machine that runs the tool, as clients do, unless ` + "`from`" + ` says otherwise. Then it is best the other side: within
  its own cluster an entry's address is often short-cut past what stands in front of it.
- Name servers and resolvers are asked from that machine too, unless ` + "`spec.dns.from`" + ` names a side.

The relay dials these destinations and those in ` + "`allow`" + `, and nothing else. It runs as nobody, with a read-only root, without a ServiceAccount's token,
and listens on the loopback of its pod; it takes whoever has the token of the run that made it, of which the pod shows only a hash. A run makes its
relays before it asks anything, and removes them at its end. One that was killed leaves a pod that ends by itself (after six hours, or one of a run that
only looks), and that the next run to hold the lock removes. So it is no step of a phase: nothing of it is left to roll back or to clean up.

Each probe is a connection of its own, also through a relay, and there each one is work for an API server and a kubelet. Two small clusters on one machine carried
40 a second and not 200: then probes run out of time, and what was swapped goes back. Set ` + "`spec.probe.rate`" + ` with that in mind.

What ` + "`plan`" + ` shows takes a relay as well, so the identity that only plans may make pods in its namespace. Keep that one for it alone, with the label
` + "`pod-security.kubernetes.io/enforce: restricted`" + `: whoever may make pods in a namespace can use all that is in it. A URI that begins with mongodb+srv is
resolved on the machine that runs the tool.

## Phases

They follow from the plan, in this order: ` + "`link`" + ` (only with spec.link), ` + "`ttl`" + ` (not with dns.none), ` + "`join`" + ` (only with
spec.mongodb), ` + "`proxy`, `routes`, `dns`" + ` (not with dns.none), one ` + "`migrate/<wave>`" + ` for each wave, ` + "`stepdown`" + ` (only with spec.mongodb,
after its wave), ` + "`cleanup`" + `.

## Digest

The digest of a plan is the SHA-256 of what it says with its defaults. Comments, order and spelling do not change it, nor does
` + "`spec.through`" + `. The contents of files that it names are no part of it; the steps that apply them are judged by what they would write.
`
