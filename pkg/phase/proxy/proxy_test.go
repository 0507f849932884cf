package proxy

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/pkg/inventory"
	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/phase/parts"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// nowhere is the kubeconfig of a cluster that nobody asks.
const nowhere = `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}],
 users: [{name: u, user: {}}], contexts: [{name: c, context: {cluster: c, user: u}}]}`

func deps(t *testing.T) Deps {
	t.Helper()
	p := &plan.Plan{Metadata: plan.Metadata{Name: "demo"}}
	p.Spec.Namespaces = []string{"shop", "blog"}
	p.Spec.Entry.Old = plan.Entry{Addresses: []string{"172.30.0.21"}, IngressClass: "main"}
	p.Spec.Entry.New = plan.Entry{Addresses: []string{"172.30.0.31"}, IngressClass: "main"}
	p.Spec.Bridge = plan.Bridge{
		Addresses: []string{"172.30.0.22"}, Port: 8080, Marker: "4f9c2a7e", Manifests: "../../../plans/demo/bridge",
		Echo: plan.Echo{Image: "lab.test/lab/cutover:dev", Namespace: "cutover-system"},
	}
	p.Spec.Tail = &plan.Tail{Addresses: []string{"172.30.0.32"}, Port: 8080}
	return Deps{Plan: p, Inventory: &inventory.Inventory{}, Old: cluster(t, phase.Old), New: cluster(t, phase.New)}
}

func cluster(t *testing.T, env string) *kube.Cluster {
	t.Helper()
	c, err := kube.Connect(t.Context(), env, base64.StdEncoding.EncodeToString([]byte(nowhere)), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestStepsAreTheSameInEveryJob(t *testing.T) {
	var text strings.Builder
	groups, err := New(deps(t)).Steps(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		text.WriteString(g.Name + "\n")
		for _, l := range g.Lanes {
			if len(l) == 0 {
				t.Errorf("group %s has an empty lane", g.Name)
			}
			for i, s := range l {
				text.WriteString("  " + strings.Repeat("> ", min(i, 1)) + s.ID + "\n")
				if s.Limit <= 0 || s.Knob == "" || s.Title == "" || s.Observe == nil {
					t.Errorf("%s lacks a limit, a knob, a title or Observe", s.ID)
				}
			}
		}
	}
	const file = "testdata/steps.golden"
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != text.String() {
		t.Errorf("%v; steps are now\n%s", err, text.String())
	}
}

func TestAPlanWithBrokenManifestsHasNoSteps(t *testing.T) {
	d := deps(t)
	d.Plan.Spec.Bridge.Manifests = "no/such/folder"
	if groups, err := New(d).Steps(t.Context(), nil); err == nil {
		t.Errorf("got %d groups", len(groups))
	}
}

// entry answers as the echo behind the bridge, with a marker and what it says of the request.
func entry(t *testing.T, via, said string) (d Deps) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Cutover-Via", via)
		_, _ = w.Write([]byte(said))
	}))
	t.Cleanup(s.Close)
	d = deps(t)
	host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	d.Plan.Spec.Entry.New.Addresses = []string{host}
	d.Plan.Spec.Entry.New.HTTPPort, _ = strconv.Atoi(port)
	return d
}

func TestTheKeeperTellsWhatTheBridgePassesOn(t *testing.T) {
	const good = `{"forwardedFor":"127.0.0.1, 172.30.0.12","forwardedProto":"http"}`
	for name, c := range map[string]struct {
		via, said string
		want      phase.State
		detail    string
	}{
		"marked and trusted":     {"4f9c2a7e", good, phase.Done, "through the bridge"},
		"one hop, the prober":    {"4f9c2a7e", `{"forwardedFor":"127.0.0.1","forwardedProto":"http"}`, phase.Done, ""},
		"no marker":              {"", good, phase.Pending, "did not come through the bridge"},
		"another marker":         {"9b3e6d10", good, phase.Pending, "bridge.marker"},
		"headers not trusted":    {"4f9c2a7e", `{"forwardedFor":"172.30.0.12","forwardedProto":"http"}`, phase.Pending, "must trust"},
		"nobody said who asked":  {"4f9c2a7e", `{"forwardedProto":"http"}`, phase.Pending, "X-Forwarded-For"},
		"nobody said how":        {"4f9c2a7e", `{"forwardedFor":"127.0.0.1"}`, phase.Pending, "X-Forwarded-Proto"},
		"asked by TLS, it says":  {"4f9c2a7e", `{"forwardedFor":"127.0.0.1","forwardedProto":"https"}`, phase.Pending, "it was by http"},
		"two, of two schemes":    {"4f9c2a7e", `{"forwardedFor":"127.0.0.1","forwardedProto":"http, http"}`, phase.Pending, "it was by http"},
		"new, then the bridge":   {"4f9c2a7e", `{"forwardedFor":"172.30.0.12, 10.1.1.36","forwardedProto":"http"}`, phase.Pending, "must trust"},
		"somebody else answered": {"4f9c2a7e", `hello`, phase.Pending, "not the echo"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := keeperProof(entry(t, c.via, c.said), "shop", nil).Observe(t.Context())
			if err != nil || o.State != c.want || !strings.Contains(o.Detail, c.detail) {
				t.Errorf("got %s: %s (%v)", o.State, o.Detail, err)
			}
			if (o.State == phase.Done) != (len(o.Hints) == 0) { // more time is no cure for settings
				t.Errorf("%s: hints %q", o.State, o.Hints)
			}
		})
	}
}

func TestWhoIsBehindNATIsNotKnownByAnAddressOfItsOwn(t *testing.T) {
	w := way{"4f9c2a7e", []string{"203.0.113.10", "10.1.1.36"}}
	for _, c := range []struct{ forwardedFor, from, says string }{
		{"198.51.100.7, 203.0.113.10", "192.168.1.7", ""}, // the address of its router
		{"192.168.1.7, 203.0.113.10", "192.168.1.7", ""},
		{"203.0.113.10, 10.1.1.36", "192.168.1.7", "must trust"}, // new's own
		{"10.1.1.36, 10.1.1.99", "192.168.1.7", "must trust"},
		{"198.51.100.7", "192.168.1.7", "must trust"},
		{"198.51.100.7, 203.0.113.10", "198.51.100.8", "must trust"}, // whose address is public is known by it
		{"unknown, 203.0.113.10", "192.168.1.7", "no address"},
	} {
		a := probe.Answer{Status: 200, Via: "4f9c2a7e", Body: []byte(`{"forwardedFor": "` + c.forwardedFor + `", "forwardedProto": "http"}`)}
		if got := passedOn(a, w, c.from); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s, asked from %s: %q, want %q", c.forwardedFor, c.from, got, c.says)
		}
	}
}

func TestABridgeThatEndsTLSIsRefused(t *testing.T) {
	const good = `{"forwardedFor":"127.0.0.1","forwardedProto":"http"}`
	d := entry(t, "4f9c2a7e", good)
	at := func(s *httptest.Server) Deps {
		t.Cleanup(s.Close)
		host, port, _ := net.SplitHostPort(s.Listener.Addr().String())
		d.Plan.Spec.Bridge.Addresses = []string{host}
		d.Plan.Spec.Bridge.Port, _ = strconv.Atoi(port)
		return d
	}
	o, err := plainProof(at(httptest.NewTLSServer(http.NotFoundHandler())), nil).Observe(t.Context())
	if err != nil || o.State != phase.Failed {
		t.Errorf("a bridge with TLS is %s: %s (%v)", o.State, o.Detail, err)
	}
	o, err = plainProof(at(httptest.NewServer(http.NotFoundHandler())), nil).Observe(t.Context())
	if err != nil || o.State != phase.Done {
		t.Errorf("a plain bridge is %s: %s (%v)", o.State, o.Detail, err)
	}
}

func TestTheStatusOfIngressesIsWatchedForTheWholeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &statusWatch{}
		same := map[string]string{"shop/web": `{"ingress":[{"ip":"172.30.0.21"}]}`}
		if o := w.judge(same, time.Minute); o.State != phase.Settling {
			t.Errorf("the first look is %s: %s", o.State, o.Detail)
		}
		time.Sleep(59 * time.Second)
		if o := w.judge(same, time.Minute); o.State != phase.Settling {
			t.Errorf("one second too early it is %s: %s", o.State, o.Detail)
		}
		time.Sleep(time.Second)
		if o := w.judge(same, time.Minute); o.State != phase.Done || o.Facts[statusFact] == nil {
			t.Errorf("at the end it is %s: %s", o.State, o.Detail)
		}
		if o := w.judge(map[string]string{"shop/web": `{}`}, time.Minute); o.State != phase.Failed || !strings.Contains(o.Detail, "shop/web") {
			t.Errorf("a changed status is %s: %s", o.State, o.Detail)
		}
		if o := w.judge(nil, time.Minute); o.State != phase.Failed {
			t.Errorf("nothing to watch is %s: %s", o.State, o.Detail)
		}
	})
}

func TestEveryObjectIsCoveredByTheAccessThatIsAskedFor(t *testing.T) {
	d := deps(t)
	p := New(d)
	groups, err := p.Steps(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	has := map[phase.Access]bool{}
	for _, a := range p.Access {
		has[a] = true
	}
	for _, g := range groups {
		for _, l := range g.Lanes {
			for _, s := range l {
				for _, o := range s.Touches {
					k, _ := kube.KindNamed(o.Kind)
					for _, a := range parts.Make(o.Env, o.Namespace, k, o.Name) {
						if !has[a] {
							t.Errorf("%s needs %+v", s.ID, a)
						}
					}
				}
			}
		}
	}
}

type facts map[string]any

func (f facts) Fact(key string, into any) (bool, error) {
	v, ok := f[key]
	if !ok {
		return false, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(b, into)
}

// Between two runs somebody may have put right one mistake of the bridge's manifests and made another.
func TestABridgeThatWasMadeOtherwiseIsWatchedAnew(t *testing.T) {
	d := deps(t)
	d.Plan.Spec.Windows.Status = plan.Duration(time.Second)
	manifests, err := parts.Manifests(d.Plan.Spec.Bridge.Manifests)
	if err != nil {
		t.Fatal(err)
	}
	past := facts{statusFact: watched{At: time.Now(), For: time.Minute, Of: bridgeSeal(d, manifests)}}
	if o, err := statusProof(d, manifests, past).Observe(t.Context()); err != nil || o.State != phase.Done {
		t.Errorf("the bridge that was watched is %s: %s (%v)", o.State, o.Detail, err)
	}
	if o, err := statusProof(d, manifests[1:], past).Observe(t.Context()); err == nil { // it asks old, which is not there
		t.Errorf("another bridge is %s: %s", o.State, o.Detail)
	}
}

func TestAnAnswerThatIsNotTheEchosSaysWhereToLook(t *testing.T) {
	for _, c := range []struct {
		a    probe.Answer
		want string
	}{
		{probe.Answer{Status: 404}, "without TLS of its own"},
		{probe.Answer{Status: 502}, "that its pods run"},
		{probe.Answer{Status: 403}, "let new's entry in"},
		{probe.Answer{Status: 308, Location: "https://keeper/"}, "not to redirect to TLS"},
	} {
		if got := meaning(c.a); !strings.Contains(got, c.want) {
			t.Errorf("status %d means %q, want %q", c.a.Status, got, c.want)
		}
	}
	if got := meaning(probe.Answer{Status: 200}); got != "" {
		t.Errorf("status 200 means %q", got)
	}
}
