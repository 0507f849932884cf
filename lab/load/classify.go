package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"cutover.dev/cutover/lab/load/ledger"
)

// wrongAnswer is an answer that does not belong to the request.
type wrongAnswer struct{ what string }

func (w *wrongAnswer) Error() string { return w.what }

func wrong(format string, args ...any) error { return &wrongAnswer{fmt.Sprintf(format, args...)} }

// belongs holds the head of an answer against what was asked.
func belongs(resp *http.Response, workload, id string) error {
	status := http.StatusOK
	if resp.Request.Header.Get("Upgrade") != "" {
		status = http.StatusSwitchingProtocols
	}
	switch h := resp.Header; {
	case resp.StatusCode != status:
		return wrong("status %d", resp.StatusCode)
	case h.Get("X-Cluster") == "":
		return wrong("no cluster is named: not the application answered")
	case h.Get("X-Workload") != workload:
		return wrong("workload %q answered, want %q", h.Get("X-Workload"), workload)
	case h.Get("X-Request-Id") != id:
		return wrong("the answer is for request %q, want %q", h.Get("X-Request-Id"), id)
	}
	return nil
}

// classify says what an error means for the client. nil is OK.
func classify(err error) ledger.Class {
	if err == nil {
		return ledger.OK
	}
	if _, ok := errors.AsType[*wrongAnswer](err); ok {
		return ledger.Wrong
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ledger.Wrong // somebody answered, but not who was asked
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return ledger.Timeout
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return ledger.Timeout
	}
	return ledger.Reset
}
