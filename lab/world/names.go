package world

// NetNames is the network of the name servers. It is there only in a lab that was asked for them.
const NetNames = NetPrefix + "names"

// The name servers, port 53.
const (
	PrimaryDNS    = "172.30.0.53" // takes signed updates
	SecondaryDNS  = "172.30.0.54" // copies the zones from the primary, a moment late
	HonouringDNS  = "172.30.0.55" // a cache that forgets an answer when its TTL is over
	StretchingDNS = "172.30.0.56" // a cache that keeps every answer for much longer
)
