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

func (s *shop) compare() []store.OutsideCredential {
	s.t.Helper()
	found, err := s.N8NKeyCompare(s.t.Context(), onlyA, "flows")
	must(s.t, err)
	return found
}

func (s *shop) readKey(id string) store.OutsideCredential {
	s.t.Helper()
	is, err := s.N8NKeyRead(s.t.Context(), onlyA, id)
	must(s.t, err)
	return is
}

func TestAKeyOfN8NThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted(t *testing.T) {
	shops(t, func(s *shop) {
		hook := s.hook("", "n8n_key.stranger", "anomaly.opened").Webhook.ID
		s.make()
		theirs, wide := s.server.AddKey("laptop", "tag:list"), s.server.AddKey("too-wide", "user:list")
		s.server.AddKeyOfAnother("of somebody else")
		s.advance(time.Minute)
		found := s.compare()
		if len(found) != 2 {
			s.t.Fatalf("%+v", found)
		}
		if found[0].RemoteID != theirs {
			slices.Reverse(found)
		}
		if found[0].RemoteID != theirs || found[0].State != store.OutsideStranger || len(found[0].Secret) != 0 || found[1].RemoteID != wide {
			s.t.Fatalf("%+v", found)
		}
		if again := s.compare(); len(again) != 0 {
			s.t.Errorf("found anew: %+v", again)
		}
		if got := s.told(hook); len(got) != 4 {
			s.t.Errorf("told of %v", got)
		}
		adopted, err := s.N8NKeyAdopt(s.t.Context(), onlyA, management.N8NKeyAdopt{ID: found[0].ID, Owner: "team-a"})
		must(s.t, err)
		if adopted.State != store.OutsideActive || adopted.Owner != "team-a" {
			s.t.Errorf("%+v", adopted)
		}
		_, err = s.N8NKeyAdopt(s.t.Context(), onlyA, management.N8NKeyAdopt{ID: found[1].ID})
		refused(s.t, err, management.CodeConflict)
		must(s.t, s.N8NKeyDelete(s.t.Context(), onlyA, found[1].ID))
		if left := s.server.Labels(); len(left) != 2 {
			s.t.Errorf("%v", left)
		}
		_, err = s.N8NKeyVerify(s.t.Context(), onlyA, adopted.ID)
		refused(s.t, err, management.CodeConflict) // its secret is not known here
	})
}

func TestAKeyThatN8NLostIsMissingAndAStrangerThatIsGoneIsForgotten(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "n8n_key.missing").Webhook.ID
	made := s.make().Key
	stranger := s.server.AddKey("laptop", "tag:list")
	s.compare()
	s.advance(time.Minute)
	s.server.RemoveKey(made.RemoteID)
	s.server.RemoveKey(stranger)
	for range 2 {
		s.compare()
	}
	if is := s.readKey(made.ID); is.State != store.OutsideMissing || len(s.told(hook)) != 1 || len(s.keys()) != 1 {
		t.Errorf("%+v, told %v", s.keys(), s.told(hook))
	}
	must(t, s.N8NKeyDelete(t.Context(), onlyA, made.ID))
}

func TestAKeyOfN8NWithMoreScopesThanItWasGivenIsWidened(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "n8n_key.widened", "anomaly.opened").Webhook.ID
	made := s.make().Key
	for _, scopes := range [][]string{{"user:list", "tag:list"}, {"workflow:read", "tag:list"}} {
		s.server.WidenKey(made.RemoteID, scopes...)
		s.compare()
		is := s.readKey(made.ID)
		if is.State != store.OutsideWidened || len(s.told(hook)) != 2 {
			t.Fatalf("%+v, told %v", is, s.told(hook))
		}
		if scopes[0] == "user:list" { // beyond the connection
			_, err := s.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: made.ID})
			refused(t, err, management.CodeConflict)
		}
	}
	is, err := s.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: made.ID})
	must(t, err)
	if is.State != store.OutsideActive || !slices.Equal(is.Scopes, []string{"tag:list", "workflow:read"}) {
		t.Errorf("%+v", is)
	}
}

func TestAnN8NThatCannotBeListedMakesNothingMissingAndAKeyUnderWayIsNoStranger(t *testing.T) {
	s := newShop(t, n8nserver.New)
	made := s.make().Key
	s.advance(time.Minute)
	s.server.Disrupt(http.MethodGet, "/rest/api-keys", n8nserver.Status(http.StatusBadRequest))
	if found, err := s.OutsideCompareAll(t.Context(), store.SystemN8N); err == nil || found != 0 {
		t.Errorf("%d, %v", found, err)
	}
	s.server.Calm()
	if is := s.readKey(made.ID); is.State != store.OutsideActive {
		t.Errorf("%+v", is)
	}
	s.server.Disrupt(http.MethodPost, "/rest/api-keys", n8nserver.LoseAnswer)
	_, err := s.N8NKeyCreate(t.Context(), onlyA, ordered(func(in *management.N8NKeyCreate) { in.Name = "lost" }))
	refused(t, err, management.CodeRemote)
	if found, err := s.OutsideCompareAll(t.Context(), store.SystemN8N); err != nil || found != 0 || len(s.keys()) != 2 {
		t.Errorf("%d, %v, %+v", found, err, s.keys())
	}
}
