package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxBody  = 64 << 10 // kept in Answer.Body
	maxDrain = 4 << 20  // read to see whether the answer arrives whole; beyond it the prober has seen enough
)

func (t Target) request(ctx context.Context, id string) (*http.Request, error) {
	path, query, _ := strings.Cut(t.path(), "?")
	if query != "" {
		query += "&"
	}
	u := &url.URL{Scheme: t.scheme(), Host: t.Host, RawQuery: query + Parameter + "=" + id}
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", t.Path, err)
	}
	u.Path, u.RawPath = unescaped, path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Cache-Control", "no-cache")
	for k, v := range t.Header {
		req.Header.Set(k, v)
	}
	req.Header.Set(HeaderProbe, id)
	return req, nil
}

func (t Target) scheme() string {
	if t.TLS {
		return "https"
	}
	return "http"
}

// transport serves one request. It shakes hands itself, because a client that only learns "bad certificate" cannot say
// what is wrong with it.
func (t Target) transport(saw func([]*x509.Certificate)) *http.Transport {
	dial := t.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	name := hostname(t.Host)
	config := &tls.Config{
		ServerName:         name,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it, by the same rules
		VerifyConnection: func(s tls.ConnectionState) error {
			saw(s.PeerCertificates)
			return verify(s.PeerCertificates, t.Roots, name)
		},
	}
	return &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 1 << 20,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, t.Addr)
		},
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := dial(ctx, network, t.Addr)
			if err != nil {
				return nil, err
			}
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				conn.Close()
				return nil, &handshakeError{err}
			}
			return secure, nil
		},
	}
}

func (a *Answer) read(t Target, resp *http.Response) error {
	defer resp.Body.Close()
	a.Status, a.Header, a.Via = resp.StatusCode, resp.Header, resp.Header.Get(HeaderVia)
	a.ContentType = mediaType(resp.Header.Get("Content-Type"))
	a.Location = t.location(resp.Header.Get("Location"), a.ID)
	for _, c := range resp.Cookies() {
		a.Cookies = append(a.Cookies, c.Name)
	}
	slices.Sort(a.Cookies)
	a.Cookies = slices.Compact(a.Cookies)
	if a.ContentType == "text/event-stream" { // never ends; that it began is the answer
		return nil
	}
	var err error
	if a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody)); err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain))
	}
	if err != nil {
		return fmt.Errorf("answer cut off after status %d: %w", a.Status, err)
	}
	return nil
}

// location resolves what a redirect says as a browser would, so that "/login" and "https://shop.example.com/login" are
// the same, while a lost scheme or another host stay visible. The port that was dialed is taken out: the two entries
// need not listen on the same one.
func (t Target) location(raw, id string) string {
	if raw == "" {
		return ""
	}
	base := &url.URL{Scheme: t.scheme(), Host: t.Host, Path: "/"}
	if p, err := url.Parse(t.path()); err == nil {
		base.Path = p.Path
	}
	u, err := base.Parse(raw)
	if err != nil {
		return strings.ReplaceAll(raw, id, "*")
	}
	u.Host = strings.ToLower(u.Host)
	_, dialed, _ := net.SplitHostPort(t.Addr)
	switch p := u.Port(); {
	case p == "":
	case p == dialed, p == "80" && u.Scheme == "http", p == "443" && u.Scheme == "https":
		u.Host = strings.TrimSuffix(u.Host, ":"+p)
	}
	return strings.ReplaceAll(u.String(), id, "*")
}

func mediaType(s string) string {
	if m, _, err := mime.ParseMediaType(s); err == nil {
		return m
	}
	m, _, _ := strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(m))
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}
