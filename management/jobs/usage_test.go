package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"credence/management"
	"credence/management/jobs"
	"credence/store"
)

func newUsage(t *testing.T, o jobs.UsageOptions) *jobs.Usage {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	u, err := jobs.NewUsage(o)
	must(t, err)
	return u
}

// TestAReplicaThatWasKilledLeavesAGapAndOneThatSignedOffDoesNot on a real
// store.
func TestAReplicaThatWasKilledLeavesAGapAndOneThatSignedOffDoesNot(t *testing.T) {
	c := &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	s, _ := open(t, c.Now)
	u := newUsage(t, jobs.UsageOptions{Store: s, Now: c.Now})
	for _, replica := range []string{"rep_killed", "rep_stopped"} {
		must(t, s.PutReplica(t.Context(), store.Replica{ID: replica, StartedAt: c.Now(), SeenAt: c.Now().Add(4 * time.Second)}))
		must(t, s.AddUsage(t.Context(), store.UsageBatch{
			Replica: replica, Sequence: 1, Started: c.Now(), At: c.Now().Add(time.Second), Final: replica == "rep_stopped",
		}))
	}
	for _, step := range []struct{ pass, want int }{{0, 0}, {1, 1}, {2, 0}} {
		result, err := u.RunOnce(t.Context())
		must(t, err)
		if result.Gaps != step.want {
			t.Errorf("pass %d: %d gaps, want %d", step.pass, result.Gaps, step.want)
		}
		c.advance(jobs.DefaultUsageSilence + 5*time.Second)
	}
	gaps, err := s.UsageGaps(t.Context(), time.Unix(0, 0), c.Now(), 10)
	must(t, err)
	if len(gaps) != 1 || gaps[0].Replica != "rep_killed" || gaps[0].To.Sub(gaps[0].From) != 3*time.Second || u.Gaps() != 1 {
		t.Errorf("%+v", gaps)
	}
}

// brokenUsage fails its first pass.
type brokenUsage struct{ passes int }

func (b *brokenUsage) RecordUsageGaps(context.Context, time.Time) (int, error) {
	if b.passes++; b.passes == 1 {
		return 0, errors.New("away")
	}
	return 0, nil
}

func (*brokenUsage) RollUsage(context.Context, time.Time) (bool, error) { return false, nil }

// TestUsageIsSummedAndKeptAsLongAsEachStepIsKept on a real store: an old minute
// is found in its hour, an old hour in its day, and a day in nothing.
func TestUsageIsSummedAndKeptAsLongAsEachStepIsKept(t *testing.T) {
	c := &clock{now: time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)}
	const minutes, hours, days = 7 * 24 * time.Hour, 90 * 24 * time.Hour, 730 * 24 * time.Hour
	s, _ := open(t, c.Now)
	service, err := keeping(s, c.Now, management.Retention{Usage: minutes, UsageHours: hours, UsageDays: days})
	must(t, err)
	u := newUsage(t, jobs.UsageOptions{Store: s, Now: c.Now})
	began := c.Now().Truncate(time.Minute)
	must(t, s.AddUsage(t.Context(), store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: began, At: began, Keys: []store.KeyUsage{
		{Minute: began, Minutes: 1, KeyID: "key_1", Reason: "allowed", Checks: 7},
	}}))
	for _, step := range []struct {
		after time.Duration
		want  map[store.UsageStep]int64
	}{
		{0, map[store.UsageStep]int64{store.UsageByMinute: 7, store.UsageByHour: 7, store.UsageByDay: 7}},
		{25 * time.Hour, map[store.UsageStep]int64{store.UsageByMinute: 7, store.UsageByHour: 7, store.UsageByDay: 7}},
		{minutes, map[store.UsageStep]int64{store.UsageByHour: 7, store.UsageByDay: 7}},
		{hours, map[store.UsageStep]int64{store.UsageByDay: 7}},
		{days, nil},
	} {
		c.advance(step.after)
		_, err := u.RunOnce(t.Context())
		must(t, err)
		for _, p := range jobs.Cleanups(service) {
			_, err := p.Do(t.Context())
			must(t, err)
		}
		for _, by := range store.UsageSteps() {
			sums, err := s.UsageSums(t.Context(), store.UsageQuery{From: began.Add(-48 * time.Hour), Until: c.Now(), Step: by, Limit: 1})
			must(t, err)
			got := int64(0)
			for _, sum := range sums {
				got += sum.Checks
			}
			if got != step.want[by] {
				t.Errorf("after %s, by %s: %d Checks, want %d", step.after, by, got, step.want[by])
			}
		}
	}
}

func TestAUsagePassThatFailsIsCountedAndRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count, read := failures(t)
		b := &brokenUsage{}
		u := newUsage(t, jobs.UsageOptions{Store: b, Now: time.Now})
		ctx, cancel := context.WithTimeout(t.Context(), 3*jobs.DefaultUsageInterval)
		defer cancel()
		must(t, u.Pass().Work(slog.New(slog.DiscardHandler), count)(ctx))
		if b.passes < 2 || read("usage") != 1 {
			t.Errorf("%d passes, %v failures", b.passes, read("usage"))
		}
	})
}

func TestUsageOptionsThatAreWrongAreNamed(t *testing.T) {
	for name, edit := range map[string]func(*jobs.UsageOptions){
		"Store":   func(o *jobs.UsageOptions) { o.Store = nil },
		"Now":     func(o *jobs.UsageOptions) { o.Now = nil },
		"Logger":  func(o *jobs.UsageOptions) { o.Logger = nil },
		"Silence": func(o *jobs.UsageOptions) { o.Silence = -1 },
	} {
		o := jobs.UsageOptions{Store: &brokenUsage{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
		edit(&o)
		if _, err := jobs.NewUsage(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
