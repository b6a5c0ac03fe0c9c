package management_test

import (
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

func inventoried(t *testing.T, s *management.Service, a management.Actor, in management.InventoryList) []string {
	t.Helper()
	page, err := s.InventoryList(t.Context(), a, in)
	must(t, err)
	var out []string
	for _, i := range page.Items {
		out = append(out, string(i.System)+" "+i.Namespace)
	}
	slices.Sort(out)
	return out
}

func TestTheInventoryHoldsTheCredentialsOfAllSystemsThatAnActorMaySee(t *testing.T) {
	w := newTenants(t)
	for title, c := range map[string]struct {
		actor management.Actor
		in    management.InventoryList
		want  []string
	}{
		"of one namespace": {onlyA, management.InventoryList{}, []string{"credence a", "gitea a", "n8n a"}},
		"a foreign one":    {onlyA, management.InventoryList{Namespace: "b"}, nil},
		"of nobody":        {management.Actor{Role: store.RoleAdmin}, management.InventoryList{}, nil},
		"narrowed":         {global, management.InventoryList{Namespace: "b", System: "gitea"}, []string{"gitea b"}},
		"unverified":       {onlyA, management.InventoryList{UnverifiedSince: start.Add(time.Hour)}, []string{"gitea a", "n8n a"}},
		"past their life":  {onlyA, management.InventoryList{State: "expired"}, nil},
	} {
		if got := inventoried(t, w.Service, c.actor, c.in); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", title, got, c.want)
		}
	}
	for _, i := range inventoried(t, w.Service, global, management.InventoryList{}) {
		if !slices.Contains([]string{"credence a", "credence b", "gitea a", "gitea b", "n8n a", "n8n b"}, i) {
			t.Errorf("%q is in the inventory", i)
		}
	}
}

func TestAnInventoryOfNoSystemOrStateIsRefused(t *testing.T) {
	f := newFixture(t)
	for field, in := range map[string]management.InventoryList{
		"system": {System: "svn"}, "state": {State: "purged"}, "limit": {Page: management.PageInput{Limit: -1}},
		"expires_by": {ExpiresBy: time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := f.InventoryList(t.Context(), onlyA, in)
		if is := refused(t, err, management.CodeInvalidInput); len(is.Fields) != 1 || is.Fields[0].Field != field {
			t.Errorf("%s: %+v", field, is.Fields)
		}
	}
}
