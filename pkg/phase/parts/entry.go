package parts

import (
	"cmp"
	"net"
	"strconv"

	"cutover.dev/cutover/pkg/ingress"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/probe"
)

// Addrs lists host:port of every address of an entry, or of its hostname.
func Addrs(e plan.Entry, tls bool) []string {
	port := cmp.Or(e.HTTPPort, 80)
	if tls {
		port = cmp.Or(e.HTTPSPort, 443)
	}
	return join(e.Addresses, e.Hostname, port)
}

// BridgeAddrs lists host:port of every address of the bridge.
func BridgeAddrs(b plan.Bridge) []string { return join(b.Addresses, b.Hostname, b.Port) }

// MetricsURLs lists where the bridge's controller shows its counters, one for each of its pods or addresses; nil without bridge.metrics.
func MetricsURLs(b plan.Bridge) []string { return metricsURLs(b.Addresses, b.Hostname, b.Metrics) }

// OldMetricsURLs lists where the controller of old's entry shows its counters, one for each of its pods or
// addresses; nil without entry.oldMetrics.
func OldMetricsURLs(e plan.Entries) []string {
	return metricsURLs(e.Old.Addresses, e.Old.Hostname, e.OldMetrics)
}

func metricsURLs(addresses []string, hostname string, m *plan.Metrics) []string {
	if m == nil {
		return nil
	}
	if len(m.Addresses) > 0 {
		addresses, hostname = m.Addresses, ""
	}
	path := "/metrics"
	if m.Kind == "envoy" {
		path = "/stats/prometheus"
	}
	var urls []string
	for _, addr := range join(addresses, hostname, m.Port) {
		urls = append(urls, "http://"+addr+path)
	}
	return urls
}

func join(addresses []string, hostname string, port int) []string {
	if hostname != "" {
		addresses = append(addresses[:len(addresses):len(addresses)], hostname)
	}
	var all []string
	for _, a := range addresses {
		all = append(all, net.JoinHostPort(a, strconv.Itoa(port)))
	}
	return all
}

// Targets is what to ask for one host and path at every address of the entry of old or of new.
func (d Deps) Targets(env string, tls bool, host, path string) []probe.Target {
	e := d.Plan.Spec.Entry.Old
	if env == phase.New {
		e = d.Plan.Spec.Entry.New
	}
	var all []probe.Target
	for _, addr := range Addrs(e, tls) {
		t := Target(addr, tls, host, path)
		t.Dial = d.Reach.From(e.From).DialContext
		all = append(all, t)
	}
	return all
}

// Target is what to ask for one host and path at one address.
func Target(addr string, tls bool, host, path string) probe.Target {
	return probe.Target{Addr: addr, TLS: tls, Host: host, Path: path}
}

// RouteTargets is what to ask for one route at every address of the entry of old or of new.
func (d Deps) RouteTargets(env string, r ingress.Route) []probe.Target {
	host, path := r.Ask()
	return d.Targets(env, r.TLS, host, path)
}

// KeeperTargets is what to ask for the keeper host of a namespace at every address of new's entry: plain HTTP, it has no
// certificate. Every answer must carry the bridge's marker.
func (d Deps) KeeperTargets(ns string) []probe.Target {
	return d.Targets(phase.New, false, ingress.Keeper(ns, d.Plan.Metadata.Name), "/")
}
