package management_test

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management"
	"credence/management/report"
	"credence/store"
)

// busyDay fills the day before start with something for every part of a report,
// in namespaces a and b.
func busyDay(f *fixture) map[string]string {
	f.t.Helper()
	keys := map[string]string{}
	b := store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: start.Add(-25 * time.Hour), At: start.Add(-time.Hour), Final: true}
	for i, ns := range []string{"a", "b"} {
		f.owner(ns, "team")
		_, err := f.OwnerUpdate(f.t.Context(), global, management.OwnerUpdate{
			Namespace: ns, Name: "team", Version: 1, Quotas: management.Set([]management.QuotaInput{{Name: "day", Limit: 10, Period: "day"}}),
		})
		must(f.t, err)
		_, _, err = f.store.ReserveQuota(f.t.Context(), store.QuotaWindow{
			Subject: "owner:" + ns + "/team", Name: "day", Start: start.Truncate(24 * time.Hour), End: start.Truncate(24*time.Hour).AddDate(0, 0, 1),
		}, 9, 10)
		must(f.t, err)
		k := f.key(management.KeyCreate{Namespace: ns, Name: "key of " + ns, Owner: "team", ExpiresIn: "100h", RotateEvery: "24h"}).Key
		keys[ns] = k.KeyID
		policies, err := f.store.KeyPolicies(f.t.Context(), ns)
		must(f.t, err)
		_, err = f.KeyPolicySet(f.t.Context(), global, management.KeyPolicySet{Namespace: ns, KeyType: "service", Version: policies[1].Version, ScopesRequired: management.Set(true)})
		must(f.t, err)
		f.rule(management.BlacklistAdd{Namespace: ns, Network: "192.0.2.1", Reason: "scan of " + ns})
		_, _, err = f.AnomalySee(f.t.Context(), store.Anomaly{
			Type: "rate_change", Severity: store.SeverityHigh, Namespace: ns, KeyID: k.KeyID, Subject: "key:" + k.KeyID,
			FirstAt: start.Add(-2 * time.Hour), LastAt: start.Add(-time.Hour), Evidence: store.Evidence{Message: "much of " + ns},
		})
		must(f.t, err)
		for j, reason := range []string{"allowed", "rate_limited"} {
			b.Keys = append(b.Keys, store.KeyUsage{
				Minute: start.Add(-2 * time.Hour).Truncate(time.Minute), Minutes: 1, KeyID: k.KeyID, Reason: reason, Policy: "route-" + ns,
				Checks: int64(100 * (i + 1) / (j + 1)), Latency: time.Millisecond,
			})
		}
	}
	b.Keys = append(b.Keys, store.KeyUsage{Minute: start.Add(-3 * time.Hour).Truncate(time.Minute), Minutes: 1, Reason: "unknown_key", Checks: 7})
	b.Failing = []store.FailingAddress{{Minute: start.Add(-3 * time.Hour).Truncate(time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("203.0.113.7"), Checks: 7}}
	must(f.t, f.store.IngestUsage(f.t.Context(), b))
	return keys
}

func (f *fixture) written(a management.Actor, in management.ReportCreate) (store.Report, *report.Report) {
	f.t.Helper()
	made, err := f.ReportCreate(f.t.Context(), a, in)
	must(f.t, err)
	r, err := f.ReportDownload(f.t.Context(), a, made.Report.ID, report.HTML)
	must(f.t, err)
	return made.Report, r
}

func TestAReportSaysWhatWasUsedAndWhatSomebodyShouldLookAt(t *testing.T) {
	f := newFixture(t)
	keys := busyDay(f)
	f.advance(time.Minute)
	_, r := f.written(global, management.ReportCreate{})
	if r.Usage.Total.Requests != 457 || r.Usage.Total.Denied != 157 || r.Usage.Step != "hour" || len(r.Usage.Course) != 25 || r.Usage.Before.Requests != 0 {
		t.Errorf("usage %+v, %d times", r.Usage.Total, len(r.Usage.Course))
	}
	if len(r.TopKeys) == 0 || r.TopKeys[0].ID != keys["b"] || r.TopKeys[0].Name != "key of b" || r.TopKeys[0].Requests != 300 || r.TopKeys[0].Owner != "team" {
		t.Errorf("keys %+v", r.TopKeys)
	}
	if len(r.Limited) != 2 || r.Limited[0].ID != keys["b"] || r.Limited[0].Denied != 100 {
		t.Errorf("limited %+v", r.Limited)
	}
	if len(r.Reasons) != 3 || len(r.TopRoutes) != 3 || len(r.TopNamespaces) != 3 || len(r.Addresses) != 1 || r.Addresses[0].Refused != 7 {
		t.Errorf("reasons %+v, routes %+v, namespaces %+v, addresses %+v", r.Reasons, r.TopRoutes, r.TopNamespaces, r.Addresses)
	}
	if r.Keys.Active != 2 || r.Expiring.Total != 2 || r.RotationsDue.Total != 2 || r.Breaches.Total != 2 || r.Quotas.Total != 2 || r.Anomalies.Total != 2 {
		t.Errorf("keys %+v, expiring %d, due %d, breaches %d, quotas %d, anomalies %d", r.Keys, r.Expiring.Total, r.RotationsDue.Total, r.Breaches.Total, r.Quotas.Total, r.Anomalies.Total)
	}
	if r.Blacklist.Added != 2 || r.Blacklist.Rules != 2 || len(r.Blacklist.Changes) != 2 || r.Blacklist.Changes[0].Network != "192.0.2.1/32" || !strings.HasPrefix(r.Blacklist.Changes[0].Reason, "scan of ") {
		t.Errorf("blacklist %+v", r.Blacklist)
	}
	if r.Audit.Entries == 0 || len(r.Audit.Actions) == 0 {
		t.Errorf("audit %+v", r.Audit)
	}
	if r.Unused.Total != 0 {
		t.Errorf("a key of a minute is unused: %+v", r.Unused)
	}
}

// TestAReportOfANamespaceSaysNothingOfAnother also when a global actor asks for
// it: it may be read by those who may see the namespace.
func TestAReportOfANamespaceSaysNothingOfAnother(t *testing.T) {
	f := newFixture(t)
	busyDay(f)
	f.advance(time.Minute)
	for _, actor := range []management.Actor{global, onlyA} {
		_, r := f.written(actor, management.ReportCreate{Namespace: "a"})
		if r.Usage.Total.Requests != 150 || len(r.Addresses) != 0 || len(r.TopNamespaces) != 0 || r.Keys.Active != 1 || r.Quotas.Total != 1 || r.Anomalies.Total != 1 {
			t.Errorf("%+v", r)
		}
		for _, format := range report.Formats() {
			var out bytes.Buffer
			must(t, r.Render(&out, format))
			for _, foreign := range []string{"key of b", "scan of b", "much of b", "route-b", "203.0.113.7"} {
				if strings.Contains(out.String(), foreign) {
					t.Errorf("%s tells of %q", format, foreign)
				}
			}
			if !strings.Contains(out.String(), "key of a") {
				t.Errorf("%s does not tell of its own", format)
			}
		}
	}
}

func TestAReportIsToldOfKeptAndRemovedAfterItsRetention(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{Reports: 48 * time.Hour})
	hook := f.hook("a", "report.*")
	made, err := s.ReportCreate(t.Context(), onlyA, management.ReportCreate{Namespace: "a", Idempotency: management.Idempotency{Key: "once"}})
	must(t, err)
	again, err := s.ReportCreate(t.Context(), onlyA, management.ReportCreate{Namespace: "a", Idempotency: management.Idempotency{Key: "once"}})
	must(t, err)
	if !again.Replayed || again.Report.ID != made.Report.ID || made.Report.Size == 0 {
		t.Errorf("made %+v, then %+v", made, again)
	}
	if told := types(f.told(hook.Webhook.ID)); told != "report.ready" {
		t.Errorf("webhooks are told %q", told)
	}
	if entry, d := f.last("a"); entry.Action != "report.create" || entry.Object != "report:"+made.Report.ID || d.After["span"] != "on_demand" {
		t.Errorf("entry %+v", entry)
	}
	f.advance(48 * time.Hour)
	if got := pass(t, s, "reports"); got.Done != 0 {
		t.Error("removed too early")
	}
	f.advance(time.Microsecond)
	if got := pass(t, s, "reports"); got.Done != 1 {
		t.Errorf("removed %d", got.Done)
	}
	_, err = s.ReportRead(t.Context(), global, made.Report.ID)
	refused(t, err, management.CodeNotFound)
}

func TestAReportThatCannotBeIsRefusedWithWhatToDo(t *testing.T) {
	f := newFixture(t)
	_, err := f.ReportCreate(t.Context(), onlyA, management.ReportCreate{})
	refused(t, err, management.CodeForbidden)
	for field, in := range map[string]management.ReportCreate{
		"since":     {Since: start, Until: start.Add(-time.Hour)},
		"until":     {Until: start.Add(time.Hour)},
		"namespace": {Namespace: "nobody"},
	} {
		_, err := f.ReportCreate(t.Context(), global, in)
		blames(t, err, field)
	}
	_, err = f.ReportCreate(t.Context(), global, management.ReportCreate{Since: start.AddDate(-2, 0, 0)})
	blames(t, err, "since")
	_, err = f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Every: "hourly"})
	blames(t, err, "every")
	_, err = f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{})
	blames(t, err, "every")
	made, _ := f.written(global, management.ReportCreate{Namespace: "a"})
	_, err = f.ReportDownload(t.Context(), global, made.ID, "pdf")
	blames(t, err, "format")
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "a"})
	refused(t, err, management.CodeInUse)
	must(t, f.ReportDelete(t.Context(), global, made.ID))
	schedule, err := f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Namespace: "a", Every: "daily"})
	must(t, err)
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "a"})
	refused(t, err, management.CodeInUse)
	must(t, f.ReportScheduleDelete(t.Context(), global, schedule.Schedule.ID))
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "a"})
	must(t, err)
}

func (f *fixture) reports() []store.Report {
	f.t.Helper()
	found, err := f.ReportList(f.t.Context(), global, management.ReportList{})
	must(f.t, err)
	return found.Items
}

// TestEachTimeOfAScheduleGetsOneReport however many processes make it.
func TestEachTimeOfAScheduleGetsOneReport(t *testing.T) {
	day := start.Truncate(24 * time.Hour)
	for every, want := range map[string][][2]time.Time{
		"daily":   {{day, day.AddDate(0, 0, 1)}, {day.AddDate(0, 0, 1), day.AddDate(0, 0, 2)}},
		"weekly":  {{day.AddDate(0, 0, -1), day.AddDate(0, 0, 6)}, {day.AddDate(0, 0, 6), day.AddDate(0, 0, 13)}}, // 3 November 2026 is a Tuesday
		"monthly": {{day.AddDate(0, 0, -2), day.AddDate(0, 0, 28)}, {day.AddDate(0, 0, 28), day.AddDate(0, 0, 59)}},
	} {
		t.Run(every, func(t *testing.T) {
			f := newFixture(t)
			made, err := f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Namespace: "a", Every: every})
			must(t, err)
			id, next := made.Schedule.ID, made.Schedule.NextAt
			for i, times := range want {
				again, err := f.ReportMake(t.Context(), id)
				must(t, err)
				if len(f.reports()) != i || !again.Equal(next) || !next.Equal(times[1].Add(5*time.Minute)) {
					t.Fatalf("before the end of %v: %d reports, again at %v", times, len(f.reports()), again)
				}
				f.advance(next.Sub(f.clock()))
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						if _, err := f.ReportMake(t.Context(), id); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				got := f.reports()
				if len(got) != i+1 || !got[0].Since.Equal(times[0]) || !got[0].Until.Equal(times[1]) || got[0].ScheduleID != id || string(got[0].Span) != every {
					t.Fatalf("want one of %v, got %+v", times, got)
				}
				schedule, err := f.store.ReportSchedule(t.Context(), id)
				must(t, err)
				if next = schedule.NextAt; schedule.LastReport != got[0].ID {
					t.Errorf("schedule %+v", schedule)
				}
			}
		})
	}
}

func TestAReportWhoseJobWasLostIsMadeByThePass(t *testing.T) {
	f := newFixture(t)
	made, err := f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Every: "daily"})
	must(t, err)
	f.advance(made.Schedule.NextAt.Sub(f.clock()) + 10*time.Minute)
	for i, want := range []int{0, 1, 0} {
		if n, err := f.ReportMakeLate(t.Context()); err != nil || n != want {
			t.Errorf("call %d: %d made, %v", i, n, err)
		}
		f.advance(time.Microsecond)
	}
	// Of the days in which nobody was there the last one gets its report.
	f.advance(5 * 24 * time.Hour)
	n, err := f.ReportMakeLate(t.Context())
	if err != nil || n != 1 || len(f.reports()) != 2 || !f.reports()[0].Until.Equal(f.clock().Truncate(24*time.Hour)) {
		t.Errorf("%d made, %v: %+v", n, err, f.reports())
	}
	must(t, f.ReportScheduleDelete(t.Context(), global, made.Schedule.ID))
	if again, err := f.ReportMake(t.Context(), made.Schedule.ID); err != nil || !again.IsZero() {
		t.Errorf("a schedule that is gone is called again at %v, %v", again, err)
	}
}
