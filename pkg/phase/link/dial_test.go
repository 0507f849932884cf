package link

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/reach"
)

func TestEachWayOfNotGettingThereHasAName(t *testing.T) {
	n := &network{names: map[string][]string{"there.internal": {"10.2.0.7"}}}
	for addr, c := range map[string]struct {
		what  any
		state string
	}{
		"10.0.0.1:80":       {served(t), Open},
		"there.internal:80": {served(t), Open},
		"10.0.0.2:80":       {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Refused},
		"10.0.0.3:80":       {dropped(), TimedOut},
		"10.0.0.4:80":       {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, NoRoute},
		"nowhere.test:80":   {nil, NoName},
		"10.0.0.5:80":       {nil, Unsure}, // the relay was not told of it
		"10.0.0.6:80":       {&reach.BrokenError{Err: io.ErrUnexpectedEOF}, Unsure},
		"10.0.0.11:80":      {&reach.BrokenError{Err: syscall.ECONNREFUSED}, Unsure},
		"10.0.0.7:80":       {errors.New("something nobody foresaw"), Unsure},
		"10.0.0.8:80":       {behaves(t, func(net.Conn) {}), NoAnswer},
		"10.0.0.9:80":       {behaves(t, small), Small},
		"10.0.0.10:80":      {behaves(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), NoAnswer},
	} {
		n.put(addr, c.what)
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			r := dial(t.Context(), n, Path{What: Bridge, From: "old", To: addr, http: true}, "link.test")
			if r.State != c.state || (r.State == Unsure) != (r.err != nil) || r.Large != (r.State == Open) {
				t.Errorf("%+v, want %s", r, c.state)
			}
			if (r.State == Open) != r.Holds() {
				t.Errorf("%s holds: %t", r.State, r.Holds())
			}
		})
	}
}

func TestAResolverThatCouldNotSayIsNoNo(t *testing.T) {
	for want, all := range map[string][]net.DNSError{
		NoName: {{Err: "no such host", IsNotFound: true}},
		Unsure: {{Err: "server misbehaving", IsTemporary: true}, {Err: "i/o timeout", IsTimeout: true}, {Err: "server misbehaving"}},
	} {
		for _, said := range all {
			for _, r := range []Row{(Row{}).nameless(&said), (Row{}).failed(&net.OpError{Op: "dial", Err: &said}, true)} {
				if r.State != want {
					t.Errorf("%+v: %+v", said, r)
				}
			}
		}
	}
}

// What is started later cannot answer now, and a firewall that drops is seen all the same.
func TestWhatIsStartedLaterOnlyHasToBeReached(t *testing.T) {
	for state, holds := range map[string]bool{
		Open: true, Refused: true, NoAnswer: true, TimedOut: false, NoRoute: false, NoName: false, Small: false, Another: false, Inside: false, Unsure: false,
	} {
		r := Row{Path: Path{To: "10.1.1.36:8080", Later: "bridge.manifests"}, State: state}
		if r.Holds() != holds {
			t.Errorf("%s holds: %t", state, r.Holds())
		}
	}
	contains(t, Row{Path: Path{To: "10.1.1.36:8080", Later: "bridge.manifests"}, State: Refused}.String(), "nobody listens before bridge.manifests is applied")
	contains(t, Row{Path: Path{To: "10.1.1.36:8080", Later: "bridge.manifests"}, State: TimedOut}.String(), "apply these by hand now")
}

// halfway is a way that breaks once it has connected.
type halfway struct{ net.Conn }

func (halfway) Read([]byte) (int, error) { return 0, &reach.BrokenError{Err: io.ErrUnexpectedEOF} }

type breaking struct{ *network }

func (b breaking) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := b.network.DialContext(ctx, network, addr)
	return halfway{conn}, err
}

func TestARelayThatBreaksSaysNothingOfTheDestination(t *testing.T) {
	n := &network{}
	n.put("10.0.0.1:80", served(t))
	if r := dial(t.Context(), breaking{n}, Path{What: Tail, From: "old", To: "10.0.0.1:80", http: true}, "link.test"); r.State != Unsure {
		t.Errorf("%+v", r)
	}
}

// watched is a network whose dialler says how long a connection takes there.
type watched struct {
	*network
	took chan any // a time, or an error
}

func (w watched) Took(context.Context, string) (time.Duration, error) {
	said := <-w.took
	err, _ := said.(error)
	took, _ := said.(time.Duration)
	return took, err
}

func TestTheShortestTimeThatWhoDialsSawIsThatOfThePath(t *testing.T) {
	n := watched{&network{}, make(chan any, attempts)}
	for _, ms := range []time.Duration{30, 12, 47} { // as often as it is dialled at all
		n.took <- ms * time.Millisecond
	}
	r := dial(t.Context(), n, Path{What: Tail, From: "old", To: "10.0.0.1:80"}, "")
	if r.State != Open || r.Millis != 12 {
		t.Errorf("%+v", r)
	}
	contains(t, r.String(), "open, 12ms to connect")
	n.took <- 30 * time.Millisecond
	n.took <- dropped()
	if r := dial(t.Context(), n, r.Path, ""); r.State != TimedOut || r.Millis != 0 {
		t.Errorf("the second one did not come about: %+v", r)
	} else {
		contains(t, r.String(), "connection 2 of 3")
	}
	n.put("10.0.0.1:80", served(t))
	if r := dial(t.Context(), n.network, r.Path, ""); r.State != Open || strings.Contains(r.String(), "to connect") {
		t.Errorf("nobody said how long it took: %s", r)
	}
}

func TestANameServerIsAskedOverUDPToo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	at := l.Addr().String()
	path := Path{What: Servers, From: Here, To: at, zone: "shop.test"}
	if r := dial(t.Context(), reach.Direct{}, path, ""); r.State != NoUDP {
		t.Errorf("nobody answers over UDP: %+v", r)
	}
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Skipf("somebody has that port: %v", err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := udp.ReadFrom(question)
			if err != nil {
				return
			}
			question[2] |= 0x80 // the same as an answer
			_, _ = udp.WriteTo(question[:n], from)
		}
	}()
	if r := dial(t.Context(), reach.Direct{}, path, ""); r.State != Open {
		t.Errorf("%+v", r)
	}
	row := Row{Path: path, State: NoUDP}
	if got := rule(row, Ranges{}); got != "allow udp from this machine to 127.0.0.1 port "+at[len("127.0.0.1:"):] {
		t.Error(got)
	}
	if row.State = TimedOut; !strings.HasPrefix(rule(row, Ranges{}), "allow tcp and udp from this machine") {
		t.Error(rule(row, Ranges{}))
	}
}

// A firewall that rejects answers as a host does on which nobody listens yet, so the rule is named that would be missing.
func TestWhereNobodyListensYetTheRuleIsNamedInCaseAFirewallRejects(t *testing.T) {
	path := Path{What: Bridge, From: "new", To: "10.1.1.36:8080"}
	later := path
	later.Later = "bridge.manifests"
	const allow = "allow tcp from new to 10.1.1.36 port 8080"
	for name, c := range map[string]struct {
		row              Row
		rule, ifRejected string
		words            string
	}{
		"refused, and started later":   {Row{Path: later, State: Refused}, "", allow, "; if a firewall rejects: " + allow},
		"no answer, and started later": {Row{Path: later, State: NoAnswer}, "", "", "nobody listens before bridge.manifests is applied"},
		"silent, and started later":    {Row{Path: later, State: TimedOut}, allow, "", "; missing: " + allow},
		"refused":                      {Row{Path: path, State: Refused}, allow, "", "; missing: " + allow},
		"open":                         {Row{Path: later, State: Open}, "", "", "open"},
	} {
		r := tabled(Ranges{}, Ranges{}, c.row).rows[path.ID()][0]
		if r.Rule != c.rule || r.IfRejected != c.ifRejected {
			t.Errorf("%s: %+v", name, r)
		}
		contains(t, r.String(), c.words)
	}
}

func TestADirectDialsOwnPatienceIsTheDestinationsSilence(t *testing.T) {
	late := &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}
	if r := (Row{}).failed(late, true); r.State != TimedOut {
		t.Error(r)
	}
	mine := context.DeadlineExceeded
	if r := (Row{}).failed(mine, true); r.State != TimedOut {
		t.Error(r)
	}
	if r := (Row{}).failed(mine, false); r.State != Unsure { // the relay gives up first, and says so
		t.Error(r)
	}
}
