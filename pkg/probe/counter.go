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

// Counters is where one pod of a controller shows what it counts.
type Counters struct {
	URL, Kind string
	Dial      Dial // nil means net.Dialer
}

// ReadAll asks once and reads the counts of many Services, in their order: a controller with thousands of routes shows
// megabytes.
func ReadAll(ctx context.Context, at Counters, all []Requests) ([]Count, error) {
	for _, r := range all {
		if r.Namespace == "" || r.Service == "" || len(r.Ports) == 0 || slices.Contains(r.Ports, "") {
			return nil, fmt.Errorf("count requests to %q: namespace, service and port are needed", r)
		}
	}
	counted, err := scrape(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("read counters at %s: %w", at.URL, err)
	}
	counts := make([]Count, len(all))
	for i, r := range all {
		for _, name := range r.names(at.Kind) {
			counts[i].Value += counted[name].Value
			counts[i].Series += counted[name].Series
		}
	}
	return counts, nil
}

// scrape reads what a controller counts, by the name that it has for a Service.
func scrape(ctx context.Context, at Counters) (map[string]Count, error) {
	metric, ok := counters[at.Kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind of controller %q", at.Kind)
	}
	body, err := fetch(ctx, at)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return count(body, metric, at.Kind)
}

type body struct {
	io.Reader
	close func()
}

func (b body) Close() { b.close() }

func fetch(ctx context.Context, at Counters) (body, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL, nil)
	if err != nil {
		cancel()
		return body{}, err
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := (&http.Transport{DisableKeepAlives: true, DialContext: at.Dial}).RoundTrip(req)
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
func count(in io.Reader, metric, kind string) (map[string]Count, error) {
	wanted, err := only(in, metric)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(wanted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metric, err)
	}
	family := families[metric]
	if len(family.GetMetric()) == 0 {
		return nil, fmt.Errorf("%w: no series of %s", ErrNoCounter, metric)
	}
	counted := map[string]Count{}
	for _, m := range family.GetMetric() {
		name := counterName(kind, func(label string) string {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					return l.GetValue()
				}
			}
			return ""
		})
		c := counted[name]
		c.Series++
		c.Value += m.GetCounter().GetValue() + m.GetUntyped().GetValue() + m.GetGauge().GetValue()
		counted[name] = c
	}
	return counted, nil
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

// counterName is what a series says about the Service it counts for, in the words of names.
func counterName(kind string, label func(string) string) string {
	switch kind {
	case "nginx":
		return label("namespace") + "/" + label("service")
	case "haproxy":
		return label("proxy")
	case "envoy":
		name := label("envoy_cluster_name")
		if hash := strings.LastIndexByte(name, '/'); hash >= 0 {
			name = name[:hash]
		}
		return name
	}
	return label("service")
}

// names lists what a controller may call r in its series, each one once.
func (r Requests) names(kind string) []string {
	if kind == "nginx" { // it has labels of its own for both, and counts all ports as one
		return []string{r.Namespace + "/" + r.Service}
	}
	var names []string
	for _, port := range r.Ports {
		parts := []string{r.Namespace, r.Service, port}
		switch kind {
		case "traefik":
			names = append(names, traefikName(parts...)+"@kubernetes")
		case "envoy": // Contour calls a cluster namespace/service/port/hash, and in statistics namespace_service_port
			names = append(names, strings.Join(parts, "_"), strings.Join(parts, "/"))
		case "haproxy": // the two controllers for HAProxy name backends differently
			names = append(names, strings.Join(parts, "_"), r.Namespace+"_svc_"+r.Service+"_"+port, strings.Join(parts, "-"))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// traefikName joins the letters and digits of a name with dashes, as Traefik does for its services.
func traefikName(parts ...string) string {
	words := strings.FieldsFunc(strings.Join(parts, "-"), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	return strings.Join(words, "-")
}
