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

// What a replay remembers at most: how often keys were used, by hour and by
// day, 16 bytes each, and keys. What there is no room for is read again.
const (
	mostRemembered     = 4_000_000
	mostRememberedKeys = 200_000
)

// profiler reads hours beside what came before them. Hours that follow each
// other have nearly all of that in common, so one that is given room remembers
// it, and reads each hour and day of the past once.
type profiler struct {
	past

	room  int // for how much it may remember
	kept  int
	times map[span][]use
	keys  map[string]*profiled
}

// span is an hour or a day.
type span struct {
	step  store.UsageStep
	start int64 // Unix time
}

func (s span) length() time.Duration {
	if s.step == store.UsageByDay {
		return 24 * time.Hour
	}
	return time.Hour
}

// use is how often a key was let through.
type use struct {
	key      *profiled
	requests int64
}

// profiled is a key.
type profiled struct {
	id, namespace string
	created       time.Time
	read, gone    bool
	// hour is what is read of it in the hour that is to be judged; nil when it
	// was not used in it.
	hour *HourOfKey
}

func newProfiler(from past, room int) *profiler {
	return &profiler{past: from, room: room, times: map[span][]use{}, keys: map[string]*profiled{}}
}

// hour reads an hour and the 28 days before it.
func (p *profiler) hour(ctx context.Context, start time.Time, t Thresholds) (Hour, error) {
	days := max(profileDays, int(t.Silence/(24*time.Hour))+1)
	p.forget(start, days)
	in := Hour{Start: start}
	var judged []*profiled
	defer func() {
		for _, k := range judged {
			k.hour = nil
		}
	}()
	now, err := p.used(ctx, store.UsageByHour, start, start.Add(time.Hour))
	if err != nil {
		return in, err
	}
	for _, u := range now[0] {
		if err := p.readKey(ctx, u.key); err != nil {
			return in, err
		}
		if !u.key.gone {
			u.key.hour = &HourOfKey{KeyID: u.key.id, Namespace: u.key.namespace, CreatedAt: u.key.created, Requests: u.requests}
			judged = append(judged, u.key)
		}
	}
	if len(judged) == 0 {
		return in, nil
	}
	for day := range profileDays {
		at := start.AddDate(0, 0, -day-1)
		around, err := p.used(ctx, store.UsageByHour, at.Add(-time.Hour), at.Add(2*time.Hour))
		if err != nil {
			return in, err
		}
		for _, hour := range around {
			for _, u := range hour {
				if h := u.key.hour; h != nil {
					h.Around[day] = max(h.Around[day], float64(u.requests)) // the highest
				}
			}
		}
	}
	if err := p.days(ctx, start, days, judged); err != nil {
		return in, err
	}
	for _, k := range judged {
		in.Keys = append(in.Keys, *k.hour)
	}
	return in, nil
}

// days reads on which days keys were used. Of a key that was not, the last one
// is the earliest that it could have been: the day on which it was made, or from
// which on usage is known.
func (p *profiler) days(ctx context.Context, start time.Time, days int, judged []*profiled) error {
	today := start.Truncate(24 * time.Hour)
	counted := today
	for day := range days {
		at := today.AddDate(0, 0, -day-1)
		used, err := p.used(ctx, store.UsageByDay, at, at.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		if len(used[0]) > 0 {
			counted = at
		}
		for _, u := range used[0] {
			h := u.key.hour
			if h == nil {
				continue
			}
			if h.LastDay.IsZero() {
				h.LastDay = at
			}
			if day < profileDays {
				h.UsedDays++
			}
		}
	}
	for _, k := range judged {
		if h := k.hour; h.LastDay.IsZero() {
			h.LastDay = counted.AddDate(0, 0, -1)
			if made := h.CreatedAt.Truncate(24 * time.Hour); made.After(h.LastDay) {
				h.LastDay = made
			}
		}
	}
	return nil
}

// used is which keys were let through, and how often, in each of the hours or
// days from since to until.
func (p *profiler) used(ctx context.Context, step store.UsageStep, since, until time.Time) ([][]use, error) {
	first := span{step, since.Unix()}
	length := first.length()
	out := make([][]use, int(until.Sub(since)/length))
	for i := 0; i < len(out); {
		at := since.Add(time.Duration(i) * length)
		if known, is := p.times[span{step, at.Unix()}]; is {
			out[i] = known
			i++
			continue
		}
		missing := 1 // those that follow are read with it
		for i+missing < len(out) {
			if _, is := p.times[span{step, at.Add(time.Duration(missing) * length).Unix()}]; is {
				break
			}
			missing++
		}
		if err := p.read(ctx, step, at, length, out[i:i+missing]); err != nil {
			return nil, err
		}
		i += missing
	}
	return out, nil
}

// read asks the store for as many times as into has places.
func (p *profiler) read(ctx context.Context, step store.UsageStep, since time.Time, length time.Duration, into [][]use) error {
	sums, err := p.UsageSums(ctx, store.UsageQuery{
		From: since, Until: since.Add(time.Duration(len(into)) * length), Step: step, Series: true, Group: store.UsageOfKey, Limit: mostKeys,
	})
	if err != nil {
		return err
	}
	if len(sums) == mostKeys {
		return fmt.Errorf("%w: %d from %s on", errTooMany, mostKeys, since.Format(time.RFC3339))
	}
	for i := range sums {
		s := &sums[i]
		if s.Group == "" || s.Group == store.UsageOther || s.Checks <= s.Denied {
			continue
		}
		if at := int(s.Start.Sub(since) / length); at >= 0 && at < len(into) {
			into[at] = append(into[at], use{p.key(s.Group), s.Checks - s.Denied})
		}
	}
	for i, used := range into {
		if p.kept+len(used) < p.room {
			p.kept += len(used) + 1 // a time without use takes room, too
			p.times[span{step, since.Add(time.Duration(i) * length).Unix()}] = used
		}
	}
	return nil
}

func (p *profiler) key(id string) *profiled {
	k := p.keys[id]
	if k == nil {
		k = &profiled{id: id}
		p.keys[id] = k
	}
	return k
}

// readKey reads a key as it is now.
func (p *profiler) readKey(ctx context.Context, k *profiled) error {
	if k.read {
		return nil
	}
	found, err := p.Key(ctx, k.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	k.read, k.gone, k.namespace, k.created = true, err != nil, found.Namespace, found.CreatedAt
	return nil
}

// forget makes room: of what is older than an hour looks back, and of all when
// there are too many keys.
func (p *profiler) forget(start time.Time, days int) {
	if len(p.keys) > mostRememberedKeys {
		p.times, p.keys, p.kept = map[span][]use{}, map[string]*profiled{}, 0
		return
	}
	for at, used := range p.times {
		oldest := start.AddDate(0, 0, -profileDays-1)
		if at.step == store.UsageByDay {
			oldest = start.AddDate(0, 0, -days-2)
		}
		if at.start < oldest.Unix() {
			p.kept -= len(used) + 1
			delete(p.times, at)
		}
	}
}
