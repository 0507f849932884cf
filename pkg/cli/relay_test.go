package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/fault"
)

// relaying runs `cutover relay` and says where it listens and, once it has ended, with which exit code.
func relaying(t *testing.T) (addr string, stop func(), ended <-chan int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	said, errs := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- cli.Main(ctx, []string{"cutover", "relay", "--listen", "127.0.0.1:0"}, func(string) string { return "" }, strings.NewReader(""), io.Discard, errs)
		_ = errs.Close()
	}()
	t.Cleanup(cancel)
	line, err := bufio.NewReader(said).ReadString('\n')
	addr, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !found {
		t.Fatalf("it says %q (%v)", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return addr, cancel, code
}

func TestTheRelayAnswersWithWhatItSawOfTheRequest(t *testing.T) {
	addr, stop, ended := relaying(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/deep/path?cutover-probe=1", strings.NewReader("secret of a client"))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "keeper-shop.demo.cutover.internal"
	for name, value := range map[string]string{
		"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7, 10.1.1.36", "X-Forwarded-Host": "shop.test", "X-Real-Ip": "198.51.100.7",
		"Authorization": "secret of a client", "Cookie": "secret of a client",
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	got := map[string]string{}
	if err != nil || json.Unmarshal(body, &got) != nil {
		t.Fatalf("it answers %s (%v)", body, err)
	}
	if host, _, err := net.SplitHostPort(got["remote"]); err != nil || host != "127.0.0.1" {
		t.Errorf("the client is %q", got["remote"])
	}
	delete(got, "remote")
	want := map[string]string{
		"host": "keeper-shop.demo.cutover.internal", "path": "/deep/path", "method": "POST", "forwardedProto": "https",
		"forwardedFor": "198.51.100.7, 10.1.1.36", "forwardedHost": "shop.test", "realIP": "198.51.100.7",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	health, err := http.Get("http://" + addr + "/healthz")
	if err != nil || health.StatusCode != http.StatusOK {
		t.Fatalf("/healthz: %v %v", health, err)
	}
	_ = health.Body.Close()
	stop() // the client's connection is idle, and still open
	if code := <-ended; code != int(fault.OK) {
		t.Errorf("it ends with exit code %d", code)
	}
}

func TestARelayThatCannotListenSaysSo(t *testing.T) {
	var said strings.Builder
	code := cli.Main(t.Context(), []string{"cutover", "relay", "--listen", "nowhere:http:80"}, func(string) string { return "" }, strings.NewReader(""), io.Discard, &said)
	if code != int(fault.Usage) || !strings.Contains(said.String(), "listen") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
