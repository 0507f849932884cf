package names

import (
	"os"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"cutover.dev/cutover/lab/workloads"
	"cutover.dev/cutover/lab/world"
)

// A host in no zone would be refused by the plan, and a client that asks for it could not find it.
func TestEveryHostOfOldIsInAZone(t *testing.T) {
	objects, err := workloads.Objects()
	if err != nil {
		t.Fatal(err)
	}
	var hosts, named []string
	for _, o := range objects {
		if o.GetKind() != "Ingress" {
			continue
		}
		var ing networkingv1.Ingress
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &ing); err != nil {
			t.Fatal(err)
		}
		for _, rule := range ing.Spec.Rules {
			hosts = append(hosts, rule.Host)
		}
	}
	for _, z := range Zones() {
		for _, host := range z.Hosts {
			named = append(named, host)
			if host != z.Name && !strings.HasSuffix(host, "."+z.Name) {
				t.Errorf("%s is not in zone %s", host, z.Name)
			}
			if !strings.Contains(z.file(), "\n"+host+". IN A "+world.Old.Entry+"\n") {
				t.Errorf("%s does not lead to old in\n%s", host, z.file())
			}
		}
	}
	for _, list := range []*[]string{&hosts, &named} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(hosts, named) {
		t.Errorf("old has routes for %v, the zones have %v", hosts, named)
	}
}

func TestOnlyTheCacheThatStretchesKeepsAnswersForLonger(t *testing.T) {
	if c := cache(Honouring, "/x", 0); !strings.Contains(c, "cache-min-ttl: 0\n") {
		t.Error(c)
	}
	if c := cache(Stretching, "/x", Stretch); !strings.Contains(c, "cache-min-ttl: 21600\n") || strings.Contains(c, world.HonouringDNS) {
		t.Error(c)
	}
	for _, from := range []string{world.Network, world.Old.PodRange(), world.New.PodRange()} {
		if c := cache(Honouring, "/x", 0); !strings.Contains(c, "access-control: "+from+" allow\n") {
			t.Errorf("nobody in %s is answered:\n%s", from, c)
		}
	}
}

func TestWhatThePlanHasInsteadIsThereOnce(t *testing.T) {
	b, err := os.ReadFile("../../plans/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pairs := Plan()
	for i := 0; i < len(pairs); i += 2 {
		if n := strings.Count(string(b), pairs[i]); n != 1 {
			t.Errorf("plans/demo.yaml has %q %d times", pairs[i], n)
		}
	}
	if text := strings.NewReplacer(pairs...).Replace(string(b)); strings.Count(text, "rfc2136") != len(Zones()) || strings.Contains(text, "none:") {
		t.Error(text)
	}
}
