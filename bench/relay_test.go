package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/reach"
)

// There is no port-forward without a kubelet. Whoever has a whole cluster names it here: lab/measure.
const relayVariable = "CUTOVER_BENCH_RELAY"

// relaying is the cluster, what is needed for a relay in it, and the destination: a pod that reads a request's body, and
// answers with it if the query has "echo".
type relaying struct{ Kubeconfig, Namespace, Image, Pod string }

const (
	relayRounds = 25
	relayDials  = 8       // in each round, by each way
	relayed     = 8 << 20 // bytes that go there, and then come back
)

// BenchmarkRelay measures what it takes to reach a pod by way of a relay in its cluster, behind the API server's port-forward,
// against dialling it from here. Nothing is aimed at: where there is a relay, nothing else gets there.
func BenchmarkRelay(b *testing.B) {
	text := os.Getenv(relayVariable)
	if text == "" {
		b.Skip("it needs a cluster with a kubelet; lab/measure runs it in the lab")
	}
	var r relaying
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		b.Fatal(err)
	}
	c, err := kube.Connect(b.Context(), phase.Old, r.Kubeconfig, kube.Options{})
	if err != nil {
		b.Fatal(err)
	}
	pod, relay := reach.NewPod(reach.Options{
		Cluster: c, Plan: "bench", Namespace: r.Namespace, Image: r.Image, Allow: []string{"tcp/" + r.Pod}, Of: reach.OfLook, Run: "bench",
	})
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := pod.Remove(ctx); err != nil {
			b.Error(err)
		}
	})
	at := time.Now()
	if err := pod.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("the relay runs after %.2f s\n", time.Since(at).Seconds())
	by, direct := newPath(relay, r.Pod), newPath(reach.Direct{}, r.Pod)
	for i := range relayRounds + 1 { // the first warms both
		for _, p := range []*path{by, direct} {
			if err := p.round(b.Context()); err != nil {
				b.Fatal(err)
			}
			if i == 0 {
				p.dials, p.asks, p.up, p.back = nil, nil, nil, nil
			}
		}
	}
	stated(b, "relay against direct: dial, p50", quantile(by.dials, 0.5), quantile(direct.dials, 0.5), "ms")
	stated(b, "relay against direct: dial, p99", quantile(by.dials, 0.99), quantile(direct.dials, 0.99), "ms")
	stated(b, "relay against direct: a request on a kept connection, p50", quantile(by.asks, 0.5), quantile(direct.asks, 0.5), "ms")
	stated(b, "relay against direct: 8 MiB there", quantile(by.up, 0.5), quantile(direct.up, 0.5), "ms")
	stated(b, "relay against direct: 8 MiB there and back", quantile(by.back, 0.5), quantile(direct.back, 0.5), "ms")
	fmt.Printf("there %.0f MiB/s by the relay, %.0f MiB/s directly\n", throughput(by.up), throughput(direct.up))
}

func throughput(millis []float64) float64 { return relayed / (1 << 20) / quantile(millis, 0.5) * 1000 }

// quantile is the smallest that at least this share does not exceed.
func quantile(all []float64, share float64) float64 {
	return slices.Sorted(slices.Values(all))[int(share*float64(len(all)-1))]
}

// path is one way to the pod, with what was measured on it, in milliseconds.
type path struct {
	by   reach.Dialer
	at   string
	kept *http.Client

	dials, asks, up, back []float64
}

func newPath(by reach.Dialer, at string) *path {
	return &path{by: by, at: at, kept: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: by.DialContext, DisableCompression: true}}}
}

func (p *path) round(ctx context.Context) error {
	for range relayDials {
		if err := timed(&p.dials, func() error {
			conn, err := p.by.DialContext(ctx, "tcp", p.at)
			if err != nil {
				return err
			}
			return conn.Close()
		}); err != nil {
			return err
		}
		if err := timed(&p.asks, func() error { return p.ask(ctx, "/", nil) }); err != nil {
			return err
		}
	}
	body := make([]byte, relayed)
	if err := timed(&p.up, func() error { return p.ask(ctx, "/", body) }); err != nil {
		return err
	}
	return timed(&p.back, func() error { return p.ask(ctx, "/?echo", body) })
}

// timed appends what f takes.
func timed(to *[]float64, f func() error) error {
	at := time.Now()
	err := f()
	*to = append(*to, float64(time.Since(at).Microseconds())/1000)
	return err
}

// ask wants as much back as it sent where the pod has to send it back.
func (p *path) ask(ctx context.Context, target string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.at+target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := p.kept.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || req.URL.RawQuery != "" && n != int64(len(body))) {
		err = fmt.Errorf("%s of %s answers with %s and %d bytes", target, p.at, resp.Status, n)
	}
	return err
}
