package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

func leaf(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(p.Cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestServerCertificatesAreGoodForTheirHostsAndNoOthers(t *testing.T) {
	ca, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server("*.shop.test", "172.30.0.11")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(pair.Cert, pair.Key); err != nil {
		t.Errorf("certificate and key do not belong together: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Cert)
	for host, want := range map[string]bool{"a.shop.test": true, "172.30.0.11": true, "shop.test": false, "172.30.0.12": false} {
		_, err := leaf(t, pair).Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
		if (err == nil) != want {
			t.Errorf("good for %s: %v, want %v", host, err, want)
		}
	}
}

func TestTwoAuthoritiesDoNotTrustEachOther(t *testing.T) {
	one, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := one.Server("a.test")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(two.Cert)
	if _, err := leaf(t, pair).Verify(x509.VerifyOptions{Roots: roots, DNSName: "a.test"}); err == nil {
		t.Error("a certificate of another root was accepted")
	}
}

func TestClientCertificatesCannotServe(t *testing.T) {
	ca, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Client("aggregator")
	if err != nil {
		t.Fatal(err)
	}
	cert := leaf(t, pair)
	if cert.Subject.CommonName != "aggregator" || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("got name %q, usage %v", cert.Subject.CommonName, cert.ExtKeyUsage)
	}
}

func TestKeysAreOnlyForTheOwner(t *testing.T) {
	ca, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server("a.test")
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "pki", "a")
	if err := pair.Write(base); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(base + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the key is %o, want 600", got)
	}
}

func TestServerWithoutHostsIsAnError(t *testing.T) {
	ca, err := NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Server(); err == nil {
		t.Error("no error")
	}
}
