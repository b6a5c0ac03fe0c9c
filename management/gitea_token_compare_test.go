package management_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/test/fakegitea"
)

func (s *smithy) compare() []store.OutsideCredential {
	s.t.Helper()
	out, err := s.GiteaTokenCompare(s.t.Context(), onlyA, management.GiteaTokenCompare{Connection: "main"})
	must(s.t, err)
	return out.Tokens
}

func (s *smithy) read(id string) store.OutsideCredential {
	s.t.Helper()
	is, err := s.GiteaTokenRead(s.t.Context(), onlyA, id)
	must(s.t, err)
	return is
}

func TestATokenThatNobodyMadeHereIsAStrangerUntilItIsAdoptedOrDeleted(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.stranger", "anomaly.opened").Webhook.ID
	s.make()
	theirs := s.server.AddToken("alice", "laptop", "read:user")
	wide := s.server.AddToken("alice", "too-wide", "all")
	s.server.AddToken(fakegitea.Admin, "of-the-administrator", "all") // is left alone
	s.advance(time.Minute)
	found := s.compare()
	if len(found) != 2 || found[0].RemoteID != fmt.Sprint(theirs.ID) || found[0].State != store.OutsideStranger || len(found[0].Secret) != 0 || found[1].RemoteID != fmt.Sprint(wide.ID) {
		t.Fatalf("%+v", found)
	}
	if again := s.compare(); len(again) != 0 {
		t.Errorf("found anew: %+v", again)
	}
	if got := s.told(hook); len(got) != 4 {
		t.Errorf("told of %v", got)
	}
	adopted, err := s.GiteaTokenAdopt(t.Context(), onlyA, management.GiteaTokenAdopt{ID: found[0].ID, Owner: "team-a"})
	must(t, err)
	if adopted.State != store.OutsideActive || adopted.Owner != "team-a" {
		t.Errorf("%+v", adopted)
	}
	_, err = s.GiteaTokenAdopt(t.Context(), onlyA, management.GiteaTokenAdopt{ID: found[1].ID})
	refused(t, err, management.CodeConflict)
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, found[1].ID))
	if left := s.server.Tokens("alice"); len(left) != 2 {
		t.Errorf("%+v", left)
	}
	_, err = s.GiteaTokenVerify(t.Context(), onlyA, adopted.ID)
	refused(t, err, management.CodeConflict) // its secret is not known here
}

func TestAStrangerThatIsGoneAgainIsForgotten(t *testing.T) {
	s := newSmithy(t)
	s.server.AddToken("alice", "laptop", "read:user")
	s.compare()
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
	s.compare()
	if left := s.tokens(); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestATokenThatTheServerLostIsMissingUntilItIsBack(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.missing").Webhook.ID
	made := s.make().Token
	backup := s.server.Tokens("alice")
	s.advance(time.Minute)
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
	for range 2 {
		s.compare()
	}
	if is := s.read(made.ID); is.State != store.OutsideMissing || len(s.told(hook)) != 1 {
		t.Errorf("%+v, told %v", is, s.told(hook))
	}
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return backup })
	s.compare()
	if is := s.read(made.ID); is.State != store.OutsideActive {
		t.Errorf("%+v", is)
	}
}

func TestATokenWithMoreScopesThanItWasGivenIsWidened(t *testing.T) {
	s := newSmithy(t)
	hook := s.hook("", "gitea_token.widened", "anomaly.opened").Webhook.ID
	made := s.make().Token
	widen := func(scopes ...string) {
		s.server.SetTokens(func(all []fakegitea.Token) []fakegitea.Token { all[0].Scopes = scopes; return all })
		s.compare()
	}
	widen("read:user") // narrower is no harm
	if is := s.read(made.ID); is.State != store.OutsideActive || !slices.Equal(is.Seen.ServerScopes, []string{"read:user"}) {
		t.Errorf("%+v", is)
	}
	widen("all")
	if is := s.read(made.ID); is.State != store.OutsideWidened || len(s.told(hook)) != 2 {
		t.Errorf("%+v, told %v", is, s.told(hook))
	}
	_, err := s.GiteaTokenAdopt(t.Context(), onlyA, management.GiteaTokenAdopt{ID: made.ID})
	refused(t, err, management.CodeConflict)
	widen("write:repository", "read:user")
	is, err := s.GiteaTokenAdopt(t.Context(), onlyA, management.GiteaTokenAdopt{ID: made.ID})
	must(t, err)
	if is.State != store.OutsideActive || !slices.Equal(is.Scopes, []string{"read:user", "write:repository"}) {
		t.Errorf("%+v", is)
	}
}

func TestAUserWhoVanishedLeavesTokensThatAreMissing(t *testing.T) {
	s := newSmithy(t)
	made := s.make(func(in *management.GiteaTokenCreate) { in.Login = "ci-1" }).Token
	s.advance(time.Minute)
	s.server.SetUser("ci-1", func(u *fakegitea.User) { *u = fakegitea.User{ID: 4711, Login: "somebody-else"} })
	s.server.SetTokens(func([]fakegitea.Token) []fakegitea.Token { return nil })
	s.compare()
	if is := s.read(made.ID); is.State != store.OutsideMissing {
		t.Errorf("%+v", is)
	}
	must(t, s.GiteaTokenDelete(t.Context(), onlyA, made.ID))
}

func TestAServerThatCannotBeListedMakesNothingMissing(t *testing.T) {
	s := newSmithy(t)
	made := s.make().Token
	s.advance(time.Minute)
	s.server.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "<h1>starting</h1>", http.StatusNotFound)
		return true
	})
	_, err := s.GiteaTokenCompare(t.Context(), onlyA, management.GiteaTokenCompare{Connection: "main"})
	refused(t, err, management.CodeRemote)
	if found, err := s.OutsideCompareAll(t.Context(), store.SystemGitea); err == nil || found != 0 {
		t.Errorf("%d, %v", found, err)
	}
	if is := s.read(made.ID); is.State != store.OutsideActive {
		t.Errorf("%+v", is)
	}
}

func TestATokenThatIsBeingMadeIsNoStranger(t *testing.T) {
	s := newSmithy(t)
	s.server.After(lose(http.MethodPost, "/tokens"))
	_, err := s.GiteaTokenCreate(t.Context(), onlyA, wanted())
	refused(t, err, management.CodeRemote)
	s.server.After(nil)
	if found, err := s.OutsideCompareAll(t.Context(), store.SystemGitea); err != nil || found != 0 {
		t.Errorf("%d, %v", found, err)
	}
	if all := s.tokens(); len(all) != 1 || all[0].State != store.OutsideMaking {
		t.Errorf("%+v", all)
	}
}

// TestTheTokensOfARenamedUserAreNeitherMissingNorStrangers, whoever has taken
// the old login.
func TestTheTokensOfARenamedUserAreNeitherMissingNorStrangers(t *testing.T) {
	for _, login := range []string{"Alice", "ci-alice"} {
		t.Run(login, func(t *testing.T) {
			s := newSmithy(t)
			made := s.make().Token
			s.server.SetUser("alice", func(u *fakegitea.User) { u.Login = login })
			if login != "Alice" {
				s.server.AddUser(fakegitea.User{Login: "alice"})
			}
			s.advance(time.Minute)
			if found := s.compare(); len(found) != 0 {
				t.Errorf("%+v", found)
			}
			if is := s.read(made.ID); is.State != store.OutsideActive || is.Login != login || len(s.tokens()) != 1 {
				t.Errorf("%+v", s.tokens())
			}
		})
	}
}

// comparedInParts compares until there is no more, and answers what was found
// and in how many parts.
func (s *smithy) comparedInParts() (names []string, parts int) {
	s.t.Helper()
	in := management.GiteaTokenCompare{Connection: "main"}
	for {
		out, err := s.GiteaTokenCompare(s.t.Context(), onlyA, in)
		must(s.t, err)
		parts++
		for i := range out.Tokens {
			names = append(names, string(out.Tokens[i].State)+" "+out.Tokens[i].Name)
		}
		if in.After = out.Next; out.Next == "" {
			slices.Sort(names)
			return names, parts
		}
		if parts > 200 {
			s.t.Fatalf("it does not end: %q", out.Next)
		}
	}
}

// TestAComparisonOfManyUsersGoesOnWhereItStopped, after so many users or so much
// time: each is looked at once, and those who were renamed have lost nothing.
func TestAComparisonOfManyUsersGoesOnWhereItStopped(t *testing.T) {
	for title, c := range map[string]struct {
		slow  time.Duration // each call
		parts int
	}{"many": {0, 4}, "slow": {time.Minute, 61}} {
		t.Run(title, func(t *testing.T) {
			s := newSmithy(t)
			var want []string
			for n := range 30 {
				login := fmt.Sprintf("ci-many-%02d", n)
				s.server.AddUser(fakegitea.User{Login: login})
				s.make(func(in *management.GiteaTokenCreate) { in.Login = login })
				s.server.AddToken(login, "laptop-"+login, "read:user")
				want = append(want, "stranger laptop-"+login)
			}
			s.advance(time.Minute)
			s.server.SetUser("ci-many-29", func(u *fakegitea.User) { u.Login = "ci-first" }) // comes before all others now
			s.server.Before(func(http.ResponseWriter, *http.Request) bool { s.advance(c.slow); return false })
			found, parts := s.comparedInParts()
			if !slices.Equal(found, want) || parts != c.parts {
				t.Errorf("found %v in %d parts, want %v in %d", found, parts, want, c.parts)
			}
			if again, _ := s.comparedInParts(); len(again) != 0 {
				t.Errorf("found anew: %v", again)
			}
		})
	}
}

func TestAComparisonGoesOnFromNoPlaceThatItDidNotName(t *testing.T) {
	s := newSmithy(t)
	for _, after := range []string{"alice", "user:x", "user"} {
		_, err := s.GiteaTokenCompare(t.Context(), onlyA, management.GiteaTokenCompare{Connection: "main", After: after})
		blames(t, err, "after")
	}
}
