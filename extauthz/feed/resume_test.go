package feed_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/feed"
	"credence/store"
)

// shelf is a Keeper that notes when it was asked.
type shelf struct {
	mu           sync.Mutex
	keepErr      error
	kept, forgot int
}

func (s *shelf) Keep() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept++
	return s.keepErr
}

func (s *shelf) Forget() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot++
	return nil
}

func (s *shelf) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepErr = err
}

func (s *shelf) asked() (kept, forgot int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept, s.forgot
}

// Nothing is loaded, the row comes before the read, and what was not in the
// snapshot is loaded between them.
func TestAReplicaGoesOnFromItsSnapshotWhenTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, held, other := newScripted(3), newLog(), newLog()
		s.set(func(s *scripted) { s.err, s.putErr = store.ErrUnavailable, store.ErrUnavailable })
		read := time.Now().Add(-time.Minute)
		f, stop := follow(t, feed.Options{
			Feed: s, Registry: s, Replica: replica("rep_2"), Subscribers: []feed.Subscriber{held, other},
			Resumed: &feed.Resumed{Position: store.Position{Revision: 2, ID: "chg_2"}, LastRead: read, Later: []feed.Subscriber{other}},
		})
		defer stop()
		pass(time.Minute)
		select {
		case <-f.Ready():
		default:
			t.Error("it waits for the store")
		}
		if f.Applied().Revision != 2 || !f.LastRead().Equal(read) {
			t.Errorf("at %+v, read at %s; a start renews nothing", f.Applied(), f.LastRead())
		}
		s.set(func(s *scripted) { s.err = nil }) // it can be read, and not written
		pass(time.Minute)
		if _, applied, _ := held.read(); len(applied) != 0 {
			t.Errorf("applied %v before it was known", applied)
		}
		s.set(func(s *scripted) { s.putErr = nil })
		pass(time.Minute)
		events, applied, caughtUp := held.read()
		if slices.Contains(events, "load") || !slices.Equal(applied, []store.Revision{3}) || caughtUp.IsZero() {
			t.Errorf("%v, applied %v, caught up at %s; want what came after the snapshot alone", events, applied, caughtUp)
		}
		if events, _, _ := other.read(); len(events) == 0 || events[0] != "load" {
			t.Errorf("%v; want that what was not in the snapshot is loaded first", events)
		}
		if rows := s.stored(); len(rows) == 0 || rows[0].Applied.Revision != 2 {
			t.Errorf("rows %+v, want the position of the snapshot first", rows)
		}
	})
}

func TestASnapshotFromAnotherHistoryIsLoadedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newScripted(3), newLog()
		f, stop := follow(t, feed.Options{
			Feed: s, Registry: s, Replica: replica("rep_2"), Subscribers: []feed.Subscriber{l},
			Resumed: &feed.Resumed{Position: store.Position{Revision: 9, ID: "chg_9"}, LastRead: time.Now()},
		})
		defer stop()
		pass(time.Minute)
		if events, _, _ := l.read(); !slices.Contains(events, "restart") || f.Applied().Revision != 3 {
			t.Errorf("%v, at %+v", events, f.Applied())
		}
	})
}

func TestNoPositionIsReportedThatIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := newScripted(1), &shelf{}
		_, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Keeper: k})
		pass(10 * time.Second)
		before := s.stored()[len(s.stored())-1]
		k.set(errors.New("disk full"))
		s.commit(1)
		pass(10 * time.Second)
		if last := s.stored()[len(s.stored())-1]; last.Applied != before.Applied {
			t.Errorf("reported %+v, which is not kept", last.Applied)
		}
		k.set(nil)
		pass(10 * time.Second)
		if last := s.stored()[len(s.stored())-1]; last.Applied.Revision != 2 {
			t.Errorf("reported %+v in the end", last.Applied)
		}
		stop()
		if _, forgot := k.asked(); forgot != 1 || s.stored()[len(s.stored())-1].LeftAt.IsZero() {
			t.Errorf("forgot %d times; want once, before it signed off", forgot)
		}
	})
}

func TestWhoCannotReachTheStoreKeepsItsSnapshotAndDoesNotSignOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, k := newScripted(1), &shelf{}
		_, stop := follow(t, feed.Options{Feed: s, Registry: s, Replica: replica("rep_1"), Keeper: k})
		pass(10 * time.Second)
		s.set(func(s *scripted) { s.err = store.ErrUnavailable }) // the row could be written all the same
		pass(10 * time.Second)
		stop()
		if _, forgot := k.asked(); forgot != 0 {
			t.Error("it gave its snapshot up")
		}
		if last := s.stored()[len(s.stored())-1]; !last.LeftAt.IsZero() {
			t.Error("it signed off with a snapshot behind it")
		}
	})
}
