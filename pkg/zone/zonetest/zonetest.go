// Package zonetest starts real name servers (BIND, Knot, PowerDNS) on loopback addresses for tests, and holds the suite that
// every editor of zones passes. It is for tests only, keeps all files in the test's folder, and ends its servers by their own
// process.
package zonetest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cutover.dev/cutover/pkg/zone"
)

// Required is the variable that makes a missing name server a failure instead of a reason to skip.
const Required = "CUTOVER_REQUIRE_NAMESERVERS"

// The servers there are.
const (
	BIND     = "bind"
	Knot     = "knot"
	PowerDNS = "powerdns"
)

// Kinds is all of them.
var Kinds = []string{BIND, Knot, PowerDNS}

// Zone is the zone that every server serves, Key and Algorithm the key that may change it.
const (
	Zone      = "shop.test"
	Key       = "mig."
	Algorithm = "hmac-sha256"
)

// Server is a running name server.
type Server struct {
	Addr   string // host:port
	Secret string

	t    testing.TB
	kind string
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Options of Start.
type Options struct {
	IP      string   // default 127.0.0.1
	Port    int      // default: a free one
	Notify  []string // BIND: host:port of secondaries that are told of each change at once
	Primary string   // Knot: host:port of the server that it copies the zone from
	Signed  bool     // Knot: sign the zone
	Zone    string   // name of the zone; default Zone
}

// Records is a zone file's content but for SOA and NS: lines with names relative to the zone.
type Records string

// Start starts a server with a zone, or skips the test where its program is missing. It ends with the test.
func Start(t testing.TB, kind string, records Records, o Options) *Server {
	t.Helper()
	programs := map[string][]string{BIND: {"named"}, Knot: {"knotd"}, PowerDNS: {"pdns_server", "pdnsutil", "sqlite3"}}[kind]
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, p+" is not installed (Debian: bind9, knot, pdns-server with pdns-backend-sqlite3 and sqlite3)")
		}
	}
	if o.IP == "" {
		o.IP = "127.0.0.1"
	}
	if o.Port == 0 {
		o.Port = FreePort(t, o.IP)
	}
	if o.Zone == "" {
		o.Zone = Zone
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	s := &Server{Addr: net.JoinHostPort(o.IP, fmt.Sprint(o.Port)), Secret: base64.StdEncoding.EncodeToString(key), t: t, kind: kind, dir: t.TempDir()}
	s.write(o.Zone+".zone", header(o.Zone)+string(records))
	s.cmd = map[string]func(Options) *exec.Cmd{BIND: s.bind, Knot: s.knot, PowerDNS: s.powerDNS}[kind](o)
	s.Run()
	t.Cleanup(s.Stop)
	return s
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(Required) != "" {
		t.Fatal(why)
	}
	t.Skip(why + "; " + Required + " makes that a failure")
}

// FreePort is a port of ip that is free for UDP and TCP.
func FreePort(t testing.TB, ip string) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return 0
}

func header(zone string) string {
	return "$ORIGIN " + zone + ".\n$TTL 3600\n@ 3600 IN SOA ns1 hostmaster 1 3600 600 604800 300\n@ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n"
}

func (s *Server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Run starts the program, again after Stop, and waits until it answers.
func (s *Server) Run() {
	s.t.Helper()
	path := filepath.Join(s.dir, "log")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: s.cmd.Path, Args: s.cmd.Args, Dir: s.dir, Stdout: out, Stderr: out, SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	s.done = make(chan struct{})
	started := make(chan error)
	go func() { // the thread that starts it has to live as long as it does, or the kernel takes it for an orphan
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its end is all that matters
		}
		_ = out.Close()
		close(s.done)
	}()
	if err := <-started; err != nil {
		s.t.Fatalf("start %s: %v", s.kind, err)
	}
	s.cmd = cmd
	s.await(path)
}

func (s *Server) await(log string) {
	s.t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	m := new(dns.Msg)
	m.SetQuestion("version.bind.", dns.TypeTXT)
	m.Question[0].Qclass = dns.ClassCHAOS
	for {
		if _, _, err := (&dns.Client{Net: "tcp", Timeout: time.Second}).Exchange(m, s.Addr); err == nil {
			return
		}
		select {
		case <-s.done:
			said, _ := os.ReadFile(log)
			s.t.Fatalf("%s ended: %s", s.kind, said)
		case <-deadline:
			said, _ := os.ReadFile(log)
			s.t.Fatalf("%s does not answer: %s", s.kind, said)
		case <-tick.C:
		}
	}
}

// Stop ends the program.
func (s *Server) Stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // fails only if it has ended
		<-s.done
	}
}

// Freeze stops the program from running until the returned function is called: it is there and answers nothing.
func (s *Server) Freeze() (thaw func()) {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	return func() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
}

// Notify tells the server that its zone changed at the primary.
func (s *Server) Notify(zoneName string) {
	m := new(dns.Msg)
	m.SetNotify(dns.Fqdn(zoneName))
	_, _, _ = (&dns.Client{Timeout: time.Second}).Exchange(m, s.Addr) // a lost one is sent again by who waits
}

// Servers is the zone.Zone.Servers of some servers.
func Servers(all ...*Server) func(context.Context) ([]zone.Server, error) {
	return func(context.Context) ([]zone.Server, error) {
		var out []zone.Server
		for _, s := range all {
			out = append(out, zone.Server{Addr: s.Addr})
		}
		return out, nil
	}
}

// Serial is the serial number of a zone at the server: it counts the writes.
func (s *Server) Serial(zoneName string) uint32 {
	s.t.Helper()
	for _, rr := range s.Lookup(zoneName, "SOA") {
		return rr.(*dns.SOA).Serial
	}
	s.t.Fatalf("%s has no SOA of %s", s.kind, zoneName)
	return 0
}

// Lookup is what the server answers.
func (s *Server) Lookup(name, kind string) []dns.RR {
	s.t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.StringToType[kind])
	answer, _, err := (&dns.Client{Net: "tcp", Timeout: 5 * time.Second}).Exchange(m, s.Addr)
	if err != nil {
		s.t.Fatalf("ask %s for %s %s: %v", s.kind, name, kind, err)
	}
	return answer.Answer
}

// Put is Update of Zone with one set, in the place of what there is of its name and type.
func (s *Server) Put(set zone.Set) {
	s.t.Helper()
	records, err := zone.Records(set)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := []string{set.Name + " " + set.Type}
	for _, rr := range records {
		lines = append(lines, rr.String())
	}
	s.Update(Zone, lines...)
}

// Update changes the zone as somebody else would: lines in the form of a zone file are added, and "name TYPE" without data
// deletes a set.
func (s *Server) Update(zoneName string, lines ...string) {
	s.t.Helper()
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zoneName))
	for _, l := range lines {
		if f := strings.Fields(l); len(f) == 2 {
			m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(f[0]), Rrtype: dns.StringToType[f[1]]}}})
			continue
		}
		rr, err := dns.NewRR(l)
		if err != nil {
			s.t.Fatal(err)
		}
		m.Insert([]dns.RR{rr})
	}
	m.SetTsig(Key, Algorithm+".", 300, time.Now().Unix())
	answer, _, err := (&dns.Client{Net: "tcp", TsigSecret: map[string]string{Key: s.Secret}}).Exchange(m, s.Addr)
	if err != nil || answer.Rcode != dns.RcodeSuccess {
		s.t.Fatalf("update %s: %v %v", s.kind, err, answer)
	}
}

// Content is every record of the zone but the SOA, by zone transfer: lines in order.
func (s *Server) Content() []string {
	s.t.Helper()
	m := new(dns.Msg)
	m.SetAxfr(dns.Fqdn(Zone))
	answers, err := new(dns.Transfer).In(m, s.Addr)
	if err != nil {
		s.t.Fatalf("copy the zone from %s: %v", s.kind, err)
	}
	var all []string
	for envelope := range answers {
		if envelope.Error != nil {
			s.t.Fatalf("copy the zone from %s: %v", s.kind, envelope.Error)
		}
		for _, rr := range envelope.RR {
			if rr.Header().Rrtype != dns.TypeSOA {
				all = append(all, rr.String())
			}
		}
	}
	slices.Sort(all)
	return all
}
