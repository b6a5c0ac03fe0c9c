package management

import (
	"context"
	"time"

	"credence/store"
	"credence/store/sketch"
)

// RotationUse is what is known of the use of a key since it was rotated.
type RotationUse struct {
	CountedFrom  time.Time // start of the minute in which it was rotated, or as far back as usage is kept
	CountedUntil time.Time // usage of every replica up to then has arrived
	Checks       int64     // with the key, whatever their outcome
	Allowed      int64     // of them
	Addresses    int64     // different ones, estimated
	// LastUsedAt is the last use, to a minute; zero for none.
	LastUsedAt time.Time
	// QuietSince is from when on the key is known to be unused, as far as
	// CountedUntil goes. What cannot be known counts as use.
	QuietSince time.Time
	Unknown    []UnknownUse    // times in which uses may have gone unseen, by their beginning
	Behind     []ReplicaBehind // replicas whose usage is not there yet
}

// UnknownUse is a time in which a key may have been used without being seen.
type UnknownUse struct {
	From, To time.Time
	Replica  string // "" for several
	Cause    string // of a gap in usage, or one of the causes below
}

// The causes of unknown use besides those of gaps in usage.
const (
	CauseUncounted = "uncounted" // a replica that counts nothing (--usage off) or has not delivered yet
	CauseOther     = "other"     // more keys were in use than a replica counts one by one
)

// ReplicaBehind is a replica that decides, and whose usage has not arrived.
type ReplicaBehind struct {
	ID    string
	Until time.Time // what has arrived of it; zero for nothing
}

// lateAfter is how old the newest usage of a replica may be: idle ones deliver
// every quarter of a minute.
const lateAfter = 45 * time.Second

// silentFor reports whether the key is known to have been silent for so long.
func (u *RotationUse) silentFor(silence time.Duration) bool {
	return u.CountedUntil.Sub(u.QuietSince) >= silence
}

// rotationUse collects what is known. What has arrived is read before what it
// says, so that a batch in between makes the answer too careful and never too
// bold.
func (s *Service) rotationUse(ctx context.Context, k *store.Key, now time.Time) (RotationUse, error) {
	u := RotationUse{CountedFrom: k.RotatedAt.Truncate(time.Minute), CountedUntil: now, QuietSince: k.RotatedAt}
	if s.retention.Usage > 0 && u.CountedFrom.Before(now.Add(-s.retention.Usage)) {
		u.CountedFrom = now.Add(-s.retention.Usage).Truncate(time.Minute)
		u.use(u.CountedFrom) // what was before is forgotten
	}
	arrivals, err := s.store.UsageArrivals(ctx)
	if err != nil {
		return u, err
	}
	replicas, err := s.store.Replicas(ctx, k.RotatedAt.Add(-store.MaxClockSkew))
	if err != nil {
		return u, err
	}
	u.arrived(arrivals, replicas, now)
	gaps, err := s.store.UsageGaps(ctx, u.CountedFrom, now.Add(store.MaxClockSkew), maxGaps)
	if err != nil {
		return u, err
	}
	for _, g := range gaps {
		u.unknown(UnknownUse{From: g.From, To: g.To, Replica: g.Replica, Cause: string(g.Cause)})
	}
	if len(gaps) == maxGaps { // and who knows how many more
		u.use(now)
	}
	return u, s.countUse(ctx, k, now, &u)
}

// maxGaps is how many gaps in usage are looked at.
const maxGaps = 1000

// use notes that the key was, or may have been, used until the instant.
func (u *RotationUse) use(until time.Time) {
	if until.After(u.QuietSince) {
		u.QuietSince = until
	}
}

func (u *RotationUse) unknown(of UnknownUse) {
	u.use(of.To)
	u.Unknown = append(u.Unknown, of)
}

// arrived notes how far usage has come, of every replica that may have seen
// the key.
func (u *RotationUse) arrived(arrivals []store.UsageArrival, replicas []store.Replica, now time.Time) {
	counted := make(map[string]store.UsageArrival, len(arrivals))
	for _, a := range arrivals {
		counted[a.Replica] = a
		if a.EndedAt.IsZero() {
			u.waitFor(a.Replica, a.Until, now)
		}
	}
	for i := range replicas {
		r := &replicas[i]
		alive := r.LeftAt.IsZero() && now.Before(r.StopsBy())
		a, counts := counted[r.ID]
		switch {
		case counts && alive && !a.EndedAt.IsZero():
			u.waitFor(r.ID, a.Until, now)
		case !counts && alive:
			u.Behind = append(u.Behind, ReplicaBehind{ID: r.ID})
			u.unknown(UnknownUse{From: r.StartedAt, To: now, Replica: r.ID, Cause: CauseUncounted})
		case !counts && end(r).After(u.CountedFrom): // before that, what was known of it may be forgotten
			u.unknown(UnknownUse{From: r.StartedAt, To: end(r), Replica: r.ID, Cause: CauseUncounted})
		}
	}
}

func (u *RotationUse) waitFor(replica string, until, now time.Time) {
	if until.Before(u.CountedUntil) {
		u.CountedUntil = until
	}
	if now.Sub(until) > lateAfter {
		u.Behind = append(u.Behind, ReplicaBehind{ID: replica, Until: until})
	}
}

// countUse sums what was counted for the key, and notes the minutes in which
// it may be among those that were counted together.
func (s *Service) countUse(ctx context.Context, k *store.Key, now time.Time, u *RotationUse) error {
	var addresses sketch.Sketch
	err := s.usageRows(ctx, k.KeyID, u.CountedFrom, now, func(row *store.UsageMinute) {
		u.Checks += row.Checks
		if row.Reason == usageAllowed {
			u.Allowed += row.Checks
		}
		addresses.Merge(&row.Addresses)
		last := row.Minute.Add(time.Duration(row.Minutes-1) * time.Minute)
		u.use(last.Add(time.Minute))
		if last.After(u.LastUsedAt) {
			u.LastUsedAt = last
		}
	})
	if err != nil {
		return err
	}
	u.Addresses = addresses.Estimate()
	if k.LastUsedAt.After(u.LastUsedAt) && !k.LastUsedAt.Before(u.CountedFrom) {
		u.LastUsedAt = k.LastUsedAt
	}
	u.use(k.LastUsedAt)
	var other UnknownUse
	err = s.usageRows(ctx, store.UsageOther, u.CountedFrom, now, func(row *store.UsageMinute) {
		if other.From.IsZero() {
			other = UnknownUse{From: row.Minute, Cause: CauseOther}
		}
		if to := row.Minute.Add(time.Duration(row.Minutes) * time.Minute); to.After(other.To) {
			other.To = to
		}
	})
	if err == nil && !other.From.IsZero() {
		u.unknown(other)
	}
	return err
}

// usageAllowed is the reason of a Check that was let through.
const usageAllowed = "allowed"

// usagePage is how many rows are read at once: more than a minute can have,
// which is one for each reason, watched or not.
const usagePage = 2000

// usageRows hands each row of a key in [from, now] to each, in pages that end
// with a whole minute.
func (s *Service) usageRows(ctx context.Context, keyID string, from, now time.Time, each func(*store.UsageMinute)) error {
	until := now.Add(store.MaxClockSkew) // a replica's clock may be ahead
	for {
		rows, err := s.store.UsageMinutes(ctx, keyID, from, until, usagePage)
		if err != nil {
			return err
		}
		whole := len(rows)
		if whole == usagePage {
			from = rows[whole-1].Minute
			for whole > 0 && rows[whole-1].Minute.Equal(from) {
				whole--
			}
		}
		for i := range rows[:whole] {
			each(&rows[i])
		}
		if len(rows) < usagePage || whole == 0 {
			return nil
		}
	}
}
