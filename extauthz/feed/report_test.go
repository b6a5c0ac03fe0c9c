package feed_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/feed"
	"credence/store"
)

// order is a feed and a registry that write down the order of calls.
type order struct {
	*scripted
	calls []string
}

func (o *order) Head(ctx context.Context) (store.Position, error) {
	o.calls = append(o.calls, "head")
	return o.scripted.Head(ctx)
}

func (o *order) PutReplica(ctx context.Context, r store.Replica) error {
	o.calls = append(o.calls, "put")
	return o.scripted.PutReplica(ctx, r)
}

// Who makes a change and looks for replicas afterwards must find this one, or
// this one must find the change in what it loads.
func TestAReplicaIsRegisteredBeforeItReadsTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &order{scripted: newScripted(1)}
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1")})
		<-f.Ready()
		stop()
		if !slices.Equal(s.calls[:2], []string{"put", "head"}) {
			t.Errorf("calls %v, want the row before the head", s.calls)
		}
	})
}

func TestAReplicaThatCannotRegisterDecidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(1), newLog()
		s.putErr = store.ErrUnavailable
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Subscribers: []feed.Subscriber{l}})
		defer stop()
		pass(time.Minute)
		synctest.Wait()
		if events, _, _ := l.read(); len(events) != 0 {
			t.Errorf("events %v although nobody knows of the replica", events)
		}
		s.set(func(s *scripted) { s.putErr = nil })
		<-f.Ready()
	})
}

func TestReadsCountOnlyWhileReportsAreStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(1), newLog()
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Subscribers: []feed.Subscriber{l}})
		defer stop()
		<-f.Ready()
		pass(10 * time.Second)
		synctest.Wait()
		rows := s.stored()
		heard := rows[len(rows)-1].SeenAt
		s.set(func(s *scripted) { s.putErr = errors.New("read-only") })
		pass(10 * time.Minute)
		s.commit(1)
		pass(2 * time.Second)
		synctest.Wait()
		if _, applied, caughtUp := l.read(); len(applied) != 1 || caughtUp.Sub(heard) > store.ReportWithin || caughtUp.Sub(heard) < store.ReportWithin-2*time.Second {
			t.Errorf("%d changes applied, caught up %s after the last report: want the change, and no more than %s",
				len(applied), caughtUp.Sub(heard), store.ReportWithin)
		}
		s.set(func(s *scripted) { s.putErr = nil })
		pass(8 * time.Second)
		if _, _, caughtUp := l.read(); time.Since(caughtUp) > 2*time.Second || time.Since(f.LastRead()) > 2*time.Second {
			t.Error("reads do not count again after a report was stored")
		}
	})
}

func TestAReportThatHangsHoldsBackNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := &hangingReports{scripted: newScripted(1)}, newLog()
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Subscribers: []feed.Subscriber{l}, Timeout: time.Hour})
		defer stop()
		<-f.Ready()
		synctest.Wait() // the second report hangs
		s.commit(1)
		pass(2 * time.Second)
		if f.Applied().Revision != 2 {
			t.Errorf("applied revision %d, want 2 while a report hangs", f.Applied().Revision)
		}
	})
}

// hangingReports stores the first report only.
type hangingReports struct{ *scripted }

func (h *hangingReports) PutReplica(ctx context.Context, r store.Replica) error {
	if len(h.stored()) == 0 {
		return h.scripted.PutReplica(ctx, r)
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestAReplicaThatIsFollowedAgainReportsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(1)
		f, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Report: time.Hour})
		defer stop()
		<-f.Ready()
		pass(time.Second)
		s.set(func(s *scripted) { s.err, s.putErr = store.ErrUnavailable, store.ErrUnavailable })
		pass(time.Minute)
		s.set(func(s *scripted) { s.err, s.putErr = nil, nil })
		n := len(s.stored())
		pass(3 * time.Second)
		synctest.Wait()
		if len(s.stored()) == n {
			t.Error("no report although the store is back")
		}
	})
}
