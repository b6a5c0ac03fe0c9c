package anomaly

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// errTooMany: what has not been read would look like silence.
var errTooMany = errors.New("more keys than can be judged")

// readHour reads an hour and the 28 days before it.
func readHour(ctx context.Context, from past, start time.Time, t Thresholds) (Hour, error) {
	in := Hour{Start: start}
	used, err := readUse(ctx, from, store.UsageByHour, start, start.Add(time.Hour))
	if err != nil || len(used) == 0 {
		return in, err
	}
	all := map[string]*HourOfKey{}
	for id, requests := range used {
		k, err := from.Key(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return in, err
		}
		all[id] = &HourOfKey{KeyID: id, Namespace: k.Namespace, CreatedAt: k.CreatedAt, Requests: requests}
	}
	for day := range profileDays {
		at := start.AddDate(0, 0, -day-1)
		around, err := readUse(ctx, from, store.UsageByHour, at.Add(-time.Hour), at.Add(2*time.Hour)) // the highest
		if err != nil {
			return in, err
		}
		for id, k := range all {
			k.Around[day] = float64(around[id])
		}
	}
	if err := readDays(ctx, from, start, t, all); err != nil {
		return in, err
	}
	for _, k := range all {
		in.Keys = append(in.Keys, *k)
	}
	return in, nil
}

// readDays reads on which days keys were used. Of a key that was not, the last
// one is the earliest that it could have been: the day on which it was made, or
// from which on usage is known.
func readDays(ctx context.Context, from past, start time.Time, t Thresholds, all map[string]*HourOfKey) error {
	today := start.Truncate(24 * time.Hour)
	days := max(profileDays, int(t.Silence/(24*time.Hour))+1)
	counted := today
	for day := range days {
		at := today.AddDate(0, 0, -day-1)
		used, err := readUse(ctx, from, store.UsageByDay, at, at.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		if len(used) > 0 {
			counted = at
		}
		for id, k := range all {
			if used[id] == 0 {
				continue
			}
			if k.LastDay.IsZero() {
				k.LastDay = at
			}
			if day < profileDays {
				k.UsedDays++
			}
		}
	}
	for _, k := range all {
		if k.LastDay.IsZero() {
			k.LastDay = counted.AddDate(0, 0, -1)
			if made := k.CreatedAt.Truncate(24 * time.Hour); made.After(k.LastDay) {
				k.LastDay = made
			}
		}
	}
	return nil
}

// readUse is how often each key was let through, in the step in which it was
// most often.
func readUse(ctx context.Context, from past, step store.UsageStep, since, until time.Time) (map[string]int64, error) {
	sums, err := from.UsageSums(ctx, store.UsageQuery{
		From: since, Until: until, Step: step, Series: true, Group: store.UsageOfKey, Limit: mostKeys,
	})
	if err != nil {
		return nil, err
	}
	if len(sums) == mostKeys {
		return nil, fmt.Errorf("%w: %d from %s on", errTooMany, mostKeys, since.Format(time.RFC3339))
	}
	used := make(map[string]int64, len(sums))
	for i := range sums {
		s := &sums[i]
		if s.Group != "" && s.Group != store.UsageOther && s.Checks > s.Denied {
			used[s.Group] = max(used[s.Group], s.Checks-s.Denied)
		}
	}
	return used, nil
}
