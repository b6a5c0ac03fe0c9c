package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// cleanup is one thing that is tidied up at intervals. A run does a bounded
// number of batches, each a transaction of its own, so that nobody who writes
// waits long; whoever runs it twice at once does no harm.
type cleanup struct {
	name  string // as settings and commands call it
	about string
	every time.Duration
	aged  bool          // it is about what is older than keep
	keep  time.Duration // 0 where it is aged: for ever, so there is nothing to do
	most  int           // batches of one pass
	run   func(ctx context.Context, r *cleanupRun) error
}

func (c *cleanup) off() bool { return c.aged && c.keep == 0 }

// cleanups are all of them.
func (s *Service) cleanups() []cleanup {
	return []cleanup{
		expiredKeys(), expiringKeys(), lostRotations(), dueRotations(), revokedKeys(s.retention.RevokedKeys),
		{
			name: "usage", about: "usage by the minute, once it is summed by the hour, and what was lost of it", every: time.Minute,
			aged: true, keep: s.retention.Usage, most: 400, run: rows(store.OldUsage, s.store.RemoveUsage),
		},
		{
			name: "usage-hours", about: "usage by the hour, once it is summed by the day", every: 10 * time.Minute,
			aged: true, keep: s.retention.UsageHours, most: 200, run: rows(store.OldUsageHours, func(ctx context.Context, before time.Time) (int, error) {
				return s.store.RemoveUsageSums(ctx, before, time.Time{})
			}),
		},
		{
			name: "usage-days", about: "usage by the day, and networks that keys are not used from any more", every: 10 * time.Minute,
			aged: true, keep: s.retention.UsageDays, most: 200, run: rows(store.OldUsageDays, func(ctx context.Context, before time.Time) (int, error) {
				return s.store.RemoveUsageSums(ctx, time.Time{}, before)
			}),
		},
		{
			name: "idempotency", about: "answers to creates, kept for those who repeat them", every: 10 * time.Minute,
			aged: true, keep: s.retention.Idempotency, most: 20, run: rows(store.OldIdempotency, s.store.RemoveIdempotency),
		},
		{
			name: "changes", about: "the feed that replicas follow", every: 10 * time.Minute,
			aged: true, keep: s.retention.Changes, most: 200, run: rows(store.OldChanges, s.store.PruneChanges),
		},
		{
			name: "quotas", about: "what was used of calendar budgets that are over", every: 10 * time.Minute,
			aged: true, keep: keepQuotas, most: 200, run: rows(store.OldQuotas, s.store.RemoveQuotas),
		},
		{
			name: "replicas", about: "replicas that were not heard of", every: 10 * time.Minute,
			aged: true, keep: keepReplicas, most: 20, run: rows(store.OldReplicas, s.store.RemoveReplicas),
		},
		{
			name: "reports", about: "reports, kept for those who look back", every: time.Hour,
			aged: true, keep: s.retention.Reports, most: 20, run: rows(store.OldReports, s.store.RemoveReports),
		},
		oldAudit(s.retention.Audit),
	}
}

// CleanupItem is one thing that a cleanup did something to.
type CleanupItem struct {
	Object    string // as in the audit log: "key:key_..."
	Namespace string
	Since     time.Time // when it became so: expired, revoked, due
}

// CleanupDone is what one run did, or, of a dry run, would do.
type CleanupDone struct {
	store.CleanupReport

	DryRun bool
	Before time.Time     // what is older goes; zero where age is not what counts
	Items  []CleanupItem // the first of a dry run, at most 100; none where it is about rows
}

// cleanupRun is one run.
type cleanupRun struct {
	*Service

	actor   Actor
	now     time.Time
	before  time.Time
	dry     bool
	batches int // that it may still do
	out     CleanupDone
}

// next takes one of the batches that the run may do; without one there may be
// more to do.
func (r *cleanupRun) next() bool {
	if r.batches == 0 {
		r.out.More = true
		return false
	}
	r.batches--
	return true
}

func (r *cleanupRun) item(i CleanupItem) {
	if len(r.out.Items) < cleanupItems {
		r.out.Items = append(r.out.Items, i)
	}
}

const (
	// cleanupItems is how many things a dry run lists.
	cleanupItems = 100
	// countedRows bounds how far a dry run counts rows.
	countedRows = 1_000_000
)

// clean runs one cleanup. What it did is noted, also when it failed halfway.
func (s *Service) clean(ctx context.Context, c *cleanup, a Actor, dry bool, batches int) (CleanupDone, error) {
	begin := s.now().UTC().Truncate(time.Microsecond)
	r := &cleanupRun{Service: s, actor: a, now: begin, dry: dry, batches: batches}
	r.out = CleanupDone{CleanupReport: store.CleanupReport{Name: c.name, By: a.ID, At: begin}, DryRun: dry}
	if c.aged {
		r.before = begin.Add(-c.keep)
		r.out.Before = r.before
	}
	err := c.run(ctx, r)
	r.out.Took = max(0, s.now().Sub(begin).Truncate(time.Microsecond))
	if dry {
		return r.out, failed("cleanup "+c.name, err)
	}
	if err != nil {
		r.out.Problem = cleanupProblem(err)
	}
	// Also when ctx has ended in the middle of it: what was done is done.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportPatience)
	defer cancel()
	if noteErr := s.store.PutCleanupReport(noting, r.out.CleanupReport); noteErr != nil {
		s.logger.WarnContext(ctx, "what a cleanup did was not noted", slog.String("cleanup", c.name), slog.Any("error", noteErr))
	}
	return r.out, failed("cleanup "+c.name, err)
}

// reportPatience bounds how long noting a report may take.
const reportPatience = 5 * time.Second

// cleanupProblem is what people are shown of an error: its causes, which may
// name machines, stay in the log.
func cleanupProblem(err error) string {
	if e, ok := errors.AsType[*Error](failed("stopped", err)); ok {
		return e.Message
	}
	return "stopped"
}

// rows removes what is older than the retention, batch by batch.
func rows(of store.Old, remove func(ctx context.Context, before time.Time) (int, error)) func(context.Context, *cleanupRun) error {
	return func(ctx context.Context, r *cleanupRun) (err error) {
		if r.dry {
			r.out.Done, err = r.store.CountOld(ctx, of, r.before, countedRows)
			r.out.More = r.out.Done == countedRows
			return err
		}
		for r.next() {
			n, err := remove(ctx, r.before)
			r.out.Done += n
			if err != nil || n < store.RemoveBatch {
				return err
			}
		}
		return nil
	}
}
