package zone

import (
	"errors"
	"strings"
	"testing"
)

// What was not asked may serve anything to resolvers that reach it: only another address of the same server speaks for it.
func TestAServerThatNobodyCouldAskIsNamed(t *testing.T) {
	reading := func(name, addr string, skipped bool, err error) Reading {
		return Reading{Server: Server{Name: name, Addr: addr}, Skipped: skipped, Err: err, Answers: map[string]map[string]Answer{}}
	}
	down := errors.New("connection refused")
	all := []Reading{
		reading("ns1.shop.test", "192.0.2.1:53", false, nil), reading("ns1.shop.test", "[2001:db8::1]:53", true, nil),
		reading("ns2.shop.test", "[2001:db8::2]:53", true, nil),
		reading("ns3.shop.test", "192.0.2.3:53", false, down), reading("ns3.shop.test", "[2001:db8::3]:53", true, nil),
		reading("", "192.0.2.4:53", false, nil), reading("", "[2001:db8::4]:53", true, nil),
	}
	unasked(all)
	behind := strings.Join(Behind(all, nil), "\n")
	for addr, named := range map[string]bool{"2001:db8::1": false, "2001:db8::2": true, "2001:db8::3": true, "192.0.2.3": true, "2001:db8::4": true} {
		if strings.Contains(behind, addr) != named {
			t.Errorf("%s is named: %v\n%s", addr, !named, behind)
		}
	}
	if !strings.Contains(behind, "spec.dns.zones[].servers") {
		t.Errorf("what to do is not said: %s", behind)
	}
	if got := spoken(all[:2]); !strings.HasPrefix(got, "1 addresses of name servers (1 more are IPv6") {
		t.Error(got)
	}
}
