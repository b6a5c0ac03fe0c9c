package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
)

func TestRoutePoliciesLiveThroughEveryOperation(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	ctx := t.Context()
	made, err := c.RoutePolicyCreate(ctx, client.RoutePolicyCreateInput{Body: client.RoutePolicyCreate{
		Name: "admin", Hosts: []string{"api.example.com"}, Paths: []string{"/admin/*"}, Scopes: []string{"admin"}, Mode: "shadow", Cost: 2,
	}})
	must(t, err)
	if made.Mode != "shadow" || made.Anonymous != "deny" || made.Cost != 2 || made.Namespaces == nil || made.Methods == nil {
		t.Errorf("policy is %+v", made)
	}
	changed, err := c.RoutePolicyUpdate(ctx, client.RoutePolicyUpdateInput{Name: "admin", IfMatch: made.ETag(), Body: client.RoutePolicyUpdate{
		Mode: client.Clear[string](), Cost: client.Clear[int64](), Anonymous: client.Set("allow"), Methods: client.Set([]string{"GET"}),
	}})
	must(t, err)
	shown, err := c.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: "admin"})
	must(t, err)
	if diff := cmp.Diff(changed.RoutePolicy, shown); diff != "" || shown.Mode != "enforce" || shown.Cost != 1 || shown.Anonymous != "allow" {
		t.Errorf("policy is %+v; %s", shown, diff)
	}
	list, err := c.RoutePolicyList(ctx, client.RoutePolicyListInput{})
	must(t, err)
	if diff := cmp.Diff([]client.RoutePolicy{shown}, list.Items); diff != "" {
		t.Error(diff)
	}
	_, err = c.RoutePolicyCreate(ctx, client.RoutePolicyCreateInput{Body: client.RoutePolicyCreate{
		Name: "other", Hosts: []string{"api.example.com"}, Paths: []string{"/Admin/*"}, Methods: []string{"GET", "PUT"},
	}})
	wantCode(t, err, http.StatusConflict, "conflict")
	for verdict, request := range map[string]client.RoutePolicyExplainInput{
		client.RouteFound:   {Host: "api.example.com", Path: "/admin/users"},
		client.RouteNone:    {Host: "api.example.com", Path: "/admin/users", Method: "POST"},
		client.RouteUnclear: {Host: "api.example.com", Path: "/x/../admin/users"},
	} {
		e, err := c.RoutePolicyExplain(ctx, request)
		must(t, err)
		if e.Verdict != verdict || (e.Policy != nil) != (verdict == client.RouteFound) || (e.Why != "") != (verdict == client.RouteUnclear) {
			t.Errorf("%+v: %+v", request, e)
		}
	}
	_, err = c.RoutePolicyExplain(ctx, client.RoutePolicyExplainInput{Host: "api.example.com"})
	wantCode(t, err, http.StatusUnprocessableEntity, "invalid_input")
	_, err = c.RoutePolicyDelete(ctx, client.RoutePolicyDeleteInput{Name: "admin", IfMatch: made.ETag()})
	wantCode(t, err, http.StatusPreconditionFailed, "stale_version")
	_, err = c.RoutePolicyDelete(ctx, client.RoutePolicyDeleteInput{Name: "admin", IfMatch: shown.ETag()})
	must(t, err)
	_, err = c.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: "admin"})
	wantCode(t, err, http.StatusNotFound, "not_found")
}
