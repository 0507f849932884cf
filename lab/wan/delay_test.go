package wan

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/lab/world"
)

func TestWhatGoesToTheMembersOfTheOtherSideIsHeldBackAndNothingElse(t *testing.T) {
	got := rules(world.New, 27017, "add")
	want := []string{
		"rule add pref 100 iif lo ipproto tcp dport 27017 to 172.30.0.71 lookup 100",
		"rule add pref 100 iif lo ipproto tcp dport 27017 to 172.30.0.72 lookup 100",
		"rule add pref 100 iif lo ipproto tcp dport 27017 to 172.30.0.73 lookup 100",
		"rule add pref 100 iif lo ipproto tcp sport 27017 to 172.30.0.12 lookup 100",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the rules are\n%q\nwant\n%q", got, want)
	}
}

func TestPacketsComeBackInOrderWhenTheirTimeHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := make(packets), make(packets, 2)
		w := carry(in, out)
		w.faults.Store(&Faults{Delay: time.Second})
		began := time.Now()
		in <- []byte("a")
		time.Sleep(time.Millisecond)
		in <- []byte("b")
		close(in)
		<-w.over
		text := string(<-out) + string(<-out)
		if took := time.Since(began); text != "ab" || took != time.Second+time.Millisecond {
			t.Errorf("%q after %s", text, took)
		}
	})
}
