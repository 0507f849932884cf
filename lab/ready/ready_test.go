package ready

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntilLooksAgainUntilItIsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		err := Until(t.Context(), "thing", time.Minute, func(context.Context) error {
			if looks++; looks < 5 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || looks != 5 {
			t.Errorf("%d looks, %v", looks, err)
		}
	})
}

func TestUntilGivesUpAndSaysWhatWasSeenLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := Until(t.Context(), "old: node ready", time.Minute, func(context.Context) error {
			return errors.New("no network plugin")
		})
		if err == nil || !strings.Contains(err.Error(), "old: node ready") || !strings.Contains(err.Error(), "no network plugin") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("gave up after %s", took)
		}
	})
}

func TestAFatalAnswerEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		dead := errors.New("etcd has ended")
		err := Until(t.Context(), "etcd", time.Minute, func(context.Context) error { return Fatal(dead) })
		if !errors.Is(err, dead) || time.Since(begin) != 0 {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}

func TestALookThatHangsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		err := Until(t.Context(), "thing", time.Minute, func(ctx context.Context) error {
			if looks++; looks > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil || looks != 2 {
			t.Errorf("%d looks, %v", looks, err)
		}
	})
}

func TestInARowStartsAgainAfterOneFailure(t *testing.T) {
	looks := 0
	look := InARow(3, func(context.Context) error {
		if looks++; looks == 3 {
			return errors.New("hiccup")
		}
		return nil
	})
	if err := look(t.Context()); err == nil {
		t.Error("two of three were enough")
	}
	if err := look(t.Context()); err != nil || looks != 6 {
		t.Errorf("%d looks, %v", looks, err)
	}
}

func TestAnEndedContextIsNotCalledATimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Until(ctx, "thing", time.Minute, func(context.Context) error { return errors.New("not yet") })
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "1m0s") {
		t.Errorf("got %v", err)
	}
}
