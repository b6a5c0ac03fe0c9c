package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const (
	reportColumns   = "report_id, namespace, span, since, until, schedule_id, created_by, created_at, size"
	scheduleColumns = "schedule_id, namespace, every, next_at, last_report, created_by, created_at, version"
)

func reportFields(r *store.Report) []any {
	return []any{
		&r.ID,
		optionalText{&r.Namespace},
		&r.Span,
		instant{&r.Since},
		instant{&r.Until},
		&r.ScheduleID, &r.CreatedBy,
		instant{&r.CreatedAt},
		&r.Size,
	}
}

func scanReport(r row, to *store.Report) error { return r.Scan(reportFields(to)...) }

func scanSchedule(r row, s *store.ReportSchedule) error {
	return r.Scan(&s.ID, optionalText{&s.Namespace}, &s.Every, instant{&s.NextAt}, &s.LastReport, &s.CreatedBy,
		instant{&s.CreatedAt}, &s.Version)
}

// Report implements [store.ReportReader].
func (r reader) Report(ctx context.Context, id string) (store.Report, error) {
	var found store.Report
	err := r.q.row(ctx, "SELECT "+reportColumns+", content FROM credence.reports WHERE report_id = $1", []any{id},
		func(r row) error { return r.Scan(append(reportFields(&found), &found.Content)...) })
	if err != nil {
		return store.Report{}, fmt.Errorf("report %q: %w", id, err)
	}
	return found, nil
}

// Reports implements [store.ReportReader].
func (r reader) Reports(ctx context.Context, scopes []string, page store.Page) ([]store.Report, store.Cursor, error) {
	var c conditions
	c.anyOf("coalesce(namespace, '')", scopes)
	if page.After != "" {
		c.add("report_id < " + c.arg(string(page.After)))
	}
	query := c.query("SELECT "+reportColumns+" FROM credence.reports", "report_id DESC", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanReport)
	if err != nil {
		return nil, "", fmt.Errorf("reports: %w", err)
	}
	found, next := cutPage(found, page, func(r *store.Report) store.Cursor { return store.Cursor(r.ID) })
	return found, next, nil
}

// CountReports implements [store.ReportReader].
func (r reader) CountReports(ctx context.Context, scope string) (n int, err error) {
	err = r.q.value(ctx, "SELECT count(*) FROM credence.reports WHERE namespace IS NOT DISTINCT FROM nullif($1, '') AND schedule_id = ''", []any{scope}, &n)
	if err != nil {
		return 0, fmt.Errorf("count reports: %w", err)
	}
	return n, nil
}

// ReportSchedule implements [store.ReportReader].
func (r reader) ReportSchedule(ctx context.Context, id string) (store.ReportSchedule, error) {
	var s store.ReportSchedule
	err := r.q.row(ctx, "SELECT "+scheduleColumns+" FROM credence.report_schedules WHERE schedule_id = $1", []any{id},
		func(r row) error { return scanSchedule(r, &s) })
	if err != nil {
		return store.ReportSchedule{}, fmt.Errorf("report schedule %q: %w", id, err)
	}
	return s, nil
}

// ReportSchedules implements [store.ReportReader].
func (r reader) ReportSchedules(ctx context.Context, scopes []string, page store.Page) ([]store.ReportSchedule, store.Cursor, error) {
	var c conditions
	c.anyOf("coalesce(namespace, '')", scopes)
	c.add("schedule_id > " + c.arg(string(page.After)))
	query := c.query("SELECT "+scheduleColumns+" FROM credence.report_schedules", "schedule_id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanSchedule)
	if err != nil {
		return nil, "", fmt.Errorf("report schedules: %w", err)
	}
	found, next := cutPage(found, page, func(s *store.ReportSchedule) store.Cursor { return store.Cursor(s.ID) })
	return found, next, nil
}

// LateReportSchedules implements [store.ReportReader].
func (r reader) LateReportSchedules(ctx context.Context, before time.Time, limit int) ([]string, error) {
	late, err := listRows(ctx, r.q, "SELECT schedule_id FROM credence.report_schedules WHERE next_at < $1 ORDER BY next_at, schedule_id LIMIT $2",
		[]any{timeOrNull(before), limit}, func(r row, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("late report schedules: %w", err)
	}
	return late, nil
}

// InsertReport implements [store.ReportWriter].
func (w *writer) InsertReport(ctx context.Context, r store.Report) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.reports ("+reportColumns+", content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		r.ID, textOrNull(r.Namespace), r.Span, timeOrNull(r.Since), timeOrNull(r.Until), r.ScheduleID, r.CreatedBy,
		timeOrNull(r.CreatedAt), r.Size, r.Content)
	if err != nil {
		return fmt.Errorf("insert report %q: %w", r.ID, err)
	}
	return nil
}

// DeleteReport implements [store.ReportWriter].
func (w *writer) DeleteReport(ctx context.Context, id string) error {
	n, err := w.q.exec(ctx, "DELETE FROM credence.reports WHERE report_id = $1", id)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete report %q: %w", id, err)
	}
	return nil
}

// RemoveReports implements [store.ReportWriter].
func (w *writer) RemoveReports(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.q, store.OldReports, before)
}

// InsertReportSchedule implements [store.ReportWriter].
func (w *writer) InsertReportSchedule(ctx context.Context, s store.ReportSchedule) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.report_schedules ("+scheduleColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		s.ID, textOrNull(s.Namespace), s.Every, timeOrNull(s.NextAt), s.LastReport, s.CreatedBy, timeOrNull(s.CreatedAt), s.Version)
	if err != nil {
		return fmt.Errorf("insert report schedule %q: %w", s.ID, err)
	}
	return nil
}

const scheduleVersion = "SELECT version FROM credence.report_schedules WHERE schedule_id = $1"

// UpdateReportSchedule implements [store.ReportWriter].
func (w *writer) UpdateReportSchedule(ctx context.Context, s store.ReportSchedule) error {
	changed, err := w.q.exec(ctx,
		"UPDATE credence.report_schedules SET next_at = $1, last_report = $2, version = version + 1 WHERE schedule_id = $3 AND version = $4",
		timeOrNull(s.NextAt), s.LastReport, s.ID, s.Version)
	if err := w.versioned(ctx, changed, err, scheduleVersion, s.ID); err != nil {
		return fmt.Errorf("update report schedule %q: %w", s.ID, err)
	}
	return nil
}

// DeleteReportSchedule implements [store.ReportWriter].
func (w *writer) DeleteReportSchedule(ctx context.Context, id string, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.report_schedules WHERE schedule_id = $1 AND version = $2", id, version)
	if err := w.versioned(ctx, changed, translateDelete(err), scheduleVersion, id); err != nil {
		return fmt.Errorf("delete report schedule %q: %w", id, err)
	}
	return nil
}
