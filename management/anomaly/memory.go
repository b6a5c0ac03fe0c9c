package anomaly

import (
	"context"
	"slices"
	"time"

	"credence/store"
)

// What a replay remembers at most: rows of usage, and keys. Hours and the days
// around them are asked for again and again.
const (
	mostRemembered     = 200_000
	mostRememberedKeys = 100_000
)

// memory answers what it was asked before. It forgets all of it when there is
// no room.
type memory struct {
	past

	sums map[question][]store.UsageSum
	rows int
	keys map[string]store.Key
}

// question is what tells the questions of a replay apart.
type question struct {
	from, until time.Time
	step        store.UsageStep
}

// UsageSums answers what readUse asks for.
func (m *memory) UsageSums(ctx context.Context, q store.UsageQuery) ([]store.UsageSum, error) {
	as := question{q.From, q.Until, q.Step}
	if sums, known := m.sums[as]; known {
		return sums, nil
	}
	sums, err := m.past.UsageSums(ctx, q)
	if err != nil || len(sums) > mostRemembered {
		return sums, err
	}
	if m.rows += len(sums); m.sums == nil || m.rows > mostRemembered {
		m.sums, m.rows = map[question][]store.UsageSum{}, len(sums)
	}
	m.sums[as] = slices.Clip(sums)
	return sums, nil
}

// Key answers a key as it is now.
func (m *memory) Key(ctx context.Context, id string) (store.Key, error) {
	if k, known := m.keys[id]; known {
		return k, nil
	}
	k, err := m.past.Key(ctx, id)
	if err != nil {
		return k, err
	}
	if m.keys == nil || len(m.keys) >= mostRememberedKeys {
		m.keys = map[string]store.Key{}
	}
	m.keys[id] = k
	return k, nil
}
