package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"cutover.dev/cutover/lab/load/ledger"
)

// How much is posted.
const (
	smallBody  = 512
	uploadBody = 1 << 20
)

// request is one request to be sent.
type request struct {
	target      Target
	id          string
	late        time.Duration
	post, fresh bool
}

// send asks once and says what became of it. It never repeats a request. The standard client may do so with a GET whose
// kept connection the server closed, as browsers do; the ledger shows it as a second try.
func (r request) send(ctx context.Context, c *clients) ledger.Entry {
	e := ledger.Entry{
		ID: r.id, At: time.Now(), Group: c.group, Entry: c.entry, Method: http.MethodGet,
		Host: r.target.Host, Path: r.target.Path, Late: millis(r.late), Fresh: r.fresh,
	}
	req, sum, err := r.build(ctx)
	if err != nil {
		e.Class, e.Detail = ledger.Wrong, err.Error()
		return e
	}
	e.Method = req.Method
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { e.Tries, e.Entry = e.Tries+1, c.place(i.Conn) },
	}))
	client := c.keep
	if r.fresh {
		client = c.fresh
	}
	err = r.answer(client, req, sum, &e)
	e.Millis, e.Class = millis(time.Since(e.At)), classify(err)
	if err != nil {
		e.Detail = err.Error()
	}
	return e
}

// build makes the request, and returns the sum of its body, empty when it has none.
func (r request) build(ctx context.Context) (*http.Request, string, error) {
	url, method := "https://"+r.target.Host+r.target.Path, http.MethodGet
	var body []byte
	switch {
	case r.target.Kind == Upload:
		// The pause lies between the whole body and the answer. Without it, Traefik in front of Traefik cuts about one
		// echo in 800 short on a kept connection ("unexpected EOF"), whatever is or is not being moved: 3 of 2,401 were
		// lost with nothing moving, none of 2,401 through Envoy, none of 3,601 with the pause.
		method, body, url = http.MethodPost, fill(r.id, uploadBody), url+"?echo&sleep=20ms"
	case r.post:
		method, body = http.MethodPost, fill(r.id, smallBody)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, "", fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("X-Request-Id", r.id)
	if body == nil {
		return req, "", nil
	}
	// An opaque reader and no GetBody: the standard client cannot send it a second time.
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.Header.Set("Content-Type", "application/octet-stream")
	sum := sha256.Sum256(body)
	return req, hex.EncodeToString(sum[:]), nil
}

// fill returns n bytes that differ from request to request.
func fill(id string, n int) []byte {
	b := make([]byte, n)
	for at := copy(b, id); at < n; at *= 2 {
		copy(b[at:], b[:at])
	}
	return b
}

// answer sends the request and holds the whole answer against what belongs there.
func (r request) answer(client *http.Client, req *http.Request, sum string, e *ledger.Entry) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	e.Status = resp.StatusCode
	e.Cluster, e.Pod, e.Workload = resp.Header.Get("X-Cluster"), resp.Header.Get("X-Pod"), resp.Header.Get("X-Workload")
	back := sha256.New()
	if _, err := io.Copy(back, resp.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := belongs(resp, r.target.Workload, r.id); err != nil {
		return err
	}
	if got := resp.Header.Get("X-Body-Sha256"); got != sum {
		return wrong("what arrived has the sum %q, what was sent %q", got, sum)
	}
	if got := hex.EncodeToString(back.Sum(nil)); r.target.Kind == Upload && got != sum {
		return wrong("what came back has the sum %q, what was sent %q", got, sum)
	}
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
