package management_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// queued is how many jobs of the kind there are.
func (f *fixture) queued(kind string) int {
	f.t.Helper()
	n := 0
	for _, row := range table(f.dump(), "river_job") {
		if strings.Contains(row, kind) {
			n++
		}
	}
	return n
}

// refusing answers calls of a method in the place of the server.
func refusing(method string, status int, message string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"message":"` + message + `"}`))
		return true
	}
}

// pauses tends what is refused again and again, and answers how long it is left
// alone each time.
func (f *fixture) pauses(tend func() time.Time, times int) []time.Duration {
	var out []time.Duration
	for range times {
		again := tend()
		out = append(out, again.Sub(f.clock()))
		f.advance(out[len(out)-1])
	}
	return out
}

func wantPauses(t *testing.T, got []time.Duration) {
	t.Helper()
	for i, want := range []int{5, 5, 10, 20, 40, 60, 60} {
		if got[i] != time.Duration(want)*time.Minute {
			t.Errorf("pauses %v", got)
			return
		}
	}
}

func TestARefusedRotationByScheduleStaysOneJobAndIsTriedLessAndLess(t *testing.T) {
	s := newSmithy(t)
	old := s.make(func(in *management.GiteaTokenCreate) { in.RotateEvery = "24h" })
	s.server.Before(refusing(http.MethodPost, http.StatusBadRequest, "invalid access token scope provided"))
	s.advance(24 * time.Hour)
	s.tend(old.Token.ID) // its intent has a job of its own
	s.server.Before(refusing(http.MethodPost, http.StatusBadRequest, "invalid access token scope provided"))
	before := s.queued("gitea_token")
	s.tend(old.Token.ID)
	if intents := s.queued("gitea_token") - before; intents != 1 {
		t.Errorf("%d jobs were added, want that of the intent alone", intents)
	}
	wantPauses(t, s.pauses(func() time.Time { return s.tend(old.Token.ID) }, 7))
}

func TestAScheduledRotationThatWasLostIsTriedAgainByOneJob(t *testing.T) {
	s := newSmithy(t)
	old := s.make(func(in *management.GiteaTokenCreate) { in.RotateEvery = "24h" })
	s.advance(24 * time.Hour)
	s.server.After(lose(http.MethodPost, "/tokens"))
	if again := s.tend(old.Token.ID); !again.IsZero() {
		t.Errorf("again at %s, and the job of the intent does so, too", again)
	}
	s.server.After(nil)
	s.advance(2 * time.Minute)
	before := s.queued("gitea_token")
	s.tend(s.tokens()[1].ID)
	if n := s.queued("gitea_token") - before; n != 1 || len(s.tokens()) != 1 {
		t.Errorf("%d jobs were added, want 1; %+v", n, s.tokens())
	}
}

func TestARefusedRotationOfAnN8NKeyStaysOneJobAndIsTriedLessAndLess(t *testing.T) {
	s := newShop(t, n8nserver.New)
	old := s.make(func(in *management.N8NKeyCreate) { in.RotateEvery = "24h" })
	s.advance(24 * time.Hour)
	refuse := func() time.Time {
		s.server.Disrupt("POST", "/rest/api-keys", n8nserver.Answer(400, "application/json", `{"code":400,"message":"Invalid scopes for user role"}`))
		return s.tend(old.Key.ID)
	}
	before := s.queued("n8n_key")
	pauses := s.pauses(refuse, 7)
	if intents := s.queued("n8n_key") - before; intents != 7 {
		t.Errorf("%d jobs were added, want those of 7 intents", intents)
	}
	wantPauses(t, pauses)
}

func TestATokenIsForgottenOnlyWhenItsSecretIsRefused(t *testing.T) {
	for title, message := range map[string]string{"another program": "no Route matched", "another server": "not found"} {
		t.Run(title, func(t *testing.T) {
			s := newSmithy(t)
			made := s.make()
			s.server.Before(refusing(http.MethodDelete, http.StatusNotFound, message))
			err := s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID)
			if err == nil || len(s.tokens()) != 1 || s.tokens()[0].State != store.OutsideDeleting {
				t.Fatalf("%v: %+v", err, s.tokens())
			}
			if title == "another server" && !strings.Contains(err.Error(), "its secret works there all the same") {
				t.Error(err)
			}
			s.server.Before(nil)
			s.tend(made.Token.ID)
			if len(s.tokens()) != 0 || len(s.server.Tokens("alice")) != 0 {
				t.Errorf("%+v", s.tokens())
			}
		})
	}
}

func TestATokenOfARenamedUserIsDeletedUnderTheNewLogin(t *testing.T) {
	s := newSmithy(t)
	made := s.make(func(in *management.GiteaTokenCreate) { in.ExpiresIn = "1h" })
	s.server.SetUser("alice", func(u *fakegitea.User) { u.Login = "alice-b" })
	s.server.AddUser(fakegitea.User{Login: "alice"}) // somebody else
	s.advance(time.Hour)
	s.tend(made.Token.ID)
	if len(s.tokens()) != 0 || len(s.server.Tokens("alice-b")) != 0 {
		t.Errorf("%+v %+v", s.tokens(), s.server.Tokens("alice-b"))
	}
	made = s.make()
	s.server.SetUser("alice", func(u *fakegitea.User) { u.Login, u.ID = "gone", 0 })
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID))
}

func TestAConnectionKeepsItsAddressWhileCredentialsOfItAreKnown(t *testing.T) {
	s := newSmithy(t)
	made := s.make()
	other := fakegitea.New(t, "1.26.0")
	move := func() error {
		in := change("main", 1)
		in.URL, in.Credential = management.Set(other.URL), management.Set(credential.NewText(fakegitea.Password))
		_, err := s.ConnectionUpdate(t.Context(), global, in)
		return err
	}
	if e := refused(t, move(), management.CodeInUse); !strings.Contains(e.Message, "make another connection") {
		t.Error(e.Message)
	}
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, made.Token.ID))
	must(t, move())
	n := newShop(t, n8nserver.New)
	n.make()
	_, err := n.ConnectionUpdate(t.Context(), global, management.ConnectionUpdate{
		Kind: store.ConnectionN8N, Name: "flows", Version: 1, URL: management.Set(other.URL), Credential: management.Set(credential.NewText(n8nserver.Password)),
	})
	refused(t, err, management.CodeInUse)
	_, err = n.ConnectionUpdate(t.Context(), global, management.ConnectionUpdate{
		Kind: store.ConnectionN8N, Name: "flows", Version: 1, Account: management.Set("other@example.com"), Credential: management.Set(credential.NewText(n8nserver.Password)),
	})
	if e := refused(t, err, management.CodeInUse); !strings.Contains(e.Message, "account cannot be changed") {
		t.Error(e.Message)
	}
}

func TestASecretIsBoundToItsConnection(t *testing.T) {
	s := newSmithy(t)
	is := s.make().Token
	n := newShop(t, n8nserver.New)
	key := n.make().Key
	if _, err := s.store.Open(is.Secret, store.OutsideAssociatedData(&is)); err != nil {
		t.Error(err)
	}
	is.ConnectionID = "con_other"
	if _, err := s.store.Open(is.Secret, store.OutsideAssociatedData(&is)); err == nil {
		t.Error("the secret of a token is tried out over another connection")
	}
	key.ConnectionID = "con_other"
	if _, err := n.store.Open(key.Secret, store.OutsideAssociatedData(&key)); err == nil {
		t.Error("the secret of a key is tried out over another connection")
	}
}
