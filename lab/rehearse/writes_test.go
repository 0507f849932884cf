package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/lab/audit"
)

// audited is one line of an audit log.
func audited(verb, resource, name string, code int, more string) string {
	return fmt.Sprintf(`{"stage":"ResponseComplete","verb":%q,"objectRef":{"resource":%q,"namespace":"shop","name":%q%s},"responseStatus":{"code":%d},"stageTimestamp":"2026-01-02T03:04:05.678901Z"}`+"\n",
		verb, resource, name, more, code)
}

const twoSteps = `{"phase":"routes","step":"a","what":"begun","touches":["new/shop/Ingress/web"]}
{"phase":"routes","step":"a","what":"done","touches":["new/shop/Ingress/web"]}
{"phase":"migrate/x","step":"s","what":"begun","touches":["new/shop/Ingress/web#backends/web"]}
{"phase":"migrate/x","step":"p","what":"done"}
`

const goneBack = `{"phase":"migrate/x","step":"s","what":"undoing"}
{"phase":"migrate/x","step":"s","what":"reverted"}
`

func twice(t *testing.T, log, journal string) []string {
	t.Helper()
	var writes []Write
	if err := audit.EventsIn(strings.NewReader(log), "new", into(&writes, "new")); err != nil {
		t.Fatal(err)
	}
	out, err := Twice(writes, []byte(journal), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnObjectIsWrittenOncePerChangeInTheJournal(t *testing.T) {
	once := audited("patch", "ingresses", "web", 201, "") + audited("patch", "ingresses", "web", 200, "")
	if got := twice(t, once, twoSteps); len(got) != 0 {
		t.Errorf("created and swapped: %q", got)
	}
	again := once + audited("patch", "ingresses", "web", 200, "")
	if got := twice(t, again, twoSteps); len(got) != 1 || !strings.Contains(got[0], "new/shop/ingresses/web was written 3 times for 2 changes") {
		t.Errorf("swapped twice: %q", got)
	}
	if got := twice(t, again, twoSteps+goneBack); len(got) != 0 {
		t.Errorf("swapped and taken back: %q", got)
	}
	const cutOff = `{"phase":"migrate/x","step":"s","what":"undoing"}
{"phase":"migrate/x","step":"s","what":"begun","touches":["new/shop/Ingress/web#backends/web"]}
`
	if got := twice(t, again+audited("patch", "ingresses", "web", 200, ""), twoSteps+cutOff); len(got) != 0 {
		t.Errorf("swapped, taken back by a process that was killed then, and swapped again: %q", got)
	}
	if got := twice(t, again+audited("patch", "ingresses", "web", 200, ""), twoSteps+goneBack); len(got) != 1 {
		t.Errorf("swapped and taken back twice: %q", got)
	}
	if got := twice(t, once+audited("delete", "pods", "web-1", 200, ""), twoSteps); len(got) != 1 || !strings.Contains(got[0], "pods/web-1") {
		t.Errorf("written without a step: %q", got)
	}
}

func TestWhoOwnsFieldsIsWrittenOncePerChange(t *testing.T) {
	owns := strings.Replace(audited("patch", "ingresses", "web", 200, ""), `"verb"`, `"requestURI":"/x?fieldManager=cutover-relabels","verb"`, 1)
	patch := audited("patch", "ingresses", "web", 200, "")
	if got := twice(t, patch+owns+patch, twoSteps); len(got) != 0 {
		t.Errorf("patched, then applied: %q", got)
	}
	if got := twice(t, patch+owns+owns+patch, twoSteps); len(got) != 1 {
		t.Errorf("done over again: %q", got)
	}
	if got := twice(t, owns+patch+patch+patch, twoSteps); len(got) != 1 {
		t.Errorf("and one change too many: %q", got)
	}
}

func TestWhatChangesNoObjectIsNoWrite(t *testing.T) {
	log := audited("patch", "ingresses", "web", 200, "") + audited("patch", "ingresses", "web", 409, "") + audited("get", "ingresses", "web", 200, "") +
		audited("create", "pods", "web-1", 101, `,"subresource":"portforward"`) + audited("create", "pods", "web-1", 200, `,"subresource":"portforward"`) +
		audited("create", "selfsubjectaccessreviews", "", 201, `,"apiGroup":"authorization.k8s.io"`) +
		strings.Replace(audited("patch", "ingresses", "web", 200, ""), `"verb"`, `"requestURI":"/x?dryRun=All","verb"`, 1) +
		strings.ReplaceAll(audited("update", "leases", "cutover-demo", 200, ""), "shop", "cutover-system") +
		strings.ReplaceAll(audited("update", "configmaps", "cutover-demo-journal-0", 200, ""), "shop", "cutover-system") +
		`{"stage":"Respo`
	if (Write{Object: "old/cutover-system/configmaps/cutover-bridge"}).Memory() {
		t.Error("the bridge's settings are taken for the tool's memory")
	}
	var writes []Write
	if err := audit.EventsIn(strings.NewReader(log), "new", into(&writes, "new")); err != nil {
		t.Fatal(err)
	}
	writes = slices.DeleteFunc(writes, Write.Memory)
	if len(writes) != 1 || writes[0].Object != "new/shop/ingresses/web" {
		t.Errorf("writes are %v", writes)
	}
	if err := Beyond(writes, Write.Memory); err == nil || !strings.Contains(err.Error(), "ingresses/web") {
		t.Errorf("an Ingress was taken for memory: %v", err)
	}
}

func TestNothingToCompareIsNoProof(t *testing.T) {
	if out, err := Twice(nil, []byte(twoSteps), time.Time{}); err == nil {
		t.Errorf("without writes: %q", out)
	}
	if out, err := Twice([]Write{{Object: "new/shop/pods/a", At: time.Now()}}, nil, time.Time{}); err == nil {
		t.Errorf("without a journal: %q", out)
	}
	if out, err := Twice(nil, []byte("no JSON"), time.Time{}); err == nil {
		t.Errorf("with a broken journal: %q", out)
	}
	for object, want := range map[string]string{
		"new/shop/NetworkPolicy/a": "new/shop/networkpolicies/a", "old/shop/Ingress/a#backends/b/c": "old/shop/ingresses/a",
		"old/blog/CronJob/a#suspend": "old/blog/cronjobs/a",
	} {
		if got := plural(object); got != want {
			t.Errorf("%s is %s, want %s", object, got, want)
		}
	}
}
