package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// The largest request body that is taken, and the largest answer of a backend that is shown.
const (
	maxBody    = 8 << 20
	maxBackend = 64 << 10
)

// app answers requests.
type app struct {
	cfg      config
	faults   *faults
	sessions sessions
	client   *http.Client
}

func newApp(cfg config) *app {
	return &app{cfg: cfg, faults: newFaults(cfg), client: &http.Client{Timeout: 10 * time.Second}}
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", a.faults.health)
	mux.HandleFunc("/ws", a.session)
	mux.HandleFunc("/", a.answer)
	return mux
}

// answer is the JSON body of every answer.
type answer struct {
	Cluster      string      `json:"cluster"`
	Pod          string      `json:"pod"`
	Workload     string      `json:"workload"`
	ID           string      `json:"id"`
	Method       string      `json:"method"`
	Host         string      `json:"host"`
	Path         string      `json:"path"`
	Proto        string      `json:"proto"`
	Remote       string      `json:"remote"`
	Forwarded    http.Header `json:"forwarded"`
	BodyLength   int64       `json:"bodyLength"`
	BodySHA256   string      `json:"bodySha256,omitempty"`
	Greeting     string      `json:"greeting,omitempty"`
	SecretSHA256 string      `json:"secretSha256,omitempty"` // the first eight digits: enough to compare, useless to know
	Backend      *backend    `json:"backend,omitempty"`
}

// backend is what another Service of the cluster answered.
type backend struct {
	Status int             `json:"status"`
	Error  string          `json:"error,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
}

// identify says who answers in the headers, which the caller sees whatever the body is.
func (a *app) identify(h http.Header, r *http.Request) {
	h.Set("X-Cluster", a.cfg.Cluster)
	h.Set("X-Pod", a.cfg.Pod)
	h.Set("X-Workload", a.cfg.Workload)
	h.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	h.Set("Cache-Control", "no-store")
}

func (a *app) answer(w http.ResponseWriter, r *http.Request) {
	a.identify(w.Header(), r)
	if a.faults.answers.Load() {
		http.Error(w, "told to fail", http.StatusInternalServerError)
		return
	}
	out := a.describe(r)
	sum, echo := sha256.New(), bytes.Buffer{}
	var sink io.Writer = sum
	if r.URL.Query().Has("echo") {
		sink = io.MultiWriter(sum, &echo)
	}
	n, err := io.Copy(sink, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "read the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	if out.BodyLength = n; n > 0 {
		out.BodySHA256 = hex.EncodeToString(sum.Sum(nil))
		w.Header().Set("X-Body-Sha256", out.BodySHA256)
	}
	if !a.work(r.Context(), r.URL.Query().Get("sleep")) {
		return // nobody is there any more to read an answer
	}
	if r.URL.Query().Has("echo") {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(echo.Bytes())
		return
	}
	a.write(w, r, out)
}

func (a *app) write(w http.ResponseWriter, r *http.Request, out answer) {
	status := http.StatusOK
	if a.cfg.Backend != "" {
		out.Backend = a.ask(r.Context(), r.Header.Get("X-Request-Id"))
		if out.Backend.Status != http.StatusOK {
			status = http.StatusBadGateway
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// describe says how the request got here, and shows what is mounted.
func (a *app) describe(r *http.Request) answer {
	forwarded := http.Header{}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip"} {
		if v := r.Header.Values(name); len(v) > 0 {
			forwarded[name] = v
		}
	}
	out := answer{
		Cluster: a.cfg.Cluster, Pod: a.cfg.Pod, Workload: a.cfg.Workload, ID: r.Header.Get("X-Request-Id"),
		Method: r.Method, Host: r.Host, Path: r.URL.Path, Proto: r.Proto, Remote: r.RemoteAddr, Forwarded: forwarded,
	}
	if b, err := os.ReadFile(a.cfg.Greeting); err == nil {
		out.Greeting = string(bytes.TrimSpace(b))
	}
	if b, err := os.ReadFile(a.cfg.Secret); err == nil {
		sum := sha256.Sum256(b)
		out.SecretSHA256 = hex.EncodeToString(sum[:4])
	}
	return out
}

// work takes the time and the processor that the workload is configured to take, and what the request asks for on top.
// False means that the caller went away meanwhile.
func (a *app) work(ctx context.Context, extra string) bool {
	for end := time.Now().Add(a.cfg.Burn); time.Now().Before(end); {
		sha256.Sum256([]byte(extra))
	}
	d, _ := time.ParseDuration(extra)
	if d += a.cfg.Delay + a.faults.delay(); d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *app) ask(ctx context.Context, id string) *backend {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cfg.Backend, http.NoBody)
	if err != nil {
		return &backend{Error: err.Error()}
	}
	req.Header.Set("X-Request-Id", id)
	resp, err := a.client.Do(req)
	if err != nil {
		return &backend{Error: err.Error()}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBackend))
	switch {
	case err != nil:
		return &backend{Error: err.Error()}
	case !json.Valid(b):
		return &backend{Status: resp.StatusCode, Error: fmt.Sprintf("%d bytes that are no JSON", len(b))}
	}
	return &backend{Status: resp.StatusCode, Answer: b}
}
