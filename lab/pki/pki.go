// Package pki is the lab's certificate authority: one root, made anew for every lab, that signs
// the API servers, the aggregation layer's client and the hosts of the workloads.
// It must not be used for anything that outlives a lab: its keys lie beside it.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// life is how long certificates are good for; a lab lives for hours.
const life = 30 * 24 * time.Hour

// Pair is a certificate with its key, both PEM.
type Pair struct{ Cert, Key []byte }

// Authority signs.
type Authority struct {
	// Cert is the root certificate, PEM.
	Cert []byte
	root *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes a root.
func NewAuthority(name string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(name)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the lab's root certificate: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the lab's root certificate back: %w", err)
	}
	return &Authority{Cert: encode("CERTIFICATE", der), root: root, key: key}, nil
}

// Write stores the root certificate as ca.crt in a folder. The root's key is not stored: all
// certificates of a lab are signed while it comes up.
func (a *Authority) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write the root certificate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "ca.crt"), a.Cert, 0o644); err != nil {
		return fmt.Errorf("write the root certificate: %w", err)
	}
	return nil
}

// Server signs a certificate for hosts, which are names (also with a leading *.) or addresses.
func (a *Authority) Server(hosts ...string) (Pair, error) {
	if len(hosts) == 0 {
		return Pair{}, fmt.Errorf("sign a server certificate: no host given")
	}
	return a.sign(hosts[0], x509.ExtKeyUsageServerAuth, hosts)
}

// Client signs a certificate that says who a client is.
func (a *Authority) Client(name string) (Pair, error) {
	return a.sign(name, x509.ExtKeyUsageClientAuth, nil)
}

func (a *Authority) sign(name string, usage x509.ExtKeyUsage, hosts []string) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template, err := newTemplate(name)
	if err != nil {
		return Pair{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign a certificate for %s: %w", name, err)
	}
	pemKey, err := encodeKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{Cert: encode("CERTIFICATE", der), Key: pemKey}, nil
}

// SigningKey is a private key alone, PEM: what service account tokens are signed with.
func SigningKey() ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return encodeKey(key)
}

// Write stores the pair as base.crt and base.key; only the owner can read the key.
func (p Pair) Write(base string) error {
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if err := os.WriteFile(base+".crt", p.Cert, 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	if err := os.WriteFile(base+".key", p.Key, 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func newTemplate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour), // clocks of the programs agree, their rounding may not
		NotAfter:     now.Add(life),
	}, nil
}

// encodeKey writes the old form of an EC key: the API server reads no other as the key that
// signs ServiceAccount tokens.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return encode("EC PRIVATE KEY", der), nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
