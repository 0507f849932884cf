package runnertest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// RequestToken is what a job has to show to be given a token by an Issuer.
const RequestToken = "r3quest-t0ken"

// Issuer is a double of who signs the tokens that say which job it is, over TLS, with what an API server asks of it.
type Issuer struct {
	URL string // of the issuer
	CA  string // path of the certificate to trust

	lend   string // where a job asks for one
	mu     sync.Mutex
	t      testing.TB
	key    *rsa.PrivateKey
	claims map[string]any
	life   time.Duration
	issued []string
	refuse int
}

// NewIssuer starts one whose tokens have these claims, besides those that every token has, and are good for life.
func NewIssuer(t testing.TB, life time.Duration, claims map[string]any) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{t: t, key: key, claims: claims, life: life, CA: filepath.Join(t.TempDir(), "issuer.crt")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "response_types_supported": []string{"id_token"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /token", i.token)
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(i.CA, block, 0o600); err != nil {
		t.Fatal(err)
	}
	// The runner's own address is reached without TLS here: the product trusts what the system trusts, and no more.
	plain := httptest.NewServer(mux)
	t.Cleanup(plain.Close)
	i.lend = plain.URL + "/token?api-version=2.0"
	return i
}

// Env is what the runner gives a job that may ask: name, value, name, value.
func (i *Issuer) Env() []string {
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL", i.lend, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", RequestToken}
}

// Issued are the tokens given so far, in order.
func (i *Issuer) Issued() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.issued)
}

// Refuse lets the next n askers be told that something is wrong here.
func (i *Issuer) Refuse(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refuse = n
}

// Refused is how many more will be.
func (i *Issuer) Refused() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refuse
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+RequestToken:
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	case i.refuse > 0:
		i.refuse--
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": r.URL.Query().Get("audience"), "jti": fmt.Sprint(len(i.issued)),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(i.life).Unix(),
	}
	for name, value := range i.claims {
		claims[name] = value
	}
	token, err := i.sign(claims)
	if err != nil {
		i.t.Error(err)
	}
	i.issued = append(i.issued, token)
	i.answer(w, map[string]any{"count": len(token), "value": token})
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := encode([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	return text + "." + encode(signature), err
}

func (i *Issuer) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.t.Error(err)
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
