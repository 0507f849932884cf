package cleanup

import (
	"errors"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/replset"
)

const (
	o1, o2, n1, n2 = "o1:1", "o2:1", "n1:1", "n2:1"
)

func client(app, driver string, old bool) replset.Client {
	return replset.Client{Address: "10.0.0.9", App: app, Driver: driver, Old: old}
}

func TestClientsThatWouldNotSurviveAreNamed(t *testing.T) {
	follows := user{Client: client("web", "nodejs 6.1.0", false), fresh: []string{n1, n2}}
	const rest = "whether the URI of every client names a new member cannot be seen from here"
	for name, c := range map[string]struct {
		user
		never bool     // whatever the plan says
		says  []string // nothing: it is not named
	}{
		"one that follows":           {user: follows},
		"one that follows, on all":   {user: user{Client: client("web", "nodejs 6.1.0", false), old: []string{o1, o2}, fresh: []string{n1, n2}}},
		"no new host in its URI":     {user{client("report", "PyMongo 4.6.1", false), []string{o1, o2}, nil}, true, []string{"10.0.0.9 report (PyMongo 4.6.1)", "its URI names no new host"}},
		"directConnection to old":    {user{client("job", "mongoc 1.26.0", false), []string{o2}, nil}, true, []string{"10.0.0.9 job (mongoc 1.26.0), to o2:1 alone", "directConnection"}},
		"directConnection to new":    {user{client("job", "mongoc 1.26.0", false), nil, []string{n2}}, false, []string{"10.0.0.9 job (mongoc 1.26.0) is connected to n2:1 alone", "directConnection"}},
		"an old driver on old":       {user{client("shop", "nodejs 3.2.1", true), []string{o1, o2}, nil}, true, []string{"10.0.0.9 shop (nodejs 3.2.1)", "to old members alone", "before MongoDB 4.2"}},
		"an old driver on both":      {user{client("shop", "nodejs 3.2.1", true), []string{o1}, []string{n1, n2}}, false, []string{"10.0.0.9 shop (nodejs 3.2.1) has a driver of before MongoDB 4.2"}},
		"an old driver on new alone": {user{client("shop", "nodejs 3.2.1", true), nil, []string{n1, n2}}, false, []string{"10.0.0.9 shop (nodejs 3.2.1) has a driver of before MongoDB 4.2"}},
	} {
		for _, accepted := range []bool{false, true} {
			yes, err := survive([]user{follows, c.user}, nil, 2, accepted)
			if isYes := accepted && !c.never; isYes != (err == nil) || err != nil && fault.CodeOf(err) != fault.Refused {
				t.Errorf("%s, accepted %v: %q, %v", name, accepted, yes, err)
				continue
			}
			said := yes
			if err != nil {
				said = err.Error()
			}
			for _, words := range c.says {
				if !strings.Contains(said, words) {
					t.Errorf("%s, accepted %v: it does not say %q: %s", name, accepted, words, said)
				}
			}
			if len(c.says) == 0 && strings.Contains(said, "10.0.0.9") {
				t.Errorf("%s, accepted %v: it is named: %s", name, accepted, said)
			}
			if !accepted && !c.never && !strings.Contains(said, rest) {
				t.Errorf("%s: the plan is not asked for the rest: %s", name, said)
			}
		}
	}
}

// With one new member, who is connected to it alone follows as well as anybody can.
func TestOfOneNewMemberNobodyIsNamedForBeingConnectedToItAlone(t *testing.T) {
	if yes, err := survive([]user{{Client: client("web", "", false), fresh: []string{n1}}}, nil, 1, true); err != nil || strings.Contains(yes, "alone") {
		t.Errorf("%q, %v", yes, err)
	}
}

// A member that does not answer may have clients: the plan has to accept that, and whoever approves reads it.
func TestAMemberThatCouldNotBeAskedIsNotOneWithoutClients(t *testing.T) {
	v := replset.View{Members: []replset.Seen{{Member: replset.Member{Host: o1}, HelloErr: errors.New("no answer in time")}}}
	users, silent, err := olds{}.users(t.Context(), v)
	if err != nil || len(users) > 0 {
		t.Errorf("%v, %v", users, err)
	}
	const want = "; who is connected to o1:1 could not be asked: no answer in time"
	if yes, err := survive(users, silent, 2, false); fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), want) {
		t.Errorf("not accepted: %q, %v", yes, err)
	}
	if yes, err := survive(users, silent, 2, true); err != nil || !strings.HasSuffix(yes, want) {
		t.Errorf("accepted: %q, %v", yes, err)
	}
}
