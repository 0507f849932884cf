package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/webhook"
	"cutover.dev/cutover/pkg/zone/zonetest"
)

// required asks for the provider of external-dns, which takes minutes to build the first time.
const required = "CUTOVER_REQUIRE_EXTERNALDNS"

var dir string // of the program

// program builds external-dns's own server and provider, once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "externaldns")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = "../../../tools/externaldns"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "externaldns"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir) // it is in the folder for what nobody needs
	os.Exit(code)
}

// provider starts the provider in front of a name server. between runs when a change is on its way.
func provider(t *testing.T, s *zonetest.Server, secret string) (at string, between func(func())) {
	t.Helper()
	if os.Getenv(required) == "" {
		t.Skip(required + " is not set: building the provider of external-dns takes minutes the first time")
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(s.Addr)
	listen := fmt.Sprintf("127.0.0.1:%d", zonetest.FreePort(t, "127.0.0.1"))
	cmd := exec.Command(path, "--listen", listen, "--host", host, "--port", port, "--zone", zonetest.Zone, "--key", zonetest.Key, "--secret", secret)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it serves until then
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the provider says: %s", &log)
		}
	})
	await(t, listen)
	target, _ := url.Parse("http://" + listen)
	var mu sync.Mutex
	var next func()
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		happen := next
		if r.Method == http.MethodPost && r.URL.Path == "/records" {
			next = nil
		} else {
			happen = nil
		}
		mu.Unlock()
		if happen != nil {
			happen()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL, func(happen func()) {
		mu.Lock()
		defer mu.Unlock()
		next = happen
	}
}

func await(t *testing.T, addr string) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatalf("nobody answers at %s", addr)
		case <-tick.C:
		}
	}
}

func TestAProviderOfExternalDNSIsUsedByTheSameRules(t *testing.T) {
	zonetest.Conform(t, func(t *testing.T) zonetest.Fixture {
		s := zonetest.Start(t, zonetest.BIND, zonetest.Before, zonetest.Options{})
		at, between := provider(t, s, s.Secret)
		edit := func(at string) zone.Editor {
			return &webhook.Editor{Zone: zonetest.Zone, URL: at, Servers: zonetest.Servers(s)}
		}
		return zonetest.Fixture{
			Editor: edit(at), Zone: &zone.Zone{Name: zonetest.Zone, Servers: zonetest.Servers(s)}, Between: between,
			Change: func(_ *testing.T, set zone.Set) { s.Put(set) },
			Down: func(t *testing.T) zone.Editor {
				return edit(fmt.Sprintf("http://127.0.0.1:%d", zonetest.FreePort(t, "127.0.0.1")))
			},
		}
	})
}

// The protocol has no word for a key that is wrong: the provider fails, its log says why, and nothing is known of here.
func TestAProviderThatMayNotWriteFailsWithoutAWrite(t *testing.T) {
	s := zonetest.Start(t, zonetest.BIND, zonetest.Before, zonetest.Options{})
	at, _ := provider(t, s, "d3JvbmctYnV0LWJhc2U2NC1hbmQtbG9uZw==")
	before := s.Content()
	e := &webhook.Editor{Zone: zonetest.Zone, URL: at, Servers: zonetest.Servers(s)}
	was := []zone.Set{{Name: "web.shop.test", Type: "A", TTL: 300, Data: []string{"203.0.113.10"}}}
	want := []zone.Set{{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}}
	err := e.Swap(t.Context(), []zone.Change{{Name: "web.shop.test", Was: was, Want: want}})
	if err == nil || fault.CodeOf(err) != fault.Unknown || strings.Join(before, "\n") != strings.Join(s.Content(), "\n") {
		t.Errorf("want an error and nothing written, got %v", err)
	}
}

// answers plays a provider that says what it is told to.
func answers(t *testing.T, kind string, bodies map[string]any) (*webhook.Editor, *[]string) {
	t.Helper()
	var posted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/external.dns.webhook+json;version=1" {
			t.Errorf("%s %s accepts %q", r.Method, r.URL.Path, r.Header.Get("Accept"))
		}
		body, known := bodies[r.Method+" "+r.URL.Path]
		if r.Method == http.MethodPost && !known {
			raw, _ := io.ReadAll(r.Body)
			posted = append(posted, r.URL.Path+" "+string(raw))
		}
		w.Header().Set("Content-Type", kind)
		switch {
		case r.URL.Path == "/adjustendpoints" && !known:
			_, _ = io.WriteString(w, strings.TrimPrefix(posted[len(posted)-1], "/adjustendpoints "))
		case !known:
			w.WriteHeader(http.StatusNoContent)
		default:
			_ = json.NewEncoder(w).Encode(body)
		}
	}))
	t.Cleanup(server.Close)
	book := zonetest.Open(t, zonetest.Parse(t, zonetest.Before))
	return &webhook.Editor{Zone: zonetest.Zone, URL: server.URL, Servers: book.Servers}, &posted
}

const ours = "application/external.dns.webhook+json;version=1"

type set map[string]any

func TestWhatTheProtocolCannotHoldIsRefusedByName(t *testing.T) {
	e, posted := answers(t, ours, map[string]any{"GET /records": []set{
		{"dnsName": "web.shop.test", "recordType": "A", "targets": []string{"203.0.113.10"}},
		{"dnsName": "two.shop.test", "recordType": "A", "recordTTL": 60, "targets": []string{"192.0.2.1"}, "setIdentifier": "blue"},
		{"dnsName": "lb.shop.test", "recordType": "A", "recordTTL": 60, "targets": []string{"192.0.2.1"}},
		{"dnsName": "lb.shop.test", "recordType": "A", "recordTTL": 60, "targets": []string{"192.0.2.1"}},
		{"dnsName": "text.shop.test", "recordType": "CNAME", "recordTTL": 60, "targets": []string{"lb.test"}, "providerSpecific": []set{{"name": "alias", "value": "true"}}},
		{"dnsName": "alias.shop.test", "recordType": "CNAME", "recordTTL": 60, "targets": []string{"lb.test"}, "providerSpecific": []set{{"name": "alias", "value": "false"}}},
	}})
	_, err := e.Get(t.Context(), []string{"web.shop.test", "two.shop.test", "lb.shop.test", "text.shop.test", "svc.shop.test", "alias.shop.test"})
	if fault.CodeOf(err) != fault.Refused || len(*posted) > 0 {
		t.Fatalf("want a no and nothing posted, got %v, %q", err, *posted)
	}
	for _, part := range []string{
		"web.shop.test A has no TTL of its own", `two.shop.test A is one of several by a routing policy, "blue"`, "lb.shop.test A is there twice",
		"text.shop.test CNAME is answered by other rules than its data: alias=true", "svc.shop.test has an HTTPS record",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not said: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "alias.shop.test") {
		t.Errorf("a plain record is named: %v", err)
	}
}

// What the provider keeps with a record goes back to it, and what it would change is not written.
func TestAProviderIsAskedFirstWhatItWouldMakeOfIt(t *testing.T) {
	was := zone.Set{Name: "web.shop.test", Type: "A", TTL: 300, Data: []string{"203.0.113.10"}}
	want := zone.Set{Name: "web.shop.test", Type: "A", TTL: 60, Data: []string{"198.51.100.20"}}
	change := []zone.Change{{Name: was.Name, Was: []zone.Set{was}, Want: []zone.Set{want}}}
	old := set{"dnsName": "Web.shop.test", "recordType": "A", "recordTTL": 300, "targets": []string{"203.0.113.10"}, "providerSpecific": []set{{"name": "region", "value": "x"}}}
	e, posted := answers(t, ours, map[string]any{"GET /records": []set{old}})
	if err := e.Swap(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	wrote := `/records {"updateOld":[{"dnsName":"Web.shop.test","targets":["203.0.113.10"],"recordType":"A","recordTTL":300,"providerSpecific":[{"name":"region","value":"x"}]}],` +
		`"updateNew":[{"dnsName":"web.shop.test","targets":["198.51.100.20"],"recordType":"A","recordTTL":60,"providerSpecific":[{"name":"region","value":"x"}]}]}`
	if len(*posted) != 2 || (*posted)[1] != wrote {
		t.Errorf("posted: %q", *posted)
	}
	clamped := set{"dnsName": "web.shop.test", "recordType": "A", "recordTTL": 600, "targets": []string{"198.51.100.20"}}
	e, posted = answers(t, ours, map[string]any{"GET /records": []set{old}, "POST /adjustendpoints": []set{clamped}})
	if err := e.Swap(t.Context(), change); fault.CodeOf(err) != fault.Refused || len(*posted) > 0 {
		t.Errorf("want a no and nothing written, got %v, %q", err, *posted)
	}
	e, posted = answers(t, ours, map[string]any{"GET /records": []set{clamped}})
	if err := e.Swap(t.Context(), change); !strings.Contains(fmt.Sprint(err), phase.ErrMoved.Error()) || len(*posted) > 0 {
		t.Errorf("somebody was quicker: %v, %q", err, *posted)
	}
}

func TestOnlyAProviderOfThisProtocolAndZoneIsTaken(t *testing.T) {
	for about, c := range map[string]struct {
		kind   string
		filter set
		no     string
	}{
		"no filter":                {kind: ours, filter: set{}},
		"with a space":             {kind: "application/external.dns.webhook+json; version=1", filter: set{"include": []string{"shop.test"}}},
		"a zone above":             {kind: ours, filter: set{"include": []string{"other.test", ".test"}}},
		"a zone beside":            {kind: ours, filter: set{"include": []string{"op.test"}}, no: "leaves the zone out"},
		"excluded":                 {kind: ours, filter: set{"include": []string{"test"}, "exclude": []string{"shop.test"}}, no: "leaves the zone out"},
		"another by an expression": {kind: ours, filter: set{"regexInclude": `^web\.`}, no: "leaves the zone out"},
		"a later version":          {kind: "application/external.dns.webhook+json;version=2", filter: set{}, no: "does not speak the protocol"},
		"a web server":             {kind: "text/html", filter: set{}, no: "does not speak the protocol"},
	} {
		t.Run(about, func(t *testing.T) {
			e, _ := answers(t, c.kind, map[string]any{"GET /": c.filter})
			err := e.Check(t.Context())
			if c.no == "" && err != nil || c.no != "" && (fault.CodeOf(err) != fault.Refused || !strings.Contains(err.Error(), c.no)) {
				t.Errorf("want %q, got %v", c.no, err)
			}
		})
	}
}
