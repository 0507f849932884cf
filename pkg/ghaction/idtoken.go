package ghaction

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"

	"cutover.dev/cutover/pkg/fault"
)

// The variables with which the runner lends a job the right to ask for tokens that say which job it is.
const (
	idTokenURL    = "ACTIONS_ID_TOKEN_REQUEST_URL"
	idTokenBearer = "ACTIONS_ID_TOKEN_REQUEST_TOKEN" //nolint:gosec // the name of a variable
)

// IDTokens are tokens, signed by GitHub, that say which repository, environment and run this job is. They live for minutes, so
// whoever needs one asks for it each time. Its methods may be called from several goroutines.
type IDTokens struct {
	runner *Runner
	url    string
	client http.Client

	mu    sync.Mutex
	value string
	until time.Time // by this machine's own clock
}

// IDTokens returns the tokens for one audience, which is who is meant to believe them. It asks nobody yet.
func (r *Runner) IDTokens(audience string) (*IDTokens, error) {
	at, err := url.Parse(r.getenv(idTokenURL))
	if err != nil || at.Host == "" || r.getenv(idTokenBearer) == "" {
		return nil, fault.New(fault.Usage, "the job needs `permissions: {id-token: write}`; outside of GitHub Actions there are none",
			"GitHub lends this job no tokens (%s, %s)", idTokenURL, idTokenBearer)
	}
	query := at.Query()
	query.Set("audience", audience)
	at.RawQuery = query.Encode()
	return &IDTokens{runner: r, url: at.String(), client: http.Client{Timeout: 10 * time.Second}}, nil
}

// Token returns one that is good for a while yet. It masks each before it returns it. Its errors never contain one.
func (t *IDTokens) Token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && time.Now().Before(t.until) {
		return t.value, nil
	}
	asked := time.Now()
	var value string
	err := retry.Do(ctx, retry.WithMaxRetries(3, retry.NewExponential(200*time.Millisecond)), func(ctx context.Context) (err error) {
		value, err = t.ask(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask GitHub for a token: %w", err)
	}
	t.runner.Mask(value)
	life, err := lifetime(value)
	if err != nil {
		return "", fmt.Errorf("read the token of GitHub: %w", err)
	}
	// Two thirds of its life, from before it was made: the clocks of GitHub and of this machine need not agree.
	t.value, t.until = value, asked.Add(life*2/3)
	return value, nil
}

func (t *IDTokens) ask(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+t.runner.getenv(idTokenBearer))
	req.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return "", retry.RetryableError(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return "", retry.RetryableError(err)
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return "", retry.RetryableError(fmt.Errorf("it answers %s", resp.Status))
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("it answers %s", resp.Status)
	}
	var answer struct{ Value string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
		return "", fmt.Errorf("its answer has no token (%T)", err) // the text of err may quote it
	}
	return answer.Value, nil
}

// lifetime is how long a token is good, by its own claims. Who believes it checks its signature; here it is only read.
func lifetime(token string) (time.Duration, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, fmt.Errorf("it has %d parts, not 3", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0, fmt.Errorf("its claims are not base64")
	}
	var claims struct{ Iat, Exp int64 }
	if err := json.Unmarshal(raw, &claims); err != nil {
		return 0, fmt.Errorf("its claims are not JSON")
	}
	life := time.Duration(claims.Exp-claims.Iat) * time.Second
	if life <= 0 {
		return 0, fmt.Errorf("it says that it is good for %s", life)
	}
	return life, nil
}
