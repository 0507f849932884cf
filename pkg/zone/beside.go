package zone

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Beside are types that no CNAME can stand beside. Most servers ignore such a CNAME, and say NOERROR, after they have deleted what
// the same message told them to.
var Beside = []uint16{
	dns.TypeTXT, dns.TypeMX, dns.TypeNS, dns.TypeSOA, dns.TypeSRV, dns.TypeCAA, dns.TypeNAPTR, dns.TypePTR, dns.TypeTLSA,
	dns.TypeSSHFP, dns.TypeSVCB, dns.TypeLOC, dns.TypeHINFO, dns.TypeDS, dns.TypeURI,
}

// crowded says of every name that is to become an alias what else stands there. An editor that finds it only when it writes could
// say no more than that something moved, for as long as it is asked.
func crowded(ctx context.Context, readings []Reading, own, want Names) (nos []string, err error) {
	at := slices.IndexFunc(readings, func(r Reading) bool { return !r.Skipped })
	var questions []question
	for _, name := range slices.Sorted(maps.Keys(want)) {
		_, was := Typed(own[name], "CNAME")
		if _, is := Typed(want[name], "CNAME"); !is || was {
			continue
		}
		for _, kind := range Beside {
			questions = append(questions, question{name, kind})
		}
	}
	if at < 0 || len(questions) == 0 {
		return nil, nil
	}
	answers, err := ask(ctx, "tcp", readings[at].Server, questions, false)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for i, m := range answers {
		q := questions[i]
		if slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == q.kind && canonical(rr.Header().Name) == q.name }) {
			found[q.name] = append(found[q.name], dns.TypeToString[q.kind])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		nos = append(nos, fmt.Sprintf("%s has %s as well, and no CNAME can stand beside it: take it out, or give spec.entry.new addresses", name, strings.Join(found[name], ", ")))
	}
	return nos, nil
}
