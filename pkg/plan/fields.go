package plan

import "time"

// subdomain is how Kubernetes names most objects; that it has at most 253 characters no pattern of RE2 can say.
const subdomain = `[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`

// The shapes of single values.
var (
	label     = matching(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`, "a DNS label: lower-case letters, digits and dashes, at most 63", nil)
	namespace = matching(`^[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?$`, // keeper-<namespace> is a DNS label as well
		"a namespace: lower-case letters, digits and dashes, at most 56", systemNamespace)
	uid        = matching(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, "the uid of the namespace kube-system, such as 0b7f6c1e-6a0f-4a53-a9ad-3b0a5d2d7f10", nil)
	address    = matching(`^[0-9A-Fa-f:.]{2,45}$`, "an IP address, not a loopback one", checkIP)
	hostname   = matching(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$`, "a host name in lower case, with a dot", checkHost)
	dnsHost    = matching(`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$`, "a host of an Ingress, in lower case", checkWildHost)
	endpoint   = matching(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?):[0-9]{1,5}$`, "host:port", checkEndpoint)
	marker     = matching(`^[a-z0-9]{8,64}$`, "8 to 64 lower-case letters and digits", nil)
	image      = matching(`^[A-Za-z0-9]([-A-Za-z0-9._/:@]{0,253}[A-Za-z0-9])?$`, "a container image", nil)
	path       = matching(`^[^/\x00-\x1f\\][^\x00-\x1f\\]*$`, relative, checkPath)
	port       = intFrom(1, 65535)
	percent    = matching(`^[0-9]{1,3}(\.[0-9]{1,4})?%$`, "a share with a percent sign, such as 0.1%", checkPercent)
	objectName = matching(`^`+subdomain+`$`, "an object's name: lower-case letters, digits, dashes and dots", checkName)
	refText    = matching(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/(Deployment|StatefulSet|DaemonSet|CronJob)/`+subdomain+`$`,
		"namespace/Kind/name, Kind one of Deployment, StatefulSet, DaemonSet, CronJob", checkRef)
	phaseName = matching(`^(link|ttl|join|proxy|routes|dns|stepdown|cleanup|migrate/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$`,
		"a phase: link, ttl, join, proxy, routes, dns, migrate/<wave>, stepdown or cleanup", nil)
)

// root is the whole file.
var root = obj(
	need("apiVersion", oneOfWords(APIVersion), "The version of this format."),
	need("kind", oneOfWords(Kind), "What the file is."),
	need("metadata", obj(
		need("name", label, "The plan's name; the value of the label cutover.dev/plan on every object that is written."),
	), "Names the plan."),
	need("spec", spec, "What to move, and how carefully."),
)

var spec = obj(
	need("through", phaseName, "The last phase that may run. A pull request moves it on; it is no part of the digest."),
	need("clusters", obj(
		need("old", cluster, "The cluster that everything leaves."),
		need("new", cluster, "The cluster that everything moves to."),
	), "Pins both clusters, so that a swapped kubeconfig is harmless."),
	need("namespaces", listOf(namespace, 1, true), "What moves. A workload in them that is in no wave is an error."),
	need("entry", obj(
		need("old", entry, "The entry of old."),
		need("new", entry, "The entry of new."),
		may("oldMetrics", metrics, "Where the controller of old's entry counts its requests. With it status says who still comes to it after dns, and cleanup measures that nobody does any more, without it time passes; migrate without a tail cannot do without."),
	), "The public ingress of each side."),
	need("bridge", bridge, "The second, internal, non-TLS ingress of old."),
	may("tail", tail, "The internal, non-TLS entry of new to which late clients of old's entry are sent on. Without it old ends only when nobody has come to its entry for windows.residual, which takes entry.oldMetrics."),
	may("link", link, "Proves before anything else, by the relays, that both sides reach each other wherever the plan needs it. {} is enough. See docs/link.md."),
	need("dns", dns, "How names move: exactly one of zones, manual and none."),
	may("mongodb", mongodb, "The replica set that gets new members. Its URI comes from CUTOVER_MONGODB_URI."),
	need("waves", listOf(obj(
		need("name", label, "The wave's name; its phase is migrate/<name>."),
		need("workloads", listOf(workloadShape, 1, false), "What moves in it: each one a string namespace/Kind/name, or a mapping."),
	), 1, false), "Sets of workloads that move together, in this order."),
	may("stepdown", obj(
		need("after", label, "The wave after which the primary moves. Without stepdown: the first by which half of the workloads moved."),
	), "When the MongoDB primary moves."),
	may("cleanup", obj(
		need("delete", listOf(oneOfWords(Deletable...), 1, true), "The kinds of old's own objects that cleanup deletes, of those that have moved. There is no way back from it."),
	), "What cleanup does beyond removing what cutover itself made. Without it old's own objects stay."),
	may("approvals", &shape{
		kind: table, want: "a mapping from phases to GitHub environments",
		item: matching(`^\S(.{0,253}\S)?$`, "the name of a GitHub environment", nil),
	}, "Which GitHub environment must have approved the run of a phase."),
	may("preventSelfReview", &shape{kind: boolean, want: "true or false"}, "An approval by somebody who began the run, or this attempt of it, does not count."),
	def("state", obj(
		def("namespace", namespace, "cutover-system", "The namespace, in both clusters, of the journal, the frozen inventory and the lock."),
	), map[string]any{}, "Where the tool keeps what it knows."),
	def("probe", probe, map[string]any{}, "Bounds of the tool's own requests."),
	def("windows", windows, map[string]any{}, "How long the tool looks, waits or lets go on."),
	def("lock", obj(
		def("ttl", duration(5*time.Second, 10*time.Minute), "60s", "How long a run that died keeps the lock."),
	), map[string]any{}, "The Lease that keeps a second run out."),
)

var cluster = obj(
	need("uid", uid, "The uid of its namespace kube-system."),
	may("relay", obj(
		need("image", image, "The tool's own image, as this cluster can pull it."),
		def("namespace", namespace, "cutover-relay", "Its namespace, which has to be there and to have nothing else in it: who may make pods in a namespace can use its ServiceAccounts and Secrets."),
		may("allow", listOf(endpoint, 1, true), "What it may dial beyond what the plan names, such as members of the replica set that CUTOVER_MONGODB_URI leaves out."),
	), "A pod in this cluster that dials what is inside it, by way of the API server, where the machine that runs the tool reaches nothing else of it. See Reach."),
)

var entry = exactly(obj(
	may("addresses", listOf(address, 1, true), "Its addresses."),
	may("hostname", hostname, "Its name, where it has no fixed address."),
	need("ingressClass", objectName, "The ingress class that its controller obeys."),
	def("httpPort", port, 80, "The plain port."),
	def("httpsPort", port, 443, "The TLS port."),
	may("from", oneOfWords("old", "new"), "The side whose relay asks it. Default: the machine that runs the tool, which reaches a public entry as clients do."),
), "addresses", "hostname")

var metrics = obj(
	may("addresses", listOf(address, 1, true), "Where its pods show them, each one; needed behind a load balancer, and where a host name leads to several. Default: the ingress's own addresses."),
	need("port", port, "The port of its metrics."),
	need("kind", oneOfWords("traefik", "nginx", "envoy", "haproxy"), "Whose metrics they are."),
)

var bridge = exactly(obj(
	may("addresses", listOf(address, 1, true), "Its addresses, reachable from new."),
	may("hostname", hostname, "Its name, where it has no fixed address. What it leads to is written down in new: where that has moved, --repair proxy writes it anew, and a name that is seen to rotate is refused; behind a cache that may be only after it was written."),
	need("port", port, "Its plain port."),
	need("marker", marker, "The value of the response header X-Cutover-Via that it adds."),
	may("manifests", path, "What starts it: a file or folder of namespaced objects, applied to old by the phase proxy."),
	may("metrics", metrics, "Where it counts its requests. With it drain is measured instead of timed, and routes is taken back only when nobody comes to new's entry any more."),
	need("echo", obj(
		need("image", image, "The tool's own image, as old can pull it."),
		may("namespace", namespace, "Its namespace in old. Default: state.namespace."),
	), "The pod in old behind the keeper host."),
), "addresses", "hostname")

var tail = obj(
	need("addresses", listOf(address, 1, true), "Its addresses, reachable from old."),
	need("port", port, "Its plain port."),
	may("marker", marker, "The value of X-Cutover-Via that it adds. With it the tail is proved, without it timed."),
)

var link = obj(
	may("paths", listOf(obj(
		need("from", oneOfWords("old", "new"), "The side that dials."),
		need("to", endpoint, "What it must reach."),
	), 1, false), "Single directions that must work besides."),
)

var dns = exactly(obj(
	def("ttl", duration(time.Second, 24*time.Hour), "60s", "The TTL during the move."),
	def("margin", duration(time.Second, time.Hour), "30s", "How far the clocks of the machines that run phases may differ; added to every wait for caches."),
	may("skip", listOf(dnsHost, 1, true), "Hosts of old that do not move by DNS: what has no record, or leads elsewhere."),
	may("resolvers", listOf(endpoint, 1, true), "Whom clients ask: the resolvers of offices, networks and clusters. One that has a zone of the same name of its own is found before the swap."),
	may("from", oneOfWords("old", "new"), "The side whose relay asks the name servers and the resolvers, and sends them updates. Each zone then has to name its servers. Default: the machine that runs the tool."),
	may("zones", listOf(exactly(obj(
		need("name", hostname, "The zone."),
		may("servers", listOf(endpoint, 1, true), "All who answer for it, the hidden ones too. Default: every address of its NS records, port 53."),
		may("rfc2136", obj(
			need("server", endpoint, "The server."),
			need("key", matching(`^[A-Za-z0-9]([-A-Za-z0-9._]{0,252})$`, "the name of a TSIG key", nil), "The TSIG key's name. Its secret comes from CUTOVER_TSIG_SECRET."),
			need("algorithm", oneOfWords("hmac-sha256", "hmac-sha384", "hmac-sha512"), "The key's algorithm."),
		), "A server that takes signed updates."),
		may("route53", obj(
			may("id", matching(`^Z[0-9A-Z]{1,31}$`, "the id of a hosted zone", nil), "Its id. Default: the only public hosted zone of that name."),
		), "A public hosted zone of Amazon Route 53. Credentials come as the AWS SDK finds them, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
		may("cloudflare", obj(
			may("id", matching(`^[0-9a-f]{32}$`, "the id of a zone", nil), "Its id. Default: the zone of that name."),
		), "A zone at Cloudflare, of records that are DNS only. Its token comes from CUTOVER_CLOUDFLARE_TOKEN. Needs allowRace, and a TTL of 60s at least."),
		may("webhook", obj(
			need("url", matching(`^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)(:[0-9]{1,5})?$`, "http://host:port, without a path", nil), "Where it answers, as seen by the program."),
		), "A webhook provider of external-dns, for every other DNS service: it runs beside the program and holds the credentials. It changes addresses or aliases, not one into the other, and no HTTPS records. Needs allowRace."),
		may("allowRace", &shape{kind: boolean, want: "true or false"}, "Needed where the provider cannot compare and swap: what somebody else writes between the last look and the write is lost, and nobody is told. Let nobody else write these names meanwhile."),
		may("manual", obj(), "{}: a person changes it. Each change is shown, the run ends, and the next one looks whether it is served."),
	), "rfc2136", "route53", "cloudflare", "webhook", "manual"), 1, false), "The zones to change."),
	may("manual", obj(), "{}: the names are moved by hand, outside of this tool. What it can look at and wait for is a zone in zones with manual: {}."),
	may("none", matching(`\S`, "some words: why no name moves", nil), "The reason why no name moves."),
), "zones", "manual", "none")

var mongodb = obj(
	need("new", listOf(endpoint, 1, true), "The new members."),
	may("manifests", path, "What starts the new members."),
	def("maxLag", duration(100*time.Millisecond, time.Minute), "1s", "How far behind a new member may be."),
	def("settle", duration(time.Minute, 7*24*time.Hour), "6h", "How long the initial sync of a member may take."),
	def("step", duration(30*time.Second, time.Hour), "2m", "How long one change of the set's configuration may take, or the move of the primary."),
	may("wipe", oneOfWords(Accepted), "accepted: whatever data the new members hold may go, since a member that joins loses it. Needed where they let nobody look before they are in a set, as with a keyFile."),
	may("clients", oneOfWords(Accepted), "accepted: the URI of every client names a new member. Without it cleanup takes no old member out of the set: a client that starts afterwards with old names alone finds no primary."),
)

var workloadShape = &shape{kind: workload, want: "a string namespace/Kind/name or a mapping with ref", item: obj(
	need("ref", refText, "namespace/Kind/name."),
	def("source", matching(`^[^/\x00-\x1f\\][^\x00-\x1f\\]*$`, "live, existing or a relative path", checkSource), SourceLive,
		"live copies from old; a path applies committed manifests (a file or folder with the workload and what else of namespaced kinds it brings), at old's size; existing lets others deploy and only verifies."),
	may("callers", oneOfWords("accepted"), "accepted: callers that stay in old are fine."),
	may("callees", oneOfWords("accepted"), "accepted: callees that are not in new are fine."),
	may("exclusive", &shape{kind: boolean, want: "true or false"}, "Never two at once: off in old first, then on in new. Nobody answers in between, and requests of that time fail."),
)}

var probe = obj(
	def("rate", intFrom(1, 1000), 50, "Requests a second, all hosts together."),
	def("maxLost", intFrom(0, 1_000_000), 0, "How many requests may get no answer."),
	def("maxErrorRate", percent, "0.1%", "The share of answers that may be worse than the baseline."),
	def("latency", &shape{kind: number, want: "a number from 1 to 100", min: 1, max: 100}, 1.5, "How many times slower than the baseline the median may get."),
	def("samples", intFrom(50, 10_000), 50, "Consecutive answers per path that prove a swap."),
)

var windows = obj(
	def("watch", duration(time.Second, time.Hour), "2m", "A swapped route is watched; and new's entry, for who still comes, before routes is taken back."),
	def("drain", duration(time.Second, time.Hour), "30s", "Requests in flight end."),
	def("status", duration(time.Second, time.Hour), "3m", "The bridge must not write the status of an Ingress."),
	def("lag", duration(time.Second, time.Hour), "1m", "The lag of a member stays below mongodb.maxLag."),
	def("residual", duration(time.Second, 30*24*time.Hour), "24h", "Nobody comes to the old entry: before cleanup, and before old ends where it has no tail."),
	def("ready", duration(time.Second, 24*time.Hour), "10m", "A workload becomes ready."),
	def("routes", duration(time.Second, time.Hour), "1m", "A controller obeys a changed route."),
	def("zones", duration(time.Second, 24*time.Hour), "10m", "Every name server of a zone serves a change."),
)

func exactly(s *shape, fields ...string) *shape {
	s.oneOf = fields
	return s
}
