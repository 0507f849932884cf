package progress

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesSayHowManyOfHowManyAndHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := New(&out)
		p.Expect(2)
		time.Sleep(1500 * time.Millisecond)
		p.Done("%s is up", "etcd")
		p.Note("building")
		p.Done("done")
		p.Done("one more than announced")
		want := " 1/2      1.5s  etcd is up\n  ..      1.5s  building\n 2/2      1.5s  done\n 3/3      1.5s  one more than announced\n"
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), want)
		}
	})
}
