package cli_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/kube/kubetest"
	"cutover.dev/cutover/pkg/phase"
)

// shaky is a world in which the proxy phase comes to its end, with a proxy before each API server that misbehaves when it is told to.
type shaky struct {
	*world
	program  string
	at       map[string]*kubetest.Faulty
	clusters map[string]*kubetest.Cluster
}

// ttl is how long its lock lives.
func shakyWorld(t *testing.T, ttl string) *shaky {
	t.Helper()
	s := &shaky{world: newWorld(t), program: binary(t), at: map[string]*kubetest.Faulty{}, clusters: map[string]*kubetest.Cluster{}}
	for env, server := range s.servers {
		s.at[env], s.clusters[env] = server.Faulty(t), server.Cluster(t, "shop", "cutover-system")
	}
	old, around := s.clusters[phase.Old], s.clusters[phase.New]
	text := strings.NewReplacer(
		"addresses: [192.0.2.1]", outside(t, old.Entry(nil))+", httpsPort: 8441",
		"addresses: [192.0.2.2]", outside(t, around.Entry(map[string]string{ingress.ProxyService: "4f9c2a7e"}))+", httpsPort: 8442",
		"addresses: [192.0.2.3], port: 8080", strings.Replace(outside(t, old.Entry(nil)), "httpPort", "port", 1),
		"windows: {routes: 1s, drain: 1s", "windows: {routes: 3m, drain: 1s, status: 1s",
		"ttl: 1m", "ttl: "+ttl,
	).Replace(read(t, s.plan))
	if err := os.WriteFile(s.plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// through starts a verb whose way to both clusters leads through these proxies.
func (s *shaky) through(t *testing.T, at map[string]*kubetest.Faulty, args ...string) *process {
	t.Helper()
	return s.start(t, s.program, args, "CUTOVER_OLD_KUBECONFIG="+at[phase.Old].Kubeconfig, "CUTOVER_NEW_KUBECONFIG="+at[phase.New].Kubeconfig)
}

// honest lets both servers answer again, and forgets what was.
func (s *shaky) honest() {
	for _, f := range s.at {
		f.Obey(nil)
	}
}

// ends wants a verb to end with that code and to have written nothing twice.
func (s *shaky) ends(t *testing.T, code int, args ...string) *process {
	t.Helper()
	p := s.through(t, s.at, args...)
	got := p.end(t)
	t.Logf("%q: exit code %d; old met %v, new met %v", args, got, s.at[phase.Old].Met(), s.at[phase.New].Met())
	for env, f := range s.at {
		if twice := f.Twice(); got != code || len(twice) > 0 {
			t.Errorf("%q: exit code %d, want %d; %s did twice %v\n%s", args, got, code, env, twice, &p.errs)
		}
	}
	return p
}

// objects is what both clusters hold, without what the program itself keeps.
func (s *shaky) objects() map[string]any {
	out := map[string]any{}
	for env, c := range s.clusters {
		for key, object := range c.Objects() {
			if !strings.HasPrefix(key, "configmaps/cutover-system/") && !strings.HasPrefix(key, "leases/") {
				out[env+"/"+key] = object
			}
		}
	}
	return out
}

// same wants both clusters to hold what they did.
func (s *shaky) same(t *testing.T, about string, before map[string]any) {
	t.Helper()
	if a, b := render(t, before), render(t, s.objects()); a != b {
		t.Errorf("%s: before there was\n%s\nand now\n%s", about, a, b)
	}
}

// anew takes out what the program keeps, so that its next run makes all of it.
func (s *shaky) anew(t *testing.T) {
	t.Helper()
	for _, env := range []string{phase.Old, phase.New} {
		c := s.connect(t, env)
		for _, k := range []kube.Kind{kube.ConfigMap, kube.Lease} {
			all, err := c.Find(t.Context(), k, "cutover-system", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range all {
				if err := c.Delete(t.Context(), k, u.GetNamespace(), u.GetName(), u.GetUID()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// drift changes what the proxy phase made in new, so that it has to be applied again.
func (s *shaky) drift(t *testing.T) {
	t.Helper()
	c := s.connect(t, phase.New)
	for k, change := range map[kube.Kind]struct {
		name string
		op   kube.Op
	}{
		kube.Ingress:       {"cutover-keeper", kube.Op{Op: "replace", Path: "/spec/rules/0/host", Value: "elsewhere.test"}},
		kube.Service:       {"cutover-proxy", kube.Op{Op: "replace", Path: "/spec/ports/0/targetPort", Value: 8081}},
		kube.EndpointSlice: {"cutover-proxy-1", kube.Op{Op: "replace", Path: "/ports/0/port", Value: 8081}},
	} {
		if err := c.Patch(t.Context(), k, "shop", change.name, []kube.Op{change.op}); err != nil {
			t.Fatal(err)
		}
	}
}

// turns deals faults out: in each process the first call of a kind in each cluster meets one, and in the next round the next one.
type turns struct {
	sync.Mutex
	faults []kubetest.Fault
	round  int
	number map[string]int // of a kind, in the order in which they were seen
	met    map[string]map[kubetest.Fault]bool
}

func (u *turns) begin(at map[string]*kubetest.Faulty) {
	for _, f := range at {
		had := map[string]bool{}
		f.Obey(func(c kubetest.Call) kubetest.Fault {
			u.Lock()
			defer u.Unlock()
			kind := c.Kind()
			if had[kind] {
				return ""
			}
			had[kind] = true
			if _, known := u.number[kind]; !known {
				u.number[kind], u.met[kind] = len(u.number), map[kubetest.Fault]bool{}
			}
			fault := u.faults[(u.number[kind]+u.round)%len(u.faults)]
			u.met[kind][fault] = true
			return fault
		})
	}
}

// made are kinds of call of the proxy phase, of what it stands on, and of what the program keeps. The lab has those of a wave.
var made = []string{
	"get namespaces", "create selfsubjectaccessreviews", "watch ingresses", "watch services", "watch deployments", "watch endpointslices", "list configmaps",
	"create configmaps", "update configmaps", "create leases", "update leases",
	"create deployments", "create services", "create ingresses", "create endpointslices",
	"patch ingresses", "apply ingresses", "apply services", "apply endpointslices",
	"delete deployments", "delete services", "delete ingresses", "delete endpointslices",
}

// The whole program goes the proxy phase forth, sets right what drifted, and goes back, while the first call of every kind in either
// cluster meets a fault: it gets over each. After as many rounds as there are faults every kind met every one, but for get and list:
// most of these are asked only where a watch broke.
func TestTheProgramGetsOverEveryFaultAtEveryKindOfCall(t *testing.T) {
	t.Parallel()
	s := shakyWorld(t, "1m")
	u := &turns{
		faults: []kubetest.Fault{kubetest.Answer500, kubetest.TooMany, kubetest.Reset, kubetest.Lose, kubetest.Slow},
		number: map[string]int{}, met: map[string]map[kubetest.Fault]bool{},
	}
	before := s.objects()
	for u.round = range u.faults {
		for _, args := range [][]string{{"apply", "--phase", "proxy"}, {"apply", "--phase", "proxy", "--repair", "proxy"}, {"rollback", "--phase", "proxy"}} {
			u.begin(s.at)
			if s.ends(t, 0, args...); t.Failed() {
				return
			}
			if !slices.Contains(args, "--repair") && args[0] == "apply" {
				s.drift(t)
			}
		}
		s.same(t, fmt.Sprintf("round %d", u.round), before)
		s.anew(t)
	}
	for _, kind := range slices.Sorted(maps.Keys(u.met)) {
		verb, _, _ := strings.Cut(kind, " ")
		if missed := len(u.faults) - len(u.met[kind]); missed > 0 && verb != "get" && verb != "list" { // which are asked is chance
			t.Errorf("%s met only %v", kind, u.met[kind])
		}
	}
	for _, kind := range made {
		if u.met[kind] == nil {
			t.Errorf("no call was: %s", kind)
		}
	}
	t.Logf("%d kinds of call", len(u.met))
}
