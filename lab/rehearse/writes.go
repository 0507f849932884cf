package rehearse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cutover.dev/cutover/lab/audit"
)

// Write is one request that changed an object, as an API server's audit log has it.
type Write struct {
	Object string // "new/shop/ingresses/web"; a subresource is the object
	Verb   string // create, update, patch, delete …
	At     time.Time
	fields bool // it says who owns which field, and changes none
}

// Writes reads the requests of the tool that changed something from the audit log of a cluster, oldest first. What has
// no object behind it (reviews of rights, ports of pods, trials) is no write.
func Writes(file, cluster string) (out []Write, err error) {
	err = audit.Events(file, cluster, into(&out, cluster))
	return out, err
}

// into keeps the events that changed something.
func into(out *[]Write, cluster string) func(audit.Event) {
	return func(e audit.Event) {
		var o audit.Object
		if e.ObjectRef != nil {
			o = *e.ObjectRef
		}
		changes := slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb)
		well := e.Stage == "ResponseComplete" && e.ResponseStatus.Code >= 200 && e.ResponseStatus.Code < 300
		noObject := o.APIGroup == "authorization.k8s.io" || o.Subresource == "portforward" || strings.Contains(e.RequestURI, "dryRun=")
		if changes && well && !noObject {
			object := strings.Join([]string{cluster, o.Namespace, o.Resource, o.Name}, "/")
			*out = append(*out, Write{object, e.Verb, e.StageTimestamp, strings.Contains(e.RequestURI, "fieldManager=cutover-relabels")})
		}
	}
}

// Memory reports whether the object is the tool's own: its lock, its journal, its inventory. These are written over and
// over.
func (w Write) Memory() bool {
	_, in, ok := strings.Cut(w.Object, "/")
	return ok && (strings.HasPrefix(in, "cutover-system/configmaps/cutover-demo-") || in == "cutover-system/leases/cutover-demo")
}

// Lock reports whether the object is the tool's lock.
func (w Write) Lock() bool { return w.Memory() && strings.Contains(w.Object, "/leases/") }

// Beyond names the writes that are not of the sort that may be; nil for none.
func Beyond(writes []Write, may func(Write) bool) error {
	var out []string
	for _, w := range writes {
		if !may(w) {
			out = append(out, w.String())
		}
	}
	if len(out) == 0 {
		return nil
	}
	return fmt.Errorf("written: %s", strings.Join(out, ", "))
}

func (w Write) String() string {
	return w.Verb + " " + w.Object + " at " + w.At.UTC().Format("15:04:05.000")
}

// entry is what is read of a line of an exported journal.
type entry struct {
	At                time.Time
	Phase, Step, What string
	Touches           []string
}

// Twice compares what was written with what the journal says was begun and taken back: one step writes its objects once
// for each time that it was begun, and once for each time that it was taken back. Resuming a step that was begun appends
// nothing to the journal, so a step that is done over again after a kill is one write too many. Before an object that was
// patched is applied, who owns its fields is written down, which changes none of them: that is free once for each change. What was
// written without any step is named too. There has to be something to compare. Both begin at since.
func Twice(writes []Write, journal []byte, since time.Time) ([]string, error) {
	allowed, begun, err := allowances(journal, since)
	if err != nil {
		return nil, err
	}
	counted, said := map[string]int{}, map[string][]string{}
	owned := map[string]bool{} // who owns its fields was written since it changed last
	for _, w := range writes {
		if !w.Memory() && w.At.After(since) {
			if free := w.fields && !owned[w.Object]; !free {
				counted[w.Object]++
			}
			owned[w.Object] = w.fields
			said[w.Object] = append(said[w.Object], w.Verb+" "+w.At.UTC().Format("15:04:05.000"))
		}
	}
	if begun == 0 || len(counted) == 0 {
		return nil, fmt.Errorf("%d steps were begun and %d objects written: that shows nothing", begun, len(counted))
	}
	var out []string
	for _, object := range slices.Sorted(maps.Keys(counted)) {
		if n := counted[object]; n > allowed[object] {
			out = append(out, fmt.Sprintf("%s was written %d times for %d changes in the journal: %s", object, n, allowed[object], strings.Join(said[object], ", ")))
		}
	}
	return out, nil
}

// allowances counts the writes that the journal accounts for, by object, and the steps that were begun.
func allowances(journal []byte, since time.Time) (allowed map[string]int, begun int, err error) {
	allowed = map[string]int{}
	touched := map[string][]string{} // by step, while it is begun
	undoing := map[string]bool{}     // steps whose way back was begun and not ended
	for text := range bytes.Lines(journal) {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, 0, fmt.Errorf("read the exported journal: %w", err)
		}
		if e.At.Before(since) {
			continue
		}
		step := e.Phase + " " + e.Step
		switch e.What {
		case "begun":
			before := touched[step]
			touched[step] = e.Touches
			if undoing[step] { // all of that way back may have been gone, but for writing that down
				e.Touches = slices.Concat(e.Touches, before)
			}
			delete(undoing, step)
			begun++
		case "undoing":
			undoing[step] = true
			continue
		case "reverted":
			e.Touches = touched[step]
			delete(touched, step)
			delete(undoing, step)
		default:
			continue
		}
		for _, object := range e.Touches {
			allowed[plural(object)]++
		}
	}
	return allowed, begun, nil
}

// plural turns an object as the journal names it, "new/shop/Ingress/web#backends/x", into one as the audit log does.
func plural(object string) string {
	object, _, _ = strings.Cut(object, "#")
	parts := strings.Split(object, "/")
	if len(parts) != 4 {
		return object
	}
	kind := strings.ToLower(parts[2])
	switch {
	case strings.HasSuffix(kind, "s"):
		kind += "es"
	case strings.HasSuffix(kind, "y"):
		kind = strings.TrimSuffix(kind, "y") + "ies"
	default:
		kind += "s"
	}
	parts[2] = kind
	return strings.Join(parts, "/")
}
