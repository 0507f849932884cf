package replset_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/replset"
	"cutover.dev/cutover/pkg/replset/mongotest"
)

func open(t *testing.T, uri string) *replset.Set {
	t.Helper()
	s, err := replset.Open(replset.Options{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.WithoutCancel(t.Context())) })
	return s
}

func view(t *testing.T, s *replset.Set) replset.View {
	t.Helper()
	v, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// until looks until ok.
func until(t *testing.T, what string, s *replset.Set, ok func(replset.View) bool) replset.View {
	t.Helper()
	var v replset.View
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if v, err = s.View(t.Context()); err == nil && ok(v) {
			return v
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("not within a minute: %s; %v, %+v", what, err, v)
	return v
}

// A real set, seen and moved: one rig for everything, since starting one takes seconds.
func TestARealSetIsSeenAndMoved(t *testing.T) {
	rig := mongotest.Start(t, 4)
	old, fresh := rig.Hosts(0, 3), rig.Mongods[3].Host
	rig.Initiate(old...)
	s := open(t, rig.URI(old[1])) // one seed is enough
	v := until(t, "three members heard by each other", s, func(v replset.View) bool { return v.Unsettled() == "" && v.Deaf() == "" })
	if v.Primary != old[0] || len(v.Members) != 3 || v.Config.Name() != mongotest.Name || v.Config.Identity() == "" {
		t.Fatalf("the view is %+v", v)
	}
	theConfigurationSurvivesAFact(t, v.Config)
	aFreshMemberIsNotAPrimarylessSet(t, rig, fresh)
	aMemberJoinsAndLeaves(t, s, v, fresh)
	whatTheServerRefusesIsFinalOnlyWhereNothingChanged(t, s)
	lag, err := s.Lag(t.Context(), v.Primary, old[1:], 5*time.Second)
	if err != nil || len(lag) != 2 {
		t.Errorf("lag %v, %v", lag, err)
	}
	thePrimaryMoves(t, s, old)
}

func theConfigurationSurvivesAFact(t *testing.T, c replset.Config) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back replset.Config
	if err := json.Unmarshal(text, &back); err != nil || !back.Same(c) || back.Version() != c.Version() || back.Identity() != c.Identity() {
		t.Errorf("written as %s, read as %v (%v)", text, back, err)
	}
}

func aFreshMemberIsNotAPrimarylessSet(t *testing.T, rig *mongotest.Rig, fresh string) {
	t.Helper()
	s := open(t, rig.URI(fresh))
	h, err := s.Node(fresh).Hello(t.Context())
	if err != nil || !h.Fresh || h.Set != "" {
		t.Errorf("hello of a fresh member: %+v, %v", h, err)
	}
	_, err = s.View(t.Context())
	if !errors.Is(err, replset.ErrNoConfig) || !replset.IsRights(err) {
		t.Errorf("a member that does not know us: %v", err)
	}
}

func aMemberJoinsAndLeaves(t *testing.T, s *replset.Set, v replset.View, fresh string) {
	t.Helper()
	want := v.Config.Plus(v.Config.MaxID()+1, fresh, nil)
	if err := s.Install(t.Context(), v.Config, want); err != nil {
		t.Fatal(err)
	}
	if err := s.Install(t.Context(), v.Config, want); err != nil {
		t.Errorf("again: %v", err)
	}
	joined := until(t, "the new member is a secondary", s, func(v replset.View) bool {
		m, _ := v.Member(fresh)
		return m.Status.State == "SECONDARY" && v.Unsettled() == "" && v.Deaf() == ""
	})
	if err := s.Install(t.Context(), v.Config, v.Config.With(fresh, 1, 0, false)); !errors.Is(err, phase.ErrMoved) {
		t.Errorf("on an old base: %v", err)
	}
	if err := s.Install(t.Context(), joined.Config, joined.Config.Minus(fresh)); err != nil {
		t.Fatal(err)
	}
	left := until(t, "it has left", s, func(v replset.View) bool { return len(v.Members) == 3 && v.Unsettled() == "" })
	if !left.Config.Same(v.Config) {
		t.Errorf("there and back it is %v, was %v", left.Config, v.Config)
	}
	if err := s.Forget(t.Context(), []string{v.Members[0].Host, v.Members[1].Host}, fresh); err != nil {
		t.Errorf("forget: %v", err)
	}
}

func whatTheServerRefusesIsFinalOnlyWhereNothingChanged(t *testing.T, s *replset.Set) {
	t.Helper()
	v := view(t, s)
	bad := v.Config.With(v.Primary, 1, 0, false) // it would not be electable itself
	if err := s.Install(t.Context(), v.Config, bad); fault.CodeOf(err) != fault.Refused || replset.CodeOf(err) != 104 {
		t.Errorf("a primary that could not be one: %v", err)
	}
	if now := view(t, s); now.Config.Version() != v.Config.Version() {
		t.Errorf("version %d became %d", v.Config.Version(), now.Config.Version())
	}
}

func thePrimaryMoves(t *testing.T, s *replset.Set, old []string) {
	t.Helper()
	v := view(t, s)
	if err := s.StepDown(t.Context(), v.Primary); err != nil {
		t.Errorf("step down: %v", err)
	}
	after := until(t, "another primary", s, func(now replset.View) bool { return now.Primary != "" && now.Primary != v.Primary })
	if after.Config.Version() != v.Config.Version() || after.Config.Term() != v.Config.Term()+1 {
		t.Errorf("the configuration was %v and is %v", v.Config, after.Config)
	}
	m, _ := after.Member(after.Primary)
	if m.Status.Won == nil || m.Status.Won.Reason != "stepUpRequestSkipDryRun" {
		t.Errorf("the server says of the election %+v", m.Status.Won)
	}
	if err := s.StepDown(t.Context(), old[0]); !replset.NotPrimary(err) {
		t.Errorf("step down of who is no primary: %v", err)
	}
	if err := s.Thaw(t.Context(), v.Primary); err != nil {
		t.Errorf("thaw: %v", err)
	}
}
