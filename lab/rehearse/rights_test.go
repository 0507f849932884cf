package rehearse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/audit"
	"cutover.dev/cutover/lab/world"
)

// The tool prints roles for its plan, and each log has uses of both identities.
func TestRightsAreThoseOfTheToolsOwnPlanInBothClusters(t *testing.T) {
	tool := script(t, `[ "$*" = "rbac --plan plans/x.yaml --cluster $5 --role $7" ] || exit 2
echo "{kind: Role, metadata: {name: x, namespace: of-$5}, rules: [{apiGroups: [''], resources: [services], verbs: [watch, $([ $7 = run ] && echo patch || echo get)]}]}"`)
	granted, err := Granted(t.Context(), tool)
	if err != nil || len(granted) != 8 {
		t.Fatalf("granted is %v (%v)", granted, err)
	}
	w := world.At(t.TempDir())
	for _, c := range world.Clusters() {
		if err := os.MkdirAll(filepath.Dir(w.Audit(c)), 0o700); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		for _, use := range [][2]string{{world.UserRun, "patch"}, {world.UserRun, "watch"}, {world.UserPlan, "watch"}} {
			fmt.Fprintf(&log, `{"verb":%q,"user":{"username":%q},"objectRef":{"resource":"services","namespace":"of-%s"},"responseStatus":{"code":200}}`+"\n",
				use[1], world.Account(use[0]), c.Name)
		}
		if err := os.WriteFile(w.Audit(c), []byte(log.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stale := func(r Rights) (wrong []string) { // this is no run that would need the excuses
		for _, line := range r.Wrong {
			if !strings.HasPrefix(line, "nothing needs") {
				wrong = append(wrong, line)
			}
		}
		return wrong
	}
	got, err := Judge(w, granted)
	if wrong := stale(got); err != nil || got.Granted != 8 || got.Used != 6 || len(wrong) != 0 {
		t.Errorf("used %d of %d, wrong are %q (%v)", got.Used, got.Granted, wrong, err)
	}
	got, err = Judge(w, granted[1:], audit.Excuse{Why: "of the caller"})
	if wrong := stale(got); err != nil || len(wrong) != 1 || !strings.Contains(strings.Join(got.Wrong, "\n"), `"of the caller"`) {
		t.Errorf("wrong are %q (%v)", got.Wrong, err)
	}
	if _, err := Judge(world.At(t.TempDir()), granted); err == nil {
		t.Error("without logs all is well")
	}
}

func TestTheExcusesOfARoleAreNoneOfAnothersAndMayBeNeedless(t *testing.T) {
	all := Excuses("run")
	if len(all) == 0 || len(all) >= len(excuses) {
		t.Errorf("%d of %d are those of run", len(all), len(excuses))
	}
	for _, e := range all {
		if e.User == "plan" || !e.Chance {
			t.Errorf("run is excused by %+v", e)
		}
	}
	for _, e := range excuses {
		if e.Chance && e.User != "run" {
			t.Errorf("what was asked for changed %+v", e)
		}
	}
}
