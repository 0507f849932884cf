package join

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/phasetest"
	"cutover.dev/cutover/pkg/plan"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }

// starting is what starts new members, as people commit it: the last object first.
const starting = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: NS}, spec: {serviceName: db, replicas: 2, selector: {matchLabels: {app: db}},
 template: {metadata: {labels: {app: db}}, spec: {containers: [{name: mongod, image: "mongo:6"}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: db, namespace: NS}, spec: {clusterIP: None, selector: {app: db}, ports: [{name: mongo, port: 27017}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: db, namespace: NS}, data: {mongod.conf: "replication: {replSetName: rs0}"}}
`

// withManifests is a simulated set whose new members the manifests start, in a namespace of a real API server.
func withManifests(t *testing.T, s *kubetest.Server, ns string) *simulation {
	t.Helper()
	sim := simulate(t, 20, 1, 2, nil)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "db.yaml"), []byte(strings.ReplaceAll(starting, "NS", ns)), 0o600); err != nil {
		t.Fatal(err)
	}
	sim.d.Plan.Spec.MongoDB.Manifests = folder
	sim.d.Plan.Spec.Windows.Ready = plan.Duration(time.Minute)
	var err error
	if sim.d.New, err = kube.Connect(t.Context(), phase.New, s.Kubeconfig, kube.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.d.New.Close)
	return sim
}

func TestManifestsAreAppliedAndTakenBackBesideTheMembers(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	c := server.Cluster(t, "data")
	s := withManifests(t, server, "data")
	var err error
	if s.d.New, err = kube.Connect(t.Context(), phase.New, c.Kubeconfig, kube.Options{}); err != nil { // on which writes are counted
		t.Fatal(err)
	}
	t.Cleanup(s.d.New.Close)
	set := s.world()
	phasetest.TestPhase(t, phasetest.World{
		Writes: func() int { return set.Writes() + c.Writes() },
		State:  func() any { return []any{set.State(), c.Objects()} },
		Turn:   func() { time.Sleep(20 * time.Millisecond) },
	}, func() phase.Phase { return quick(s.d) })
}

// outsider is somebody with all rights in a namespace for which nobody keeps workloads ready.
func outsider(t *testing.T, s *kubetest.Server, ns string) *dynamic.DynamicClient {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	u.SetName(ns)
	if _, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *simulation) applied(ctx context.Context, j journal.Store, hear func(engine.Event)) error {
	e := &engine.Engine{Store: j, Run: "test", Seed: "test", Poll: 50 * time.Millisecond, Grace: time.Second, Sink: phasetest.Hear(hear)}
	_, err := e.Apply(ctx, quick(s.d), engine.Options{})
	return err
}

// members are the hosts that are in the set.
func (s *simulation) members() (hosts []string) {
	s.t.Helper()
	v, err := s.d.Mongo.View(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range v.Config.Members() {
		hosts = append(hosts, m.Host)
	}
	return hosts
}

func TestNoMemberJoinsBeforeWhatStartsItIsReady(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	client := outsider(t, server, "slow")
	s := withManifests(t, server, "slow")
	j := &journal.Memory{}
	ctx, die := context.WithCancel(t.Context())
	err := s.applied(ctx, j, func(e engine.Event) {
		if e.What == engine.Waiting && e.Step == "apply:new/slow/StatefulSet/db" {
			die()
		}
	})
	if die(); err == nil || len(s.members()) != 1 {
		t.Fatalf("before the StatefulSet is ready the members are %q (%v)", s.members(), err)
	}
	sets := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}).Namespace("slow")
	s.d.Plan.Spec.Windows.Ready = plan.Duration(time.Second)
	err = s.applied(t.Context(), j, func(engine.Event) {})
	if err == nil || !strings.Contains(err.Error(), "apply StatefulSet slow/db in new: no") || !strings.Contains(err.Error(), "raise windows.ready") || len(s.members()) != 1 {
		t.Errorf("with a StatefulSet that is never ready the members are %q (%v)", s.members(), err)
	}
	s.d.Plan.Spec.Windows.Ready = plan.Duration(time.Minute)
	var order []string
	err = s.applied(t.Context(), j, func(e engine.Event) {
		if e.What == engine.Waiting && e.Step == "apply:new/slow/StatefulSet/db" {
			ready := `{"status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "currentRevision": "1", "updateRevision": "1"}}`
			if _, err := sets.Patch(t.Context(), "db", types.MergePatchType, []byte(ready), metav1.PatchOptions{}, "status"); err != nil {
				t.Error(err)
			}
		}
		if e.What == engine.Done {
			order = append(order, e.Step)
		}
	})
	want := []string{"apply:new/slow/StatefulSet/db", "join:" + s.fresh[0], "join:" + s.fresh[1]}
	if err != nil || len(s.members()) != 3 {
		t.Errorf("once it is ready the members are %q (%v)", s.members(), err)
	}
	for i, last := 0, -1; i < len(want); i++ {
		at := slices.Index(order, want[i])
		if at <= last {
			t.Errorf("%s is not in its place: %q", want[i], order)
		}
		last = at
	}
}

func TestWhatSomebodyElseMadeStartsNoMember(t *testing.T) {
	t.Parallel()
	server := kubetest.Shared(t)
	c := server.Cluster(t, "theirs")
	c.Put(`{apiVersion: v1, kind: ConfigMap, metadata: {name: db}, data: {mongod.conf: theirs}}`)
	s := withManifests(t, server, "theirs")
	err := s.applied(t.Context(), &journal.Memory{}, func(engine.Event) {})
	if err == nil || !strings.Contains(err.Error(), "ConfigMap theirs/db") && !strings.Contains(err.Error(), "theirs/ConfigMap/db") || !strings.Contains(err.Error(), "not ours") || len(s.members()) != 1 {
		t.Errorf("the members are %q (%v)", s.members(), err)
	}
	theirs := fmt.Sprint(c.Objects())
	if strings.Contains(theirs, "StatefulSet") || !strings.Contains(theirs, "mongod.conf:theirs") {
		t.Errorf("there is %s", theirs)
	}
}
