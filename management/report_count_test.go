package management_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management"
	"credence/management/report"
	"credence/store"
	"credence/store/sketch"
)

// TestAReportCountsWhatItDoesNotList: lists end after 25 rows, and what they
// come down to is said of all.
func TestAReportCountsWhatItDoesNotList(t *testing.T) {
	f := newFixture(t)
	const findings = store.MaxPage + 10
	for i := range findings {
		a := store.Anomaly{
			Type: "brute_force", Severity: store.SeverityMedium, Subject: fmt.Sprintf("address:198.51.%d.%d", i/200, i%200),
			FirstAt: start.Add(-time.Hour), LastAt: start.Add(-time.Hour),
		}
		if i%2 == 0 {
			a.Severity = store.SeverityHigh
		}
		found, _, err := f.AnomalySee(t.Context(), a)
		must(t, err)
		if i < 2 {
			_, err = f.AnomalyResolve(t.Context(), global, management.AnomalyChange{ID: found.ID})
			must(t, err)
		}
	}
	const quotas, usedUp = 31, 28
	for i := range quotas {
		name := fmt.Sprintf("team-%02d", i)
		f.owner("a", name)
		_, err := f.OwnerUpdate(t.Context(), global, management.OwnerUpdate{
			Namespace: "a", Name: name, Version: 1, Quotas: management.Set([]management.QuotaInput{{Name: "day", Limit: 10, Period: "day"}}),
		})
		must(t, err)
		units := int64(9)
		if i < usedUp {
			units = 10
		}
		day := start.Truncate(24 * time.Hour)
		f.reserve(store.QuotaWindow{Subject: "owner:a/" + name, Name: "day", Start: day, End: day.AddDate(0, 0, 1)}, units)
		f.rule(management.BlacklistAdd{Namespace: "a", Network: fmt.Sprintf("192.0.2.%d", i), Reason: "scan"})
	}
	f.advance(time.Minute)
	_, r := f.written(global, management.ReportCreate{})
	if a := r.Anomalies; a.Total != findings || a.Open != findings-2 || a.Urgent != findings/2-1 || a.More || len(a.Items) != 25 {
		t.Errorf("findings: %d, open %d, urgent %d, more: %v, listed %d", a.Total, a.Open, a.Urgent, a.More, len(a.Items))
	}
	for _, a := range r.Anomalies.Items {
		if a.Severity != "high" || a.State != "open" {
			t.Errorf("listed before worse ones: %+v", a)
		}
	}
	if q := r.Quotas; q.Total != quotas || q.UsedUp != usedUp || q.More || len(q.Items) != 25 {
		t.Errorf("quotas: %d, used up %d, more: %v, listed %d", q.Total, q.UsedUp, q.More, len(q.Items))
	}
	for _, format := range []report.Format{report.HTML, report.Markdown, report.CSV} {
		var out bytes.Buffer
		must(t, r.Render(&out, format))
		for _, want := range []string{
			"254 findings of high or critical severity not resolved", "254 findings of lower severity not resolved",
			"28 quotas are used up", "3 quotas are close to the end", "And 485 more.", "And 6 more.",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
}

// TestAKeyThatMetALimitAndAQuotaIsOneRow with all addresses that it was refused
// from, each once.
func TestAKeyThatMetALimitAndAQuotaIsOneRow(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a", Name: "busy"}).Key
	b := store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: start.Add(-2 * time.Hour), At: start.Add(-time.Hour), Final: true}
	h, both := sketch.NewHasher([32]byte{3, 9, 17, 31}), sketch.Sketch{}
	for reason, addresses := range map[string][2]byte{"rate_limited": {1, 6}, "quota_exhausted": {4, 9}} {
		u := store.KeyUsage{Minute: start.Add(-90 * time.Minute).Truncate(time.Minute), Minutes: 1, KeyID: k.KeyID, Reason: reason, Checks: 50, Latency: 50 * time.Millisecond}
		for n := addresses[0]; n < addresses[1]; n++ {
			u.Addresses.Add(h.Mark(netip.AddrFrom4([4]byte{192, 0, 2, n})))
		}
		both.Merge(&u.Addresses)
		b.Keys = append(b.Keys, u)
	}
	must(t, f.store.IngestUsage(t.Context(), b))
	f.advance(time.Minute)
	_, r := f.written(global, management.ReportCreate{})
	if len(r.Limited) != 1 {
		t.Fatalf("%+v", r.Limited)
	}
	if got := r.Limited[0]; got.Name != "busy" || got.Denied != 100 || got.Addresses != both.Estimate() || got.Mean != time.Millisecond {
		t.Errorf("%+v, want 100 refusals from %d addresses, 1 ms each", got, both.Estimate())
	}
}

// TestALateReportIsCountedByTheOneWhoMadeIt of several control planes.
func TestALateReportIsCountedByTheOneWhoMadeIt(t *testing.T) {
	f := newFixture(t)
	made, err := f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Every: "daily"})
	must(t, err)
	f.advance(made.Schedule.NextAt.Sub(f.clock()) + 10*time.Minute)
	f.advance(time.Microsecond)
	var all sync.WaitGroup
	counts := make([]int, 4)
	for i := range counts {
		all.Go(func() {
			n, err := f.ReportMakeLate(t.Context())
			if err != nil {
				t.Error(err)
			}
			counts[i] = n
		})
	}
	all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != 1 || len(f.reports()) != 1 {
		t.Errorf("%v were counted, %d are there", counts, len(f.reports()))
	}
}
