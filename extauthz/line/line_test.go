package line_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/line"
	"credence/store"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// down demands that every call ends in the error.
func down(t *testing.T, s *line.Store, want error) {
	t.Helper()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"FindKey":        func() error { _, err := s.FindKey(ctx, nil); return err },
		"UsedKeys":       func() error { return s.UsedKeys(ctx, 1, nil) },
		"BlacklistRule":  func() error { _, err := s.BlacklistRule(ctx, ""); return err },
		"BlacklistRules": func() error { _, _, err := s.BlacklistRules(ctx, nil, store.Page{}); return err },
		"Head":           func() error { _, err := s.Head(ctx); return err },
		"ChangesAfter":   func() error { _, err := s.ChangesAfter(ctx, store.Position{}, 1); return err },
		"PutReplica":     func() error { return s.PutReplica(ctx, store.Replica{}) },
		"Replicas":       func() error { _, err := s.Replicas(ctx, time.Time{}); return err },
		"RemoveReplicas": func() error { _, err := s.RemoveReplicas(ctx, time.Time{}); return err },
		"ReserveQuota":   func() error { _, _, err := s.ReserveQuota(ctx, store.QuotaWindow{}, 1, 1); return err },
		"ReturnQuota":    func() error { return s.ReturnQuota(ctx, store.QuotaWindow{}, 1) },
		"RemoveQuotas":   func() error { _, err := s.RemoveQuotas(ctx, time.Time{}); return err },
		"AddUsage":       func() error { return s.AddUsage(ctx, store.UsageBatch{}) },
	} {
		if err := call(); !errors.Is(err, want) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestALineThatIsDownSaysSoToEveryCallAndIsUpAgainAfterwards(t *testing.T) {
	s := line.New(nil)
	down(t, s, line.ErrNotConnected)
	s.Connect(sqlitetest.Open(t, time.Now))
	up := func() {
		t.Helper()
		if _, err := s.Head(t.Context()); err != nil {
			t.Error(err)
		}
	}
	up()
	s.Drill(true)
	down(t, s, line.ErrDrill)
	s.Drill(false)
	up()
}

func TestWhoWaitsForAPushIsWokenWhenTheLineIsConnected(t *testing.T) {
	s := line.New(nil)
	ctx, stop := context.WithCancel(t.Context())
	wake := s.Wake(ctx)
	select {
	case <-wake:
		t.Error("woken by nothing")
	default:
	}
	s.Connect(sqlitetest.Open(t, time.Now))
	<-wake
	stop()
	for range wake { // ends when ctx does
	}
}
