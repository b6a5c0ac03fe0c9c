package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"credence/store"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
	"credence/test/redisserver"
)

var usageSecret = [32]byte{4, 2}

// office is a control plane's side: a database, and ingesters on it.
type office struct {
	*testing.T

	db     *sqlite.DB
	client *Client
	stream *UsageStream
}

func newOffice(t *testing.T, address, deployment string) *office {
	t.Helper()
	o := &office{T: t, db: sqlitetest.Open(t, time.Now), client: openPatient(t, Options{Addresses: []string{address}, Deployment: deployment})}
	var err error
	if o.stream, err = NewUsageStream(o.client, usageSecret); err != nil {
		t.Fatal(err)
	}
	return o
}

// ingestFunc lets a test stand between stream and database.
type ingestFunc func(ctx context.Context, b store.UsageBatch) error

func (f ingestFunc) IngestUsage(ctx context.Context, b store.UsageBatch) error { return f(ctx, b) }

func (o *office) ingest(consumer string, into ingester) *UsageIngest {
	o.Helper()
	u, err := NewUsageIngest(UsageIngestOptions{
		Client: o.client, Secret: usageSecret, Store: into, Consumer: consumer, Logger: slog.New(slog.DiscardHandler),
		ClaimAfter: time.Millisecond, Retention: 100 * 365 * 24 * time.Hour,
	})
	if err != nil {
		o.Fatal(err)
	}
	return u
}

func usageBatch(replica string, sequence int64) store.UsageBatch {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	b := store.UsageBatch{Replica: replica, Sequence: sequence, Started: at, At: at.Add(time.Duration(sequence) * time.Second)}
	k := store.KeyUsage{Minute: at, Minutes: 1, KeyID: "key_1", Reason: "allowed", Checks: 1, Latency: time.Millisecond}
	k.Addresses.Add(5)
	b.Keys = append(b.Keys, k)
	return b
}

func (o *office) ship(b store.UsageBatch) {
	o.Helper()
	if err := o.stream.AddUsage(patience(o.T), b); err != nil {
		o.Fatal(err)
	}
}

// drain runs rounds until nothing is left in the stream, however often they
// fail.
func (o *office) drain(u *UsageIngest) {
	o.Helper()
	ctx := patience(o.T)
	for o.waiting() > 0 {
		if _, err := u.round(ctx); err != nil && ctx.Err() != nil {
			o.Fatal(err)
		}
	}
}

func (o *office) waiting() int64 {
	o.Helper()
	n, err := o.client.Universal().XLen(patience(o.T), o.client.Key(usageName)).Result()
	if err != nil {
		o.Fatal(err)
	}
	return n
}

func (o *office) counted() (total int64) {
	o.Helper()
	rows, err := o.db.UsageMinutes(o.Context(), "key_1", time.Unix(0, 0), time.Unix(1<<40, 0), 100)
	if err != nil {
		o.Fatal(err)
	}
	for _, r := range rows {
		total += r.Checks
	}
	return total
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestUsageThatIsShippedTwiceIsAddedOnce(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	want := usageBatch("rep_1", 1)
	for range 3 {
		o.ship(want)
	}
	o.ship(usageBatch("rep_1", 2))
	o.drain(o.ingest("one", o.db))
	if got := o.counted(); got != 2 {
		t.Errorf("%d Checks, want 2", got)
	}
	rows, err := o.db.UsageMinutes(t.Context(), "key_1", time.Unix(0, 0), time.Now(), 1)
	if err != nil || len(rows) != 1 || rows[0].Addresses != want.Keys[0].Addresses || rows[0].Latency != 2*time.Millisecond {
		t.Errorf("%+v, %v", rows, err)
	}
}

// TestAControlPlaneThatDiesBetweenCommitAndAcknowledgeCostsNothing has one
// consumer add entries and never acknowledge them; another takes them over.
func TestAControlPlaneThatDiesBetweenCommitAndAcknowledgeCostsNothing(t *testing.T) {
	const batches = 20
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	for sequence := range int64(batches) {
		o.ship(usageBatch("rep_1", sequence+1))
	}
	died := errors.New("died")
	dying := o.ingest("dying", ingestFunc(func(ctx context.Context, b store.UsageBatch) error {
		return errors.Join(o.db.IngestUsage(ctx, b), died) // committed, and nobody hears of it
	}))
	if _, err := dying.round(patience(t)); !errors.Is(err, died) {
		t.Fatalf("got %v", err)
	}
	if got := o.counted(); got == 0 {
		t.Fatal("nothing was committed: the test proves nothing")
	}
	other := o.ingest("other", o.db)
	o.drain(other)
	if got := o.counted(); got != batches {
		t.Errorf("%d Checks, want %d", got, batches)
	}
	if other.Stats().Claimed == 0 {
		t.Error("nothing was taken over from the dead")
	}
}

// TestSeveralControlPlanesShareTheStreamAndEachEntryCountsOnce runs them at
// once, with databases that fail now and then.
func TestSeveralControlPlanesShareTheStreamAndEachEntryCountsOnce(t *testing.T) {
	const replicas, batches = 3, 40
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	for sequence := range int64(batches) {
		for r := range replicas {
			o.ship(usageBatch(fmt.Sprintf("rep_%d", r), sequence+1))
		}
	}
	var all sync.WaitGroup
	for n := range 3 {
		calls := 0
		u := o.ingest(fmt.Sprintf("ctl_%d", n), ingestFunc(func(ctx context.Context, b store.UsageBatch) error {
			if calls++; calls%5 == 0 {
				return store.ErrUnavailable
			}
			err := o.db.IngestUsage(ctx, b)
			if calls%7 == 0 {
				return errors.Join(err, store.ErrUnavailable)
			}
			return err
		}))
		all.Go(func() { o.drain(u) })
	}
	all.Wait()
	if got := o.counted(); got != replicas*batches {
		t.Errorf("%d Checks, want %d", got, replicas*batches)
	}
	if gaps, err := o.db.RecordUsageGaps(t.Context(), time.Unix(0, 0)); err != nil || gaps != 0 {
		t.Errorf("%d gaps, %v", gaps, err)
	}
}

func TestForgedAndCorruptUsageIsDroppedAndCounted(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	stranger, err := NewUsageStream(o.client, [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.AddUsage(patience(t), usageBatch("rep_1", 1)); err != nil {
		t.Fatal(err)
	}
	add := func(values ...any) {
		t.Helper()
		if err := o.client.Universal().XAdd(patience(t), &redis.XAddArgs{Stream: o.client.Key(usageName), Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	add("nonsense", "1")
	add("v", "1", "b", `{"replica":"rep_1","sequence":1}`, "m", "")
	add("v", "1", "b", "not json", "m", o.stream.mac.of("not json"))
	add("v", "0", "b", "{}", "m", o.stream.mac.of("{}"))
	bad := usageBatch("rep_1", 1)
	bad.Keys[0].Checks = -1
	o.ship(bad)
	o.ship(usageBatch("rep_1", 2))
	u := o.ingest("one", o.db)
	o.drain(u)
	if s := u.Stats(); s.Forged != 3 || s.Refused != 3 || s.Added != 1 {
		t.Errorf("%+v", s)
	}
	if got := o.counted(); got != 1 {
		t.Errorf("%d Checks, want 1", got)
	}
	// What was dropped is missed.
	if gaps, err := o.db.RecordUsageGaps(t.Context(), time.Now().Add(time.Hour)); err != nil || gaps == 0 {
		t.Errorf("%d gaps, %v", gaps, err)
	}
}

// TestUsageThatTheDatabaseHasForgottenIsNotCountedAgain plays whoever controls
// Redis: entries that were added come again when nobody knows their numbers any
// more.
func TestUsageThatTheDatabaseHasForgottenIsNotCountedAgain(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	now := time.Now()
	o.client.options.Now = func() time.Time { return now }
	u := o.ingest("one", o.db)
	u.o.Retention = 8 * time.Hour
	b := usageBatch("rep_1", 1)
	b.At, b.Final = now, true
	o.ship(b)
	o.drain(u)
	if s := u.Stats(); s.Added != 1 || s.Refused != 0 || o.counted() != 1 {
		t.Fatalf("%+v, %d Checks", s, o.counted())
	}
	// All that is remembered of the replica goes; its minutes stay until they
	// are in the sums.
	if _, err := o.db.RemoveUsage(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if known, err := o.db.UsageArrivals(t.Context()); err != nil || len(known) != 0 {
		t.Fatalf("the replica is still known: %v, %v", known, err)
	}
	before := o.counted()
	now = now.Add(4*time.Hour + time.Second)
	o.ship(b)
	o.drain(u)
	if s := u.Stats(); s.Added != 1 || s.Refused != 1 || o.counted() != before {
		t.Errorf("%+v, %d Checks, before %d", s, o.counted(), before)
	}
	// The other side: one of a clock that is far ahead would stay young for as
	// long as it is.
	for _, c := range []struct {
		at    time.Time
		added int64
	}{
		{now.Add(2*time.Hour + time.Second), 0}, {now.Add(2 * time.Hour), 1}, {now.Add(-4 * time.Hour), 1},
	} {
		was := u.Stats()
		b.Sequence++
		b.At = c.at
		o.ship(b)
		o.drain(u)
		if s := u.Stats(); s.Added-was.Added != c.added || s.Refused-was.Refused != 1-c.added {
			t.Errorf("of %s: %+v after %+v", c.at.Sub(now), s, was)
		}
	}
}

func TestAFullStreamRefusesAndPushesNothingOut(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	o.stream.most = 3
	for sequence := range int64(3) {
		o.ship(usageBatch("rep_1", sequence+1))
	}
	if err := o.stream.AddUsage(patience(t), usageBatch("rep_1", 4)); !errors.Is(err, ErrUsageBacklog) {
		t.Fatalf("got %v", err)
	}
	u := o.ingest("one", o.db)
	o.drain(u)
	o.ship(usageBatch("rep_1", 4))
	o.drain(u)
	if got := o.counted(); got != 4 {
		t.Errorf("%d Checks, want 4", got)
	}
}

func TestAnEmptiedRedisCostsWhatLayInItAndUsageGoesOn(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	u := o.ingest("one", o.db)
	o.ship(usageBatch("rep_1", 1))
	o.drain(u)
	o.ship(usageBatch("rep_1", 2))
	if err := o.client.Universal().FlushAll(patience(t)).Err(); err != nil {
		t.Fatal(err)
	}
	o.ship(usageBatch("rep_1", 3))
	o.drain(u)
	if got := o.counted(); got != 2 {
		t.Errorf("%d Checks, want 2", got)
	}
	gaps, err := o.db.RecordUsageGaps(t.Context(), time.Now().Add(time.Hour))
	if err != nil || gaps != 2 { // the lost batch, and the replica that was never heard of again
		t.Errorf("%d gaps, %v", gaps, err)
	}
}

func TestABatchTooLargeForTheStreamIsRefusedForGood(t *testing.T) {
	o := newOffice(t, "127.0.0.1:1", "test")
	b := usageBatch("rep_1", 1)
	for len(b.Keys) < 5000 {
		b.Keys = append(b.Keys, b.Keys[0])
	}
	if err := o.stream.AddUsage(t.Context(), b); !errors.Is(err, store.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
}

// TestIngestRunsUntilItsContextEnds also runs it, as package main does.
func TestIngestRunsUntilItsContextEnds(t *testing.T) {
	o := newOffice(t, redisserver.Start(t).Address(), "test")
	ctx, cancel := context.WithCancel(patience(t))
	added := make(chan struct{}, 1)
	u := o.ingest("one", ingestFunc(func(ctx context.Context, b store.UsageBatch) error {
		defer func() { added <- struct{}{} }()
		return o.db.IngestUsage(ctx, b)
	}))
	o.ship(usageBatch("rep_1", 1))
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	<-added
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := o.counted(); got != 1 {
		t.Errorf("%d Checks", got)
	}
}
