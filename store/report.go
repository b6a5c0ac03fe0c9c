package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// ReportSpan is the length of time that a report is about.
type ReportSpan string

// The spans.
const (
	ReportOnDemand ReportSpan = "on_demand" // any
	ReportDaily    ReportSpan = "daily"     // a day in UTC
	ReportWeekly   ReportSpan = "weekly"    // from a Monday to the next, in UTC
	ReportMonthly  ReportSpan = "monthly"   // a calendar month, in UTC
)

// ReportSpans lists the spans that a schedule can have.
func ReportSpans() []ReportSpan { return []ReportSpan{ReportDaily, ReportWeekly, ReportMonthly} }

// Begin is the beginning of the span that holds the instant.
func (s ReportSpan) Begin(at time.Time) time.Time {
	at = at.UTC()
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	switch s {
	case ReportWeekly:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case ReportMonthly:
		return day.AddDate(0, 0, 1-day.Day())
	case ReportDaily, ReportOnDemand:
	}
	return day
}

// Next is the beginning of the span after the one that holds the instant.
func (s ReportSpan) Next(at time.Time) time.Time {
	begin := s.Begin(at)
	switch s {
	case ReportWeekly:
		return begin.AddDate(0, 0, 7)
	case ReportMonthly:
		return begin.AddDate(0, 1, 0)
	case ReportDaily, ReportOnDemand:
	}
	return begin.AddDate(0, 0, 1)
}

// Report is what was written down of a stretch of time.
type Report struct {
	ID         string // ReportIDPrefix + time-ordered id
	Namespace  string // that it is about; "": all of them
	Span       ReportSpan
	Since      time.Time
	Until      time.Time
	ScheduleID string // that it was made by; "": somebody asked for it
	CreatedBy  string
	CreatedAt  time.Time
	Size       int64  // of the content, in bytes
	Content    []byte // what package report makes of it; not in lists
}

// ReportSchedule has a report made of each span once it is over.
type ReportSchedule struct {
	ID         string // ReportScheduleIDPrefix + time-ordered id
	Namespace  string // that the reports are about; "": all of them
	Every      ReportSpan
	NextAt     time.Time // when the next one is made
	LastReport string    // id of the last one; "": none yet
	CreatedBy  string
	CreatedAt  time.Time
	Version    int64
}

// The beginnings of ids.
const (
	ReportIDPrefix         = "rpt_"
	ReportScheduleIDPrefix = "rsc_"
)

// ReportReader reads reports and their schedules. Scopes are namespaces, with
// "" for what is about all of them; an empty list means every scope.
type ReportReader interface {
	// Report MUST answer ErrNotFound for an unknown id.
	Report(ctx context.Context, id string) (Report, error)
	// Reports MUST answer pages without content, newest first.
	Reports(ctx context.Context, scopes []string, page Page) ([]Report, Cursor, error)
	// CountReports MUST answer how many reports about the scope there are that
	// no schedule has made.
	CountReports(ctx context.Context, scope string) (int, error)
	// ReportSchedule MUST answer ErrNotFound for an unknown id.
	ReportSchedule(ctx context.Context, id string) (ReportSchedule, error)
	// ReportSchedules MUST answer pages ordered by id.
	ReportSchedules(ctx context.Context, scopes []string, page Page) ([]ReportSchedule, Cursor, error)
	// LateReportSchedules MUST answer the ids of at most limit schedules whose
	// next report was to be made before the instant, the longest overdue first.
	LateReportSchedules(ctx context.Context, before time.Time, limit int) ([]string, error)
}

// ReportWriter changes reports and their schedules inside a transaction.
type ReportWriter interface {
	// InsertReport MUST answer ErrConflict when the id is taken, and
	// ErrMissingReference when there is no such namespace.
	InsertReport(ctx context.Context, r Report) error
	// DeleteReport MUST answer ErrNotFound when there is none.
	DeleteReport(ctx context.Context, id string) error
	// RemoveReports MUST delete at most RemoveBatch reports made before the
	// instant, oldest first, and answer how many.
	RemoveReports(ctx context.Context, before time.Time) (int, error)
	// InsertReportSchedule MUST answer as InsertReport does.
	InsertReportSchedule(ctx context.Context, s ReportSchedule) error
	// UpdateReportSchedule MUST keep the version rule of UpdateKey, and change
	// NextAt and LastReport only.
	UpdateReportSchedule(ctx context.Context, s ReportSchedule) error
	// DeleteReportSchedule MUST answer ErrNotFound when there is none and
	// ErrStale on another version. The reports that it has made stay.
	DeleteReportSchedule(ctx context.Context, id string, version int64) error
}

// KindReportMake is the job that makes the next report of a schedule.
const KindReportMake = "report_make"

// InsertReport keeps a report. The data plane need not know.
func (tx *Tx) InsertReport(ctx context.Context, r Report) error {
	return tx.changed(tx.w.InsertReport(ctx, r), Change{})
}

// DeleteReport removes a report. The data plane need not know.
func (tx *Tx) DeleteReport(ctx context.Context, id string) error {
	return tx.changed(tx.w.DeleteReport(ctx, id), Change{})
}

// InsertReportSchedule makes a schedule, and the job of its first report. The
// data plane need not know.
func (tx *Tx) InsertReportSchedule(ctx context.Context, s ReportSchedule) error {
	args, err := json.Marshal(map[string]string{"id": s.ID})
	if err != nil {
		return fmt.Errorf("report schedule %q: %w", s.ID, err)
	}
	if err := tx.changed(tx.w.InsertReportSchedule(ctx, s), Change{}); err != nil {
		return err
	}
	return tx.Enqueue(ctx, Job{Kind: KindReportMake, Args: args, RunAt: s.NextAt})
}

// UpdateReportSchedule notes the last report, and when the next one is due.
func (tx *Tx) UpdateReportSchedule(ctx context.Context, s ReportSchedule) error {
	return tx.changed(tx.w.UpdateReportSchedule(ctx, s), Change{})
}

// DeleteReportSchedule ends a schedule; its job finds nothing to do. The data
// plane need not know.
func (tx *Tx) DeleteReportSchedule(ctx context.Context, id string, version int64) error {
	return tx.changed(tx.w.DeleteReportSchedule(ctx, id, version), Change{})
}

// RemoveReports removes a batch of reports made before the instant, outside of
// any change.
func (s *Store) RemoveReports(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.RemoveReports(ctx, before)
		return err
	})
	return removed, err
}
