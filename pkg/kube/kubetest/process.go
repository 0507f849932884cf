package kubetest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// process is a running program whose output goes to a file.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
}

// run starts one of the programs in the binary. It dies with this process: a test that is killed leaves nothing behind.
func (s *Server) run(program string, args ...string) (*process, error) {
	p := &process{log: filepath.Join(s.dir, program+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd = &exec.Cmd{Path: s.binary, Args: append([]string{program}, args...), Stdout: out, Stderr: out, SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	started := make(chan error)
	go func() { // the thread that starts it has to live as long as it does, or the kernel takes it for an orphan
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its end is all that matters; what it said is in the log
		}
		_ = out.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.done
}

// slow is how long an API server may take on a busy machine; on an idle one it is ready in 3 seconds.
const slow = 3 * time.Minute

// until asks the API server until it says yes.
func (s *Server) until(path string) error {
	deadline := time.After(slow)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = s.ask(path); last == nil {
			return nil
		}
		select {
		case <-s.server.done:
			return fmt.Errorf("kube-apiserver ended: %s", tail(s.server.log))
		case <-deadline:
			return fmt.Errorf("no yes to %s within %s: %w", path, slow, last)
		case <-tick.C:
		}
	}
}

// ask wants a yes of the API server, as its administrator.
func (s *Server) ask(path string) error {
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer token-admin")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}

// tail is the end of a log.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
