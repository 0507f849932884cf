package reach

import (
	"context"
	"errors"
	"net"
	"testing"
)

// A resolver that could not say is no evidence that a name does not exist, whichever side asked it.
func TestOnlyANameThatIsNotThereIsSaidNotToBe(t *testing.T) {
	for name, c := range map[string]struct {
		err  net.DNSError
		want bool
	}{
		"not there":        {net.DNSError{Err: "no such host", IsNotFound: true}, true},
		"SERVFAIL":         {net.DNSError{Err: "server misbehaving", IsTemporary: true}, false},
		"REFUSED":          {net.DNSError{Err: "server misbehaving"}, false},
		"silent":           {net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true}, false},
		"silent for long":  {net.DNSError{Err: "i/o timeout", IsTimeout: true, UnwrapErr: context.DeadlineExceeded}, false},
		"nobody to ask it": {net.DNSError{Err: "dial udp 10.96.0.10:53: connection refused", IsTemporary: true}, false},
	} {
		for _, err := range []error{&c.err, &net.OpError{Op: "dial", Err: &c.err}} {
			_, got := heard("no "+code(err)+" "+plain(err), request{network: netTCP, to: "shop.test:80"}, "old")
			said, is := errors.AsType[*net.DNSError](got)
			if is != c.want || is && !said.IsNotFound {
				t.Errorf("%s: %#v", name, got)
			}
			if late, is := errors.AsType[net.Error](got); is && late.Timeout() { // of a destination that nobody has dialled
				t.Errorf("%s: %v is a silence", name, got)
			}
		}
	}
}
