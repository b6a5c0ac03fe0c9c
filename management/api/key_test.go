package api_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
	"credence/store"
)

func TestAKeyLivesThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()

	made, err := c.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{
		Name: "orders", KeyType: "integration", Scopes: []string{"orders:read"},
		Limits: []client.Limit{{Name: "per-second", Limit: 10, Period: "1s"}}, Quotas: []client.Quota{{Name: "daily", Limit: 1000, Period: "day"}},
		ExpiresIn: "720h", Networks: []string{"10.0.0.0/8"}, Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/orders/*"},
		Labels: map[string]string{"team": "a", "tier": "gold"},
	}})
	must(t, err)
	if !strings.HasPrefix(made.KeyText.Reveal(), "crd_live_") {
		t.Fatal("key text does not begin with the namespace's prefix and environment")
	}
	k := made.Key
	if want := d.clock.now().Add(720 * time.Hour); !k.ExpiresAt.Equal(want) {
		t.Errorf("expires at %s, want %s", k.ExpiresAt, want)
	}
	if k.Limits[0].Period != "1s" || k.Namespace != "default" || k.Status != "active" || k.Environment != "live" {
		t.Errorf("key is %+v", k)
	}

	shown, err := c.KeyShow(ctx, client.KeyShowInput{KeyID: k.KeyID})
	must(t, err)
	if diff := cmp.Diff(k, shown); diff != "" {
		t.Errorf("the key that was made is not the one that is shown (-made +shown):\n%s", diff)
	}

	gold := "gold"
	changed, err := c.KeyUpdate(ctx, client.KeyUpdateInput{KeyID: k.KeyID, IfMatch: shown.ETag(), Body: client.KeyUpdate{
		Name: client.Set("orders v2"), Quotas: client.Clear[[]client.Quota](), ExpiresAt: client.Clear[time.Time](),
		Labels: client.Set(map[string]*string{"team": nil, "grade": &gold}),
	}})
	must(t, err)
	want := shown
	want.Name, want.Quotas, want.ExpiresAt, want.Version = "orders v2", []client.Quota{}, time.Time{}, shown.Version+1
	want.Labels = map[string]string{"tier": "gold", "grade": "gold"}
	if diff := cmp.Diff(want, changed.Key); diff != "" {
		t.Errorf("update changed something else (-want +got):\n%s", diff)
	}

	reason := &client.Reason{Reason: "testing"}
	steps := []struct {
		do     func() (client.KeyChanged, error)
		status string
	}{
		{func() (client.KeyChanged, error) {
			return c.KeyDisable(ctx, client.KeyStatusInput{KeyID: k.KeyID, Body: reason})
		}, "disabled"},
		{func() (client.KeyChanged, error) { return c.KeyEnable(ctx, client.KeyStatusInput{KeyID: k.KeyID}) }, "active"},
		{func() (client.KeyChanged, error) {
			return c.KeySuspend(ctx, client.KeyStatusInput{KeyID: k.KeyID, Body: reason})
		}, "suspended"},
		{func() (client.KeyChanged, error) {
			return c.KeyRevoke(ctx, client.KeyStatusInput{KeyID: k.KeyID, Body: reason})
		}, "revoked"},
	}
	for _, step := range steps {
		got, err := step.do()
		must(t, err)
		if got.Status != step.status {
			t.Fatalf("status is %s, want %s", got.Status, step.status)
		}
		changed = got
	}
	_, err = c.KeyEnable(ctx, client.KeyStatusInput{KeyID: k.KeyID})
	wantCode(t, err, http.StatusConflict, "key_revoked")

	must(t, c.KeyPurge(ctx, client.KeyPurgeInput{KeyID: k.KeyID, IfMatch: changed.ETag()}))
	purged, err := c.KeyShow(ctx, client.KeyShowInput{KeyID: k.KeyID})
	must(t, err)
	if purged.Status != "purged" || purged.Name != "" || len(purged.Scopes) != 0 {
		t.Errorf("purged key still says %+v", purged)
	}
	if strings.Contains(d.log.String(), made.KeyText.Reveal()) {
		t.Error("the key text is in the log")
	}
}

func wantCode(tb testing.TB, err error, status int, code string) {
	tb.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != status || e.Code != code {
		tb.Fatalf("error is %v, want %d %s", err, status, code)
	}
}

func TestKeyListFiltersAndPages(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	_, err := c.OwnerCreate(ctx, client.OwnerCreateInput{Body: client.OwnerCreate{Name: "team-a"}})
	must(t, err)
	_, err = c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
	must(t, err)
	_, err = c.NamespaceCreate(ctx, client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "payments"}})
	must(t, err)
	ids := map[string]string{}
	for _, k := range []client.KeyCreate{
		{Name: "one", Owner: "team-a", Labels: map[string]string{"tier": "gold"}},
		{Name: "two", Plan: "basic", Scopes: []string{"orders:read", "orders:write"}},
		{Name: "three", KeyType: "user", ExpiresIn: "1h"},
		{Name: "four", Namespace: "payments"},
	} {
		made, err := c.KeyCreate(ctx, client.KeyCreateInput{Body: k})
		must(t, err)
		ids[made.Key.KeyID] = k.Name
		d.clock.advance(time.Second) // ids are ordered by the millisecond
	}
	d.clock.advance(2 * time.Hour)
	for what, filter := range map[string]struct {
		in   client.KeyListInput
		want string
	}{
		"all":            {client.KeyListInput{}, "four three two one"},
		"namespace":      {client.KeyListInput{KeyFilter: client.KeyFilter{Namespace: "payments"}}, "four"},
		"owner":          {client.KeyListInput{KeyFilter: client.KeyFilter{Owner: "team-a"}}, "one"},
		"plan":           {client.KeyListInput{KeyFilter: client.KeyFilter{Plan: "basic"}}, "two"},
		"key type":       {client.KeyListInput{KeyFilter: client.KeyFilter{KeyType: "user"}}, "three"},
		"expired":        {client.KeyListInput{KeyFilter: client.KeyFilter{Status: "expired"}}, "three"},
		"name prefix":    {client.KeyListInput{KeyFilter: client.KeyFilter{NamePrefix: "t"}}, "three two"},
		"scope":          {client.KeyListInput{KeyFilter: client.KeyFilter{Scope: "orders:write"}}, "two"},
		"label":          {client.KeyListInput{KeyFilter: client.KeyFilter{Label: "tier=gold"}}, "one"},
		"expires before": {client.KeyListInput{KeyFilter: client.KeyFilter{ExpiresBefore: d.clock.now()}}, "three"},
	} {
		for _, size := range []int{0, 1} {
			filter.in.Limit, filter.in.Cursor = size, ""
			var got []string
			for {
				page, err := c.KeyList(ctx, filter.in)
				must(t, err)
				for _, k := range page.Items {
					got = append(got, ids[k.KeyID])
				}
				if filter.in.Cursor = page.NextCursor; filter.in.Cursor == "" {
					break
				}
			}
			if strings.Join(got, " ") != filter.want {
				t.Errorf("filter by %s in pages of %d lists %q, want %q", what, size, got, filter.want)
			}
		}
	}
}

func TestARepeatedCreateMakesNothingTwiceAndShowsNoTextTwice(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	in := client.KeyCreateInput{IdempotencyKey: "deploy-17", Body: client.KeyCreate{Name: "ci"}}
	made, err := c.KeyCreate(t.Context(), in)
	must(t, err)
	again, err := c.KeyCreate(t.Context(), in)
	must(t, err)
	if again.Key.KeyID != made.Key.KeyID || again.KeyText != "" || again.Code != "key_text_not_repeatable" {
		t.Errorf("repeated create answered key %s with code %q, want %s without text", again.Key.KeyID, again.Code, made.Key.KeyID)
	}
	in.Body.Name = "other"
	_, err = c.KeyCreate(t.Context(), in)
	wantCode(t, err, http.StatusUnprocessableEntity, "idempotency_key_reused")
	list, err := c.KeyList(t.Context(), client.KeyListInput{})
	must(t, err)
	if len(list.Items) != 1 {
		t.Errorf("%d keys exist, want 1", len(list.Items))
	}
}

func TestManyKeysAreRevokedOverTheAPIAfterADryRun(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	for _, name := range []string{"ci one", "ci two", "web"} {
		_, err := c.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: name}})
		must(t, err)
	}
	plan, err := c.KeysRevoke(t.Context(), client.KeysRevokeInput{Body: client.KeysRevoke{Filter: client.KeyFilter{NamePrefix: "ci"}, Reason: "moved"}})
	must(t, err)
	if plan.Matched != 2 || len(plan.Sample) != 2 || plan.Confirm == "" {
		t.Fatalf("dry run answers %+v", plan)
	}
	stranger := d.client(t, d.token(t, store.RoleOperator))
	_, err = stranger.KeysRevoke(t.Context(), client.KeysRevokeInput{Body: client.KeysRevoke{Confirm: plan.Confirm}})
	wantCode(t, err, http.StatusUnprocessableEntity, "invalid_input")
	done, err := c.KeysRevoke(t.Context(), client.KeysRevokeInput{Body: client.KeysRevoke{Confirm: plan.Confirm}, WaitInput: client.WaitInput{Wait: "1s"}})
	must(t, err)
	if done.Revoked != 2 || !done.Done || done.Receipt == nil || done.Receipt.State != client.ReceiptComplete {
		t.Errorf("answer is %+v", done)
	}
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/revoke?wait=1s", `{"reason":"x"}`), http.StatusBadRequest, "malformed_request", "wait")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/revoke", `{"reason":"x"}`), http.StatusUnprocessableEntity, "invalid_input", "everything")
}

func TestAnImportOverTheBoundIsRefusedUnread(t *testing.T) {
	d := deploy(t)
	body := `{"keys":[{"name":"` + strings.Repeat("x", 1<<20) + `"}]}`
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/import", body), http.StatusRequestEntityTooLarge, "payload_too_large", "")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/import", `{"keys":[]}`), http.StatusUnprocessableEntity, "invalid_input", "keys")
	wantProblem(t, d.send(t, http.MethodPost, "/v1/keys/import", `{"keys":[{"name":"x","scope":"y"}]}`), http.StatusUnprocessableEntity, "invalid_input", "keys[0].scope")
}

// TestAnUploadOfAGigabyteIsRefusedBeforeItHasCome: the cap is kept while the
// body is read.
func TestAnUploadOfAGigabyteIsRefusedBeforeItHasCome(t *testing.T) {
	d := deploy(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(d.url, "http://"))
	must(t, err)
	defer conn.Close() //nolint:errcheck // the server has closed it
	_, err = io.WriteString(conn, "POST /v1/keys/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "+
		d.admin.Reveal()+"\r\nContent-Length: 1073741824\r\n\r\n{\"keys\":[{\"name\":\"")
	must(t, err)
	sent := make(chan int, 1)
	go func() {
		total, piece := 0, []byte(strings.Repeat("x", 64<<10))
		for total < 1<<30 {
			n, err := conn.Write(piece)
			if total += n; err != nil {
				break // cut off
			}
		}
		sent <- total
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	must(t, answer.Body.Close())
	must(t, conn.Close())
	if total := <-sent; answer.StatusCode != http.StatusRequestEntityTooLarge || total > 256<<20 {
		t.Errorf("status %d after %d bytes", answer.StatusCode, total)
	}
}
