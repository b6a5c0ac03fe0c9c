package management

import (
	"context"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// ReplicaState says what is known of a replica now.
type ReplicaState string

// The states of replicas.
const (
	ReplicaLive   ReplicaState = "live"
	ReplicaSilent ReplicaState = "silent" // not heard from lately, and did not sign off
	ReplicaLeft   ReplicaState = "left"   // signed off
)

const (
	// silentAfter is three reports that did not come.
	silentAfter = 15 * time.Second
	// shownAfterEnd is how long replicas that have ended stay in the list.
	shownAfterEnd = time.Hour
)

// ReplicaList is the input of [Service.ReplicaList].
type ReplicaList struct {
	Ended bool // also those that ended more than an hour ago
	Page  PageInput
}

// ReplicaPage is a part of a list of replicas, by id and so by age.
type ReplicaPage struct {
	Items []ReplicaSeen
	Head  store.Revision // of the newest change
	Next  store.Cursor   // "" when nothing follows
}

// ReplicaSeen is a replica and what its row tells now.
type ReplicaSeen struct {
	store.Replica

	State ReplicaState
	Lag   store.Revision // changes that it had not applied when it reported last
	// StopsAt is when a silent replica has stopped deciding by itself; zero
	// for all others.
	StopsAt time.Time
}

// ReplicaList lists the replicas of the data plane. They belong to no
// namespace, so there is no actor to judge.
func (s *Service) ReplicaList(ctx context.Context, in ReplicaList) (ReplicaPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list replicas"); err != nil {
		return ReplicaPage{}, err
	}
	// The head first: nobody lags behind what was committed after the rows.
	head, err := s.store.Head(ctx)
	if err != nil {
		return ReplicaPage{}, failed("list replicas", err)
	}
	found, err := s.store.Replicas(ctx, time.Time{})
	if err != nil {
		return ReplicaPage{}, failed("list replicas", err)
	}
	out := ReplicaPage{Head: head.Revision}
	now := s.now()
	found = slices.DeleteFunc(found, func(r store.Replica) bool {
		return strings.Compare(r.ID, string(page.After)) <= 0 || !in.Ended && now.Sub(end(&r)) > shownAfterEnd
	})
	if size := page.Size(); len(found) > size {
		found = found[:size]
		out.Next = store.Cursor(found[size-1].ID)
	}
	for _, r := range found {
		out.Items = append(out.Items, seen(r, head.Revision, now))
	}
	return out, nil
}

// end is when a replica stopped or will have stopped deciding.
func end(r *store.Replica) time.Time {
	if r.LeftAt.IsZero() {
		return r.StopsBy()
	}
	return r.LeftAt
}

func seen(r store.Replica, head store.Revision, now time.Time) ReplicaSeen {
	out := ReplicaSeen{Replica: r, State: ReplicaLive, Lag: max(0, head-r.Applied.Revision)}
	switch {
	case !r.LeftAt.IsZero():
		out.State = ReplicaLeft
	case now.Sub(r.SeenAt) > silentAfter:
		out.State, out.StopsAt = ReplicaSilent, r.StopsBy()
	}
	return out
}
