package management_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/management/remote"
	"credence/management/report"
	"credence/store"
)

// TestAReportSaysWhichForeignCredentialsNeedALook of both systems, each for what
// is the matter with it, and of those of its namespace only.
func TestAReportSaysWhichForeignCredentialsNeedALook(t *testing.T) {
	f := newFixture(t)
	for _, namespace := range []string{"a", "b"} { // a token and a key in each, about which nothing is to be said
		f.noteToken(f.connect("https://git-"+namespace+".example.com", namespace, namespace), "gtk_"+namespace)
		f.noteN8NKey(namespace)
	}
	held := func(a management.Actor, namespace string) *report.Report {
		_, r := f.written(a, management.ReportCreate{Namespace: namespace})
		return r
	}
	if r := held(global, ""); r.Outside.Held != 4 || r.Outside.Total != 0 || len(r.Outside.Counts) != 0 {
		t.Fatalf("before anything is wrong: %+v", r.Outside)
	}
	for _, namespace := range []string{"a", "b"} {
		f.neglect(namespace)
	}
	for _, c := range []struct {
		actor     management.Actor
		namespace string
		each      int
	}{{onlyA, "a", 1}, {global, "b", 1}, {global, "", 2}} {
		r := held(c.actor, c.namespace)
		want := map[string]int{}
		for _, reason := range report.OutsideReasons() {
			want[reason] = 2 * c.each // of both systems
		}
		if diff := cmp.Diff(want, r.Outside.Counts); diff != "" {
			t.Errorf("report of %q (-want +got):\n%s", c.namespace, diff)
		}
		if r.Outside.Total != 14*c.each || r.Outside.Items[0].Reasons[0] != report.OutsideInvalid {
			t.Errorf("report of %q lists %d, the first %+v", c.namespace, r.Outside.Total, r.Outside.Items[0])
		}
		var out bytes.Buffer
		must(t, r.Render(&out, report.Markdown))
		for _, other := range []string{"a", "b"} {
			if got := strings.Contains(out.String(), "stranger of "+other); got != (c.namespace == "" || c.namespace == other) {
				t.Errorf("report of %q tells of %s: %t", c.namespace, other, got)
			}
		}
	}
}

// neglect notes credentials of both systems in a namespace, one for each reason
// to look at it.
func (f *fixture) neglect(namespace string) {
	f.t.Helper()
	now := f.clock()
	connections := map[store.ConnectionKind]string{}
	for _, kind := range []store.ConnectionKind{store.ConnectionGitea, store.ConnectionN8N} {
		found, _, err := f.store.Connections(f.t.Context(), kind, []string{namespace}, store.Page{})
		must(f.t, err)
		connections[kind] = found[0].ID
	}
	n := 0
	note := func(reason, state, outcome string, expires time.Time, rotate time.Duration) {
		n++
		made := now.Add(-48 * time.Hour)
		f.change(func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertOutsideCredential(ctx, store.OutsideCredential{
				System: store.SystemGitea, ID: fmt.Sprintf("gtk_%s%s", namespace, reason), ConnectionID: connections[store.ConnectionGitea], Namespace: namespace,
				RemoteID: fmt.Sprint(100 + n), Name: reason + " of " + namespace, Login: "alice", State: store.OutsideState(state), StateAt: made,
				ExpiresAt: expires, RotateEvery: rotate, Seen: store.OutsideSeen{Outcome: outcome, VerifiedAt: made}, CreatedBy: "system", CreatedAt: made, UpdatedAt: made, Version: 1,
			})
		})
		f.change(func(ctx context.Context, tx *store.Tx) error {
			return tx.InsertOutsideCredential(ctx, store.OutsideCredential{
				System: store.SystemN8N, ID: fmt.Sprintf("n8k_%s%s", namespace, reason), ConnectionID: connections[store.ConnectionN8N], Namespace: namespace,
				RemoteID: reason, Name: reason + " of " + namespace, Login: "alice", State: store.OutsideState(state), StateAt: made,
				ExpiresAt: expires, RotateEvery: rotate, Seen: store.OutsideSeen{Outcome: outcome, VerifiedAt: made}, CreatedBy: "system", CreatedAt: made, UpdatedAt: made, Version: 1,
			})
		})
	}
	note(report.OutsideInvalid, "active", string(remote.Invalid), time.Time{}, 0)
	note(report.OutsidePast, "deleting", string(remote.Valid), now.Add(-time.Hour), 0)
	note(report.OutsideStranger, "stranger", "", time.Time{}, 0)
	note(report.OutsideWidened, "widened", string(remote.Valid), now.Add(31*24*time.Hour), 0)
	note(report.OutsideMissing, "missing", string(remote.Invalid), now.Add(time.Hour), 0) // gone is all that is left to say
	note(report.OutsideRotation, "active", "", now.Add(31*24*time.Hour), 24*time.Hour)
	note(report.OutsideEnding, "active", string(remote.Valid), now.Add(29*24*time.Hour), 0)
}
