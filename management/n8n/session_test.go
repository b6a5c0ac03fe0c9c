package n8n_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management/n8n"
	"credence/management/remote"
	"credence/store/credential"
	"credence/test/n8nserver"
)

func TestASessionIsSharedByAllWhoUseTheAccount(t *testing.T) {
	versions(t, func(f *fixture) {
		another := f.newClient()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				c := f.client
				if i%2 == 1 {
					c = another
				}
				if _, err := c.List(f.Context(), f.target); err != nil {
					f.Error(err)
				}
			})
			if i == 0 {
				all.Wait() // one process is first
			}
		}
		all.Wait()
		if f.logins() != 1 {
			f.Errorf("%d logins, want 1", f.logins())
		}
	})
}

func TestAllWhoNeedALoginWaitForOne(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := f.client.List(t.Context(), f.target); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f.logins() != 1 {
		t.Errorf("%d logins, want 1", f.logins())
	}
}

func TestWhoeverGivesUpDoesNotEndTheLoginOfOthers(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	f.n8n.Disrupt("POST", "/rest/login", n8nserver.Late(arrived, goOn))
	ctx, giveUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := f.client.List(ctx, f.target)
		first <- err
	}()
	<-arrived
	second := make(chan error, 1)
	go func() {
		_, err := f.client.List(t.Context(), f.target)
		second <- err
	}()
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up gets %v", err)
	}
	close(goOn)
	f.ok(<-second)
	if f.logins() != 1 {
		t.Errorf("%d logins, want 1", f.logins())
	}
}

func TestAnEndedSessionCostsOneLoginAndTheCallIsMadeOnceMore(t *testing.T) {
	versions(t, func(f *fixture) {
		f.made("before")
		f.n8n.EndSessions()
		f.made("after")
		if f.logins() != 2 {
			f.Errorf("%d logins, want 2", f.logins())
		}
		if got := strings.Join(f.n8n.Labels(), " "); got != "before after" {
			f.Errorf("keys %q", got)
		}
		// Logins keep their pause.
		if f.clock.waited() < n8n.LoginPause-2*time.Second {
			f.Errorf("waited %s", f.clock.waited())
		}
	})
}

func TestASessionThatIsRefusedAgainEndsInAnErrorAndNotInALoop(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	_, err := f.client.List(t.Context(), f.target)
	f.ok(err)
	for range 2 {
		f.n8n.Disrupt("GET", "/rest/api-keys", n8nserver.Unauthorized)
	}
	_, err = f.client.List(t.Context(), f.target)
	f.wants(err, remote.SessionExpired)
	if f.logins() != 2 {
		t.Errorf("%d logins, want 2", f.logins())
	}
}

func TestASessionThatAnotherProcessRenewedIsTakenInsteadOfALogin(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	another := f.newClient()
	for _, c := range []*n8n.Client{f.client, another} {
		_, err := c.List(t.Context(), f.target)
		f.ok(err)
	}
	f.n8n.EndSessions()
	for _, c := range []*n8n.Client{f.client, another} {
		_, err := c.List(t.Context(), f.target)
		f.ok(err)
	}
	if f.logins() != 2 {
		t.Errorf("%d logins, want 2", f.logins())
	}
}

func TestARenewedSessionIsKept(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	_, err := f.client.List(t.Context(), f.target)
	f.ok(err)
	was := f.sessions.kept().Cookie
	f.n8n.AgeSessions()
	_, err = f.client.List(t.Context(), f.target)
	f.ok(err)
	if is := f.sessions.kept(); is.Cookie == was || is.Cookie == "" || is.UserID == "" {
		t.Errorf("kept %v", is.Cookie == was)
	}
}

func TestARefusedCredentialIsNotTriedAgainUntilSomebodySaysSo(t *testing.T) {
	versions(t, func(f *fixture) {
		f.n8n.SetPassword("changed")
		for range 5 {
			_, err := f.client.List(f.Context(), f.target)
			if p := f.failure(err, remote.CredentialRejected); !strings.Contains(p.Message, "caps lock") {
				f.Errorf("remote text %q", p.Message)
			}
		}
		if _, err := f.newClient().List(f.Context(), f.target); remote.KindOf(err) != remote.CredentialRejected {
			f.Errorf("another process: %v", err)
		}
		if f.logins() != 1 {
			f.Errorf("%d logins, want 1", f.logins())
		}
		f.n8n.SetPassword(n8nserver.Password)
		_, err := f.client.Check(f.Context(), f.target)
		f.ok(err)
		if f.logins() != 2 {
			f.Errorf("%d logins, want 2", f.logins())
		}
	})
}

func TestTooManyLoginsAreWaitedForWithoutTryingMore(t *testing.T) {
	versions(t, func(f *fixture) {
		f.n8n.Disrupt("POST", "/rest/login", n8nserver.TooMany(57))
		_, err := f.client.List(f.Context(), f.target)
		if p := f.failure(err, remote.RateLimited); !strings.Contains(p.Message, "Too many") && !strings.Contains(p.Message, "57s") {
			f.Errorf("says %q", p.Message)
		}
		if _, err := f.client.List(f.Context(), f.target); remote.KindOf(err) != remote.RateLimited || f.logins() != 1 {
			f.Errorf("%d logins, %v", f.logins(), err)
		}
		f.clock.advance(time.Minute)
		_, err = f.client.List(f.Context(), f.target)
		f.ok(err)
	})
}

// TestNeverMoreLoginsThanN8NAllows: whatever goes wrong with sessions, the
// account's owner can log in too.
func TestNeverMoreLoginsThanN8NAllows(t *testing.T) {
	f := newFixture(t, n8nserver.Old)
	for range 30 {
		f.n8n.EndSessions()
		_, err := f.client.List(t.Context(), f.target)
		f.ok(err) // the sixth within a minute would be 429
	}
}

func TestASecondFactor(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXP"
	for title, c := range map[string]struct {
		given string
		kind  remote.Kind
		text  string
	}{
		"is given":   {"jbsw y3dp ehpk 3pxp", "", ""},
		"is missing": {"", remote.MFARequired, "has a second factor"},
		"is another": {"KRSXG5CTMVRXEZLU", remote.MFARequired, "clock"},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, n8nserver.New)
			f.n8n.SetTOTP(secret)
			f.target.Secret = credential.NewText(n8nserver.Password + "\n" + c.given + "\n")
			_, err := f.client.List(t.Context(), f.target)
			if c.kind == "" {
				f.ok(err)
				return
			}
			if p := f.failure(err, c.kind); !strings.Contains(p.Message, c.text) {
				t.Errorf("says %q", p.Message)
			}
		})
	}
}

func TestASessionThatCannotBeKeptIsAnError(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	f.sessions.fails = errors.New("the store is gone")
	if _, err := f.client.List(t.Context(), f.target); !errors.Is(err, f.sessions.fails) {
		t.Errorf("got %v", err)
	}
	if f.logins() != 0 {
		t.Error("logged in without being able to keep the pause")
	}
}
