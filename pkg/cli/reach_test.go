package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cutover.dev/cutover/pkg/plan"
)

func TestARelayMayDialWhatThePlanNamesOnItsSideAndNothingElse(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "plan", "testdata", "good", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Decode("full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	members := []string{"Mongo-0.old.internal:27017", "mongo-0.new.internal:27017"} // the URI may name new ones too
	for side, want := range map[string][]string{
		"old": {
			"lookup/*", "tcp/10.0.0.2:53", "tcp/10.0.0.53:53", "tcp/10.0.0.54:53", "tcp/10.0.0.55:53", "tcp/10.0.0.56:53", "tcp/10.0.1.53:53", "tcp/10.1.1.30:10254", "tcp/10.1.1.31:10254", "tcp/10.1.1.36:8080",
			"tcp/10.1.1.40:9100", "tcp/10.1.1.41:9100", "tcp/10.2.1.36:8080", "tcp/198.51.100.20:443", "tcp/198.51.100.20:80", "tcp/mongo-0.new.internal:27017",
			"tcp/mongo-0.old.internal:27017", "tcp/mongo-1.new.internal:27017", "tcp/mongo-3.old.internal:27017", "tcp/smtp.internal:25", "udp/10.0.0.2:53", "udp/10.0.0.53:53", "udp/10.0.0.54:53", "udp/10.0.0.55:53", "udp/10.0.0.56:53", "udp/10.0.1.53:53",
		},
		"new": {
			"tcp/10.1.1.36:8080", "tcp/203.0.113.10:443", "tcp/203.0.113.10:80", "tcp/mail.new.internal:25", "tcp/mongo-0.new.internal:27017",
			"tcp/mongo-0.old.internal:27017", "tcp/mongo-1.new.internal:27017",
		},
	} {
		if got := destinations(p, side, members); !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", side, got, want)
		}
	}
	p.Spec.Link = nil // then nobody dials the other side
	p.Spec.Entry.Old.From, p.Spec.Entry.New.From, p.Spec.DNS.From = "", "", ""
	if got := destinations(p, "new", nil); len(got) != 3 {
		t.Errorf("without from new's relay may dial %q", got)
	}
}

func TestRightsOnARelaysPodAreInItsNamespaceAlone(t *testing.T) {
	p := &plan.Plan{}
	if got := toReach(p, true); len(got) != 0 {
		t.Errorf("without a relay: %v", got)
	}
	p.Spec.Clusters.New.Relay = &plan.Relay{Namespace: "dialling"}
	for holds, want := range map[bool]int{false: 5, true: 6} {
		all := toReach(p, holds)
		for _, a := range all {
			if a.Env != "new" || a.Namespace != "dialling" || a.Resource != "pods" && a.Resource != "pods/portforward" || a.Verb == "list" && !holds {
				t.Errorf("holds the lock %t: %+v", holds, a)
			}
		}
		if len(all) != want {
			t.Errorf("holds the lock %t: %d rights", holds, len(all))
		}
	}
}
