package line

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"credence/store"
	"credence/store/credential"
)

// The errors of a line that is down. Both wrap [store.ErrUnavailable].
var (
	ErrNotConnected = fmt.Errorf("the database was not reached since the start: %w", store.ErrUnavailable)
	ErrDrill        = fmt.Errorf("an outage of the store is rehearsed: %w", store.ErrUnavailable)
)

// Store is a store.DataPlane that can be down.
type Store struct {
	to      atomic.Pointer[store.DataPlane]
	drilled atomic.Bool

	mu        sync.Mutex
	connected chan struct{} // closed when there is something behind the line
}

var _ store.DataPlane = (*Store)(nil)

// New makes a line to a store; nil for one that comes later.
func New(to store.DataPlane) *Store {
	s := &Store{connected: make(chan struct{})}
	if to != nil {
		s.Connect(to)
	}
	return s
}

// Connect says what is behind the line, once.
func (s *Store) Connect(to store.DataPlane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to.CompareAndSwap(nil, &to) {
		close(s.connected)
	}
}

// Drill takes the line down, or lets it be up again.
func (s *Store) Drill(down bool) { s.drilled.Store(down) }

// Drilled reports whether it is down on purpose.
func (s *Store) Drilled() bool { return s.drilled.Load() }

// Connected reports whether there is something behind the line.
func (s *Store) Connected() bool { return s.to.Load() != nil }

func (s *Store) up() (store.DataPlane, error) {
	to := s.to.Load()
	switch {
	case s.drilled.Load():
		return nil, ErrDrill
	case to == nil:
		return nil, ErrNotConnected
	}
	return *to, nil
}

// answer makes one call that answers something.
func answer[T any](s *Store, call func(store.DataPlane) (T, error)) (T, error) {
	to, err := s.up()
	if err != nil {
		var none T
		return none, err
	}
	return call(to)
}

// FindKey implements store.KeyFinder.
func (s *Store) FindKey(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	to, err := s.up() // not by answer: this one is on the request path
	if err != nil {
		return store.KeyRecord{}, err
	}
	return to.FindKey(ctx, hashes)
}

// UsedKeys implements store.UsedKeyReader.
func (s *Store) UsedKeys(ctx context.Context, most int, each func(store.KeyRecord) error) error {
	to, err := s.up()
	if err != nil {
		return err
	}
	return to.UsedKeys(ctx, most, each)
}

// BlacklistRule implements store.BlacklistReader.
func (s *Store) BlacklistRule(ctx context.Context, id string) (store.BlacklistRule, error) {
	return answer(s, func(to store.DataPlane) (store.BlacklistRule, error) { return to.BlacklistRule(ctx, id) })
}

// BlacklistRules implements store.BlacklistReader.
func (s *Store) BlacklistRules(ctx context.Context, scopes []string, page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	to, err := s.up()
	if err != nil {
		return nil, "", err
	}
	return to.BlacklistRules(ctx, scopes, page)
}

// RoutePolicy implements store.RoutePolicyReader.
func (s *Store) RoutePolicy(ctx context.Context, name string) (store.RoutePolicy, error) {
	return answer(s, func(to store.DataPlane) (store.RoutePolicy, error) { return to.RoutePolicy(ctx, name) })
}

// RoutePolicies implements store.RoutePolicyReader.
func (s *Store) RoutePolicies(ctx context.Context, page store.Page) ([]store.RoutePolicy, store.Cursor, error) {
	to, err := s.up()
	if err != nil {
		return nil, "", err
	}
	return to.RoutePolicies(ctx, page)
}

// Head implements store.ChangeFeed.
func (s *Store) Head(ctx context.Context) (store.Position, error) {
	return answer(s, func(to store.DataPlane) (store.Position, error) { return to.Head(ctx) })
}

// ChangesAfter implements store.ChangeFeed.
func (s *Store) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	return answer(s, func(to store.DataPlane) ([]store.Change, error) { return to.ChangesAfter(ctx, after, limit) })
}

// Wake implements store.ChangeFeed. The channel also gets a value when the
// line is connected.
func (s *Store) Wake(ctx context.Context) <-chan struct{} {
	if to := s.to.Load(); to != nil {
		return (*to).Wake(ctx)
	}
	wake := make(chan struct{}, 1)
	go func() {
		defer close(wake)
		select {
		case <-ctx.Done():
			return
		case <-s.connected:
		}
		for from := (*s.to.Load()).Wake(ctx); ; {
			select {
			case wake <- struct{}{}:
			default: // one is there already
			}
			if _, open := <-from; !open {
				return
			}
		}
	}()
	return wake
}

// PutReplica implements store.ReplicaRegistry.
func (s *Store) PutReplica(ctx context.Context, r store.Replica) error {
	to, err := s.up()
	if err != nil {
		return err
	}
	return to.PutReplica(ctx, r)
}

// Replicas implements store.ReplicaRegistry.
func (s *Store) Replicas(ctx context.Context, since time.Time) ([]store.Replica, error) {
	return answer(s, func(to store.DataPlane) ([]store.Replica, error) { return to.Replicas(ctx, since) })
}

// RemoveReplicas implements store.ReplicaRegistry.
func (s *Store) RemoveReplicas(ctx context.Context, before time.Time) (int, error) {
	return answer(s, func(to store.DataPlane) (int, error) { return to.RemoveReplicas(ctx, before) })
}

// ReserveQuota implements store.QuotaCounters.
func (s *Store) ReserveQuota(ctx context.Context, w store.QuotaWindow, want, limit int64) (granted, used int64, err error) {
	to, err := s.up()
	if err != nil {
		return 0, 0, err
	}
	return to.ReserveQuota(ctx, w, want, limit)
}

// ReturnQuota implements store.QuotaCounters.
func (s *Store) ReturnQuota(ctx context.Context, w store.QuotaWindow, units int64) error {
	to, err := s.up()
	if err != nil {
		return err
	}
	return to.ReturnQuota(ctx, w, units)
}

// RemoveQuotas implements store.QuotaCounters.
func (s *Store) RemoveQuotas(ctx context.Context, before time.Time) (int, error) {
	return answer(s, func(to store.DataPlane) (int, error) { return to.RemoveQuotas(ctx, before) })
}

// AddUsage implements store.UsageSink.
func (s *Store) AddUsage(ctx context.Context, b store.UsageBatch) error {
	to, err := s.up()
	if err != nil {
		return err
	}
	return to.AddUsage(ctx, b)
}
