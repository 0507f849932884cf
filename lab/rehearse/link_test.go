package rehearse

import (
	"reflect"
	"strings"
	"testing"

	"cutover.dev/cutover/lab/wan"
)

const refused = `{"mutated": false, "link": {"oneWay": "", "paths": [
  {"what": "bridge", "from": "new", "to": "172.30.0.22:8080", "state": "timed out",
   "rule": "allow tcp from new (pods 10.62.0.0/24; nodes 172.30.0.12) to 172.30.0.22 port 8080"},
  {"what": "resolver", "from": "here", "to": "172.30.0.55:53", "state": "open"},
  {"what": "tail", "from": "old", "to": "172.30.0.32:8080", "state": "timed out",
   "rule": "allow tcp from old (pods 10.61.0.0/24; nodes 172.30.0.11) to 172.30.0.32 port 8080"},
  {"what": "name server", "from": "old", "to": "172.30.0.53:53", "state": "open"}]}}`

func TestTheRulesAreThoseThatTheToolNames(t *testing.T) {
	paths, oneWay, err := Reaches([]byte(refused))
	if err != nil || oneWay != "" || len(paths) != 4 {
		t.Fatalf("%+v %q %v", paths, oneWay, err)
	}
	got, err := Rules(paths)
	want := map[string][]wan.Rule{
		"old": {{From: []string{"10.62.0.0/24", "172.30.0.12"}, To: "172.30.0.22", Port: 8080}},
		"new": {{From: []string{"10.61.0.0/24", "172.30.0.11"}, To: "172.30.0.32", Port: 8080}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for what, change := range map[string][2]string{
		"a path that is open":        {`22:8080", "state": "timed out"`, `22:8080", "state": "open"`},
		"a rule in other words":      {"allow tcp from new", "please allow new"},
		"no rule before one of both": {`"from": "old"`, `"from": "here"`},
	} {
		paths, _, err := Reaches([]byte(strings.Replace(refused, change[0], change[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		if rules, err := Rules(paths); err == nil {
			t.Errorf("%s: %v", what, rules)
		}
	}
	for _, document := range []string{"{}", strings.Replace(refused, "false", "true", 1), "no"} {
		if _, _, err := Reaches([]byte(document)); err == nil {
			t.Errorf("%s is taken for an answer", document)
		}
	}
}

func TestOnlyWhatTakesLargePacketsIsGood(t *testing.T) {
	for good, all := range map[bool][]Reached{
		true: {
			{What: "tail", From: "old", To: "172.30.0.32:8080", State: "open", Large: true},
			{What: "entry of new", From: "old", To: "172.30.0.31:443", State: "open"},
			{What: "bridge", From: "new", To: "172.30.0.22:8080", State: "refused"},
			{What: "resolver", From: "here", To: "172.30.0.55:53", State: "open"},
			{What: "name server", From: "old", To: "172.30.0.53:53", State: "open"},
		},
		false: {
			{What: "tail", From: "old", To: "172.30.0.32:8080", State: "open"},
			{What: "tail", From: "old", To: "172.30.0.32:8080", State: "refused"},
			{What: "bridge", From: "new", To: "172.30.0.22:8080", State: "timed out"},
		},
	} {
		for _, p := range all {
			if p.Good() != good {
				t.Errorf("%s is good: %t", p, p.Good())
			}
		}
	}
}
