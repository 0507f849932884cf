package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"cutover.dev/cutover/pkg/kube"
)

// standIn plays an entry, and all behind it: it answers any request for a host that is known with 200 and what the echo would say
// of who asked, by plain HTTP and by TLS. It knows no paths, and nothing runs behind it.
type standIn struct {
	mark  string // what its answers carry, "" for nothing
	known func(host string) bool

	Plain, Secure int // ports
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.known(r.Host) {
		http.NotFound(w, r)
		return
	}
	if s.mark != "" {
		w.Header().Set("X-Cutover-Via", s.mark)
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"forwardedFor": from, "forwardedProto": proto})
}

// open lets it listen at an address of this machine until the end of the test.
func (s *standIn) open(b *testing.B, ip string, cert tls.Certificate) *standIn {
	b.Helper()
	listen := func(secure bool) (port int) {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			b.Fatal(err)
		}
		front := &httptest.Server{Listener: l, Config: &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}}
		if secure {
			front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			front.StartTLS()
		} else {
			front.Start()
		}
		b.Cleanup(front.Close)
		_, at, _ := net.SplitHostPort(l.Addr().String())
		port, _ = strconv.Atoi(at)
		return port
	}
	s.Plain, s.Secure = listen(false), listen(true)
	return s
}

// own is an address of this machine that a plan may name, which none of loopback is.
func own(b *testing.B) string {
	b.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	b.Fatal("this machine has no address but loopback, and a plan names no loopback address")
	return ""
}

// hostsIn watches the Ingresses of a cluster and knows the hosts that they have, or once had.
func hostsIn(b *testing.B, kubeconfig string) func(host string) bool {
	b.Helper()
	var all sync.Map
	informer := watching(b, kubeconfig, kube.Ingress)
	look := func(o any) {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return
		}
		rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules")
		for _, r := range rules {
			if rule, ok := r.(map[string]any); ok {
				all.Store(rule["host"], true)
			}
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: look, UpdateFunc: func(_, o any) { look(o) }}); err != nil {
		b.Fatal(err)
	}
	go informer.RunWithContext(b.Context())
	if !cache.WaitForCacheSync(b.Context().Done(), informer.HasSynced) {
		b.Fatal("the Ingresses of the cluster were never all seen")
	}
	return func(host string) bool {
		_, yes := all.Load(host)
		return yes
	}
}

// certificate is one for all names of a domain, which signs itself; file is where those find it who are to trust it.
func certificate(b *testing.B, domain string) (cert tls.Certificate, file string) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{"*." + domain},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	file = filepath.Join(b.TempDir(), "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		b.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
