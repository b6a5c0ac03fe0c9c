package storetest

import (
	"context"
	"strconv"
	"time"

	"credence/store"
)

func anomalyPromises() []promise {
	return []promise{
		{"Anomaly", "answers all of it, and ErrNotFound for an unknown id", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			want := f.sampleAnomaly(1)
			f.insertAnomaly(want)
			got, err := f.backend.Anomaly(f.Context(), want.ID)
			f.ok(err)
			equal(f, got, want)
			_, err = f.backend.Anomaly(f.Context(), "ano_none")
			f.refused(err, store.ErrNotFound)
		}},
		{"Anomalies", "answers pages, newest first, narrowed by every field", anomalyList},
		{"LatestAnomaly", "answers the newest of type and subject, and ErrNotFound when there is none", func(f *fixture) {
			first := f.bareAnomaly(1)
			first.State = store.AnomalyResolved
			f.insertAnomaly(first, f.bareAnomaly(2))
			other := f.bareAnomaly(3)
			other.Subject = "address:198.51.100.1"
			f.insertAnomaly(other)
			got, err := f.backend.LatestAnomaly(f.Context(), first.Type, first.Subject)
			f.ok(err)
			equal(f, got.ID, anomalyID(2))
			_, err = f.backend.LatestAnomaly(f.Context(), "another", first.Subject)
			f.refused(err, store.ErrNotFound)
		}},
		{"InsertAnomaly", "refuses an id that is taken and a second one that is not resolved", func(f *fixture) {
			f.insertAnomaly(f.bareAnomaly(1))
			same := f.bareAnomaly(1)
			same.Type = "another"
			f.refused(f.tryAnomaly(same), store.ErrConflict)
			f.refused(f.tryAnomaly(f.bareAnomaly(2)), store.ErrConflict)
			resolved := f.bareAnomaly(3)
			resolved.State = store.AnomalyResolved
			f.ok(f.tryAnomaly(resolved))
		}},
		{"UpdateAnomaly", "changes only the version that was read", func(f *fixture) {
			f.insertAnomaly(f.bareAnomaly(1))
			stale := f.bareAnomaly(1)
			stale.Version = 7
			f.refused(f.tryUpdateAnomaly(stale), store.ErrStale)
			f.refused(f.tryUpdateAnomaly(f.bareAnomaly(2)), store.ErrNotFound)
		}},
		{"UpdateAnomaly", "changes severity, state, evidence, last_at and actions, nothing else", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			was := f.sampleAnomaly(1)
			f.insertAnomaly(was)
			to := f.bareAnomaly(1)
			to.Version, to.Severity, to.State, to.Note, to.StateBy = was.Version, store.SeverityLow, store.AnomalyAcknowledged, "", "token:tok_2"
			to.LastAt, to.StateAt, to.FirstAt = was.LastAt.Add(time.Hour), was.LastAt.Add(2*time.Hour), was.FirstAt.Add(-time.Hour)
			to.Evidence = store.Evidence{Observed: 1}
			f.ok(f.tryUpdateAnomaly(to))
			want := was
			want.Version++
			want.Severity, want.State, want.Note, want.StateBy, want.LastAt, want.StateAt = to.Severity, to.State, to.Note, to.StateBy, to.LastAt, to.StateAt
			want.Evidence, want.Actions, want.ActedAt = to.Evidence, nil, time.Time{}
			got, err := f.backend.Anomaly(f.Context(), was.ID)
			f.ok(err)
			equal(f, got, want)
		}},
		{"ActedAnomalies", "answers those about which something was done since, the newest first", func(f *fixture) {
			f.insertKeys(f.bareKey(1))
			at := f.clock.now()
			for i := range 4 {
				a := f.sampleAnomaly(i + 1)
				a.Subject = "network:" + anomalyID(i)
				if a.ActedAt = at.Add(time.Duration(i) * time.Minute); i == 3 {
					a.ActedAt = time.Time{}
				}
				f.insertAnomaly(a)
			}
			for limit, want := range map[int][]string{1: {anomalyID(3)}, 10: {anomalyID(3), anomalyID(2)}} {
				found, err := f.backend.ActedAnomalies(f.Context(), at.Add(time.Minute), limit)
				f.ok(err)
				inOrder(f, names(found, func(a store.Anomaly) string { return a.ID }), want...)
			}
		}},
		{"RemoveAnomalies", "deletes what was resolved before the instant, and nothing that is not resolved", func(f *fixture) {
			at := f.clock.now()
			for i, state := range []store.AnomalyState{store.AnomalyResolved, store.AnomalyResolved, store.AnomalyAcknowledged} {
				a := f.bareAnomaly(i + 1)
				a.State, a.StateAt = state, at.Add(time.Duration(i)*time.Hour)
				f.insertAnomaly(a)
			}
			var n int
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) (err error) {
				n, err = w.RemoveAnomalies(ctx, at.Add(time.Minute))
				return err
			}))
			equal(f, n, 1)
			inOrder(f, f.anomalies(store.AnomalyFilter{}), anomalyID(3), anomalyID(2))
		}},
		{"SeeAnomaly", "merges with what is not resolved, and takes what is older than a resolution for known", anomalySeen},
		{"DeniedMinutes", "answers at most limit rows of keys that are no allowed ones, by minute and key", func(f *fixture) {
			b := usageRow("rep_1", 1, day0(), "revoked", 3)
			for i, reason := range []string{"allowed", "allowed_anonymous", "shadow_revoked", "expired"} {
				k := b.Keys[0]
				k.Reason, k.Minute = reason, day0().Add(time.Duration(i)*time.Minute)
				b.Keys = append(b.Keys, k)
			}
			k := b.Keys[0]
			k.KeyID = ""
			b.Keys = append(b.Keys, k)
			f.ok(f.backend.AddUsage(f.Context(), b))
			for limit, want := range map[int][]string{2: {"revoked", "shadow_revoked"}, 10: {"revoked", "shadow_revoked", "expired"}} {
				found, err := f.backend.DeniedMinutes(f.Context(), day0(), day0().Add(time.Hour), limit)
				f.ok(err)
				inOrder(f, names(found, func(u store.UsageMinute) string { return u.Reason }), want...)
			}
			found, err := f.backend.DeniedMinutes(f.Context(), day0().Add(time.Minute), day0().Add(3*time.Minute), 10)
			f.ok(err)
			equal(f, len(found), 1)
			equal(f, found[0].Addresses, crowd(1, 2))
		}},
	}
}

func anomalyID(n int) string { return "ano_" + strconv.Itoa(n) }

// bareAnomaly is finding n about one address; all are about the same.
func (f *fixture) bareAnomaly(n int) store.Anomaly {
	at := f.clock.now()
	return store.Anomaly{
		ID: anomalyID(n), Type: "brute_force", Severity: store.SeverityMedium, State: store.AnomalyOpen, Subject: "address:192.0.2.1",
		FirstAt: at.Add(-time.Minute), LastAt: at, CreatedAt: at, Version: 1,
	}
}

// sampleAnomaly is one with all that it can have.
func (f *fixture) sampleAnomaly(n int) store.Anomaly {
	a := f.bareAnomaly(n)
	a.KeyID, a.Namespace, a.Subject, a.Severity = keyID(1), "tenant", "key:"+keyID(1), store.SeverityHigh
	a.Evidence = store.Evidence{Observed: 12.5, Expected: 3, Window: time.Hour, Message: "many"}
	a.StateAt, a.StateBy, a.Note = f.clock.now(), "token:tok_1", "looked at it"
	a.ActedAt = f.clock.now()
	a.Actions = []store.AnomalyAction{
		{Action: "throttle", Severity: store.SeverityMedium, Outcome: "capped", Detail: "enough", At: f.clock.now().Add(-time.Minute)},
		{
			Action: "suspend", Severity: store.SeverityHigh, Outcome: store.AnomalyActionDone, Detail: "done", At: f.clock.now(), Share: 10, RuleID: "blk_1",
			Until: f.clock.now().Add(time.Hour), UndoneAt: f.clock.now(), UndoneBy: "token:tok_1",
		},
	}
	return a
}

func (f *fixture) tryAnomaly(a store.Anomaly) error {
	f.Helper()
	return f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.InsertAnomaly(ctx, a) })
}

func (f *fixture) tryUpdateAnomaly(a store.Anomaly) error {
	f.Helper()
	return f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.UpdateAnomaly(ctx, a) })
}

func (f *fixture) insertAnomaly(all ...store.Anomaly) {
	f.Helper()
	for _, a := range all {
		f.ok(f.tryAnomaly(a))
	}
}

func (f *fixture) anomalies(filter store.AnomalyFilter) []string {
	f.Helper()
	found, _, err := f.backend.Anomalies(f.Context(), filter, store.Page{})
	f.ok(err)
	return names(found, func(a store.Anomaly) string { return a.ID })
}

func anomalyList(f *fixture) {
	f.insertKeys(f.bareKey(1))
	second := f.bareAnomaly(2)
	second.State = store.AnomalyResolved
	f.insertAnomaly(f.sampleAnomaly(1), second, f.bareAnomaly(3))
	for _, of := range []struct {
		filter store.AnomalyFilter
		want   []string
	}{
		{store.AnomalyFilter{}, []string{anomalyID(3), anomalyID(2), anomalyID(1)}},
		{store.AnomalyFilter{Namespaces: []string{"tenant", "x"}}, []string{anomalyID(1)}},
		{store.AnomalyFilter{KeyID: keyID(1)}, []string{anomalyID(1)}},
		{store.AnomalyFilter{Type: "another"}, nil},
		{store.AnomalyFilter{Severity: store.SeverityHigh}, []string{anomalyID(1)}},
		{store.AnomalyFilter{State: store.AnomalyResolved}, []string{anomalyID(2)}},
		{store.AnomalyFilter{Unresolved: true}, []string{anomalyID(3), anomalyID(1)}},
	} {
		inOrder(f, f.anomalies(of.filter), of.want...)
	}
	first, next, err := f.backend.Anomalies(f.Context(), store.AnomalyFilter{}, store.Page{Limit: 2})
	f.ok(err)
	rest, end, err := f.backend.Anomalies(f.Context(), store.AnomalyFilter{}, store.Page{Limit: 2, After: next})
	f.ok(err)
	inOrder(f, names(append(first, rest...), func(a store.Anomaly) string { return a.ID }), anomalyID(3), anomalyID(2), anomalyID(1))
	equal(f, end, "")
}

func anomalySeen(f *fixture) {
	see := func(a store.Anomaly, wantID string, wantFresh bool) store.Anomaly {
		f.Helper()
		var stored store.Anomaly
		var fresh bool
		_, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			if stored, fresh, err = tx.SeeAnomaly(ctx, a); fresh {
				tx.Audit(store.AuditRecord{Namespace: a.Namespace, Actor: "job:anomalies", Action: "anomaly.open", Object: "anomaly:" + a.ID})
			}
			return err
		})
		f.ok(err)
		equal(f, stored.ID, wantID)
		equal(f, fresh, wantFresh)
		return stored
	}
	first := f.bareAnomaly(1)
	first.Evidence = store.Evidence{Observed: 10, Message: "ten"}
	see(first, anomalyID(1), true)
	again := f.bareAnomaly(2)
	again.Evidence = store.Evidence{Observed: 9, Message: "nine"}
	equal(f, see(again, anomalyID(1), false).Version, 1) // nothing new: no write
	again.LastAt, again.Severity = again.LastAt.Add(time.Minute), store.SeverityHigh
	see(again, anomalyID(1), false)
	merged, err := f.backend.Anomaly(f.Context(), anomalyID(1))
	f.ok(err)
	equal(f, merged.Severity, store.SeverityHigh)
	equal(f, merged.Evidence.Message, "ten")
	equal(f, merged.LastAt, again.LastAt)
	merged.State, merged.StateAt = store.AnomalyResolved, again.LastAt
	f.ok(f.tryUpdateAnomaly(merged))
	see(again, anomalyID(1), false)
	again.LastAt = again.LastAt.Truncate(time.Minute).Add(time.Minute - time.Microsecond) // in the minute of the resolution
	see(again, anomalyID(1), false)
	again.LastAt = again.LastAt.Add(time.Minute)
	see(again, anomalyID(2), true)
	inOrder(f, f.anomalies(store.AnomalyFilter{}), anomalyID(2), anomalyID(1))
}
