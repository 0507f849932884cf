package phasetest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Listen serves f at 127.0.0.1 until the test ends, and says at which port.
func Listen(t testing.TB, f http.HandlerFunc) int {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}
