package management_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/test/n8nserver"
)

// TestWhatCannotBeEndedIsAFindingOnceItIsPastItsLife of both systems: after an
// hour, once, and also when nobody may ask the server.
func TestWhatCannotBeEndedIsAFindingOnceItIsPastItsLife(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("a", "anomaly.opened").Webhook.ID
	token := s.make(func(in *management.GiteaTokenCreate) { in.ExpiresIn = "2h" }).Token
	s.advance(2 * time.Hour)
	s.server.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "", http.StatusBadGateway)
		return true
	})
	s.tend(token.ID)
	s.wantOverdue("at its end")
	s.advance(time.Hour)
	for range 2 {
		s.tend(token.ID)
		s.wantOverdue("an hour later", "gitea_token:"+token.ID)
	}
	if told := types(s.fixture.told(hook)); told != "anomaly.opened" {
		t.Errorf("webhooks were told %q", told)
	}

	n := newShop(t, n8nserver.New)
	key := n.make(func(in *management.N8NKeyCreate) { in.ExpiresIn = "2h" }).Key
	page, err := n.ConnectionList(t.Context(), global, management.ConnectionList{Kind: store.ConnectionN8N})
	must(t, err)
	_, err = n.ConnectionUpdate(t.Context(), global, management.ConnectionUpdate{
		Kind: store.ConnectionN8N, Name: "flows", Version: page.Items[0].Version, Paused: management.Set(true),
	})
	must(t, err)
	n.advance(3 * time.Hour)
	_, err = n.OutsideTend(t.Context(), store.SystemN8N, key.ID)
	must(t, err)
	n.wantOverdue("while the connection is paused", "n8n_key:"+key.ID)
}

// wantOverdue looks at the open findings.
func (f *fixture) wantOverdue(when string, subjects ...string) {
	f.t.Helper()
	found, err := f.AnomalyList(f.t.Context(), onlyA, management.AnomalyList{})
	must(f.t, err)
	var got []string
	for _, a := range found.Items {
		if a.Type == "credential_overdue" && a.Severity == store.SeverityHigh {
			got = append(got, a.Subject)
		}
	}
	if !slices.Equal(got, subjects) {
		f.t.Errorf("%s: overdue are %v, want %v", when, got, subjects)
	}
}
