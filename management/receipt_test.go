package management_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// report writes the row of a replica that stands at the position.
func (f *fixture) report(id string, at store.Position, change func(*store.Replica)) {
	f.t.Helper()
	now := f.clock()
	r := store.Replica{
		ID: id, Name: "pod-" + id, Address: "192.0.2.1:9001", Version: "1", Applied: at,
		StartedAt: now, SeenAt: now, LastRead: now, Ceiling: time.Hour,
	}
	if change != nil {
		change(&r)
	}
	must(f.t, f.db.PutReplica(f.t.Context(), r))
}

// revoke makes a key, revokes it, and answers the positions before and after.
func (f *fixture) revoke() (before, after store.Position) {
	f.t.Helper()
	made := f.key(management.KeyCreate{})
	revoked, err := f.KeyRevoke(f.t.Context(), global, management.KeyStatusChange{KeyID: made.Key.KeyID})
	must(f.t, err)
	return made.Position, revoked.Position
}

func silentIDs(r management.Receipt) []string {
	var ids []string
	for _, s := range r.Silent {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestAReceiptIsCompleteWhenEveryReplicaThatMayStillDecideHasApplied(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	long := f.clock().Add(-2 * time.Hour)
	f.report("rep_1", after, nil)
	f.report("rep_2", after, nil)
	f.report("rep_left", before, func(r *store.Replica) { r.LeftAt = f.clock() })
	f.report("rep_stopped", before, func(r *store.Replica) { r.SeenAt = long })
	r := f.Receipt(t.Context(), after, 0)
	if !r.Complete || r.Revision != after.Revision || r.Replicas != 2 || len(r.Silent) != 0 || r.Unasked != nil {
		t.Errorf("receipt %+v, want a complete one of 2 replicas", r)
	}
}

func TestAReceiptWithoutReplicasIsComplete(t *testing.T) {
	f := newFixture(t)
	_, after := f.revoke()
	if r := f.Receipt(t.Context(), after, 0); !r.Complete || r.Replicas != 0 {
		t.Errorf("receipt %+v", r)
	}
}

// A replica may be deciding until a ceiling after a report that its reads
// still counted for, and by a clock that differs.
func TestAReplicaIsWaitedForUntilItHasStoppedByItself(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	limit := time.Hour + store.ReportWithin + store.MaxClockSkew
	f.report("rep_1", before, func(r *store.Replica) { r.SeenAt = f.clock().Add(-limit + time.Microsecond) })
	r := f.Receipt(t.Context(), after, 0)
	if r.Complete || !slices.Equal(silentIDs(r), []string{"rep_1"}) {
		t.Errorf("receipt %+v, want one that names the replica", r)
	}
	f.advance(time.Microsecond)
	if r := f.Receipt(t.Context(), after, 0); !r.Complete {
		t.Errorf("receipt %+v, want a complete one: the replica has stopped", r)
	}
}

func TestAPartialReceiptNamesTheSilentReplicasAndWhenTheyStop(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	f.report("rep_1", after, nil)
	f.report("rep_2", before, nil)
	old := f.clock().Add(-30 * time.Minute)
	f.report("rep_3", before, func(r *store.Replica) { r.SeenAt = old })
	r := f.Receipt(t.Context(), after, time.Millisecond)
	want := []management.SilentReplica{
		// It may have read the feed just before the commit.
		{ID: "rep_2", Name: "pod-rep_2", Address: "192.0.2.1:9001", StopsAt: f.clock().Add(time.Hour)},
		// Its reads have not counted since long.
		{ID: "rep_3", Name: "pod-rep_3", Address: "192.0.2.1:9001", StopsAt: old.Add(time.Hour + store.ReportWithin + store.MaxClockSkew)},
	}
	if r.Complete || r.Replicas != 3 || !slices.Equal(r.Silent, want) {
		t.Errorf("receipt %+v, want %+v", r, want)
	}
}

// listing tells of each look at the replicas, after which the test may act.
type listing struct {
	store.Backend

	looks chan struct{}
	fail  func(look int) error
	count int
}

func (l *listing) Replicas(ctx context.Context, since time.Time) ([]store.Replica, error) {
	l.count++
	if l.fail != nil {
		if err := l.fail(l.count); err != nil {
			return nil, err
		}
	}
	found, err := l.Backend.Replicas(ctx, since)
	select {
	case l.looks <- struct{}{}:
	default:
	}
	return found, err
}

// watched is a service whose looks the test follows.
func (f *fixture) watched(fail func(look int) error) (*management.Service, <-chan struct{}) {
	l := &listing{Backend: f.db, looks: make(chan struct{}, 1), fail: fail}
	return f.over(store.New(l, f.keyset, f.clock)), l.looks
}

func TestAReceiptWaitsForTheLastReplica(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	f.report("rep_1", before, nil)
	f.report("rep_2", before, nil)
	f.report("rep_3", before, nil)
	service, looks := f.watched(nil)
	got := make(chan management.Receipt, 1)
	go func() { got <- service.Receipt(t.Context(), after, management.MaxWait) }()
	<-looks
	f.report("rep_1", after, nil)
	<-looks
	f.report("rep_2", before, func(r *store.Replica) { r.LeftAt = f.clock() })
	<-looks
	f.report("rep_late", before, nil) // it reads the head after the change: nobody waits for it
	select {
	case r := <-got:
		t.Fatalf("receipt %+v before the last replica has applied", r)
	case <-looks:
	}
	f.report("rep_3", after, nil)
	if r := <-got; !r.Complete || r.Replicas != 3 {
		t.Errorf("receipt %+v, want a complete one of 3", r)
	}
}

func TestAReplicaInAnotherHistoryHasAppliedNothing(t *testing.T) {
	f := newFixture(t)
	_, after := f.revoke()
	f.report("rep_same", store.Position{Revision: after.Revision, ID: "chg_other"}, nil)
	f.report("rep_ahead", store.Position{Revision: after.Revision + 7, ID: "chg_other"}, nil)
	_, later := f.revoke()
	f.report("rep_right", later, nil)
	r := f.Receipt(t.Context(), after, 0)
	if r.Complete || !slices.Equal(silentIDs(r), []string{"rep_ahead", "rep_same"}) {
		t.Errorf("receipt %+v, want one that names the two of another history", r)
	}
}

func TestAChangeThatWasNoneWaitsForAllThatWasCommitted(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	f.report("rep_1", before, nil)
	if r := f.Receipt(t.Context(), store.Position{}, 0); r.Complete || r.Revision != after.Revision {
		t.Errorf("receipt %+v, want a partial one of revision %d", r, after.Revision)
	}
	f.report("rep_1", after, nil)
	if r := f.Receipt(t.Context(), store.Position{}, 0); !r.Complete {
		t.Errorf("receipt %+v, want a complete one", r)
	}
}

func TestAReceiptOutlivesAStoreThatFailsForAMoment(t *testing.T) {
	f := newFixture(t)
	_, after := f.revoke()
	f.report("rep_1", after, nil)
	service, _ := f.watched(func(look int) error {
		if look < 3 {
			return store.ErrUnavailable
		}
		return nil
	})
	if r := service.Receipt(t.Context(), after, management.MaxWait); !r.Complete || r.Replicas != 1 {
		t.Errorf("receipt %+v, want a complete one", r)
	}
}

func TestAReceiptThatCannotAskSaysSoAndIsNotComplete(t *testing.T) {
	f := newFixture(t)
	_, after := f.revoke()
	service, _ := f.watched(func(int) error { return store.ErrUnavailable })
	r := service.Receipt(t.Context(), after, time.Millisecond)
	if r.Complete || !errors.Is(r.Unasked, store.ErrUnavailable) || r.Revision != after.Revision {
		t.Errorf("receipt %+v", r)
	}
}

func TestACallerThatGoesAwayIsNotWaitedFor(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	f.report("rep_1", before, nil)
	service, looks := f.watched(nil)
	ctx, leave := context.WithCancel(t.Context())
	got := make(chan management.Receipt, 1)
	go func() { got <- service.Receipt(ctx, after, management.MaxWait) }()
	<-looks
	leave()
	if r := <-got; r.Complete {
		t.Errorf("receipt %+v", r)
	}
}

func TestReplicasAreListedWithTheirStateAndLag(t *testing.T) {
	f := newFixture(t)
	before, after := f.revoke()
	now := f.clock()
	f.report("rep_1", after, nil)
	f.report("rep_2", before, func(r *store.Replica) { r.SeenAt = now.Add(-time.Minute) })
	f.report("rep_3", after, func(r *store.Replica) { r.LeftAt = now.Add(-time.Minute) })
	f.report("rep_4", after, func(r *store.Replica) { r.SeenAt, r.LeftAt = now.Add(-2*time.Hour), now.Add(-2*time.Hour) })
	f.report("rep_5", store.Position{Revision: after.Revision + 9, ID: "chg_other"}, nil)
	page, err := f.ReplicaList(t.Context(), management.ReplicaList{})
	must(t, err)
	type line struct {
		id    string
		state management.ReplicaState
		lag   store.Revision
		stops bool
	}
	var got []line
	for _, r := range page.Items {
		got = append(got, line{r.ID, r.State, r.Lag, !r.StopsAt.IsZero()})
	}
	want := []line{
		{"rep_1", management.ReplicaLive, 0, false},
		{"rep_2", management.ReplicaSilent, after.Revision - before.Revision, true},
		{"rep_3", management.ReplicaLeft, 0, false},
		{"rep_5", management.ReplicaLive, 0, false},
	}
	if !slices.Equal(got, want) || page.Head != after.Revision || page.Next != "" {
		t.Errorf("got %+v, head %d; want %+v", got, page.Head, want)
	}
	all, err := f.ReplicaList(t.Context(), management.ReplicaList{Ended: true, Page: management.PageInput{Limit: 3}})
	must(t, err)
	if len(all.Items) != 3 || all.Next == "" {
		t.Fatalf("%d items, next %q", len(all.Items), all.Next)
	}
	all, err = f.ReplicaList(t.Context(), management.ReplicaList{Ended: true, Page: management.PageInput{Limit: 3, Cursor: all.Next}})
	must(t, err)
	if len(all.Items) != 2 || all.Items[0].ID != "rep_4" || all.Next != "" {
		t.Errorf("the rest is %+v, next %q", all.Items, all.Next)
	}
	_, err = f.ReplicaList(t.Context(), management.ReplicaList{Page: management.PageInput{Limit: -1}})
	blames(t, err, "limit")
}
