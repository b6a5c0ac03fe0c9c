package management_test

import (
	"context"
	"encoding/json"
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
)

// noteToken writes down a token as if it had been made over the connection.
func (f *fixture) noteToken(c store.Connection, id string) {
	f.t.Helper()
	f.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertOutsideCredential(ctx, store.OutsideCredential{
			System: store.SystemGitea, ID: id, ConnectionID: c.ID, Namespace: c.Namespace, RemoteID: "1", Name: "noted", Login: "alice", Scopes: []string{"read:user"},
			State: store.OutsideActive, StateAt: f.clock(), CreatedBy: "system", CreatedAt: f.clock(), UpdatedAt: f.clock(), Version: 1,
		})
	})
}

// waiting has the secret of a token wait, as after a rotation by schedule.
func (f *fixture) waiting(is store.OutsideCredential) {
	f.t.Helper()
	is.CollectedAt = time.Time{}
	f.change(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOutsideCredential(ctx, is) })
}

func (f *fixture) change(fn func(context.Context, *store.Tx) error) {
	f.t.Helper()
	_, err := f.store.InTx(f.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "test.change", Object: "test"})
		return fn(ctx, tx)
	})
	must(f.t, err)
}

// smithy is a fixture with a connection "main" to a fake of Gitea.
type smithy struct {
	*fixture

	server *fakegitea.Server
}

func newSmithy(t *testing.T) *smithy {
	t.Helper()
	f, server := forged(t)
	server.AddUser(fakegitea.User{Login: "ci-1"})
	f.connect(server.URL, "main", "a")
	return &smithy{f, server}
}

func wanted(change ...func(*management.GiteaTokenCreate)) management.GiteaTokenCreate {
	in := management.GiteaTokenCreate{Connection: "main", Login: "alice", Name: "ci", Scopes: []string{"read:repository", "read:user"}, Owner: "team-a"}
	for _, c := range change {
		c(&in)
	}
	return in
}

func (s *smithy) make(change ...func(*management.GiteaTokenCreate)) management.GiteaTokenCreated {
	s.t.Helper()
	made, err := s.GiteaTokenCreate(s.t.Context(), onlyA, wanted(change...))
	must(s.t, err)
	return made
}

func (s *smithy) tokens() []store.OutsideCredential {
	s.t.Helper()
	all, _, err := s.store.OutsideCredentials(s.t.Context(), store.SystemGitea, store.OutsideFilter{}, store.Page{})
	must(s.t, err)
	return all
}

func (s *smithy) tend(id string) time.Time {
	s.t.Helper()
	again, err := s.OutsideTend(s.t.Context(), store.SystemGitea, id)
	must(s.t, err)
	return again
}

// told are the types of what a webhook of everything was told, the first first.
func (s *smithy) told(hook string) []string {
	s.t.Helper()
	all, _, err := s.store.Deliveries(s.t.Context(), store.DeliveryFilter{WebhookID: hook}, store.Page{})
	must(s.t, err)
	var types []string
	for _, d := range slices.Backward(all) {
		types = append(types, d.EventType)
	}
	return types
}

// lose has the server do its work, and its answer lost.
func lose(method, suffix string) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		return r.Method == method && strings.HasSuffix(r.URL.Path, suffix)
	}
}

func TestATokenIsMadeWithinTheLimitsOfTheConnection(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.*").Webhook.ID
	made := s.make()
	is := made.Token
	if is.State != store.OutsideActive || !strings.HasPrefix(is.Name, "ci-") || len(is.Name) != 15 || is.RemoteID == "" ||
		is.UserID == "" || is.Namespace != "a" || is.CollectedAt.IsZero() || !slices.Equal(is.Scopes, []string{"read:repository", "read:user"}) {
		t.Errorf("%+v", is)
	}
	there := s.server.Tokens("alice")
	if len(there) != 1 || there[0].Secret != made.Secret.Reveal() || there[0].Name != is.Name || fmt.Sprint(there[0].ID) != is.RemoteID {
		t.Errorf("%+v", there)
	}
	for place, text := range map[string]string{"database": s.dump(), "log": s.log.String()} {
		if strings.Contains(text, made.Secret.Reveal()) {
			t.Errorf("the secret is in the %s", place)
		}
	}
	if got := s.told(hook); !slices.Equal(got, []string{"gitea_token.created"}) {
		t.Errorf("told of %v", got)
	}
	var actions []string
	for _, e := range s.entries("a") {
		actions = append(actions, e.Action)
	}
	if !slices.Contains(actions, "gitea_token.request") || !slices.Contains(actions, "gitea_token.create") {
		t.Errorf("recorded %v", actions)
	}
}

func TestNobodyMakesATokenBeyondTheLimitsOfTheConnection(t *testing.T) {
	s := newSmithy(t)
	s.server.AddUser(fakegitea.User{Login: "ci-team", Org: true})
	s.server.AddUser(fakegitea.User{Login: "ci-boss", Admin: true})
	for title, c := range map[string]struct {
		field  string
		change func(*management.GiteaTokenCreate)
	}{
		"another user":         {"login", func(in *management.GiteaTokenCreate) { in.Login = "bob" }},
		"no user":              {"login", func(in *management.GiteaTokenCreate) { in.Login = "" }},
		"nobody":               {"login", func(in *management.GiteaTokenCreate) { in.Login = "ci-ghost" }},
		"an organisation":      {"login", func(in *management.GiteaTokenCreate) { in.Login = "ci-team" }},
		"a site administrator": {"login", func(in *management.GiteaTokenCreate) { in.Login = "ci-boss" }},
		"wider":                {"scopes[0]", func(in *management.GiteaTokenCreate) { in.Scopes = []string{"write:user"} }},
		"everything":           {"scopes[0]", func(in *management.GiteaTokenCreate) { in.Scopes = []string{"all"} }},
		"an unknown scope":     {"scopes[0]", func(in *management.GiteaTokenCreate) { in.Scopes = []string{"repo"} }},
		"administration":       {"scopes[0]", func(in *management.GiteaTokenCreate) { in.Scopes = []string{"read:admin"} }},
		"nothing":              {"scopes", func(in *management.GiteaTokenCreate) { in.Scopes = []string{"public-only"} }},
		"a name like a number": {"name", func(in *management.GiteaTokenCreate) { in.Name = "0x10" }},
		"a long name":          {"name", func(in *management.GiteaTokenCreate) { in.Name = strings.Repeat("a", 38) }},
		"an end in the past":   {"expires_at", func(in *management.GiteaTokenCreate) { in.ExpiresAt = start.Add(-time.Hour) }},
	} {
		_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted(c.change))
		t.Log(title)
		blames(t, err, c.field)
	}
	if len(s.tokens()) != 0 || slices.ContainsFunc(s.server.Calls(), func(c string) bool { return strings.HasPrefix(c, "POST") }) {
		t.Error("the server was asked for a token")
	}
}

func TestTheWordsOfTheServerAreForGlobalAdminsOnly(t *testing.T) {
	s := newSmithy(t)
	s.server.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"words of the server"}`))
		return true
	})
	operator := global
	operator.Role = store.RoleOperator
	for _, c := range []struct {
		actor management.Actor
		sees  bool
	}{{global, true}, {onlyA, false}, {operator, false}} {
		_, err := s.GiteaTokenCreate(t.Context(), c.actor, wanted())
		e := refused(t, err, management.CodeRemote)
		var text strings.Builder
		text.WriteString(e.Message)
		for _, f := range e.Fields {
			text.WriteString(f.Problem)
		}
		if strings.Contains(text.String(), "words of the server") != c.sees || e.Fields[0].Remedy == "" || !strings.HasPrefix(e.Fields[0].Problem, "forbidden") {
			t.Errorf("%+v: %+v", c.actor, e)
		}
	}
}

func TestATokenWhoseAnswerWasLostIsFoundByItsNameAndDeleted(t *testing.T) {
	s := newSmithy(t)
	other := s.server.AddToken("alice", "ci", "all") // of somebody else
	s.server.After(lose(http.MethodPost, "/tokens"))
	_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	e := refused(t, err, management.CodeRemote)
	if !strings.Contains(e.Message, "not known whether it was made") {
		t.Error(e.Message)
	}
	s.server.After(nil)
	intent := s.tokens()[0]
	if intent.State != store.OutsideMaking || len(s.server.Tokens("alice")) != 2 {
		t.Fatalf("%+v", intent)
	}
	if again := s.tend(intent.ID); !again.Equal(start.Add(2 * time.Minute)) {
		t.Errorf("again at %s", again)
	}
	s.advance(2 * time.Minute)
	if again := s.tend(intent.ID); !again.IsZero() || len(s.tokens()) != 0 {
		t.Errorf("again at %s: %+v", again, s.tokens())
	}
	if left := s.server.Tokens("alice"); len(left) != 1 || left[0].ID != other.ID {
		t.Errorf("%+v", left)
	}
	s.make() // it can be made anew
}

// TestACrashBetweenIntentAndAnswerLeavesNothing, whether the server was asked
// or not: the process that comes next finds out.
func TestACrashBetweenIntentAndAnswerLeavesNothing(t *testing.T) {
	for title, asked := range map[string]bool{"before the server was asked": false, "after it": true} {
		t.Run(title, func(t *testing.T) {
			s := newSmithy(t)
			// The process dies in the call: nothing that it would do after is done.
			s.server.Before(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost {
					return false
				}
				must(t, s.db.Close())
				if asked {
					return false
				}
				panic(http.ErrAbortHandler)
			})
			if _, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted()); err == nil {
				t.Error("it was made by a process that has died")
			}
			s.server.Before(nil)
			s.fixture = s.reopen()
			intent := s.tokens()[0]
			if intent.State != store.OutsideMaking {
				t.Fatalf("%+v", intent)
			}
			s.advance(10 * time.Minute)
			if again := s.tend(intent.ID); !again.IsZero() || len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 0 {
				t.Errorf("again at %s, %+v, %+v", again, s.tokens(), s.server.Tokens("alice"))
			}
		})
	}
}

func TestAnIntentThatWasRefusedIsTakenBackAtOnce(t *testing.T) {
	s := newSmithy(t)
	s.server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"message":"invalid access token scope provided"}`))
		return true
	})
	_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	if e := refused(t, err, management.CodeRemote); e.Fields[0].Problem != "scope_invalid" {
		t.Errorf("%+v", e)
	}
	if left := s.tokens(); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestASlowServerIsWaitedForBeforeAnIntentIsForgotten(t *testing.T) {
	s := newSmithy(t)
	s.server.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	refused(t, err, management.CodeRemote)
	s.server.Before(nil)
	intent := s.tokens()[0]
	s.advance(3 * time.Minute)
	if again := s.tend(intent.ID); !again.Equal(start.Add(10 * time.Minute)) {
		t.Errorf("again at %s", again)
	}
	s.server.AddToken("alice", intent.Name, "read:user") // only now it is there
	s.advance(7 * time.Minute)
	if again := s.tend(intent.ID); !again.IsZero() || len(s.server.Tokens("alice")) != 0 {
		t.Errorf("again at %s: %+v", again, s.server.Tokens("alice"))
	}
}

func TestARepeatedRequestMakesOneToken(t *testing.T) {
	s := newSmithy(t)
	in := wanted(func(in *management.GiteaTokenCreate) {
		in.Idempotency = management.Idempotency{Key: "k", RequestHash: [32]byte{1}}
	})
	first, err := s.GiteaTokenCreate(t.Context(), onlyA, in)
	must(t, err)
	again, err := s.GiteaTokenCreate(t.Context(), onlyA, in)
	must(t, err)
	if !again.Replayed || again.Token.ID != first.Token.ID || !again.Secret.Empty() || len(s.server.Tokens("alice")) != 1 {
		t.Errorf("%+v", again)
	}
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, first.Token.ID))
	_, err = s.GiteaTokenCreate(t.Context(), onlyA, in)
	refused(t, err, management.CodeConflict)
}

func TestADeletedTokenIsGoneOnTheServerAndHere(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.deleted").Webhook.ID
	made := s.make()
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID))
	if len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 0 || len(s.told(hook)) != 1 {
		t.Errorf("%+v %+v %v", s.tokens(), s.server.Tokens("alice"), s.told(hook))
	}
	made = s.make()
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil }) // somebody was faster
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID))
	if len(s.tokens()) != 0 {
		t.Errorf("%+v", s.tokens())
	}
}

func TestATokenThatCannotBeDeletedNowIsDeletedLater(t *testing.T) {
	s := newSmithy(t)
	made := s.make()
	s.server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodDelete {
			return false
		}
		http.Error(w, "starting", http.StatusNotFound) // not the API's own 404
		return true
	})
	err := s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID)
	if e := refused(t, err, management.CodeRemote); !strings.Contains(e.Message, "deleted as soon as") {
		t.Errorf("%+v", e)
	}
	if is := s.tokens()[0]; is.State != store.OutsideDeleting {
		t.Fatalf("%+v", is)
	}
	if again := s.tend(made.Token.ID); !again.Equal(start.Add(5 * time.Minute)) {
		t.Errorf("again at %s", again)
	}
	s.server.Before(nil)
	if again := s.tend(made.Token.ID); !again.IsZero() || len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 0 {
		t.Errorf("again at %s: %+v", again, s.tokens())
	}
}

func TestATokenIsDeletedAtItsEnd(t *testing.T) {
	s := newSmithy(t)
	made := s.make(func(in *management.GiteaTokenCreate) { in.ExpiresIn = "1h" })
	if again := s.tend(made.Token.ID); !again.Equal(start.Add(time.Hour)) {
		t.Errorf("again at %s", again)
	}
	s.advance(time.Hour)
	if again := s.tend(made.Token.ID); !again.IsZero() || len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 0 {
		t.Errorf("again at %s: %+v", again, s.tokens())
	}
}

func TestTokensAreHeldToThePolicyOfIntegrationKeys(t *testing.T) {
	s := newSmithy(t)
	_, err := s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{
		Namespace: "a", KeyType: "integration", Version: 1, LongestLife: management.Set("720h"), DefaultLife: management.Set("240h"), RotateEvery: management.Set("120h"),
	})
	must(t, err)
	made := s.make()
	if !made.Token.ExpiresAt.Equal(start.Add(240*time.Hour)) || made.Token.RotateEvery != 120*time.Hour {
		t.Errorf("%+v", made.Token)
	}
	_, err = s.GiteaTokenCreate(t.Context(), onlyA, wanted(func(in *management.GiteaTokenCreate) { in.ExpiresIn = "721h" }))
	blames(t, err, "expires_at")
	_, err = s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{Namespace: "a", KeyType: "integration", Version: 2, ReasonRequired: management.Set(true)})
	must(t, err)
	_, err = s.GiteaTokenCreate(t.Context(), onlyA, wanted(func(in *management.GiteaTokenCreate) { in.Description = "" }))
	blames(t, err, "description") // there is no other field to say it in
	s.make(func(in *management.GiteaTokenCreate) { in.Description = "for builds" })
}

func TestVerifyingNotesTheOutcomeAndKeepsWhatWasKnownWhenNobodyCanSay(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.invalid", "anomaly.opened").Webhook.ID
	made := s.make()
	verify := func(want remote.Outcome, noted string) {
		t.Helper()
		v, err := s.GiteaTokenVerify(t.Context(), onlyA, made.Token.ID)
		must(t, err)
		if v.Outcome != want || v.Why != "" || s.tokens()[0].Seen.Outcome != noted {
			t.Errorf("%+v, noted %+v", v, s.tokens()[0].Seen)
		}
	}
	verify(remote.Valid, "valid")
	s.server.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "<html>", http.StatusNotFound)
		return true
	})
	verify(remote.Unknown, "valid")
	s.server.Before(nil)
	s.server.SetUser("alice", func(u *fakegitea.User) { u.Blocked = "This account is prohibited from signing in." })
	verify(remote.Blocked, "blocked")
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
	for range 2 {
		verify(remote.Invalid, "invalid")
	}
	if got := s.told(hook); !slices.Equal(got, []string{"gitea_token.invalid", "anomaly.opened"}) {
		t.Errorf("told of %v", got)
	}
}

func TestARotatedTokenLivesBesideItsSuccessorForTheOverlap(t *testing.T) {
	s := newSmithy(t)
	old := s.make()
	made, err := s.GiteaTokenRotate(t.Context(), onlyA, management.GiteaTokenRotate{ID: old.Token.ID, Overlap: "2h"})
	must(t, err)
	if made.Token.Predecessor != old.Token.ID || made.Secret.Empty() || made.Token.Name == old.Token.Name || len(s.server.Tokens("alice")) != 2 {
		t.Errorf("%+v", made)
	}
	is, err := s.GiteaTokenRead(t.Context(), onlyA, old.Token.ID)
	must(t, err)
	if is.Successor != made.Token.ID || !is.ExpiresAt.Equal(start.Add(2*time.Hour)) {
		t.Errorf("%+v", is)
	}
	_, err = s.GiteaTokenRotate(t.Context(), onlyA, management.GiteaTokenRotate{ID: old.Token.ID})
	refused(t, err, management.CodeConflict)
	s.advance(2 * time.Hour)
	s.tend(old.Token.ID)
	if left := s.server.Tokens("alice"); len(left) != 1 || fmt.Sprint(left[0].ID) != made.Token.RemoteID {
		t.Errorf("%+v", left)
	}
}

func TestAScheduledRotationHasItsSecretFetchedOnce(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.rotated").Webhook.ID
	old := s.make(func(in *management.GiteaTokenCreate) { in.RotateEvery, in.Overlap = "24h", "1h" })
	if again := s.tend(old.Token.ID); !again.Equal(start.Add(24 * time.Hour)) {
		t.Errorf("again at %s", again)
	}
	s.advance(24 * time.Hour)
	for range 2 { // a job may run more than once
		s.tend(old.Token.ID)
	}
	all := s.tokens()
	if len(all) != 2 || all[0].Successor != all[1].ID || all[1].State != store.OutsideActive || !all[1].CollectedAt.IsZero() {
		t.Fatalf("%+v", all)
	}
	told, _, err := s.store.Deliveries(t.Context(), store.DeliveryFilter{WebhookID: hook}, store.Page{})
	must(t, err)
	var said struct {
		Data struct {
			Successor struct {
				TokenID string `json:"token_id"`
			} `json:"successor"`
			Waits bool `json:"secret_waits"`
		} `json:"data"`
	}
	must(t, json.Unmarshal([]byte(told[0].Payload), &said))
	if len(told) != 1 || said.Data.Successor.TokenID != all[1].ID || !said.Data.Waits {
		t.Errorf("%s", told[0].Payload)
	}
	got, err := s.GiteaTokenCollect(t.Context(), onlyA, all[1].ID)
	must(t, err)
	if got.Secret.Reveal() != s.server.Tokens("alice")[1].Secret {
		t.Error("that is another secret")
	}
	_, err = s.GiteaTokenCollect(t.Context(), onlyA, all[1].ID)
	refused(t, err, management.CodeConflict)
}

func TestARotationThatWasRefusedCanBeTriedAgain(t *testing.T) {
	s := newSmithy(t)
	old := s.make()
	s.server.After(lose(http.MethodPost, "/tokens"))
	_, err := s.GiteaTokenRotate(t.Context(), onlyA, management.GiteaTokenRotate{ID: old.Token.ID})
	refused(t, err, management.CodeRemote)
	s.server.After(nil)
	s.advance(2 * time.Minute)
	for _, is := range s.tokens() {
		s.tend(is.ID)
	}
	if left := s.tokens(); len(left) != 1 || left[0].Successor != "" || len(s.server.Tokens("alice")) != 1 {
		t.Fatalf("%+v", left)
	}
	_, err = s.GiteaTokenRotate(t.Context(), onlyA, management.GiteaTokenRotate{ID: old.Token.ID})
	must(t, err)
}

func TestNothingIsMadeOverAConnectionThatIsPaused(t *testing.T) {
	s := newSmithy(t)
	made := s.make(func(in *management.GiteaTokenCreate) { in.ExpiresIn = "1h" })
	s.server.SetUser(fakegitea.Admin, func(u *fakegitea.User) { u.Password = "changed" })
	_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	refused(t, err, management.CodeRemote) // and is paused
	calls := len(s.server.Calls())
	_, err = s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	refused(t, err, management.CodeConflict)
	s.advance(time.Hour)
	if again := s.tend(made.Token.ID); !again.Equal(start.Add(time.Hour+5*time.Minute)) || len(s.server.Calls()) != calls {
		t.Errorf("again at %s after %d calls", again, len(s.server.Calls())-calls)
	}
}

func TestAConnectionWithTokensIsDeletedOnlyByForce(t *testing.T) {
	s := newSmithy(t)
	s.make()
	in := management.ConnectionDelete{Kind: store.ConnectionGitea, Name: "main"}
	refused(t, s.ConnectionDelete(t.Context(), global, in), management.CodeInUse)
	in.Force = true
	must(t, s.ConnectionDelete(t.Context(), global, in))
	if len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 1 {
		t.Errorf("%+v %+v", s.tokens(), s.server.Tokens("alice"))
	}
}
