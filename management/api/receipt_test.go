package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

// replica writes the row of a replica that stands at the head of the feed.
func (d *deployment) replica(tb testing.TB, id string) store.Replica {
	tb.Helper()
	head, err := d.store.Head(tb.Context())
	must(tb, err)
	now := d.clock.now()
	r := store.Replica{
		ID: id, Name: "pod-1", Address: "192.0.2.1:9001", Version: "1", Applied: head,
		StartedAt: now, SeenAt: now, LastRead: now, Ceiling: time.Hour,
	}
	must(tb, d.store.PutReplica(tb.Context(), r))
	return r
}

func TestEveryChangeOfTheDataPlaneCanBeWaitedFor(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	wait := client.WaitInput{Wait: "0s"}
	made, err := c.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{Name: "a"}})
	must(t, err)
	key := made.Key.KeyID
	_, err = c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
	must(t, err)
	_, err = c.OwnerCreate(ctx, client.OwnerCreateInput{Body: client.OwnerCreate{Name: "team"}})
	must(t, err)
	silent := d.replica(t, "rep_1")
	var rule string
	for _, change := range []struct {
		name string
		do   func() (*client.Receipt, error)
	}{
		{"key update", func() (*client.Receipt, error) {
			k, err := c.KeyUpdate(ctx, client.KeyUpdateInput{KeyID: key, IfMatch: made.ETag(), Body: client.KeyUpdate{Name: client.Set("b")}, WaitInput: wait})
			return k.Receipt, err
		}},
		{"disable", func() (*client.Receipt, error) {
			k, err := c.KeyDisable(ctx, client.KeyStatusInput{KeyID: key, WaitInput: wait})
			return k.Receipt, err
		}},
		{"enable", func() (*client.Receipt, error) {
			k, err := c.KeyEnable(ctx, client.KeyStatusInput{KeyID: key, WaitInput: wait})
			return k.Receipt, err
		}},
		{"suspend", func() (*client.Receipt, error) {
			k, err := c.KeySuspend(ctx, client.KeyStatusInput{KeyID: key, WaitInput: wait})
			return k.Receipt, err
		}},
		{"revoke", func() (*client.Receipt, error) {
			k, err := c.KeyRevoke(ctx, client.KeyStatusInput{KeyID: key, WaitInput: wait})
			return k.Receipt, err
		}},
		{"plan update", func() (*client.Receipt, error) {
			p, err := c.PlanUpdate(ctx, client.PlanUpdateInput{Name: "basic", IfMatch: `"1"`, Body: client.PlanUpdate{Description: client.Set("x")}, WaitInput: wait})
			return p.Receipt, err
		}},
		{"owner update", func() (*client.Receipt, error) {
			o, err := c.OwnerUpdate(ctx, client.OwnerUpdateInput{Name: "team", IfMatch: `"1"`, Body: client.OwnerUpdate{Description: client.Set("x")}, WaitInput: wait})
			return o.Receipt, err
		}},
		{"blacklist add", func() (*client.Receipt, error) {
			r, err := c.BlacklistAdd(ctx, client.BlacklistAddInput{Body: client.BlacklistAdd{Network: "192.0.2.7", Reason: "x"}, WaitInput: wait})
			rule = r.ID
			return r.Receipt, err
		}},
		{"route policy create", func() (*client.Receipt, error) {
			p, err := c.RoutePolicyCreate(ctx, client.RoutePolicyCreateInput{Body: client.RoutePolicyCreate{Name: "orders"}, WaitInput: wait})
			return p.Receipt, err
		}},
		{"route policy update", func() (*client.Receipt, error) {
			p, err := c.RoutePolicyUpdate(ctx, client.RoutePolicyUpdateInput{Name: "orders", IfMatch: `"1"`, Body: client.RoutePolicyUpdate{Mode: client.Set("shadow")}, WaitInput: wait})
			return p.Receipt, err
		}},
		{"route policy delete", func() (*client.Receipt, error) {
			r, err := c.RoutePolicyDelete(ctx, client.RoutePolicyDeleteInput{Name: "orders", IfMatch: `"2"`, WaitInput: wait})
			return r.Receipt, err
		}},
		{"blacklist remove", func() (*client.Receipt, error) {
			r, err := c.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: rule, WaitInput: wait})
			return r.Receipt, err
		}},
	} {
		got, err := change.do()
		must(t, err)
		head, err := d.store.Head(ctx)
		must(t, err)
		want := &client.Receipt{
			Revision: int64(head.Revision), State: client.ReceiptPartial, Replicas: 1,
			Silent: []client.SilentReplica{{ID: silent.ID, Name: "pod-1", Address: "192.0.2.1:9001", StopsAt: d.clock.now().Add(time.Hour)}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: receipt (-want +got):\n%s", change.name, diff)
		}
	}
	d.replica(t, "rep_1") // it has applied everything
	again, err := c.KeyRevoke(ctx, client.KeyStatusInput{KeyID: key, WaitInput: wait})
	must(t, err)
	if r := again.Receipt; r == nil || r.State != client.ReceiptComplete || r.Replicas != 1 || r.Silent == nil || len(r.Silent) != 0 {
		t.Errorf("receipt %+v, want a complete one", r)
	}
	if again.Status != "revoked" || again.ETag() == "" {
		t.Errorf("the key beside the receipt is %+v", again.Key)
	}
}

func TestWithoutWaitingThereIsNoReceipt(t *testing.T) {
	d := deploy(t)
	a := d.send(t, http.MethodPost, "/v1/blacklist", `{"network": "192.0.2.7", "reason": "x"}`)
	if a.status != http.StatusCreated || strings.Contains(a.body, "receipt") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	list, err := d.client(t, d.admin).BlacklistList(t.Context(), client.BlacklistListInput{})
	must(t, err)
	if a = d.send(t, http.MethodDelete, "/v1/blacklist/"+list.Items[0].ID, ""); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("%d %q, want 204 without a body", a.status, a.body)
	}
}

// A change is committed before its receipt is waited for, so what is wrong
// with the wait has to be said before.
func TestAWaitThatMakesNoSenseChangesNothing(t *testing.T) {
	d := deploy(t)
	for _, wait := range []string{"31s", "-1s", "soon", "5", "1h"} {
		a := d.send(t, http.MethodPost, "/v1/blacklist?wait="+wait, `{"network": "192.0.2.7", "reason": "x"}`)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid_input", "wait")
	}
	list, err := d.client(t, d.admin).BlacklistList(t.Context(), client.BlacklistListInput{})
	must(t, err)
	if len(list.Items) != 0 {
		t.Errorf("%d rules were made", len(list.Items))
	}
	a := d.send(t, http.MethodPost, "/v1/keys?wait=1s", `{"name": "x"}`)
	wantProblem(t, a, http.StatusBadRequest, "malformed_request", "wait")
}

// The bound of a request must not cut its wait short.
func TestAWaitMayBeLongerThanTheBoundOfARequest(t *testing.T) {
	d := deploy(t, func(o *api.Options) { o.Timeout = time.Nanosecond })
	r := d.replica(t, "rep_1")
	body := `{"network": "192.0.2.7", "reason": "x"}`
	wantProblem(t, d.send(t, http.MethodPost, "/v1/blacklist", body), http.StatusServiceUnavailable, "unavailable", "")
	ctx := t.Context()
	wake, applied := d.store.Wake(ctx), make(chan error, 1)
	go func() {
		<-wake // the change is committed
		var err error
		if r.Applied, err = d.store.Head(ctx); err == nil {
			err = d.store.PutReplica(ctx, r)
		}
		applied <- err
	}()
	a := d.send(t, http.MethodPost, "/v1/blacklist?wait=30s", body)
	must(t, <-applied)
	if a.status != http.StatusCreated || !strings.Contains(a.body, `"complete"`) {
		t.Errorf("%d %s, want the rule and a complete receipt", a.status, a.body)
	}
}

func TestReplicasAreListedWithTheirLag(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.token(t, store.RoleViewer, "elsewhere"))
	d.replica(t, "rep_1")
	_, err := d.client(t, d.admin).PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
	must(t, err)
	d.replica(t, "rep_2")
	page, err := c.ReplicaList(t.Context(), client.ReplicaListInput{PageInput: client.PageInput{Limit: 1}})
	must(t, err)
	now := d.clock.now()
	want := client.Replica{
		ID: "rep_1", Name: "pod-1", Address: "192.0.2.1:9001", Version: "1", State: "live", StartedAt: now, SeenAt: now, LastRead: now,
		AppliedRevision: page.HeadRevision - 1, Lag: 1, Ceiling: "1h",
	}
	if diff := cmp.Diff([]client.Replica{want}, page.Items); diff != "" || page.NextCursor == "" {
		t.Errorf("next %q, (-want +got):\n%s", page.NextCursor, diff)
	}
	page, err = c.ReplicaList(t.Context(), client.ReplicaListInput{PageInput: client.PageInput{Limit: 1, Cursor: page.NextCursor}})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].ID != "rep_2" || page.Items[0].Lag != 0 || page.NextCursor != "" {
		t.Errorf("the second page is %+v", page)
	}
}
