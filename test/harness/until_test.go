package harness

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntilAsksAgainAndAnswersTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		err := Until(t.Context(), time.Second, "third time", func() error {
			if asked++; asked < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || asked != 3 {
			t.Errorf("Until = %v after %d checks, want success after 3", err, asked)
		}
		no := errors.New("no")
		if err := Until(t.Context(), time.Second, "never", func() error { return no }); !errors.Is(err, no) {
			t.Errorf("Until = %v, want the check's own error", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Until(ctx, time.Hour, "given up", func() error { return no }); !errors.Is(err, no) {
			t.Errorf("Until with an ended context = %v, want the check's own error at once", err)
		}
	})
}

// TestPatienceIsThatOfTheContext, and otherwise the usual one.
func TestPatienceIsThatOfTheContext(t *testing.T) {
	if got := patienceOf(t.Context()); got != Patience {
		t.Errorf("got %s, want %s", got, Patience)
	}
	if got := patienceOf(WithPatience(t.Context(), time.Hour)); got != time.Hour {
		t.Errorf("got %s, want an hour", got)
	}
}
