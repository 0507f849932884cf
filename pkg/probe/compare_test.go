package probe

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheOldSideDoesDifferentlyFromItselfIsNoise(t *testing.T) {
	var n atomic.Int32
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", fmt.Sprintf("session-%d=x", n.Add(1)))
		w.Header().Set("Content-Type", "text/html")
	}))
	defer old.Close()
	normal, err := Baseline(t.Context(), Target{Addr: old.Listener.Addr().String(), Host: "shop.test"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Field{FieldCookies}, normal.Noise); diff != "" {
		t.Error(diff)
	}
	same := Answer{Status: 200, ContentType: "text/html", Cookies: []string{"session-9"}}
	if d := normal.Differences(same); len(d) != 0 {
		t.Errorf("beyond the noise: %v", d)
	}
	other := same
	other.Status, other.Location = 301, "https://shop.test/"
	want := []Difference{{FieldStatus, "200", "301"}, {FieldLocation, "", "https://shop.test/"}}
	if diff := cmp.Diff(want, normal.Differences(other)); diff != "" {
		t.Error(diff)
	}
}

func TestAStatusThatOldNeverGaveIsNoNoise(t *testing.T) {
	normal := learn([]Answer{{Status: 200}, {Status: 503}})
	if d := normal.Differences(Answer{Status: 200}); len(d) != 0 {
		t.Errorf("%v", d)
	}
	if d := normal.Differences(Answer{Status: 404}); len(d) != 1 {
		t.Errorf("404 passed: %v", d)
	}
}

func TestNoAnswerIsADifferenceAndNoBaseline(t *testing.T) {
	d := learn([]Answer{{Status: 200}}).Differences(Answer{Class: Reset})
	if len(d) != 1 || d[0].String() != "status no answer (reset) instead of 200" {
		t.Errorf("%v", d)
	}
	addr := serve(t, answer(""))
	_, err := Baseline(t.Context(), Target{Addr: addr, Host: "shop.test"}, 2)
	if !errors.Is(err, ErrNoEvidence) || !errors.Is(err, io.EOF) && Classify(err) != Reset {
		t.Errorf("%v", err)
	}
}
