// Package entry starts the ingress controllers that are part of the lab: Contour with Envoy as
// the public entry of old, Traefik as the public entry of new, and a second Traefik as the
// internal entry of new. The bridge, old's internal entry, is not among them: the tool under
// test applies it.
package entry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cutover.dev/cutover/lab/cluster"
	"cutover.dev/cutover/lab/world"
)

// adminPort is where a Traefik of the lab serves /ping, /api and /metrics, on its own address.
const adminPort = 8099

// NewSteps is how many steps StartNew reports.
const NewSteps = 2

// StartNew starts both controllers of new and waits until they answer.
func StartNew(ctx context.Context, c *cluster.Cluster) error {
	if err := startTraefik(ctx, c, "entry", c.Entry, mainFlags(c)); err != nil {
		return err
	}
	inner, err := innerFlags(c, world.Old)
	if err != nil {
		return fmt.Errorf("start the internal entry of %s: %w", c.Name, err)
	}
	return startTraefik(ctx, c, "inner", c.Inner, inner)
}

func startTraefik(ctx context.Context, c *cluster.Cluster, name, address string, flags []string) error {
	if err := c.Daemon(ctx, name, "traefik", append(commonFlags(c, address), flags...)...); err != nil {
		return err
	}
	err := c.Until(ctx, name, "Traefik "+name+" answers", 30*time.Second, func(ctx context.Context) error {
		return TraefikReady(ctx, address)
	})
	if err != nil {
		return err
	}
	c.Report.Done("%s: Traefik serves %s", c.Name, address)
	return nil
}

// TraefikReady asks the Traefik at an entry address of new for its health.
func TraefikReady(ctx context.Context, address string) error {
	return get(ctx, fmt.Sprintf("http://%s:%d/ping", address, adminPort))
}

func commonFlags(c *cluster.Cluster, address string) []string {
	return []string{
		"--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=INFO", "--log.nocolor=true",
		// What it answered with an error, and whom it had asked then: nobody else can tell when a request was lost.
		"--accesslog=true", "--accesslog.format=json", "--accesslog.filters.statuscodes=500-599", "--accesslog.fields.headers.defaultmode=drop",
		"--ping=true", "--api=true", "--api.insecure=true", fmt.Sprintf("--entrypoints.traefik.address=%s:%d", address, adminPort),
		"--metrics.prometheus=true", "--metrics.prometheus.addserviceslabels=true", "--metrics.prometheus.addrouterslabels=true",
		// The default of 2 s is how long a changed route goes on to the old place.
		"--providers.providersthrottleduration=100ms",
		"--providers.kubernetesingress=true", "--providers.kubernetesingress.ingressclass=" + world.IngressClass,
		"--providers.kubernetesingress.endpoint=" + c.API(), "--providers.kubernetesingress.certauthfilepath=" + c.World.CA(),
	}
}

// mainFlags: the public entry ends TLS and writes its address into every Ingress.
func mainFlags(c *cluster.Cluster) []string {
	return []string{
		"--providers.kubernetesingress.token=" + cluster.TokenFile(c.World, c.Cluster, world.UserMain),
		"--providers.kubernetesingress.ingressendpoint.ip=" + c.Entry,
		"--entrypoints.web.address=" + c.Entry + ":80", "--entrypoints.websecure.address=" + c.Entry + ":443",
		"--entrypoints.websecure.http.tls=true",
	}
}

// innerFlags: the internal entry is plain, believes what the other cluster's node says about
// the client, lets only that node in, marks every answer and writes no status. Its entrypoint
// has the name that annotations of TLS Ingresses use, so that it obeys them.
func innerFlags(c *cluster.Cluster, other world.Cluster) ([]string, error) {
	folder := c.Path("inner")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "inner.yaml"), []byte(middlewares(c.Marker, other.Node)), 0o644); err != nil {
		return nil, err
	}
	return []string{
		"--providers.kubernetesingress.token=" + cluster.TokenFile(c.World, c.Cluster, world.UserInner),
		"--providers.file.directory=" + folder,
		fmt.Sprintf("--entrypoints.websecure.address=%s:%d", c.Inner, world.InnerPort),
		"--entrypoints.websecure.forwardedheaders.trustedips=" + other.Node + "/32",
		"--entrypoints.websecure.http.middlewares=only-the-other-side@file,via@file",
	}, nil
}

func middlewares(marker, allowed string) string {
	return fmt.Sprintf(`http:
  middlewares:
    only-the-other-side: {ipAllowList: {sourceRange: ["%s/32"]}}
    via: {headers: {customResponseHeaders: {X-Cutover-Via: "%s"}}}
`, allowed, marker)
}
