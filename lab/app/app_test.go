package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// start serves the application with that environment on loopback.
func start(t *testing.T, env map[string]string) (*app, string) {
	t.Helper()
	cfg, err := configFrom(func(k string) string {
		if v, ok := env[k]; ok {
			return v
		}
		return map[string]string{"WORKLOAD": "web", "NODE_NAME": "node-old", "POD_NAME": "web-1"}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(cfg)
	s := httptest.NewServer(a.routes())
	t.Cleanup(s.Close)
	return a, s.URL
}

func ask(t *testing.T, method, url string, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "id-1")
	req.Header.Set("X-Forwarded-Proto", "https")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

func decode(t *testing.T, b []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		t.Fatalf("decode %q: %v", b, err)
	}
	return a
}

func TestAnAnswerNamesItsClusterPodAndWorkload(t *testing.T) {
	_, url := start(t, nil)
	resp, b := ask(t, http.MethodGet, url+"/some/path", nil)
	for header, want := range map[string]string{"X-Cluster": "old", "X-Pod": "web-1", "X-Workload": "web", "X-Request-Id": "id-1"} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("header %s is %q, want %q", header, got, want)
		}
	}
	a := decode(t, b)
	if a.Cluster != "old" || a.Pod != "web-1" || a.Workload != "web" || a.Path != "/some/path" || a.ID != "id-1" {
		t.Errorf("body says %+v", a)
	}
	if got := a.Forwarded.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("forwarded protocol is %q, want https", got)
	}
}

func TestTheClusterIsTheOneOfTheNodeAndNothingElse(t *testing.T) {
	_, url := start(t, map[string]string{"NODE_NAME": "node-new", "CLUSTER": "old"})
	if resp, _ := ask(t, http.MethodGet, url, nil); resp.Header.Get("X-Cluster") != "new" {
		t.Errorf("cluster is %q, want new", resp.Header.Get("X-Cluster"))
	}
}

func TestEveryMistakeOfTheEnvironmentIsNamed(t *testing.T) {
	_, err := configFrom(func(k string) string {
		return map[string]string{"DELAY": "soon", "DRAIN_SECONDS": "x"}[k]
	})
	for _, want := range []string{"DELAY", "DRAIN_SECONDS", "WORKLOAD", "NODE_NAME"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestAnUploadComesBackOrIsSummed(t *testing.T) {
	_, url := start(t, nil)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	sum := sha256.Sum256(body)
	want := hex.EncodeToString(sum[:])
	_, b := ask(t, http.MethodPost, url, bytes.NewReader(body))
	if a := decode(t, b); a.BodyLength != 1<<20 || a.BodySHA256 != want {
		t.Errorf("got %d bytes with sum %s, want %d with %s", a.BodyLength, a.BodySHA256, 1<<20, want)
	}
	resp, b := ask(t, http.MethodPost, url+"/?echo", bytes.NewReader(body))
	if !bytes.Equal(b, body) || resp.Header.Get("X-Body-Sha256") != want || resp.Header.Get("X-Workload") != "web" {
		t.Errorf("echo of %d bytes has %d and headers %v", len(body), len(b), resp.Header)
	}
}

func TestTheSecretIsShownOnlyAsTheStartOfItsSum(t *testing.T) {
	dir := t.TempDir()
	greeting, secret := filepath.Join(dir, "greeting"), filepath.Join(dir, "secret")
	for path, text := range map[string]string{greeting: "hello\n", secret: "hunter2"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, url := start(t, map[string]string{"GREETING_FILE": greeting, "SECRET_FILE": secret})
	_, b := ask(t, http.MethodGet, url, nil)
	if a := decode(t, b); a.Greeting != "hello" || a.SecretSHA256 != "f52fbd32" {
		t.Errorf("shown: greeting %q, secret %q", a.Greeting, a.SecretSHA256)
	}
	if bytes.Contains(b, []byte("hunter2")) {
		t.Error("the answer contains the secret")
	}
}

func TestTheBackendsAnswerIsPartOfTheAnswer(t *testing.T) {
	behind, backendURL := start(t, map[string]string{"WORKLOAD": "api"})
	_, url := start(t, map[string]string{"WORKLOAD": "cart", "BACKEND_URL": backendURL})
	resp, b := ask(t, http.MethodGet, url, nil)
	a := decode(t, b)
	if a.Backend == nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, backend %v", resp.StatusCode, a.Backend)
	}
	if inner := decode(t, a.Backend.Answer); inner.Workload != "api" || inner.ID != "id-1" {
		t.Errorf("backend answered %+v", inner)
	}
	behind.faults.answers.Store(true)
	if resp, _ := ask(t, http.MethodGet, url, nil); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status with a broken backend is %d, want 502", resp.StatusCode)
	}
}

func TestFaultsComeAndGoByTheControlPort(t *testing.T) {
	a, url := start(t, map[string]string{"FAIL_READY": "1"})
	control := httptest.NewServer(a.faults.routes())
	defer control.Close()
	status := func(path string) int {
		resp, _ := ask(t, http.MethodGet, url+path, nil)
		return resp.StatusCode
	}
	if got := status("/healthz"); got != http.StatusServiceUnavailable {
		t.Errorf("readiness with FAIL_READY is %d, want 503", got)
	}
	ask(t, http.MethodDelete, control.URL+"/faults/ready", nil)
	if got := status("/healthz"); got != http.StatusOK {
		t.Errorf("readiness once healed is %d, want 200", got)
	}
	ask(t, http.MethodPut, control.URL+"/faults/answers", nil)
	if got := status("/"); got != http.StatusInternalServerError {
		t.Errorf("status when told to fail is %d, want 500", got)
	}
	ask(t, http.MethodPut, control.URL+"/faults/slow", nil)
	ask(t, http.MethodDelete, control.URL+"/faults/answers", nil)
	began := time.Now()
	if got := status("/"); got != http.StatusOK || time.Since(began) < late {
		t.Errorf("status when told to be slow is %d after %s", got, time.Since(began))
	}
}

func TestAFaultCanBeThatOfOneCluster(t *testing.T) {
	for value, want := range map[string]string{"new": "old", "old": "new", "1": "", "": "old new"} {
		for _, cluster := range []string{"old", "new"} {
			a, _ := start(t, map[string]string{"NODE_NAME": "node-" + cluster, "FAIL_READY": value, "FAIL_ANSWERS": value, "SLOW": value})
			healthy := strings.Contains(want, cluster)
			if f := a.faults; f.ready.Load() == healthy || f.answers.Load() == healthy || (f.delay() == 0) != healthy {
				t.Errorf("%q in %s: ready %v, answers %v, slow %v", value, cluster, f.ready.Load(), f.answers.Load(), f.slow.Load())
			}
		}
	}
}

func TestAClosingSessionIsToldToGoAway(t *testing.T) {
	a, url := start(t, nil)
	c, _, err := websocket.Dial(t.Context(), url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("one")); err != nil {
		t.Fatal(err)
	}
	_, b, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil || m.Message != "one" || m.Cluster != "old" || m.Workload != "web" {
		t.Errorf("answer is %s (%v)", b, err)
	}
	closed := make(chan error, 1)
	go func() { closed <- a.close(t.Context()) }()
	_, _, err = c.Read(t.Context())
	if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
		t.Errorf("close status is %v (%v), want going away", got, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
