package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"

	"cutover.dev/cutover/lab/cache"
)

// machine says what the demo ran on. What cannot be read is left out.
func machine() map[string]any {
	m := map[string]any{"cpus": runtime.NumCPU(), "os": runtime.GOOS + "/" + runtime.GOARCH}
	if v := field("/etc/os-release", "PRETTY_NAME="); v != "" {
		m["distribution"] = strings.Trim(v, `"`)
	}
	if v := field("/proc/cpuinfo", "model name"); v != "" {
		m["processor"] = strings.TrimSpace(strings.TrimLeft(v, "\t :"))
	}
	if kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(field("/proc/meminfo", "MemTotal:")), " kB")); err == nil {
		m["memoryMiB"] = kib / 1024
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m["kernel"] = strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if load, _, ok := strings.Cut(string(b), " "); ok {
			m["loadAtStart"] = load
		}
	}
	return m
}

// field returns the rest of the first line that begins with name.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// versions says what took part.
func versions(ctx context.Context, d *demo) map[string]string {
	v := map[string]string{
		"go": runtime.Version(), "kubernetes": cache.Kubernetes, "contour": cache.Contour, "envoy": cache.Envoy,
		"traefik": cache.Traefik, "metrics-server": cache.MetricsServer, "mongod": cache.MongoDB,
	}
	if r, err := d.tool.Run(context.WithoutCancel(ctx), nil, "version"); err == nil && r.Code == 0 {
		v["cutover"] = strings.TrimSpace(string(r.Stdout))
	}
	return v
}
