package redis

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"credence/store"
	"credence/test/redisserver"
)

// quiet is a feed whose database does not push.
type quiet struct {
	mu   sync.Mutex
	head int64
	wake chan struct{}
}

func (q *quiet) Head(context.Context) (store.Position, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return store.Position{Revision: store.Revision(q.head), ID: strconv.FormatInt(q.head, 10)}, nil
}

func (q *quiet) ChangesAfter(_ context.Context, after store.Position, _ int) ([]store.Change, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []store.Change
	for r := after.Revision + 1; r <= store.Revision(q.head); r++ {
		all = append(all, store.Change{Revision: r, ID: strconv.FormatInt(int64(r), 10)})
	}
	return all, nil
}

func (q *quiet) Wake(context.Context) <-chan struct{} { return q.wake }

func (q *quiet) commit() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.head++
}

// run runs fn until the test ends.
func run(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- fn(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestACommitIsPushedToTheReplicasAlsoAfterRedisWasAway(t *testing.T) {
	s := redisserver.Start(t)
	c := openPatient(t, Options{Addresses: []string{s.Address()}, DialTimeout: time.Second})
	control := &quiet{wake: make(chan struct{}, 1)}
	run(t, func(ctx context.Context) error { return Publish(ctx, c, control) })
	data := NewFeed(c, &quiet{})
	run(t, data.Run)
	wakes := data.Wake(t.Context())
	for round := range 2 {
		until(t, "subscribed", func() error {
			if !data.Stats().Up {
				return errors.New("not yet")
			}
			return nil
		})
		<-wakes // whatever was pushed before the subscription is lost: look
		control.commit()
		control.wake <- struct{}{}
		<-wakes
		if got := data.Stats(); got.Received == 0 || got.Ignored != 0 {
			t.Errorf("%+v: want a push", got)
		}
		if round > 0 {
			break
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		until(t, "the loss is noticed", func() error {
			if data.Stats().Up {
				return errors.New("not yet")
			}
			return nil
		})
		if err := s.Launch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// follower reads the feed at each wake, and counts.
func follower(ctx context.Context, f *Feed, at store.Position) *int {
	reads := new(int)
	wakes := f.Wake(ctx)
	go func() {
		for range wakes {
			*reads++
			changes, err := f.ChangesAfter(ctx, at, 500)
			if err == nil && len(changes) > 0 {
				last := changes[len(changes)-1]
				at = store.Position{Revision: last.Revision, ID: last.ID}
			}
		}
	}()
	return reads
}

func TestAFloodOfForgedPushesBecomesNoFloodOfPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := NewFeed(nil, &quiet{wake: make(chan struct{})})
		reads := follower(ctx, f, store.Position{})
		for i := range 60_000 { // a minute of a thousand a second
			f.receive(strconv.Itoa(1000 + i))
			<-time.After(time.Millisecond)
			synctest.Wait()
		}
		// The first few come while the gap grows from 5 ms to a second.
		if *reads > 60+10 {
			t.Errorf("%d reads of the feed in a minute of forged pushes", *reads)
		}
		cancel()
		synctest.Wait()
	})
}

func TestPushesThatBringChangesWakeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := &quiet{wake: make(chan struct{})}
		f := NewFeed(nil, feed)
		reads := follower(ctx, f, store.Position{})
		for i := range 100 {
			feed.commit()
			f.receive(strconv.Itoa(i + 1))
			<-time.After(pushGap)
			synctest.Wait()
			if *reads != i+1 {
				t.Fatalf("%d reads after %d pushes", *reads, i+1)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestPushesThatAreLateRepeatedOrNonsenseWakeNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := &quiet{wake: make(chan struct{}), head: 7}
		f := NewFeed(nil, feed)
		if _, err := f.Head(ctx); err != nil {
			t.Fatal(err)
		}
		reads := follower(ctx, f, store.Position{Revision: 7, ID: "7"})
		for _, payload := range []string{"7", "1", "-8", "", "eight", "99999999999999999999"} {
			f.receive(payload)
		}
		synctest.Wait()
		if s := f.Stats(); *reads != 0 || s.Ignored != 6 {
			t.Errorf("%d reads, %+v", *reads, s)
		}
		cancel()
		synctest.Wait()
	})
}

// While pushes by Redis rest, those of the database still wake.
func TestForgedPushesDoNotHoldUpTheDatabasesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := &quiet{wake: make(chan struct{})}
		f := NewFeed(nil, feed)
		f.gap.Store(int64(pushMaxGap))
		reads := follower(ctx, f, store.Position{})
		f.receive("1000")
		synctest.Wait()
		for want := 2; want < 5; want++ {
			feed.wake <- struct{}{}
			synctest.Wait()
			if *reads != want {
				t.Fatalf("%d reads, want %d", *reads, want)
			}
		}
		cancel()
		synctest.Wait()
	})
}
