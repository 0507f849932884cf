// Command externaldns is a webhook provider as external-dns ships it, for the tests of pkg/zone/webhook: its own server of the
// protocol in front of its own provider for RFC 2136. The whole external-dns has the same server behind --webhook-server, and
// takes the libraries of thirty other providers to build.
package main

import (
	"context"
	"flag"
	"log"
	"time"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/provider/rfc2136"
	"sigs.k8s.io/external-dns/provider/webhook/api"
)

func main() {
	var c externaldns.Config
	listen := flag.String("listen", "127.0.0.1:8888", "where to answer")
	host := flag.String("host", "127.0.0.1", "of the name server")
	zone := flag.String("zone", "", "the zone, and all that is let through")
	flag.IntVar(&c.RFC2136Port, "port", 53, "of the name server")
	flag.StringVar(&c.RFC2136TSIGKeyName, "key", "", "the TSIG key's name")
	flag.StringVar(&c.RFC2136TSIGSecret, "secret", "", "its base64")
	flag.Parse()
	c.RFC2136Host, c.RFC2136Zone = []string{*host}, []string{*zone}
	c.RFC2136TSIGSecretAlg, c.RFC2136AXFR, c.RFC2136BatchChangeSize, c.RFC2136LoadBalancingStrategy = "hmac-sha256", true, 50, "disabled"
	p, err := rfc2136.New(context.Background(), &c, endpoint.NewDomainFilter([]string{*zone}))
	if err != nil {
		log.Fatal(err)
	}
	api.StartHTTPApi(p, nil, 10*time.Second, 10*time.Second, *listen)
}
