package faulty

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// dealt asks a proxy for each call in order and returns what they met.
func dealt(p *Proxy, calls ...Call) []Fault {
	var out []Fault
	for _, c := range calls {
		fault, _ := p.note(&c)
		out = append(out, fault)
	}
	return out
}

var sixFaults = []Fault{Answer500, TooMany, Reset, Lose, Slow, Hang}

func TestEveryKindOfCallMeetsEveryFaultAndNobodyNamedIt(t *testing.T) {
	turns := NewTurns(sixFaults...)
	p := &Proxy{turns: turns}
	for _, kind := range []Call{{Verb: "get", Resource: "leases"}, {Verb: "watch", Resource: "unheardofs"}, {Verb: "create", Resource: "configmaps"}} {
		met := map[Fault]bool{}
		for range sixFaults {
			turns.Begin(9)
			for _, f := range dealt(p, kind) {
				met[f] = true
			}
		}
		if len(met) != len(sixFaults) || met[""] {
			t.Errorf("%s met %v", kind.Kind(), met)
		}
	}
	if owed := turns.Owed(); len(owed) > 0 {
		t.Errorf("owed are %q", owed)
	}
	turns.Begin(9)
	again := dealt(p, Call{Verb: "create", Resource: "configmaps", Name: "a"}, Call{Verb: "create", Resource: "configmaps", Name: "b"})
	if !again[0].instant() || again[1] != "" {
		t.Errorf("a kind that met all of them meets %q in another run, and no time may be lost to it", again)
	}
}

func TestWhatAKindIsStillOwedIsNamed(t *testing.T) {
	turns := NewTurns(sixFaults...)
	p := &Proxy{turns: turns}
	turns.Begin(9)
	met := dealt(p, Call{Verb: "create", Resource: "roles", Name: "a"}, Call{Verb: "list", Resource: "pods"}, Call{Verb: "watch", Resource: "services"}, Call{Verb: "list", Resource: "services"})
	owed := turns.Owed()
	for kind, want := range map[string]int{"create roles": 5, "list pods": 5, "watch services": 5, "list services": 0} {
		n := 0
		for _, o := range owed {
			if strings.HasPrefix(o, kind+": ") {
				n++
			}
		}
		if n != want {
			t.Errorf("%s is owed %d faults, want %d: %q", kind, n, want, owed)
		}
	}
	if slices.Contains(owed, "create roles: "+string(met[0])) {
		t.Errorf("%s is owed, and was met", met[0])
	}
	if got := turns.Met(); !slices.Equal(got, []string{"create roles", "list pods", "list services", "watch services"}) {
		t.Errorf("a fault met %q", got)
	}
}

func TestNoObjectMeetsMoreThanItsClientCanBear(t *testing.T) {
	for kind, most := range map[Call]int{
		{Verb: "create", Resource: "roles", Namespace: "shop", Name: "a"}:  2,
		{Verb: "update", Resource: "leases", Namespace: "shop", Name: "a"}: 1,
		{Verb: "get", Resource: "secrets", Namespace: "shop", Name: "a"}:   1,
		{Verb: "get", Resource: "namespaces"}:                              1,
	} {
		turns := NewTurns(sixFaults...)
		p := &Proxy{turns: turns}
		turns.Begin(9)
		met := slices.DeleteFunc(dealt(p, kind, kind, kind, kind), func(f Fault) bool { return f == "" })
		if len(met) != most || most == 2 && met[0] == met[1] {
			t.Errorf("%s meets %q, want %d different ones", kind.String(), met, most)
		}
	}
}

func TestOnlySoManyCallsHangInARunAndNoListThatStandsInForAWatch(t *testing.T) {
	for range 50 {
		turns := NewTurns(sixFaults...)
		p := &Proxy{turns: turns}
		hung := 0
		for _, run := range []int{0, 1} {
			turns.Begin(run)
			for _, name := range strings.Split("abcdefghijkl", "") {
				for _, f := range dealt(p, Call{Verb: "create", Resource: "things" + name, Name: name}, Call{Verb: "create", Resource: "things" + name, Name: name}) {
					if f == Hang {
						hung++
					}
				}
			}
			if hung > run {
				t.Fatalf("%d calls hung, and %d may", hung, run)
			}
		}
		turns.Begin(99)
		for _, ns := range strings.Split("abcdefghijkl", "") {
			met := dealt(p, Call{Verb: "watch", Resource: "pods", Namespace: ns}, Call{Verb: "list", Resource: "pods", Namespace: ns})
			if met[0] != "" && met[1] != "" && !met[1].instant() {
				t.Fatalf("after a watch that met %q the list meets %q", met[0], met[1])
			}
		}
	}
}

func TestEachClusterMeetsAFaultInEachRunAndARuleGoesFirst(t *testing.T) {
	turns := NewTurns(sixFaults...)
	old, new := &Proxy{turns: turns}, &Proxy{turns: turns}
	for range 10 {
		turns.Begin(9)
		call := Call{Verb: "list", Resource: "pods"}
		if met := append(dealt(old, call), dealt(new, call)...); met[0] == "" || met[1] == "" {
			t.Errorf("they meet %q", met)
		}
	}
	p, _, c, url := start(t)
	p.Deal(turns)
	p.Obey(Rule{Verb: "get", Do: Expired})
	if status, _, err := ask(t.Context(), c, http.MethodGet, url+"/api/v1/namespaces/shop/pods/web", ""); status != http.StatusUnauthorized {
		t.Errorf("status %d, %v", status, err)
	}
}

func TestTurnsAreDealtBeforeTheFirstRunIsBegun(t *testing.T) {
	if met := dealt(&Proxy{turns: NewTurns(Reset, Hang)}, Call{Verb: "list", Resource: "pods"}); met[0] != Reset {
		t.Errorf("it meets %q", met)
	}
}
