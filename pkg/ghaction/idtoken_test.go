package ghaction_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
)

func lent(i *runnertest.Issuer, more ...string) func(string) string {
	vars, env := map[string]string{}, append(i.Env(), more...)
	for n := 0; n+1 < len(env); n += 2 {
		vars[env[n]] = env[n+1]
	}
	return func(name string) string { return vars[name] }
}

func TestATokenIsKeptAndReplacedBeforeItEndsAndShownToNobody(t *testing.T) {
	issuer, out := runnertest.NewIssuer(t, 3*time.Second, nil), &bytes.Buffer{}
	tokens, err := ghaction.New(lent(issuer), out).IDTokens("a b&c")
	if err != nil {
		t.Fatal(err)
	}
	issuer.Refuse(2) // GitHub has bad moments
	first, err := tokens.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	deadline, began := time.Now().Add(time.Minute), time.Now()
	for token := first; token == first; {
		if token, err = tokens.Token(t.Context()); err != nil || time.Now().After(deadline) {
			t.Fatalf("it is never replaced: %v", err)
		}
		if token == first && time.Since(began) > 3*time.Second {
			t.Fatal("a token that has ended is handed out")
		}
	}
	if n := len(issuer.Issued()); n != 2 || out.Len() > 0 {
		t.Errorf("%d tokens were asked for, and this was shown: %q", n, out)
	}
}

func TestATokenIsGoodUntilItsEndWhereGitHubGivesNoOther(t *testing.T) {
	issuer := runnertest.NewIssuer(t, 6*time.Second, nil)
	tokens, err := ghaction.New(lent(issuer), &bytes.Buffer{}).IDTokens("x")
	if err != nil {
		t.Fatal(err)
	}
	first, err := tokens.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const many = 1 << 20
	issuer.Refuse(many)
	good, began := false, time.Now()
	for err == nil {
		var token string
		if token, err = tokens.Token(t.Context()); err == nil && (token != first || time.Since(began) > 6*time.Second) {
			t.Fatal("a token that has ended is handed out, or another one than GitHub gave")
		}
		good = good || err == nil && issuer.Refused() < many
	}
	if !good {
		t.Errorf("the first refusal ended it: %v", err)
	}
	if asked := many - issuer.Refused(); asked > 50 {
		t.Errorf("GitHub was asked %d times", asked)
	}
}

// Whoever asks GitHub may have to wait for long: others need not wait longer than they have.
func TestWhoWaitsForTheTokenOfAnotherHeedsItsOwnEnd(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-answer
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	defer close(answer)
	env := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
	tokens, err := ghaction.New(func(name string) string { return env[name] }, &bytes.Buffer{}).IDTokens("x")
	if err != nil {
		t.Fatal(err)
	}
	first, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := tokens.Token(first)
		done <- err
	}()
	<-asked
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.Token(over); !errors.Is(err, context.Canceled) || len(done) > 0 {
		t.Errorf("%v, and the one before has ended: %v", err, len(done) > 0)
	}
	stop()
	if err := <-done; err == nil {
		t.Error("nobody gave a token")
	}
}

func TestWhoIsLentNothingIsToldWhatToAllow(t *testing.T) {
	issuer := runnertest.NewIssuer(t, time.Minute, nil)
	for _, missing := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
		_, err := ghaction.New(lent(issuer, missing, ""), &bytes.Buffer{}).IDTokens("x")
		if fault.CodeOf(err) != fault.Usage || !strings.Contains(strings.Join(fault.Hints(err), ""), "id-token: write") {
			t.Errorf("without %s: %v", missing, err)
		}
	}
	tokens, err := ghaction.New(lent(issuer, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "stolen-t0ken"), &bytes.Buffer{}).IDTokens("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "stolen-t0ken") {
		t.Errorf("%v", err)
	}
}
