package netns

import (
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cutover.dev/cutover/lab/world"
)

func TestWhatGoesToTheMembersOfTheOtherSideIsHeldBackAndNothingElse(t *testing.T) {
	got := rules(world.Old.Net(), world.New, 27017, "add").lines
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
		out, err := os.CreateTemp(t.TempDir(), "device")
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		l := &later{device: out, by: time.Second, queue: make(chan packet, 2)}
		began := time.Now()
		l.queue <- packet{began.Add(l.by), []byte("a")}
		l.queue <- packet{began.Add(l.by + time.Millisecond), []byte("b")}
		close(l.queue)
		l.give()
		text, err := os.ReadFile(out.Name())
		if took := time.Since(began); err != nil || string(text) != "ab" || took != l.by+time.Millisecond {
			t.Errorf("%q after %s (%v)", text, took, err)
		}
	})
}
