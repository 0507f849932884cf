// Package plan is the committed YAML: its types, the strict decoder that names file, line and column, defaults,
// validation, the JSON schema and the digest. It never talks to a cluster and holds no secret.
package plan

import (
	"slices"
	"time"
)

// The only API version and kind there are.
const (
	APIVersion = "cutover.dev/v1alpha1"
	Kind       = "Plan"
)

// Plan is one migration of one environment.
type Plan struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`

	// Path is the file it was read from, as the user wrote it; it is no part of the file. Relative paths in the plan
	// are relative to the folder in which the tool was started.
	Path string `json:"-"`
}

// Metadata names the plan. The name is the value of the label cutover.dev/plan.
type Metadata struct {
	Name string `json:"name"`
}

// Spec is what to move and how carefully.
type Spec struct {
	Through    string            `json:"through"` // the last phase that may run; not part of the digest
	Clusters   Clusters          `json:"clusters"`
	Namespaces []string          `json:"namespaces"`
	Entry      Entries           `json:"entry"`
	Bridge     Bridge            `json:"bridge"`
	Tail       *Tail             `json:"tail,omitempty"`
	Link       *Link             `json:"link,omitempty"`
	DNS        DNS               `json:"dns"`
	MongoDB    *MongoDB          `json:"mongodb,omitempty"`
	Waves      []Wave            `json:"waves"`
	Stepdown   *Stepdown         `json:"stepdown,omitempty"`
	Cleanup    *Cleanup          `json:"cleanup,omitempty"`
	Approvals  map[string]string `json:"approvals,omitempty"` // phase -> GitHub environment that must have approved this run
	// PreventSelfReview: an approval by who began the run does not count.
	PreventSelfReview bool `json:"preventSelfReview,omitempty"`

	State   State   `json:"state,omitempty"`
	Probe   Probe   `json:"probe,omitempty"`
	Windows Windows `json:"windows,omitempty"`
	Lock    Lock    `json:"lock,omitempty"`
}

// Clusters pins both clusters.
type Clusters struct {
	Old Cluster `json:"old"`
	New Cluster `json:"new"`
}

// Cluster is the identity of a cluster, the UID of its kube-system namespace, and how what is inside it is reached.
type Cluster struct {
	UID   string `json:"uid"`
	Relay *Relay `json:"relay,omitempty"` // nil: what is inside is dialled from the machine that runs the tool
}

// Relay is the pod of the tool's own image that dials from inside a cluster.
type Relay struct {
	Image     string   `json:"image"`
	Namespace string   `json:"namespace,omitempty"`
	Allow     []string `json:"allow,omitempty"` // host:port that it may dial beyond what the plan names
}

// Entries are the public ingresses.
type Entries struct {
	Old        Entry    `json:"old"`
	New        Entry    `json:"new"`
	OldMetrics *Metrics `json:"oldMetrics,omitempty"` // at old's entry: with it, cleanup measures that nobody comes to it
}

// Entry is one public ingress: addresses or one hostname, and the class that its controller obeys.
type Entry struct {
	Addresses    []string `json:"addresses,omitempty"`
	Hostname     string   `json:"hostname,omitempty"`
	IngressClass string   `json:"ingressClass"`
	HTTPPort     int      `json:"httpPort,omitempty"`  // default 80
	HTTPSPort    int      `json:"httpsPort,omitempty"` // default 443
	From         string   `json:"from,omitempty"`      // the side whose relay asks it; "": this machine
}

// Bridge is the second, internal, non-TLS ingress of old.
type Bridge struct {
	Addresses []string `json:"addresses,omitempty"`
	Hostname  string   `json:"hostname,omitempty"`
	Port      int      `json:"port"`
	Marker    string   `json:"marker"`              // value of the response header X-Cutover-Via that it adds
	Manifests string   `json:"manifests,omitempty"` // folder or file, relative to the working folder
	Metrics   *Metrics `json:"metrics,omitempty"`   // with it, drain is measured instead of timed
	Echo      Echo     `json:"echo"`                // the pod behind the keeper host
}

// Echo is the small pod of the tool's own image in old that answers the keeper host: it lets the proxy phase see what
// the bridge passes on, and gives every probe series a control that must carry the marker.
type Echo struct {
	Image     string `json:"image"`
	Namespace string `json:"namespace"` // in old; default: state.namespace
}

// Metrics is where a controller counts its requests.
type Metrics struct {
	Addresses []string `json:"addresses,omitempty"` // of every pod; default: the ingress's own
	Port      int      `json:"port"`
	Kind      string   `json:"kind"` // traefik, nginx, envoy or haproxy
}

// Tail is the internal, non-TLS entry of new that late clients of old's entry are sent to.
type Tail struct {
	Addresses []string `json:"addresses"`
	Port      int      `json:"port"`
	Marker    string   `json:"marker,omitempty"` // value of X-Cutover-Via that the inner entry adds; with it the tail is proved, without it timed
}

// Link is what must be reachable beyond what the plan implies.
type Link struct {
	Paths []LinkPath `json:"paths,omitempty"`
}

// LinkPath is one direction that must work.
type LinkPath struct {
	From string `json:"from"` // old or new
	To   string `json:"to"`   // host:port
}

// DNS says how names move: by zones, by hand, or not at all. Exactly one of Zones, Manual and None is given.
type DNS struct {
	TTL       Duration `json:"ttl,omitempty"`
	Margin    Duration `json:"margin,omitempty"`    // how far the clocks of runners may differ
	Skip      []string `json:"skip,omitempty"`      // hosts of old that do not move by DNS
	Resolvers []string `json:"resolvers,omitempty"` // whom clients ask, host:port
	From      string   `json:"from,omitempty"`      // the side whose relay asks name servers and resolvers; "": this machine
	Zones     []Zone   `json:"zones,omitempty"`
	Manual    *Manual  `json:"manual,omitempty"`
	None      string   `json:"none,omitempty"` // the reason why no name moves
}

// Manual prints the changes and only verifies.
type Manual struct{}

// Zone is one DNS zone and who may change it.
type Zone struct {
	Name    string   `json:"name"`
	Servers []string `json:"servers,omitempty"` // who answers for it, host:port; default: every address of its NS records
	RFC2136 *RFC2136 `json:"rfc2136,omitempty"`
	Route53 *Route53 `json:"route53,omitempty"`
	Manual  *Manual  `json:"manual,omitempty"`

	Cloudflare *Cloudflare `json:"cloudflare,omitempty"`
	Webhook    *Webhook    `json:"webhook,omitempty"`
	AllowRace  bool        `json:"allowRace,omitempty"` // what somebody else writes in the same moment may be lost
}

// Racing names the provider of a zone that cannot compare and swap, "" for one that can. What it says is what the editors say
// of themselves, before there is one.
func (z *Zone) Racing() string {
	if z.Cloudflare != nil {
		return "Cloudflare"
	}
	if z.Webhook != nil {
		return "the protocol of webhook providers"
	}
	return ""
}

// Webhook is a webhook provider of external-dns, which holds the credentials.
type Webhook struct {
	URL string `json:"url"`
}

// Cloudflare is a zone at Cloudflare. The token comes from CUTOVER_CLOUDFLARE_TOKEN.
type Cloudflare struct {
	ID string `json:"id,omitempty"` // default: the one of the zone's name
}

// Route53 is a public hosted zone of Amazon Route 53. The credentials are what the AWS SDK finds.
type Route53 struct {
	ID string `json:"id,omitempty"` // default: the only public one of the zone's name
}

// RFC2136 is a server that takes signed updates. The secret comes from CUTOVER_TSIG_SECRET.
type RFC2136 struct {
	Server    string `json:"server"`
	Key       string `json:"key"`
	Algorithm string `json:"algorithm"`
}

// MongoDB is the replica set that gets new members. The URI comes from CUTOVER_MONGODB_URI.
type MongoDB struct {
	New       []string `json:"new"`
	Manifests string   `json:"manifests,omitempty"`
	MaxLag    Duration `json:"maxLag,omitempty"`
	Settle    Duration `json:"settle,omitempty"`
	Step      Duration `json:"step,omitempty"`    // one change of the set's configuration
	Wipe      string   `json:"wipe,omitempty"`    // "accepted": what new members hold may go when they join
	Clients   string   `json:"clients,omitempty"` // "accepted": every client's URI names a new member
}

// Accepted is the word by which a plan takes a risk that the tool cannot see the end of.
const Accepted = "accepted"

// Wave is a set of workloads that move together.
type Wave struct {
	Name      string     `json:"name"`
	Workloads []Workload `json:"workloads"`
}

// Workload is one thing that moves. In YAML it is a string or a mapping with ref.
type Workload struct {
	Ref       Ref    `json:"ref"`
	Source    string `json:"source,omitempty"`    // live (default), existing, or a path to committed manifests
	Callers   string `json:"callers,omitempty"`   // "accepted": callers that stay in old are fine
	Callees   string `json:"callees,omitempty"`   // "accepted": callees that are not in new are fine
	Exclusive bool   `json:"exclusive,omitempty"` // never two at once: old off first, then new on
}

// Where a workload in new comes from, if not from a path.
const (
	SourceLive     = "live"     // it is copied from old
	SourceExisting = "existing" // somebody else deploys it
)

// Live reports whether cutover copies the workload from old, which is the default.
func (w Workload) Live() bool { return w.Source == "" || w.Source == SourceLive }

// FromPath reports whether cutover applies committed manifests; Source is their path then.
func (w Workload) FromPath() bool { return !w.Live() && w.Source != SourceExisting }

// Ref names a workload: namespace/Kind/name. In YAML it is that one string.
type Ref struct{ Namespace, Kind, Name string }

func (r Ref) String() string { return r.Namespace + "/" + r.Kind + "/" + r.Name }

// Stepdown says when the MongoDB primary moves.
type Stepdown struct {
	After string `json:"after"` // a wave; default: the first by which half of the workloads moved
}

// Cleanup is what goes beyond removing what cutover itself made.
type Cleanup struct {
	Delete []string `json:"delete"` // kinds of old's own objects; see Deletable
}

// Deletable are the kinds of old's own objects that cleanup can delete, in the order in which it does: what leads to
// others goes before them. A volume is none of them: nothing here moves its data.
var Deletable = []string{
	"Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service",
	"CronJob", "DaemonSet", "Deployment", "StatefulSet", "ConfigMap", "Secret", "ServiceAccount",
}

// Deletes says whether cleanup is to delete old's own objects of a kind.
func (s *Spec) Deletes(kind string) bool {
	return s.Cleanup != nil && slices.Contains(s.Cleanup.Delete, kind)
}

// State is where the journal, the frozen inventory and the lock live.
type State struct {
	Namespace string `json:"namespace,omitempty"` // in both clusters; default cutover-system
}

// Probe bounds the tool's own requests.
type Probe struct {
	Rate         int      `json:"rate,omitempty"`         // requests a second, all hosts together
	MaxLost      *int     `json:"maxLost,omitempty"`      // requests without an answer
	MaxErrorRate *Percent `json:"maxErrorRate,omitempty"` // answers that are worse than the baseline
	Latency      float64  `json:"latency,omitempty"`      // how many times slower than the baseline the median may get
	Samples      int      `json:"samples,omitempty"`      // consecutive answers per path that prove a swap; at least 50
}

// Windows are how long the tool looks, waits or lets go on.
type Windows struct {
	Watch    Duration `json:"watch,omitempty"`    // after a route swap
	Drain    Duration `json:"drain,omitempty"`    // in-flight requests end
	Status   Duration `json:"status,omitempty"`   // the bridge must not write Ingress status
	Lag      Duration `json:"lag,omitempty"`      // a member's lag stays below mongodb.maxLag
	Residual Duration `json:"residual,omitempty"` // zero requests at the old entry
	Ready    Duration `json:"ready,omitempty"`    // a workload becomes ready
	Routes   Duration `json:"routes,omitempty"`   // a controller obeys a changed route
	Zones    Duration `json:"zones,omitempty"`    // every name server of a zone serves a change
}

// Lock is the Lease that keeps a second run out.
type Lock struct {
	TTL Duration `json:"ttl,omitempty"`
}

// Duration is a time.Duration, written as Go writes it: 90s, 2m, 6h.
type Duration time.Duration

// Percent is a share, written with a percent sign: 0.1%. Its value is the fraction: 0.001.
type Percent float64
