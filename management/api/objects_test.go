package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
	"credence/store/credential"
)

func TestPlansLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	made, err := c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{
		Name: "basic", Description: "for all", Limits: []client.Limit{{Name: "per-minute", Limit: 100, Period: "1m", Burst: 200}},
	}})
	must(t, err)
	shown, err := c.PlanShow(ctx, client.PlanShowInput{Name: "basic"})
	must(t, err)
	if diff := cmp.Diff(made, shown); diff != "" {
		t.Error(diff)
	}
	changed, err := c.PlanUpdate(ctx, client.PlanUpdateInput{Name: "basic", IfMatch: shown.ETag(), Body: client.PlanUpdate{
		Description: client.Clear[string](), Quotas: client.Set([]client.Quota{{Name: "monthly", Limit: 5, Period: "month"}}),
	}})
	must(t, err)
	if changed.Description != "" || len(changed.Quotas) != 1 || changed.Limits[0] != made.Limits[0] {
		t.Errorf("plan is %+v", changed)
	}
	_, err = c.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{Name: "k", Plan: "basic"}})
	must(t, err)
	wantCode(t, c.PlanDelete(ctx, client.PlanDeleteInput{Name: "basic", IfMatch: changed.ETag()}), http.StatusConflict, "in_use")
	_, err = c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{Name: "basic"}})
	wantCode(t, err, http.StatusConflict, "conflict")
	other, err := c.PlanCreate(ctx, client.PlanCreateInput{Body: client.PlanCreate{Name: "other"}})
	must(t, err)
	must(t, c.PlanDelete(ctx, client.PlanDeleteInput{Name: "other", IfMatch: other.ETag()}))
	list, err := c.PlanList(ctx, client.PlanListInput{Namespace: "default"})
	must(t, err)
	if diff := cmp.Diff([]client.Plan{changed.Plan}, list.Items); diff != "" {
		t.Error(diff)
	}
}

func TestOwnersLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	made, err := c.OwnerCreate(ctx, client.OwnerCreateInput{Body: client.OwnerCreate{Name: "team-a", Contact: "a@example.com"}})
	must(t, err)
	changed, err := c.OwnerUpdate(ctx, client.OwnerUpdateInput{Name: "team-a", IfMatch: made.ETag(), Body: client.OwnerUpdate{
		Limits: client.Set([]client.Limit{{Name: "per-second", Limit: 500, Period: "1s"}}),
	}})
	must(t, err)
	shown, err := c.OwnerShow(ctx, client.OwnerShowInput{Name: "team-a", Namespace: "default"})
	must(t, err)
	if diff := cmp.Diff(changed.Owner, shown); diff != "" || shown.Contact != "a@example.com" || len(shown.Limits) != 1 {
		t.Errorf("owner is %+v; %s", shown, diff)
	}
	list, err := c.OwnerList(ctx, client.OwnerListInput{})
	must(t, err)
	if len(list.Items) != 1 {
		t.Errorf("%d owners, want 1", len(list.Items))
	}
	wantCode(t, c.OwnerDelete(ctx, client.OwnerDeleteInput{Name: "team-a", IfMatch: made.ETag()}), http.StatusPreconditionFailed, "stale_version")
	must(t, c.OwnerDelete(ctx, client.OwnerDeleteInput{Name: "team-a", IfMatch: shown.ETag()}))
	_, err = c.OwnerShow(ctx, client.OwnerShowInput{Name: "team-a"})
	wantCode(t, err, http.StatusNotFound, "not_found")
}

func TestNamespacesLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	made, err := c.NamespaceCreate(ctx, client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "payments", KeyPrefix: "pay"}})
	must(t, err)
	changed, err := c.NamespaceUpdate(ctx, client.NamespaceUpdateInput{Name: "payments", IfMatch: made.ETag(), Body: client.NamespaceUpdate{
		Environment: client.Set("test"),
	}})
	must(t, err)
	shown, err := c.NamespaceShow(ctx, client.NamespaceShowInput{Name: "payments"})
	must(t, err)
	if diff := cmp.Diff(changed, shown); diff != "" || shown.KeyPrefix != "pay" || shown.Environment != "test" {
		t.Errorf("namespace is %+v; %s", shown, diff)
	}
	list, err := c.NamespaceList(ctx, client.NamespaceListInput{})
	must(t, err)
	if len(list.Items) != 2 {
		t.Errorf("%d namespaces, want default and payments", len(list.Items))
	}
	must(t, c.NamespaceDelete(ctx, client.NamespaceDeleteInput{Name: "payments", IfMatch: shown.ETag()}))
	_, err = c.NamespaceShow(ctx, client.NamespaceShowInput{Name: "payments"})
	wantCode(t, err, http.StatusNotFound, "not_found")
}

func TestBlacklistRulesLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	added, err := c.BlacklistAdd(ctx, client.BlacklistAddInput{Body: client.BlacklistAdd{Network: "203.0.113.0/24", For: "1h", Reason: "key scan"}})
	must(t, err)
	if added.Network != "203.0.113.0/24" || added.EndsAt.IsZero() || added.CreatedBy == "" {
		t.Errorf("rule is %+v", added)
	}
	shown, err := c.BlacklistShow(ctx, client.BlacklistShowInput{ID: added.ID})
	must(t, err)
	if diff := cmp.Diff(added.BlacklistRule, shown); diff != "" {
		t.Error(diff)
	}
	list, err := c.BlacklistList(ctx, client.BlacklistListInput{Global: true})
	must(t, err)
	if diff := cmp.Diff([]client.BlacklistRule{added.BlacklistRule}, list.Items); diff != "" {
		t.Error(diff)
	}
	_, err = c.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: added.ID})
	must(t, err)
	_, err = c.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: added.ID})
	wantCode(t, err, http.StatusNotFound, "not_found")
}

func TestAdminTokensLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	in := client.TokenCreateInput{IdempotencyKey: "once", Body: client.TokenCreate{Name: "ci", Role: "operator", Namespaces: []string{"default"}, ExpiresIn: "24h"}}
	made, err := c.TokenCreate(ctx, in)
	must(t, err)
	text := credential.NewText(made.TokenText.Reveal())
	if !strings.HasPrefix(text.Reveal(), "crdadm_") || made.Token.Status != "active" || made.Token.CreatedBy == "" || made.Code != "" {
		t.Errorf("made %+v", made.Token)
	}
	again, err := c.TokenCreate(ctx, in)
	must(t, err)
	if again.TokenText != "" || again.Code != "token_text_not_repeatable" || again.Token.TokenID != made.Token.TokenID {
		t.Errorf("repeated %+v", again)
	}
	who, err := d.client(t, text).Me(ctx, client.MeInput{})
	must(t, err)
	if who.Actor != "token:"+made.Token.TokenID || who.Role != "operator" || !who.ExpiresAt.Equal(made.Token.ExpiresAt) {
		t.Errorf("the new token is %+v", who)
	}
	shown, err := c.TokenShow(ctx, client.TokenShowInput{TokenID: made.Token.TokenID})
	must(t, err)
	if shown.LastUsedAt.IsZero() || !shown.ExpiresAt.Equal(made.Token.ExpiresAt) {
		t.Errorf("shown %+v", shown)
	}
	rotated, err := c.TokenRotate(ctx, client.TokenRotateInput{TokenID: made.Token.TokenID, Body: &client.TokenRotate{Grace: "1h"}})
	must(t, err)
	if rotated.Previous.TokenID != made.Token.TokenID || !rotated.Previous.ExpiresAt.Equal(d.clock.now().Add(time.Hour)) {
		t.Errorf("previous %+v", rotated.Previous)
	}
	list, err := c.TokenList(ctx, client.TokenListInput{})
	must(t, err)
	if len(list.Items) != 3 {
		t.Errorf("%d tokens, want the first, the old and the new", len(list.Items))
	}
	revoked, err := c.TokenRevoke(ctx, client.TokenRevokeInput{TokenID: made.Token.TokenID})
	must(t, err)
	if revoked.Status != "revoked" || revoked.RevokedAt.IsZero() {
		t.Errorf("revoked %+v", revoked)
	}
	_, err = d.client(t, text).Me(ctx, client.MeInput{})
	wantCode(t, err, http.StatusUnauthorized, "unauthorized")
	who, err = c.Me(ctx, client.MeInput{})
	must(t, err)
	_, err = c.TokenRevoke(ctx, client.TokenRevokeInput{TokenID: strings.TrimPrefix(who.Actor, "token:")})
	wantCode(t, err, http.StatusConflict, "conflict")
}
