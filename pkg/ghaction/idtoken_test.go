package ghaction_test

import (
	"bytes"
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

func TestATokenIsMaskedKeptAndReplacedBeforeItEnds(t *testing.T) {
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
	if commands, shown := runnertest.Parse(out.String()); len(commands) != 1 || commands[0].Name != "add-mask" || commands[0].Message != first || len(shown) > 0 {
		t.Errorf("%v %q", commands, shown)
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
	if n := len(issuer.Issued()); n != 2 {
		t.Errorf("%d tokens were asked for", n)
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
