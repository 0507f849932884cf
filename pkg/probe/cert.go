package probe

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CertError says what is wrong with a certificate. There may be more than one thing.
type CertError struct{ Problems []string }

func (e *CertError) Error() string { return "certificate: " + strings.Join(e.Problems, "; ") }

// verify asks what a client would ask, and nil is the only yes.
func verify(certs []*x509.Certificate, roots *x509.CertPool, host string) error {
	if found, _ := problems(certs, roots, host, time.Now()); len(found) > 0 {
		return &CertError{Problems: found}
	}
	return nil
}

// problems lists everything that is wrong instead of the first thing: a wrong name and an unknown issuer together mean a
// controller's default certificate, each alone means something else. It also returns when the chain ends.
func problems(certs []*x509.Certificate, roots *x509.CertPool, host string, now time.Time) ([]string, time.Time) {
	if len(certs) == 0 {
		return []string{"none was presented"}, time.Time{}
	}
	leaf := certs[0]
	var out []string
	at := now // when the chain is judged; the dates of the leaf are judged here
	switch {
	case now.After(leaf.NotAfter):
		out = append(out, "expired on "+date(leaf.NotAfter))
		at = leaf.NotAfter
	case now.Before(leaf.NotBefore):
		out = append(out, "not valid before "+date(leaf.NotBefore))
		at = leaf.NotBefore
	}
	if err := leaf.VerifyHostname(host); err != nil {
		out = append(out, fmt.Sprintf("not for %s but for %s", host, names(leaf)))
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
	if err != nil {
		return append(out, chainProblem(leaf, err)), leaf.NotAfter
	}
	return out, latest(chains)
}

// latest is the end of the chain that lasts longest. A server may send a second, shorter one for old clients.
func latest(chains [][]*x509.Certificate) time.Time {
	var last time.Time
	for _, chain := range chains {
		end := chain[0].NotAfter
		for _, c := range chain[1:] {
			if c.NotAfter.Before(end) {
				end = c.NotAfter
			}
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}

func chainProblem(leaf *x509.Certificate, err error) string {
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		if issuer := leaf.Issuer.CommonName; issuer != "" {
			return fmt.Sprintf("issuer %q is not trusted, or an intermediate is missing", issuer)
		}
		return "its issuer is not trusted, or an intermediate is missing"
	}
	return err.Error()
}

func names(c *x509.Certificate) string {
	all := c.DNSNames
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) > 0:
		return strings.Join(all, ", ")
	case c.Subject.CommonName != "":
		return fmt.Sprintf("no name (subject %q)", c.Subject.CommonName)
	}
	return "no name"
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

// CertProblem returns what is wrong with the certificate for host, "" when nothing is: presented, valid for the name,
// issued by somebody trusted, and for at least min more, the whole chain.
func (a Answer) CertProblem(host string, min time.Duration) string {
	found, end := problems(a.certs, a.roots, hostname(host), a.At)
	if len(found) == 0 && end.Sub(a.At) < min {
		found = append(found, fmt.Sprintf("ends on %s, in less than %s", date(end), days(min)))
	}
	return strings.Join(found, "; ")
}

func days(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

func (a *Answer) certificate(certs []*x509.Certificate, host string) {
	if len(certs) == 0 {
		return
	}
	a.certs, a.CertNames = certs, certs[0].DNSNames
	_, a.NotAfter = problems(certs, a.roots, host, a.At)
	sum := sha256.Sum256(certs[0].Raw)
	a.Cert = hex.EncodeToString(sum[:8])
}
