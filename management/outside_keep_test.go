package management_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/remote"
	"credence/store"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// rotating makes what is rotated by itself after ten days.
func rotating(in *management.GiteaTokenCreate) { in.RotateEvery = "240h" }

// TestARotationInPlaceThatWasRefusedIsRepeatedAndNotReplayed: its request made
// nothing, and a repetition must not say that it had.
func TestARotationInPlaceThatWasRefusedIsRepeatedAndNotReplayed(t *testing.T) {
	s := newShop(t, n8nserver.New)
	made := s.make()
	in := management.N8NKeyRotate{ID: made.Key.ID, InPlace: true, Idempotency: management.Idempotency{Key: "k", RequestHash: [32]byte{1}}}
	s.server.Disrupt("POST", "/rest/api-keys/", func(_ *n8nserver.Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"Forbidden"}`))
	})
	_, err := s.N8NKeyRotate(t.Context(), onlyA, in)
	refused(t, err, management.CodeRemote)
	if got := s.verify(made.Key.ID); got != remote.Valid {
		t.Fatalf("the secret that was to stay is %s", got)
	}
	again, err := s.N8NKeyRotate(t.Context(), onlyA, in)
	must(t, err)
	if again.Replayed || again.Secret.Empty() || again.Secret.Reveal() == made.Secret.Reveal() {
		t.Errorf("replayed: %t", again.Replayed)
	}
	replayed, err := s.N8NKeyRotate(t.Context(), onlyA, in)
	must(t, err)
	if !replayed.Replayed || !replayed.Secret.Empty() || replayed.Key.Ending != again.Key.Ending {
		t.Errorf("%+v", replayed)
	}
}

// TestWhatIsSeenMeanwhileOutlivesAVerification: it notes what it found out, and
// nothing that it had read before.
func TestWhatIsSeenMeanwhileOutlivesAVerification(t *testing.T) {
	t.Run("gitea", func(t *testing.T) {
		s := newSmithy(t)
		id := s.make().Token.ID
		s.server.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.Header.Get("Authorization"), "token ") {
				s.server.Before(nil)
				s.advance(time.Minute)
				s.compare()
			}
			return false
		})
		if _, err := s.GiteaTokenVerify(t.Context(), onlyA, id); err != nil {
			t.Fatal(err)
		}
		if seen := s.read(id).Seen; !seen.ListedAt.Equal(start.Add(time.Minute)) || !seen.VerifiedAt.Equal(start) || seen.Outcome != "valid" {
			t.Errorf("%+v", seen)
		}
	})
	t.Run("n8n", func(t *testing.T) {
		s := newShop(t, n8nserver.New)
		id := s.make().Key.ID
		s.server.Disrupt("GET", "/api/v1/", func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
			s.advance(time.Minute)
			s.compare()
			handler.ServeHTTP(w, r)
		})
		tried := s.clock()
		if got := s.verify(id); got != remote.Valid {
			t.Fatal(got)
		}
		if seen := s.readKey(id).Seen; !seen.ListedAt.Equal(tried.Add(time.Minute)) || !seen.VerifiedAt.Equal(tried) {
			t.Errorf("%+v", seen)
		}
	})
}

// TestTheOutcomeOfASecretThatWasReplacedMeanwhileIsNotNoted, and no finding is
// opened about the new one.
func TestTheOutcomeOfASecretThatWasReplacedMeanwhileIsNotNoted(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "n8n_key.invalid", "anomaly.opened").Webhook.ID
	id := s.make().Key.ID
	s.server.Disrupt("GET", "/api/v1/", func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		s.advance(time.Minute)
		if _, err := s.N8NKeyRotate(context.WithoutCancel(t.Context()), onlyA, management.N8NKeyRotate{ID: id, InPlace: true}); err != nil {
			t.Error(err)
		}
		handler.ServeHTTP(w, r) // the old secret, which is refused now
	})
	if got := s.verify(id); got != remote.Invalid {
		t.Fatal(got)
	}
	if seen := s.readKey(id).Seen; seen.Outcome != "" || len(s.toldOf(hook)) != 0 {
		t.Errorf("%+v, told of %v", seen, s.toldOf(hook))
	}
	if got := s.verify(id); got != remote.Valid || s.readKey(id).Seen.Outcome != "valid" {
		t.Errorf("the new secret is %s", got)
	}
}

// TestAListingThatIsOlderThanADeletionInventsNoStranger.
func TestAListingThatIsOlderThanADeletionInventsNoStranger(t *testing.T) {
	t.Run("gitea", func(t *testing.T) {
		s := newSmithy(t)
		id := s.make().Token.ID
		s.server.AddToken("alice", "laptop", "read:user")
		s.server.After(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/tokens") {
				s.server.After(nil)
				must(t, s.GiteaTokenDelete(t.Context(), onlyA, id)) // the listing still has it
			}
			return false
		})
		if found := s.compare(); len(found) != 1 || found[0].Name != "laptop" {
			t.Errorf("%+v", found)
		}
	})
	t.Run("n8n", func(t *testing.T) {
		s := newShop(t, n8nserver.New)
		id := s.make().Key.ID
		s.server.AddKey("laptop", "tag:list")
		s.server.Disrupt("GET", "/rest/api-keys", func(_ *n8nserver.Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
			handler.ServeHTTP(w, r)
			must(t, s.N8NKeyDelete(t.Context(), onlyA, id))
		})
		if found := s.compare(); len(found) != 1 || found[0].Name != "laptop" {
			t.Errorf("%+v", found)
		}
	})
}

// TestNothingThatHappensToACredentialPostponesItsRotation: what is rotated is
// its secret, whose age nothing else changes.
func TestNothingThatHappensToACredentialPostponesItsRotation(t *testing.T) {
	want := start.Add(240 * time.Hour)
	t.Run("gitea", func(t *testing.T) {
		s := newSmithy(t)
		id := s.make(rotating).Token.ID
		backup := s.server.Tokens("alice")
		s.advance(24 * time.Hour)
		s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
		s.compare() // missing
		s.advance(24 * time.Hour)
		s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return backup })
		s.compare() // and back
		if again := s.tend(id); !again.Equal(want) {
			t.Errorf("due at %s, want %s", again, want)
		}
	})
	t.Run("n8n", func(t *testing.T) {
		s := newShop(t, n8nserver.New)
		made := s.make(func(in *management.N8NKeyCreate) { in.RotateEvery = "240h" }).Key
		s.advance(24 * time.Hour)
		s.server.WidenKey(made.RemoteID, "tag:list", "workflow:read")
		s.compare()
		_, err := s.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: made.ID})
		must(t, err)
		if again := s.tend(made.ID); !again.Equal(want) {
			t.Errorf("due at %s, want %s", again, want)
		}
		s.advance(24 * time.Hour)
		_, err = s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: made.ID, InPlace: true})
		must(t, err)
		if again := s.tend(made.ID); !again.Equal(want.Add(48 * time.Hour)) {
			t.Errorf("due at %s after it was rotated, want %s", again, want.Add(48*time.Hour))
		}
	})
}

// TestChangesOfACredentialLeaveOneJobForOneInstant.
func TestChangesOfACredentialLeaveOneJobForOneInstant(t *testing.T) {
	t.Run("gitea", func(t *testing.T) {
		s := newSmithy(t)
		id := s.make(rotating).Token.ID
		before := s.queued(store.KindGiteaToken)
		for range 5 {
			s.waiting(s.read(id))
			_, err := s.GiteaTokenCollect(t.Context(), onlyA, id)
			must(t, err)
			s.widenAndAdopt(id)
		}
		if n := s.queued(store.KindGiteaToken); n != before || n == 0 {
			t.Errorf("%d jobs, and %d before", n, before)
		}
	})
	t.Run("n8n", func(t *testing.T) {
		s := newShop(t, n8nserver.New)
		made := s.make(func(in *management.N8NKeyCreate) { in.RotateEvery = "240h" }).Key
		before := s.queued(store.KindN8NKey)
		for range 5 {
			s.server.WidenKey(made.RemoteID, "workflow:read")
			s.compare()
			_, err := s.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: made.ID})
			must(t, err)
			s.server.WidenKey(made.RemoteID, "tag:list")
			s.compare()
			_, err = s.N8NKeyAdopt(t.Context(), onlyA, management.N8NKeyAdopt{ID: made.ID})
			must(t, err)
		}
		if n := s.queued(store.KindN8NKey); n != before || n == 0 {
			t.Errorf("%d jobs, and %d before", n, before)
		}
	})
}

// widenAndAdopt has the token widened on the server, and accepted so.
func (s *smithy) widenAndAdopt(id string) {
	s.t.Helper()
	other := map[bool]string{true: "write:repository", false: "read:user"}[slices.Contains(s.read(id).Scopes, "read:user")]
	s.server.SetTokens(func(all []fakegitea.Token) []fakegitea.Token {
		for i := range all {
			all[i].Scopes = []string{other}
		}
		return all
	})
	s.compare()
	_, err := s.GiteaTokenAdopt(s.t.Context(), onlyA, management.GiteaTokenAdopt{ID: id})
	must(s.t, err)
}

// TestSecretsAreTriedOutAgainEveryDay, those that nobody has tried out, over all
// connections that are used; one that is refused is a finding.
func TestSecretsAreTriedOutAgainEveryDay(t *testing.T) {
	t.Run("gitea", func(t *testing.T) {
		s := newSmithy(t)
		hook := s.hook("", "gitea_token.invalid", "anomaly.opened").Webhook.ID
		fresh, stale := s.make().Token.ID, s.make(func(in *management.GiteaTokenCreate) { in.Login = "ci-1" }).Token
		s.verifiesAll(0, store.SystemGitea) // new ones are known to work
		s.advance(23 * time.Hour)
		_, err := s.GiteaTokenVerify(t.Context(), onlyA, fresh)
		must(t, err)
		s.advance(time.Hour)
		recorded := len(s.entries("a"))
		s.verifiesAll(1, store.SystemGitea)
		s.verifiesAll(0, store.SystemGitea)
		if seen := s.read(stale.ID).Seen; seen.Outcome != "valid" || !seen.VerifiedAt.Equal(s.clock()) || len(s.entries("a")) != recorded+1 {
			t.Errorf("%+v", seen)
		}
		s.server.SetTokens(func(all []fakegitea.Token) []fakegitea.Token {
			return slices.DeleteFunc(all, func(t fakegitea.Token) bool { return fmt.Sprint(t.ID) == stale.RemoteID })
		})
		s.advance(24 * time.Hour)
		s.verifiesAll(2, store.SystemGitea)
		if seen := s.read(stale.ID).Seen; seen.Outcome != "invalid" || !slices.Equal(s.told(hook), []string{"gitea_token.invalid", "anomaly.opened"}) {
			t.Errorf("%+v, told of %v", seen, s.told(hook))
		}
	})
	t.Run("n8n", func(t *testing.T) {
		s := newShop(t, n8nserver.New)
		hook := s.hook("", "n8n_key.invalid", "anomaly.opened").Webhook.ID
		made := s.make().Key
		s.verifiesAll(0, store.SystemN8N)
		s.advance(24 * time.Hour)
		s.server.Start(true) // nobody can say: what was known stays, and it is tried again
		s.verifiesAll(1, store.SystemN8N)
		if seen := s.readKey(made.ID).Seen; seen.Outcome != "" {
			t.Errorf("%+v", seen)
		}
		s.server.Start(false)
		s.server.RemoveKey(made.RemoteID)
		s.verifiesAll(1, store.SystemN8N)
		s.verifiesAll(0, store.SystemN8N)
		if seen := s.readKey(made.ID).Seen; seen.Outcome != "invalid" || !slices.Equal(s.toldOf(hook), []string{"n8n_key.invalid", "anomaly.opened"}) {
			t.Errorf("%+v, told of %v", seen, s.toldOf(hook))
		}
	})
}

func (f *fixture) verifiesAll(want int, system store.System) {
	f.t.Helper()
	if tried, err := f.OutsideVerifyAll(f.t.Context(), system); err != nil || tried != want {
		f.t.Errorf("tried %d, %v; want %d", tried, err, want)
	}
}

// TestNoSecretIsAnsweredToWhoseTimeIsOver: it waits to be collected, once.
func TestNoSecretIsAnsweredToWhoseTimeIsOver(t *testing.T) {
	s := newSmithy(t)
	ctx, leave := context.WithCancel(t.Context())
	s.server.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			leave()
		}
		return false
	})
	made, err := s.GiteaTokenCreate(ctx, onlyA, wanted())
	if e := refused(t, err, management.CodeUnavailable); !made.Secret.Empty() || !strings.Contains(e.Message, "waits to be collected") {
		t.Errorf("%+v, %v", made, err)
	}
	got, err := s.GiteaTokenCollect(t.Context(), onlyA, s.tokens()[0].ID)
	must(t, err)
	if got.Secret.Reveal() != s.server.Tokens("alice")[0].Secret {
		t.Error("it is another secret")
	}
}

// TestACheckOfAVersionThatDoesNotHoldKeysToTheirScopesWarnsAndIsFine.
func TestACheckOfAVersionThatDoesNotHoldKeysToTheirScopesWarnsAndIsFine(t *testing.T) {
	for version, warnings := range map[string]int{n8nserver.Old: 1, n8nserver.New: 0} {
		s := newShop(t, version)
		checked, err := s.ConnectionCheck(t.Context(), global, store.ConnectionN8N, "flows")
		must(t, err)
		if !checked.Fine() || len(checked.Report.Missing) != 0 || len(checked.Report.Warnings) != warnings {
			t.Errorf("%s: %+v", version, checked.Report)
		}
	}
}
