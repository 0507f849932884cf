package kubetest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Server is one cluster that consists of an API server.
type Server struct {
	Kubeconfig string // path of the administrator's
	URL        string // https://127.0.0.1:port
	CA         string // path of the certificate to trust

	dir, binary  string
	etcd         string // its client URL
	peer         string
	port         int
	database     *process
	server       *process
	extraFlags   []string
	fresh        string // the revision of etcd when a lent one was new
	shutdownOnce sync.Once
}

// The identities that a Server knows besides the administrator, none of which may do anything until RBAC says so.
var Users = []string{"cutover-run", "cutover-plan", "nobody"}

// Start starts a server of the test's own, which takes some seconds, and stops it at the test's end.
func Start(t testing.TB, apiserverFlags ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s, err := start(binary(t), dir, apiserverFlags)
	if err != nil {
		t.Fatalf("start an API server: %v", err)
	}
	t.Cleanup(s.stop)
	return s
}

var shared struct {
	sync.Mutex
	server *Server
	dir    string
	err    error
	spares []*Server // of Lend
}

// Shared is one server for all tests of a package, started by the first that asks. The package needs
// `func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }`. Tests keep apart by namespaces.
func Shared(t testing.TB) *Server {
	t.Helper()
	path := binary(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		if shared.dir, shared.err = os.MkdirTemp("", "kubetest"); shared.err == nil {
			shared.server, shared.err = start(path, shared.dir, nil)
		}
	}
	if shared.err != nil {
		t.Fatalf("start an API server: %v", shared.err)
	}
	return shared.server
}

// Main runs the tests of a package and stops the servers that they shared.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.stop()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	for _, s := range shared.spares {
		s.discard()
	}
	return code
}

// Available says where the binary is, "" if there is none.
func Available() string {
	var places []string
	if p := os.Getenv("CUTOVER_HYPERKUBE"); p != "" {
		places = append(places, p)
	}
	cache := os.Getenv("CUTOVER_LAB_CACHE")
	if home, err := os.UserCacheDir(); cache == "" && err == nil {
		cache = filepath.Join(home, "cutover-lab")
	}
	for _, pattern := range []string{"hyperkube", "*/hyperkube", "*/*/hyperkube"} {
		found, err := filepath.Glob(filepath.Join(cache, pattern))
		if err == nil {
			places = append(places, found...)
		}
	}
	for _, p := range places {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

func binary(t testing.TB) string {
	t.Helper()
	path := Available()
	const missing = "no API server to test against: set CUTOVER_HYPERKUBE, or build one with `make lab-up`"
	if path == "" && os.Getenv("CUTOVER_REQUIRE_APISERVER") == "1" {
		t.Fatal(missing)
	}
	if path == "" {
		t.Skip(missing)
	}
	return path
}

func start(binary, dir string, flags []string) (*Server, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	s := &Server{
		dir: dir, binary: binary, port: ports[0], extraFlags: flags,
		URL:        fmt.Sprintf("https://127.0.0.1:%d", ports[0]),
		etcd:       fmt.Sprintf("http://127.0.0.1:%d", ports[1]),
		peer:       fmt.Sprintf("http://127.0.0.1:%d", ports[2]),
		CA:         filepath.Join(dir, "certs", "apiserver.crt"),
		Kubeconfig: filepath.Join(dir, "admin.kubeconfig"),
	}
	if err := s.files(); err != nil {
		return nil, err
	}
	if s.database, err = s.run("etcd", "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync=true",
		"--listen-client-urls="+s.etcd, "--advertise-client-urls="+s.etcd, "--listen-peer-urls="+s.peer,
		"--initial-advertise-peer-urls="+s.peer, "--initial-cluster=default="+s.peer, "--log-level=error"); err != nil {
		return nil, err
	}
	if err := s.up(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// up starts the API server and waits until it is ready.
func (s *Server) up() (err error) {
	at := func(name string) string { return filepath.Join(s.dir, name) }
	s.server, err = s.run("kube-apiserver", append([]string{
		"--etcd-servers=" + s.etcd, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.port),
		"--cert-dir=" + at("certs"), "--token-auth-file=" + at("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubetest", "--service-account-key-file=" + at("sa.key"),
		"--service-account-signing-key-file=" + at("sa.key"), "--service-cluster-ip-range=10.96.0.0/16",
		"--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none", "--profiling=false", "--v=0",
	}, s.extraFlags...)...)
	if err != nil {
		return err
	}
	return s.until("/readyz")
}

// Kill ends the API server at once, as a crash does. etcd goes on.
func (s *Server) Kill() { s.server.kill() }

// Restart brings it back after Kill, at the same address with the same content.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.up(); err != nil {
		t.Fatalf("restart the API server: %v", err)
	}
}

// As is the path of a kubeconfig for one of Users.
func (s *Server) As(t testing.TB, user string) string {
	t.Helper()
	path := filepath.Join(s.dir, user+".kubeconfig")
	if err := s.kubeconfig(path, user); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *Server) stop() {
	s.shutdownOnce.Do(func() {
		if s.server != nil {
			s.server.kill()
		}
		if s.database != nil {
			s.database.kill()
		}
	})
}

func (s *Server) files() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(s.dir, "sa.key"), block, 0o600); err != nil {
		return err
	}
	tokens := "token-admin,admin,admin,system:masters\n"
	for _, u := range Users {
		tokens += fmt.Sprintf("token-%s,%s,%s\n", u, u, u)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "tokens.csv"), []byte(tokens), 0o600); err != nil {
		return err
	}
	return s.kubeconfig(s.Kubeconfig, "admin")
}

func (s *Server) kubeconfig(path, user string) error {
	return os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: u, user: {token: %q}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
`, s.URL, s.CA, "token-"+user), 0o600)
}

// freePorts asks the kernel for ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // it was only there to find the port; all are held until all are found
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("no port in %s", l.Addr())
		}
		ports = append(ports, addr.Port)
	}
	return ports, nil
}
