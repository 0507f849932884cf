package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// ErrNoCounter says that a controller shows no request counter at all: it may count elsewhere, or not. That is no zero.
var ErrNoCounter = errors.New("no request counter")

// ErrRestarted says that a counter went back: what happened in between cannot be told.
var ErrRestarted = errors.New("the counter started again")

const maxMetrics = 256 << 20

// counters is where each kind of controller counts the requests that it sent to a Service.
var counters = map[string]string{
	"traefik": "traefik_service_requests_total",
	"nginx":   "nginx_ingress_controller_requests",
	"envoy":   "envoy_cluster_upstream_rq_total",
	"haproxy": "haproxy_backend_http_requests_total",
}

// Requests names the Service whose requests are counted. Ports are the names under which controllers may know its port:
// the name and the number. Traefik takes what the Ingress says, Contour always the number.
type Requests struct {
	Namespace, Service string
	Ports              []string
}

func (r Requests) String() string {
	return r.Namespace + "/" + r.Service + ":" + strings.Join(r.Ports, "|")
}

// Count is a reading of a counter. Series 0 means that the controller counts, but has never sent anything there.
type Count struct {
	Value  float64
	Series int
}

// Since returns what was counted between before and c.
func (c Count) Since(before Count) (float64, error) {
	if c.Value < before.Value || c.Series < before.Series {
		return 0, ErrRestarted
	}
	return c.Value - before.Value, nil
}

// Read reads how many requests the controller at url (kind: traefik, nginx, envoy or haproxy) has sent to r.
func Read(ctx context.Context, url, kind string, r Requests) (Count, error) {
	if r.Namespace == "" || r.Service == "" || len(r.Ports) == 0 || slices.Contains(r.Ports, "") {
		return Count{}, fmt.Errorf("count requests to %q: namespace, service and port are needed", r)
	}
	return read(ctx, url, kind, r.match(kind))
}

// Counter is the sum of all request counters whose labels match.
func Counter(ctx context.Context, url, kind string, match func(labels map[string]string) bool) (float64, error) {
	c, err := read(ctx, url, kind, match)
	return c.Value, err
}

func read(ctx context.Context, url, kind string, match func(map[string]string) bool) (Count, error) {
	metric, ok := counters[kind]
	if !ok {
		return Count{}, fmt.Errorf("read counters at %s: unknown kind of controller %q", url, kind)
	}
	body, err := fetch(ctx, url)
	if err != nil {
		return Count{}, fmt.Errorf("read counters at %s: %w", url, err)
	}
	defer body.Close()
	c, err := count(body, metric, match)
	if err != nil {
		return Count{}, fmt.Errorf("read counters at %s: %w", url, err)
	}
	return c, nil
}

type body struct {
	io.Reader
	close func()
}

func (b body) Close() { b.close() }

func fetch(ctx context.Context, url string) (body, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return body{}, err
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		cancel()
		return body{}, err
	}
	out := body{Reader: io.LimitReader(resp.Body, maxMetrics), close: func() { resp.Body.Close(); cancel() }}
	if resp.StatusCode != http.StatusOK {
		out.Close()
		return body{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	return out, nil
}

// count parses only the lines of one metric: a controller with thousands of routes shows megabytes of others.
func count(in io.Reader, metric string, match func(map[string]string) bool) (Count, error) {
	wanted, err := only(in, metric)
	if err != nil {
		return Count{}, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(wanted)
	if err != nil {
		return Count{}, fmt.Errorf("%s: %w", metric, err)
	}
	family := families[metric]
	if len(family.GetMetric()) == 0 {
		return Count{}, fmt.Errorf("%w: no series of %s", ErrNoCounter, metric)
	}
	var c Count
	for _, m := range family.GetMetric() {
		labels := make(map[string]string, len(m.GetLabel()))
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if match(labels) {
			c.Series++
			c.Value += m.GetCounter().GetValue() + m.GetUntyped().GetValue() + m.GetGauge().GetValue()
		}
	}
	return c, nil
}

func only(in io.Reader, metric string) (io.Reader, error) {
	var out bytes.Buffer
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		rest, found := bytes.CutPrefix(line, []byte(metric))
		if found && len(rest) > 0 && (rest[0] == '{' || rest[0] == ' ' || rest[0] == '\t') {
			out.Write(line)
		}
		if errors.Is(err, io.EOF) {
			return &out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (r Requests) match(kind string) func(map[string]string) bool {
	var names, prefixes []string
	label := "service"
	for _, port := range r.Ports {
		parts := []string{r.Namespace, r.Service, port}
		switch kind {
		case "traefik":
			names = append(names, traefikName(parts...)+"@kubernetes")
		case "envoy": // Contour calls a cluster namespace/service/port/hash, and in statistics namespace_service_port
			label = "envoy_cluster_name"
			names, prefixes = append(names, strings.Join(parts, "_")), append(prefixes, strings.Join(parts, "/")+"/")
		case "haproxy": // the two controllers for HAProxy name backends differently
			label = "proxy"
			names = append(names, strings.Join(parts, "_"), r.Namespace+"_svc_"+r.Service+"_"+port, strings.Join(parts, "-"))
		}
	}
	if kind == "nginx" { // it has labels of its own for both, and counts all ports as one
		return func(l map[string]string) bool { return l["namespace"] == r.Namespace && l["service"] == r.Service }
	}
	return func(l map[string]string) bool {
		return slices.Contains(names, l[label]) ||
			slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(l[label], p) })
	}
}

// traefikName joins the letters and digits of a name with dashes, as Traefik does for its services.
func traefikName(parts ...string) string {
	words := strings.FieldsFunc(strings.Join(parts, "-"), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	return strings.Join(words, "-")
}
