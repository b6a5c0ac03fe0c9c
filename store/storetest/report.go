package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"credence/store"
)

func reportPromises() []promise {
	return []promise{
		{"Report", "answers ErrNotFound for an unknown id", func(f *fixture) {
			_, err := f.backend.Report(f.Context(), "rpt_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"Reports", "answers pages without content, newest first, of the scopes only", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertReports(f.sampleReport(2, "tenant"), f.sampleReport(1, ""), f.sampleReport(3, "default"), f.sampleReport(4, ""))
			for _, c := range []struct {
				scopes []string
				want   []int
			}{{nil, []int{4, 3, 2, 1}}, {[]string{""}, []int{4, 1}}, {[]string{"tenant", "nobody"}, []int{2}}, {[]string{"", "default"}, []int{4, 3, 1}}} {
				var want []store.Report
				for _, n := range c.want {
					r := f.sampleReport(n, map[int]string{2: "tenant", 3: "default"}[n])
					r.Content = nil
					want = append(want, r)
				}
				equal(f, walk(f, 2, func(page store.Page) ([]store.Report, store.Cursor, error) {
					return f.backend.Reports(f.Context(), c.scopes, page)
				}), want)
			}
		}},
		{"CountReports", "counts those of the scope that no schedule has made", func(f *fixture) {
			f.insertNamespaces("tenant")
			asked := func(n int, scope string) store.Report {
				r := f.sampleReport(n, scope)
				r.ScheduleID = ""
				return r
			}
			scheduled := asked(6, "tenant")
			scheduled.ScheduleID = scheduleID(1)
			f.insertReports(asked(1, "tenant"), asked(2, "tenant"), asked(3, ""), asked(4, "default"), scheduled)
			for scope, want := range map[string]int{"tenant": 2, "": 1, "default": 1, "nobody": 0} {
				got, err := f.backend.CountReports(f.Context(), scope)
				f.ok(err)
				equal(f, got, want)
			}
		}},
		{"ReportSchedule", "answers ErrNotFound for an unknown id", func(f *fixture) {
			_, err := f.backend.ReportSchedule(f.Context(), "rsc_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"ReportSchedules", "answers pages ordered by id, of the scopes only", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertSchedules(f.sampleSchedule(3, "tenant"), f.sampleSchedule(1, ""), f.sampleSchedule(2, "tenant"))
			for _, c := range []struct {
				scopes []string
				want   []string
			}{
				{nil, []string{scheduleID(1), scheduleID(2), scheduleID(3)}},
				{[]string{""}, []string{scheduleID(1)}},
				{[]string{"tenant"}, []string{scheduleID(2), scheduleID(3)}},
				{[]string{"nobody"}, nil},
			} {
				got := walk(f, 1, func(page store.Page) ([]store.ReportSchedule, store.Cursor, error) {
					return f.backend.ReportSchedules(f.Context(), c.scopes, page)
				})
				inOrder(f, names(got, func(s store.ReportSchedule) string { return s.ID }), c.want...)
			}
		}},
		{"LateReportSchedules", "answers those that were due before the instant, the longest overdue first", func(f *fixture) {
			for i, due := range []time.Duration{-time.Hour, -2 * time.Hour, 0, time.Hour} {
				s := f.sampleSchedule(i+1, "")
				s.NextAt = f.clock.now().Add(due)
				f.insertSchedules(s)
			}
			for limit, want := range map[int][]string{1: {scheduleID(2)}, 9: {scheduleID(2), scheduleID(1)}} {
				got, err := f.backend.LateReportSchedules(f.Context(), f.clock.now(), limit)
				f.ok(err)
				inOrder(f, got, want...)
			}
		}},
		{"InsertReport", "stores every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			full := f.sampleReport(1, "tenant")
			noZeroField(f, full)
			bare := store.Report{
				ID: reportID(2), Span: store.ReportOnDemand, Since: f.clock.now(), Until: f.clock.now().Add(time.Hour),
				CreatedBy: "system", CreatedAt: f.clock.now(), Content: []byte("{}"),
			}
			f.insertReports(full, bare)
			for _, want := range []store.Report{full, bare} {
				got, err := f.backend.Report(f.Context(), want.ID)
				f.ok(err)
				equal(f, got, want)
			}
		}},
		{"InsertReport", "answers ErrConflict when the id is taken, and ErrMissingReference without its namespace", func(f *fixture) {
			f.insertReports(f.sampleReport(1, ""))
			for _, c := range []struct {
				report store.Report
				want   error
			}{{f.sampleReport(1, ""), store.ErrConflict}, {f.sampleReport(2, "nobody"), store.ErrMissingReference}} {
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertReport(ctx, c.report) }), c.want)
			}
		}},
		{"DeleteReport", "answers ErrNotFound when there is none", func(f *fixture) {
			remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteReport(ctx, reportID(1)) }
			f.refused(f.try(remove), store.ErrNotFound)
			f.insertReports(f.sampleReport(1, ""), f.sampleReport(2, ""))
			f.do(remove)
			_, err := f.backend.Report(f.Context(), reportID(1))
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.Report(f.Context(), reportID(2))
			f.ok(err)
		}},
		{"RemoveReports", "deletes those made before the instant", func(f *fixture) {
			for i := range 3 {
				r := f.sampleReport(i+1, "")
				r.CreatedAt = f.clock.now().Add(time.Duration(i) * time.Hour)
				f.insertReports(r)
			}
			n, err := f.store.RemoveReports(f.Context(), f.clock.now().Add(time.Hour))
			f.ok(err)
			equal(f, n, 1)
			left, _, err := f.backend.Reports(f.Context(), nil, store.Page{})
			f.ok(err)
			inOrder(f, names(left, func(r store.Report) string { return r.ID }), reportID(3), reportID(2))
		}},
		{"InsertReportSchedule", "stores every field, refuses as InsertReport does, and has its job run when it is due", scheduleInserted},
		{"UpdateReportSchedule", "writes only the version that was read, and the next and the last report only", func(f *fixture) {
			f.insertNamespaces("tenant")
			was := f.sampleSchedule(1, "tenant")
			f.insertSchedules(was)
			to := f.sampleSchedule(1, "")
			to.NextAt, to.LastReport, to.CreatedBy, to.Every = was.NextAt.Add(time.Hour), reportID(9), "somebody", store.ReportMonthly
			update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateReportSchedule(ctx, to) }
			f.do(update)
			f.refused(f.try(update), store.ErrStale)
			want := was
			want.NextAt, want.LastReport, want.Version = to.NextAt, to.LastReport, was.Version+1
			got, err := f.backend.ReportSchedule(f.Context(), was.ID)
			f.ok(err)
			equal(f, got, want)
			to.ID = scheduleID(2)
			f.refused(f.try(update), store.ErrNotFound)
		}},
		{"DeleteReportSchedule", "keeps what was made, and answers ErrNotFound and ErrStale", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteReportSchedule(ctx, scheduleID(1), version)
				})
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertSchedules(f.sampleSchedule(1, ""))
			f.insertReports(f.sampleReport(1, ""))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.Report(f.Context(), reportID(1))
			f.ok(err)
		}},
	}
}

func scheduleInserted(f *fixture) {
	f.insertNamespaces("tenant")
	full := f.sampleSchedule(1, "tenant")
	noZeroField(f, full)
	full.NextAt = f.clock.now()
	bare := f.sampleSchedule(2, "")
	bare.LastReport = ""
	bare.NextAt = f.clock.now().Add(1000 * time.Hour)
	f.insertSchedules(full, bare)
	for _, want := range []store.ReportSchedule{full, bare} {
		got, err := f.backend.ReportSchedule(f.Context(), want.ID)
		f.ok(err)
		equal(f, got, want)
	}
	for _, c := range []struct {
		schedule store.ReportSchedule
		want     error
	}{{full, store.ErrConflict}, {f.sampleSchedule(3, "nobody"), store.ErrMissingReference}} {
		f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertReportSchedule(ctx, c.schedule) }), c.want)
	}
	ran := make(chan string, 10)
	f.run(map[string]store.JobHandler{store.KindReportMake: func(_ context.Context, args json.RawMessage) error {
		var of struct {
			ID string `json:"id"`
		}
		err := json.Unmarshal(args, &of)
		ran <- of.ID
		return err
	}}, func() { ran <- <-ran })
	equal(f, <-ran, full.ID)
	equal(f, len(ran), 0)
}

func reportID(n int) string { return fmt.Sprintf("%s%026d", store.ReportIDPrefix, n) }

func scheduleID(n int) string { return fmt.Sprintf("%s%026d", store.ReportScheduleIDPrefix, n) }

func (f *fixture) sampleReport(n int, namespace string) store.Report {
	now := f.clock.now()
	return store.Report{
		ID: reportID(n), Namespace: namespace, Span: store.ReportWeekly, Since: now.Add(-168 * time.Hour), Until: now.Add(-time.Hour),
		ScheduleID: scheduleID(1), CreatedBy: "token:tok_1", CreatedAt: now, Size: 13, Content: []byte(`{"version":1}`),
	}
}

func (f *fixture) sampleSchedule(n int, namespace string) store.ReportSchedule {
	now := f.clock.now()
	return store.ReportSchedule{
		ID: scheduleID(n), Namespace: namespace, Every: store.ReportDaily, NextAt: now.Add(time.Hour), LastReport: reportID(1),
		CreatedBy: "token:tok_1", CreatedAt: now.Add(-time.Hour), Version: 3,
	}
}

func (f *fixture) insertReports(all ...store.Report) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for i := range all {
			if err := tx.InsertReport(ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) insertSchedules(all ...store.ReportSchedule) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for i := range all {
			if err := tx.InsertReportSchedule(ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
