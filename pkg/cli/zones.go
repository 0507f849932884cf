package cli

import (
	"context"

	"cutover.dev/cutover/pkg/plan"
	"cutover.dev/cutover/pkg/zone"
	"cutover.dev/cutover/pkg/zone/cloudflare"
	"cutover.dev/cutover/pkg/zone/manual"
	"cutover.dev/cutover/pkg/zone/rfc2136"
	"cutover.dev/cutover/pkg/zone/route53"
	"cutover.dev/cutover/pkg/zone/webhook"
)

// tsigVariable holds the secret of the key that signs updates.
const tsigVariable = "CUTOVER_TSIG_SECRET"

// zoneSecrets are the variables that let somebody change a zone.
var zoneSecrets = []string{tsigVariable, cloudflare.Variable, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// zonesOf makes the zones of a plan, whose servers are talked to by a Dialer (nil: this process). Whoever only looks needs no secret
// for rfc2136 and manual ones; Route 53 and Cloudflare let nobody read without credentials, and those that may only read will do.
func zonesOf(p *plan.Plan, env func(string) string, by zone.Dialer) []*zone.Zone {
	var all []*zone.Zone
	for _, z := range p.Spec.DNS.Zones {
		find := zone.Finder{Zone: z.Name}
		if z.RFC2136 != nil {
			find.Via = z.RFC2136.Server
		}
		out := &zone.Zone{Name: z.Name, Servers: find.Find, AllowRace: z.AllowRace}
		if len(z.Servers) > 0 {
			out.Servers = fixed(z.Servers, by)
		}
		switch {
		case z.RFC2136 != nil:
			editor := rfc2136.New(z.Name, z.RFC2136.Server, z.RFC2136.Key, z.RFC2136.Algorithm, env(tsigVariable))
			editor.By = by
			out.Editor = editor
		case z.Route53 != nil:
			out.Editor = route53.New(z.Name, route53.Options{ID: z.Route53.ID})
		case z.Cloudflare != nil:
			out.Editor = cloudflare.New(z.Name, cloudflare.Options{ID: z.Cloudflare.ID, Token: env(cloudflare.Variable)})
		case z.Webhook != nil:
			out.Editor = &webhook.Editor{Zone: z.Name, URL: z.Webhook.URL, Servers: out.Servers}
		case z.Manual != nil:
			out.Editor = &manual.Editor{Zone: z.Name, Servers: out.Servers}
		}
		all = append(all, out)
	}
	return all
}

// fixed are servers that the plan names.
func fixed(addrs []string, by zone.Dialer) func(context.Context) ([]zone.Server, error) {
	return func(context.Context) ([]zone.Server, error) {
		all := make([]zone.Server, len(addrs))
		for i, a := range addrs {
			all[i] = zone.Server{Addr: a, By: by}
		}
		return all, nil
	}
}
