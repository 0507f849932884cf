package kube_test

import (
	"bufio"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"cutover.dev/cutover/pkg/kube"
)

// portforwarding is the port-forward endpoint of an API server without WebSockets, in front of one pod: port 80 answers
// "hello NAME", nobody listens on any other. It shows what the client sends; a kubelet is only in the lab.
func portforwarding(t *testing.T) *kube.Cluster {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/namespaces/shop/pods/web-1/portforward" {
			http.Error(w, "not here", http.StatusBadRequest)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			return
		}
		streams := make(chan httpstream.Stream, 2)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if conn == nil {
			return
		}
		defer conn.Close() //nolint:errcheck // the client is done
		complaints, data := <-streams, <-streams
		if data.Headers().Get("port") != "80" {
			_, _ = io.WriteString(complaints, "connection refused")
			_, _ = complaints.Close(), data.Close()
			<-conn.CloseChan()
			return
		}
		if name, err := bufio.NewReader(data).ReadString('\n'); err == nil {
			_, _ = io.WriteString(data, "hello "+name)
		}
		_, _ = data.Close(), complaints.Close()
		<-conn.CloseChan()
	}))
	t.Cleanup(s.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
		clusters: [{name: k, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: {token: t}}]}`,
		s.URL, base64.StdEncoding.EncodeToString(ca))
	return dial(t, base64.StdEncoding.EncodeToString([]byte(config)))
}

func TestDialReachesAPodByWayOfTheAPIServer(t *testing.T) {
	c := portforwarding(t)
	conn, err := c.Dial(t.Context(), "shop", "web-1", 80)
	must(t, err)
	defer conn.Close() //nolint:errcheck // a test
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "world\n")
	must(t, err)
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello world\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestDialSaysWhatTheKubeletSaid(t *testing.T) {
	c := portforwarding(t)
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
