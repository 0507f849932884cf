package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/reach"
)

// echo is what the relay answers: what it saw of the request, so that a probe can tell what the bridge passes on.
type echo struct {
	Host           string `json:"host"`
	Path           string `json:"path"`
	Method         string `json:"method"`
	Remote         string `json:"remote"`
	ForwardedProto string `json:"forwardedProto"`
	ForwardedFor   string `json:"forwardedFor"`
	ForwardedHost  string `json:"forwardedHost"`
	RealIP         string `json:"realIP"`
}

func relay(ctx context.Context, c *call) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.flags.Listen)
	if err != nil {
		return fault.Wrap(fault.Usage, "", fmt.Errorf("listen: %w", err))
	}
	if c.flags.TokenHash != "" {
		return dialFor(ctx, c, listener)
	}
	server := &http.Server{Handler: relayHandler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(c.stderr, "listening on %s\n", listener.Addr())
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		// Requests in flight end first: a probe must not lose one because the pod is replaced.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// dialFor is the other relay: it dials from where it is, for the run that started it.
func dialFor(ctx context.Context, c *call, listener net.Listener) error {
	s, err := reach.NewServer(c.flags.TokenHash, strings.Split(c.flags.Allow, ","))
	if err != nil {
		return errors.Join(fault.Wrap(fault.Usage, "cutover relay -h", err), listener.Close())
	}
	fmt.Fprintf(c.stderr, "listening on %s\n", listener.Addr())
	return s.Serve(ctx, listener)
}

func relayHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		h := r.Header
		_ = json.NewEncoder(w).Encode(echo{
			Host: r.Host, Path: r.URL.Path, Method: r.Method, Remote: r.RemoteAddr,
			ForwardedProto: h.Get("X-Forwarded-Proto"), ForwardedFor: h.Get("X-Forwarded-For"),
			ForwardedHost: h.Get("X-Forwarded-Host"), RealIP: h.Get("X-Real-Ip"),
		}) // the client may be gone; then nobody wants the answer
	})
	return mux
}
