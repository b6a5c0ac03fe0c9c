package usage

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
)

// flaky is a real database that is away now and then, and that commits now and
// then without anybody hearing of it.
type flaky struct {
	*sqlite.DB

	trouble func() int
	earlier []store.UsageBatch
}

func (f *flaky) AddUsage(ctx context.Context, b store.UsageBatch) error {
	f.earlier = append(f.earlier, b)
	switch f.trouble() {
	case 0:
		return store.ErrUnavailable
	case 1:
		return errors.Join(f.DB.AddUsage(ctx, b), store.ErrUnavailable)
	case 2: // an old copy arrives late
		if err := f.DB.AddUsage(ctx, f.earlier[len(f.earlier)/2]); err != nil {
			return err
		}
	}
	return f.DB.AddUsage(ctx, b)
}

// TestOnARealStoreEachCheckArrivesOnceAndOfAKilledReplicaOnlyTheTailIsLost has
// replicas count, deliver through trouble, stop, and be killed. Of those that
// were killed, what they had delivered or tried to is all that may be there,
// and a gap says so; of the others there is everything.
func TestOnARealStoreEachCheckArrivesOnceAndOfAKilledReplicaOnlyTheTailIsLost(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		key, at := fmt.Sprintf("key_%d", run), &clock{at: start}
		least, most, killed := int64(0), int64(0), map[string]bool{}
		for r := range rapid.IntRange(1, 3).Draw(rt, "replicas") {
			replica, calm := fmt.Sprintf("rep_%d_%d", run, r), false
			f := &flaky{DB: db, trouble: func() int {
				if calm {
					return 9
				}
				return rapid.IntRange(0, 5).Draw(rt, "trouble")
			}}
			c := newCounter(t, f, at.now, func(o *Options) { o.Replica, o.Every = replica, time.Microsecond })
			counted, safe := int64(0), int64(0)
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				switch rapid.IntRange(0, 4).Draw(rt, "step") {
				case 0:
					at.advance(time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds")) * time.Second)
				case 1:
					if c.deliver(t.Context(), false) {
						safe = counted
					}
				default:
					c.Count(decision(key, pipeline.ReasonAllowed, "192.0.2.1"), nil, at.now(), 0)
					counted++
				}
			}
			calm = true
			if most += counted; rapid.Bool().Draw(rt, "killed") {
				least += safe
				killed[replica] = c.sequence > 0 && (len(f.earlier) > 0 && c.counts.batches.Load() > 0)
				continue
			}
			least += counted
			if err := c.Close(t.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		rows, err := db.UsageMinutes(t.Context(), key, time.Unix(0, 0), start.AddDate(1, 0, 0), 10_000)
		if err != nil {
			rt.Fatal(err)
		}
		total := int64(0)
		for _, row := range rows {
			total += row.Checks
		}
		if total < least || total > most || len(killed) == 0 && total != most {
			rt.Fatalf("%d Checks arrived, want %d to %d", total, least, most)
		}
		gapsOf(t, rt, db, killed)
	})
}

// gapsOf wants a gap for each replica that was killed after it was heard of,
// and none for another.
func gapsOf(t *testing.T, rt *rapid.T, db *sqlite.DB, killed map[string]bool) {
	t.Helper()
	if _, err := db.RecordUsageGaps(t.Context(), start.AddDate(100, 0, 0)); err != nil {
		rt.Fatal(err)
	}
	gaps, err := db.UsageGaps(t.Context(), time.Unix(0, 0), start.AddDate(100, 0, 0), 10_000)
	if err != nil {
		rt.Fatal(err)
	}
	recorded := map[string]bool{}
	for _, g := range gaps {
		recorded[g.Replica] = true
		if g.Cause != store.GapKilled {
			rt.Errorf("a gap that is %s: %+v", g.Cause, g)
		}
	}
	for replica, heard := range killed {
		if heard && !recorded[replica] {
			rt.Errorf("%s was killed and there is no gap", replica)
		}
	}
}
