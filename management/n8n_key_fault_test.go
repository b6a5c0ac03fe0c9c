package management_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// TestTwoJobsOfOneRotationInPlaceLeaveTheSecretThatWorks: the second comes while
// the first is at n8n.
func TestTwoJobsOfOneRotationInPlaceLeaveTheSecretThatWorks(t *testing.T) {
	s := newShop(t, n8nserver.New)
	id := s.make().Key.ID
	s.server.Disrupt("POST", "/rest/api-keys/", n8nserver.LoseAnswer)
	_, err := s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: id, InPlace: true})
	refused(t, err, management.CodeRemote)
	s.advance(3 * time.Minute)
	var second time.Time
	s.server.Disrupt("POST", "/rest/api-keys/", func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		second = s.tend(id)
		handler.ServeHTTP(w, r)
	})
	s.tend(id)
	if want := s.clock().Add(3 * time.Minute); !second.Equal(want) {
		t.Errorf("the second comes back at %s, want %s", second, want)
	}
	if is := s.keys()[0]; is.State != store.OutsideActive || !is.CollectedAt.IsZero() {
		t.Errorf("%+v", is)
	}
	if got := s.verify(id); got != remote.Valid {
		t.Errorf("the secret that is kept is %s", got)
	}
}

// TestASecretWhoseCallerHasLeftWaitsToBeCollected, of a new key and of a
// rotation in place.
func TestASecretWhoseCallerHasLeftWaitsToBeCollected(t *testing.T) {
	s := newShop(t, n8nserver.New)
	leaving := func() context.Context {
		ctx, leave := context.WithCancel(t.Context())
		s.server.Disrupt("POST", "/rest/api-keys", func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
			leave()
			handler.ServeHTTP(w, r)
		})
		return ctx
	}
	_, _ = s.N8NKeyCreate(leaving(), onlyA, ordered()) // nobody hears what it answers
	is := s.keys()[0]
	if is.State != store.OutsideActive || !is.CollectedAt.IsZero() {
		t.Fatalf("%+v", is)
	}
	_, err := s.N8NKeyCollect(t.Context(), onlyA, is.ID)
	must(t, err)
	_, _ = s.N8NKeyRotate(leaving(), onlyA, management.N8NKeyRotate{ID: is.ID, InPlace: true})
	if is = s.readKey(is.ID); is.State != store.OutsideActive || !is.CollectedAt.IsZero() {
		t.Errorf("%+v", is)
	}
}

// TestAnN8NKeyIsForgottenOnlyWhenItsSecretIsRefused: old versions say that they
// deleted what they never had.
func TestAnN8NKeyIsForgottenOnlyWhenItsSecretIsRefused(t *testing.T) {
	shops(t, func(s *shop) {
		id := s.make().Key.ID
		s.server.Disrupt("DELETE", "/rest/api-keys/", func(_ *n8nserver.Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"data":{"success":true}}`))
		})
		e := refused(s.t, s.N8NKeyDelete(s.t.Context(), onlyA, id), management.CodeConflict)
		if !strings.Contains(e.Message, "its secret works there all the same") || len(s.keys()) != 1 {
			s.t.Errorf("%s, %+v", e.Message, s.keys())
		}
		must(s.t, s.N8NKeyDelete(s.t.Context(), onlyA, id))
		if len(s.keys()) != 0 {
			s.t.Errorf("%+v", s.keys())
		}
	})
}

// TestAKeyBeyondLimitsThatWereNarrowedGetsNoNewSecret, neither way.
func TestAKeyBeyondLimitsThatWereNarrowedGetsNoNewSecret(t *testing.T) {
	s := newShop(t, n8nserver.New)
	id := s.make().Key.ID
	_, err := s.ConnectionUpdate(t.Context(), global, management.ConnectionUpdate{
		Kind: store.ConnectionN8N, Name: "flows", Version: 1, Scopes: management.Set([]string{"workflow:read"}),
	})
	must(t, err)
	for _, inPlace := range []bool{true, false} {
		_, err = s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: id, InPlace: inPlace})
		blames(t, err, "scopes[0]")
	}
}

// TestWhatIsAdoptedGetsTheEndThatThePolicyWants.
func TestWhatIsAdoptedGetsTheEndThatThePolicyWants(t *testing.T) {
	limit := func(f *fixture) time.Time {
		_, err := f.KeyPolicySet(t.Context(), global, management.KeyPolicySet{
			Namespace: "a", KeyType: "integration", Version: 1, LongestLife: management.Set("240h"), RotateEvery: management.Set("120h"),
		})
		must(t, err)
		return f.clock().Add(240 * time.Hour).Truncate(time.Second)
	}
	n := newShop(t, n8nserver.New)
	n.server.AddKey("laptop", "tag:list")
	end := limit(n.fixture)
	key, err := n.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: n.compare()[0].ID})
	must(t, err)
	if !key.ExpiresAt.Equal(end) || key.RotateEvery != 0 {
		t.Errorf("%+v, want its end at %s and no rotation", key, end)
	}
	g := newSmithy(t)
	g.server.AddToken("alice", "laptop", "read:user")
	end = limit(g.fixture)
	token, err := g.GiteaTokenAdopt(t.Context(), onlyA, management.GiteaTokenAdopt{ID: g.compare()[0].ID})
	must(t, err)
	if !token.ExpiresAt.Truncate(time.Second).Equal(end) || token.RotateEvery != 0 {
		t.Errorf("%+v, want its end at %s and no rotation", token, end)
	}
}

// TestAnIntentIsTendedUnderTheLoginThatItsUserHasNow, and forgotten when the
// user has vanished.
func TestAnIntentIsTendedUnderTheLoginThatItsUserHasNow(t *testing.T) {
	for title, change := range map[string]func(*fakegitea.User){
		"renamed":  func(u *fakegitea.User) { u.Login = "alicia" },
		"vanished": func(u *fakegitea.User) { *u = fakegitea.User{ID: 4711, Login: "somebody"} },
	} {
		t.Run(title, func(t *testing.T) {
			s := newSmithy(t)
			s.server.After(lose(http.MethodPost, "/tokens"))
			_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
			refused(t, err, management.CodeRemote)
			s.server.After(nil)
			id := s.tokens()[0].ID
			s.server.SetUser("alice", change)
			s.advance(10 * time.Minute)
			if again := s.tend(id); !again.IsZero() || len(s.tokens()) != 0 {
				t.Errorf("again at %s: %+v", again, s.tokens())
			}
			if left := s.server.Tokens("alicia"); len(left) != 0 {
				t.Errorf("%+v", left)
			}
		})
	}
}

func TestARotationInPlaceHasNoOverlap(t *testing.T) {
	s := newShop(t, n8nserver.New)
	id := s.make().Key.ID
	_, err := s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: id, InPlace: true, Overlap: "48h"})
	blames(t, err, "overlap")
	if got := s.verify(id); got != remote.Valid {
		t.Errorf("the key is %s", got)
	}
}

// TestTheAccountOfAConnectionIsChangedAlone: its logins follow.
func TestTheAccountOfAConnectionIsChangedAlone(t *testing.T) {
	s := newShop(t, n8nserver.New)
	changed, err := s.ConnectionUpdate(t.Context(), global, management.ConnectionUpdate{
		Kind: store.ConnectionN8N, Name: "flows", Version: 1, Account: management.Set("other@example.com"), Credential: management.Set(credential.NewText("another")),
	})
	must(t, err)
	if got := changed.Connection.Logins; len(got) != 1 || got[0] != "other@example.com" {
		t.Errorf("logins %v", got)
	}
}
