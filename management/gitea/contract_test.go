package gitea_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"credence/management/gitea"
	"credence/management/remote"
	"credence/store/credential"
	"credence/test/fakegitea"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a client at a place, and a user of its own there.
type rig struct {
	*gitea.Client
	fakegitea.Place

	t      *testing.T
	target *remote.Target
	login  string
}

// everywhere runs a test of the contract at each place: the fakes, and the
// real server that GITEA_URL names.
func everywhere(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	for _, place := range fakegitea.Places(t) {
		t.Run(place.Name, func(t *testing.T) {
			r := newRig(t, place)
			var suffix [4]byte
			_, _ = rand.Read(suffix[:])
			r.login = "user-" + hex.EncodeToString(suffix[:])
			place.User(t, r.login)
			test(t, r)
		})
	}
}

func newRig(t *testing.T, place fakegitea.Place) *rig {
	t.Helper()
	c, err := gitea.New(remote.Options{Outgoing: fakegitea.Reach(), Now: time.Now, Version: "test", Pace: func(int) remote.Pacer { return atOnce{} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &rig{Client: c, Place: place, t: t, target: as(place, place.Login, place.Password)}
}

type atOnce struct{}

func (atOnce) Take() time.Time { return time.Time{} }

func as(p fakegitea.Place, account, secret string) *remote.Target {
	return &remote.Target{ID: p.URL, Version: 1, URL: p.URL, Account: account, Secret: credential.NewText(secret), Scopes: []string{"write:repository"}}
}

func (r *rig) make(name string, scopes ...string) gitea.Created {
	r.t.Helper()
	made, err := r.Create(r.t.Context(), r.target, r.login, name, scopes)
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

func kind(t *testing.T, err error, want remote.Kind) *remote.Error {
	t.Helper()
	e, ok := errors.AsType[*remote.Error](err)
	if !ok || e.Kind != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	return e
}

func TestATokenIsMadeListedVerifiedAndDeleted(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		t.Helper()
		made := r.make("ci-1a2b3c", "read:repository", "read:user", "write:repository", "read:user")
		if made.ID == 0 || len(made.Secret.Reveal()) != 40 || made.LastEight != made.Secret.Reveal()[32:] || !made.CreatedAt.IsZero() {
			t.Fatalf("made %+v", made.Token)
		}
		if want := []string{"read:user", "write:repository"}; !slices.Equal(made.Scopes, want) {
			t.Errorf("scopes %v, want %v", made.Scopes, want)
		}
		all, err := r.List(t.Context(), r.target, r.login)
		if err != nil || len(all) != 1 || all[0].CreatedAt.IsZero() || !all[0].LastUsedAt.IsZero() {
			t.Fatalf("listed %+v, %v", all, err)
		}
		listed := all[0]
		listed.CreatedAt = made.CreatedAt
		if diff := cmp.Diff(made.Token, listed); diff != "" {
			t.Error(diff)
		}
		account, err := r.Find(t.Context(), r.target, r.login)
		if err != nil || !account.Person || account.Admin || account.Login != r.login {
			t.Fatalf("found %+v, %v", account, err)
		}
		claim := gitea.Claim{Secret: made.Secret, TokenID: made.ID, UserID: account.ID}
		if v := r.Verify(t.Context(), r.target, claim); v.Outcome != remote.Valid || v.Login != r.login {
			t.Errorf("verified %+v", v)
		}
		if login, err := r.LoginOf(t.Context(), r.target, account.ID); err != nil || login != r.login {
			t.Errorf("%q, %v", login, err)
		}
		if err := r.Delete(t.Context(), r.target, r.login, made.ID); err != nil {
			t.Fatal(err)
		}
		_ = kind(t, r.Delete(t.Context(), r.target, r.login, made.ID), remote.NotFound)
		if v := r.Verify(t.Context(), r.target, claim); v.Outcome != remote.Invalid {
			t.Errorf("deleted: %+v", v)
		}
		if all, err = r.List(t.Context(), r.target, r.login); err != nil || len(all) != 0 {
			t.Errorf("left %+v, %v", all, err)
		}
	})
}

func TestWhatIsRefusedHasItsKind(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		t.Helper()
		r.make("taken", "read:user")
		limited := r.make("limited", "read:issue")
		for title, c := range map[string]struct {
			target      *remote.Target
			login, name string
			scopes      []string
			want        remote.Kind
		}{
			"name used already":          {r.target, r.login, "taken", []string{"read:user"}, remote.NameConflict},
			"no scope":                   {r.target, r.login, "new", nil, remote.ScopeInvalid},
			"unknown scope":              {r.target, r.login, "new", []string{"read:banana"}, remote.ScopeInvalid},
			"no name":                    {r.target, r.login, "", []string{"read:user"}, remote.RequestInvalid},
			"wrong password":             {as(r.Place, r.Login, "wrong"), r.login, "new", []string{"read:user"}, remote.CredentialRejected},
			"unknown login":              {as(r.Place, "ghost", "wrong"), r.login, "new", []string{"read:user"}, remote.CredentialRejected},
			"no site administrator":      {as(r.Place, r.login, "Aa1-"+r.login+"-of-a-test"), r.Login, "new", []string{"read:user"}, remote.Forbidden},
			"token without write:user":   {as(r.Place, r.login, limited.Secret.Reveal()), r.login, "new", []string{"read:issue"}, remote.Forbidden},
			"user who does not exist":    {r.target, "ghost-of-nobody", "new", []string{"read:user"}, remote.NotFound},
			"a name that is a traversal": {r.target, "..", "new", []string{"read:user"}, remote.RequestInvalid},
		} {
			_, err := r.Create(t.Context(), c.target, c.login, c.name, c.scopes)
			e, ok := errors.AsType[*remote.Error](err)
			if !ok || e.Kind != c.want || e.Uncertain {
				t.Errorf("%s: %v, uncertain %v; want %s", title, err, ok && e.Uncertain, c.want)
			}
		}
		_, err := r.Find(t.Context(), r.target, "ghost-of-nobody")
		_ = kind(t, err, remote.NotFound)
		if all, err := r.List(t.Context(), r.target, r.login); err != nil || len(all) != 2 {
			t.Errorf("%d tokens, %v", len(all), err)
		}
	})
}

func TestAnAccessTokenStandsForThePasswordOfTheAdministrator(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		t.Helper()
		name := "connection-of-" + r.login
		own, err := r.Create(t.Context(), r.target, r.Login, name, []string{"all"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Delete(t.Context(), as(r.Place, r.Login, r.Password), r.Login, own.ID); err != nil {
				t.Error(err)
			}
		}()
		r.target = as(r.Place, r.Login, own.Secret.Reveal())
		made := r.make("by-token", "write:repository")
		report, err := r.Check(t.Context(), r.target)
		if err != nil || len(report.Missing) != 0 || report.Account != r.Login || report.ServerVersion == "" {
			t.Errorf("%+v, %v", report, err)
		}
		// A token that lacks scopes: what is missing is said before it fails.
		narrow := as(r.Place, r.login, made.Secret.Reveal())
		if report, err = r.Check(t.Context(), narrow); err != nil || len(report.Missing) == 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestAListHasEveryTokenOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		t.Helper()
		const many = 62
		want := map[int64]bool{}
		for i := range many {
			want[r.make("many-"+string(rune('a'+i/26))+string(rune('a'+i%26)), "read:user").ID] = true
		}
		all, err := r.List(t.Context(), r.target, r.login)
		if err != nil || len(all) != many {
			t.Fatalf("%d tokens, %v", len(all), err)
		}
		for _, token := range all {
			delete(want, token.ID)
		}
		if len(want) != 0 {
			t.Errorf("%d are not listed", len(want))
		}
	})
}

func TestATokenThatMayNotSeeItsUserIsValidAllTheSame(t *testing.T) {
	everywhere(t, func(t *testing.T, r *rig) {
		t.Helper()
		made := r.make("narrow", "read:repository")
		v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: made.Secret, TokenID: made.ID})
		if !v.Outcome.Works() || !slices.Equal(v.Scopes, []string{"read:repository"}) {
			t.Errorf("%+v", v)
		}
		if v := r.Verify(t.Context(), r.target, gitea.Claim{Secret: credential.NewText("0123456789012345678901234567890123456789")}); v.Outcome != remote.Invalid {
			t.Errorf("a secret that nobody has: %+v", v)
		}
	})
}

func TestAServerBelowAPathIsReachedThere(t *testing.T) {
	s := fakegitea.New(t, "1.26.0")
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if len(r.URL.Path) < 5 || r.URL.Path[:5] != "/git/" {
			http.NotFound(w, r)
			return true
		}
		r.URL.Path = r.URL.Path[4:]
		return false
	})
	r := newRig(t, fakegitea.Place{URL: s.URL + "/git/", Login: fakegitea.Admin, Password: fakegitea.Password})
	if v, err := r.Version(t.Context(), r.target); err != nil || v != "1.26.0" {
		t.Errorf("%q, %v", v, err)
	}
	r.target.URL = s.URL
	_, err := r.Version(t.Context(), r.target)
	_ = kind(t, err, remote.EndpointMissing)
}
