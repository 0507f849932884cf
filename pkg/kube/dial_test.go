package kube_test

import (
	"bufio"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"cutover.dev/cutover/pkg/kube"
)

// portforwarding is the port-forward endpoint of an API server without WebSockets, in front of one pod: port 80 answers
// "hello NAME", nobody listens on any other. It shows what the client sends; a kubelet is only in the lab. shaken counts the
// connections to the API server, and cut ends the one that there is.
func portforwarding(t *testing.T) (c *kube.Cluster, shaken *atomic.Int32, cut func()) {
	t.Helper()
	shaken = new(atomic.Int32)
	var open atomic.Pointer[httpstream.Connection]
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/namespaces/shop/pods/web-1/portforward" {
			http.Error(w, "not here", http.StatusBadRequest)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			return
		}
		shaken.Add(1)
		streams := make(chan httpstream.Stream, 2)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if conn == nil {
			return
		}
		defer conn.Close() //nolint:errcheck // the client is done
		open.Store(&conn)
		halves := map[string]httpstream.Stream{}
		for {
			select {
			case s := <-streams:
				id := s.Headers().Get("requestID")
				if complaints := halves[id]; complaints != nil {
					go answer(complaints, s)
				}
				halves[id] = s
			case <-conn.CloseChan():
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
		clusters: [{name: k, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: {token: t}}]}`,
		s.URL, base64.StdEncoding.EncodeToString(ca))
	return dial(t, base64.StdEncoding.EncodeToString([]byte(config))), shaken, func() { _ = (*open.Load()).Close() }
}

func answer(complaints, data httpstream.Stream) {
	defer complaints.Close() //nolint:errcheck // a test
	defer data.Close()       //nolint:errcheck // a test
	if data.Headers().Get("port") != "80" {
		_, _ = io.WriteString(complaints, "connection refused")
		return
	}
	if name, err := bufio.NewReader(data).ReadString('\n'); err == nil {
		_, _ = io.WriteString(data, "hello "+name)
	}
}

// greeted asks through a connection by a name.
func greeted(t *testing.T, conn net.Conn, name string) {
	t.Helper()
	defer conn.Close() //nolint:errcheck // a test
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err := io.WriteString(conn, name+"\n")
	must(t, err)
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello "+name+"\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestConnectionsThroughATunnelShareOneToTheAPIServerWhichIsMadeAgainWhenItBreaks(t *testing.T) {
	c, shaken, cut := portforwarding(t)
	tunnel := c.Tunnel("shop", "web-1", 80)
	var all []net.Conn
	for range 5 {
		conn, err := tunnel.Dial(t.Context())
		must(t, err)
		all = append(all, conn)
	}
	for i, conn := range slices.Backward(all) {
		greeted(t, conn, fmt.Sprint("world ", i))
	}
	if n := shaken.Load(); n != 1 {
		t.Errorf("%d connections to the API server for 5 through it", n)
	}
	idle, err := tunnel.Dial(t.Context())
	must(t, err)
	cut()
	if got, _ := io.ReadAll(idle); len(got) > 0 { // it ends, or the test hangs
		t.Errorf("%q came out of a tunnel that was cut", got)
	}
	again, err := tunnel.Dial(t.Context())
	must(t, err)
	greeted(t, again, "again")
	if n := shaken.Load(); n != 2 {
		t.Errorf("%d connections to the API server, one of them was cut", n)
	}
	tunnel.Close()
	if _, err := tunnel.Dial(t.Context()); err == nil {
		t.Error("a tunnel that was closed leads somewhere")
	}
}

func TestDialReachesAPodByWayOfTheAPIServer(t *testing.T) {
	c, _, _ := portforwarding(t)
	conn, err := c.Dial(t.Context(), "shop", "web-1", 80)
	must(t, err)
	greeted(t, conn, "world")
}

func TestDialSaysWhatTheKubeletSaid(t *testing.T) {
	c, _, _ := portforwarding(t)
	conn, err := c.Dial(t.Context(), "shop", "web-1", 81)
	must(t, err)
	defer conn.Close() //nolint:errcheck // a test
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("read: %v", err)
	}
	if _, err := c.Dial(t.Context(), "shop", "other", 80); err == nil {
		t.Error("dialled a pod that is not there")
	}
}
