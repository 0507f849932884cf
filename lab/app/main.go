// Command app is the workload of the lab. Every answer says who gave it (cluster, pod, workload) and how the request
// reached it. It knows nothing of the tool, and it takes its cluster from the node it runs on: the tool copies a
// Deployment as it is, so a name written into the manifest would lie after the move.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// closing bounds the graceful end after the drain: the pod's grace period must be longer than both together.
const closing = 8 * time.Second

func main() {
	cfg, err := configFrom(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(2)
	}
	if len(os.Args) > 1 && os.Args[1] == "once" {
		fmt.Printf("%s ran once on %s in pod %s\n", cfg.Workload, cfg.Cluster, cfg.Pod)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

// serve runs the public and the control listener until ctx ends, then drains as the configuration says.
func serve(ctx context.Context, cfg config) error {
	a := newApp(cfg)
	public, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for requests: %w", err)
	}
	control, err := net.Listen("tcp", cfg.Control)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for control: %w", err), public.Close())
	}
	server := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 30 * time.Second}
	controller := &http.Server{Handler: a.faults.routes(), ReadHeaderTimeout: 30 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(public) }()
	go func() { ended <- controller.Serve(control) }()
	slog.Info("serving", "workload", cfg.Workload, "cluster", cfg.Cluster, "pod", cfg.Pod, "listen", public.Addr().String())
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	if cfg.Abrupt {
		os.Exit(1) // the badly behaved application: nothing is finished, everything open is reset
	}
	time.Sleep(cfg.Drain)
	return a.close(context.WithoutCancel(ctx), server, controller)
}

// close ends what is open: sessions are told to go away, requests in flight are finished.
func (a *app) close(ctx context.Context, servers ...*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	a.sessions.closeAll()
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Shutdown(ctx))
	}
	return errors.Join(errs...)
}
