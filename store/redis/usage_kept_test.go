package redis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"credence/store"
	"credence/test/redisserver"
)

// newer puts batches of a version into the stream, as a replica of that version
// would.
func (o *office) newer(version int, batches ...store.UsageBatch) {
	o.Helper()
	for _, b := range batches {
		payload, err := b.AppendJSON(nil)
		if err != nil {
			o.Fatal(err)
		}
		err = o.client.Universal().XAdd(patience(o.T), &redis.XAddArgs{
			Stream: o.client.Key(usageName), Values: []any{"v", version, "b", string(payload), "m", o.stream.mac.of(string(payload))},
		}).Err()
		if err != nil {
			o.Fatal(err)
		}
	}
}

func (o *office) kept() int64 {
	o.Helper()
	n, err := o.client.Universal().XLen(patience(o.T), o.client.Key(usageKept)).Result()
	if err != nil {
		o.Fatal(err)
	}
	return n
}

// understands is an ingester of a program that knows more versions. What they
// hold is what version 1 holds.
func (o *office) understands(u *UsageIngest, newest int) *UsageIngest {
	u.newest = newest
	return u
}

// untilNothingIsKept runs rounds until nothing is kept any more.
func (o *office) untilNothingIsKept(u *UsageIngest) {
	o.Helper()
	ctx := patience(o.T)
	for o.kept() > 0 {
		u.looked = time.Time{}
		if _, err := u.round(ctx); err != nil && ctx.Err() != nil {
			o.Fatal(err)
		}
	}
}

// TestUsageOfANewerVersionIsKeptAndAddedOnceAControlPlaneUnderstandsIt, in any
// order with what that control plane takes from the stream, and holds nobody
// up until then.
func TestUsageOfANewerVersionIsKeptAndAddedOnceAControlPlaneUnderstandsIt(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	o.newer(2, usageBatch("rep_new", 1), usageBatch("rep_new", 2))
	o.ship(usageBatch("rep_old", 1))
	o.newer(3, usageBatch("rep_newest", 1))
	old := o.ingest("old", o.db)
	o.drain(old)
	if s := old.Stats(); s.Kept != 3 || s.Refused != 0 || s.Added != 1 || o.kept() != 3 || o.counted() != 1 {
		t.Fatalf("%+v, %d kept, %d Checks", s, o.kept(), o.counted())
	}
	// The old one looks at what was kept without an end, and drops nothing.
	for range 3 {
		old.looked = time.Time{}
		if _, err := old.round(patience(t)); err != nil {
			t.Fatal(err)
		}
	}
	if gaps, err := o.db.RecordUsageGaps(t.Context(), time.Unix(0, 0)); err != nil || gaps != 0 || o.kept() != 3 {
		t.Errorf("%d gaps, %v, %d kept", gaps, err, o.kept())
	}
	// A newer one first fails, then adds what was kept; what neither knows stays.
	o.newer(2, usageBatch("rep_new", 3))
	calls := 0
	next := o.understands(o.ingest("next", failsFirst(&calls, o.db)), 2)
	for range 10 {
		next.looked = time.Time{}
		_, _ = next.round(patience(t)) // the first ones fail
	}
	if o.counted() != 4 || o.kept() != 1 || o.waiting() != 0 {
		t.Errorf("%d Checks, %d kept, %d wait", o.counted(), o.kept(), o.waiting())
	}
	o.untilNothingIsKept(o.understands(o.ingest("latest", o.db), 3))
	if o.counted() != 5 {
		t.Errorf("%d Checks, want 5", o.counted())
	}
	if gaps, err := o.db.RecordUsageGaps(t.Context(), time.Unix(0, 0)); err != nil || gaps != 0 {
		t.Errorf("%d gaps, %v", gaps, err)
	}
}

// failsFirst is a database that is away at first.
func failsFirst(calls *int, into ingester) ingester {
	return ingestFunc(func(ctx context.Context, b store.UsageBatch) error {
		if *calls++; *calls < 3 {
			return store.ErrUnavailable
		}
		return into.IngestUsage(ctx, b)
	})
}

// TestAControlPlaneThatDiesBetweenKeepingAndAcknowledgingCostsNothing: the entry
// is kept twice and added once.
func TestAControlPlaneThatDiesBetweenKeepingAndAcknowledgingCostsNothing(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	o.newer(2, usageBatch("rep_new", 1))
	dying := o.ingest("dying", o.db)
	ctx := patience(t)
	if err := dying.group(ctx); err != nil {
		t.Fatal(err)
	}
	entries, err := dying.read(ctx)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if err := dying.take(ctx, &entries[0]); err != nil { // and dies
		t.Fatal(err)
	}
	o.drain(o.ingest("other", o.db))
	if o.kept() != 2 {
		t.Fatalf("%d kept: the test proves nothing", o.kept())
	}
	o.untilNothingIsKept(o.understands(o.ingest("next", o.db), 2))
	if o.counted() != 1 {
		t.Errorf("%d Checks, want 1", o.counted())
	}
}

// TestWhatIsKeptIsBounded, and what is forged is not kept.
func TestWhatIsKeptIsBounded(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	for n := range int64(5) {
		o.newer(2, usageBatch("rep_new", n+1))
	}
	forged := o.client.Universal().XAdd(patience(t), &redis.XAddArgs{Stream: o.client.Key(usageName), Values: []any{"v", "2", "b", "{}", "m", "no"}})
	if err := forged.Err(); err != nil {
		t.Fatal(err)
	}
	u := o.ingest("old", o.db)
	u.keeps = 3
	o.drain(u)
	if s := u.Stats(); s.Kept != 3 || s.Refused != 2 || s.Forged != 1 || o.kept() != 3 {
		t.Errorf("%+v, %d kept", s, o.kept())
	}
}
