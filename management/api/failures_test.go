package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/management"
	"credence/management/api"
	"credence/store"
	"credence/store/limit"
)

// guarded is an API that lets an address fail three times a minute.
func guarded(t *testing.T, change ...func(*api.Options)) *deployment {
	t.Helper()
	return deploy(t, append(change, func(o *api.Options) {
		o.FailureLimit = &limit.Limit{Name: "failures", Limit: 3, Period: time.Minute}
	})...)
}

// ask sends a token from an address.
func (d *deployment) ask(t *testing.T, address, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/v1/me", nil)
	r.RemoteAddr = address
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

func wrong(n int) string { return fmt.Sprintf("crdadm_%049d", n) }

func (d *deployment) want(t *testing.T, status int, address, token string) {
	t.Helper()
	if got := d.ask(t, address, token); got.Code != status {
		t.Fatalf("from %s: %d %s, want %d", address, got.Code, got.Body, status)
	}
}

// exhaust spends what the address may fail.
func (d *deployment) exhaust(t *testing.T, address string) {
	t.Helper()
	for n := range 3 {
		d.want(t, http.StatusUnauthorized, address, wrong(n))
	}
}

func TestWhoGuessesTokensIsTurnedAwayBeforeTheStoreIsAsked(t *testing.T) {
	var asked atomic.Int64
	d := guarded(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			asked.Add(1)
			return management.Actor{}, &management.Error{Code: management.CodeUnauthorized, Message: "no"}
		})
	})
	const here = "192.0.2.1:1234"
	d.exhaust(t, here)
	a := d.ask(t, here, wrong(9))
	if a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") != "20" || !strings.Contains(a.Body.String(), `"too_many_failures"`) {
		t.Errorf("%d %v %s", a.Code, a.Header(), a.Body)
	}
	if asked.Load() != 3 {
		t.Errorf("%d tokens were looked up, want 3", asked.Load())
	}
	d.want(t, http.StatusUnauthorized, "192.0.2.2:1234", wrong(9))
	d.clock.advance(20 * time.Second)
	d.want(t, http.StatusUnauthorized, here, wrong(9))
	d.want(t, http.StatusTooManyRequests, here, wrong(9))
	if strings.Contains(d.log.String(), wrong(9)) {
		t.Error("the log holds a token")
	}
}

func TestAUsableTokenPassesWhateverItsNeighboursGuess(t *testing.T) {
	d := guarded(t)
	const nat = "192.0.2.1:1234"
	admin, fresh := d.admin.Reveal(), d.token(t, store.RoleViewer).Reveal()
	d.want(t, http.StatusOK, nat, admin)
	d.exhaust(t, nat)
	d.want(t, http.StatusTooManyRequests, nat, wrong(9))
	d.want(t, http.StatusOK, nat, admin)
	// One that this process has not seen passes, too: it may have just started.
	d.want(t, http.StatusOK, nat, fresh)
	d.clock.advance(time.Second)
	d.want(t, http.StatusOK, nat, d.token(t, store.RoleViewer).Reveal())
	d.want(t, http.StatusTooManyRequests, nat, wrong(9))
}

func TestATokenThatWorkedAndIsRevokedIsRefusedAndCounted(t *testing.T) {
	d := guarded(t)
	const here = "192.0.2.1:1234"
	text := d.token(t, store.RoleViewer)
	d.want(t, http.StatusOK, here, text.Reveal())
	token, err := d.store.TokenByHash(t.Context(), text.Digest())
	must(t, err)
	_, err = d.store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "token.revoke", Object: "token:" + token.ID})
		return tx.RevokeToken(ctx, token.ID)
	})
	must(t, err)
	for range 3 {
		d.want(t, http.StatusUnauthorized, here, text.Reveal())
	}
	d.want(t, http.StatusTooManyRequests, here, text.Reveal())
}

func TestOneHostOfIPv6IsCountedByItsNetwork(t *testing.T) {
	d := guarded(t)
	for n := range 3 {
		d.want(t, http.StatusUnauthorized, fmt.Sprintf("[2001:db8:0:1::%d]:1", n), wrong(n))
	}
	d.want(t, http.StatusTooManyRequests, "[2001:db8:0:1:ffff::1]:1", wrong(9))
	d.want(t, http.StatusUnauthorized, "[2001:db8:0:2::1]:1", wrong(9))
	d.exhaust(t, "192.0.2.1:1")
	d.want(t, http.StatusTooManyRequests, "[::ffff:192.0.2.1]:1", wrong(9))
}

func TestOnlyFailuresAreCounted(t *testing.T) {
	broken := false
	d := guarded(t)
	const here = "192.0.2.1:1234"
	for range 10 {
		d.want(t, http.StatusUnauthorized, here, "")
		d.want(t, http.StatusOK, here, d.token(t, store.RoleViewer).Reveal())
	}
	d.exhaust(t, here)
	flaky := guarded(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			if broken {
				return management.Actor{}, &management.Error{Code: management.CodeUnavailable, Message: "gone"}
			}
			return management.Actor{}, &management.Error{Code: management.CodeUnauthorized, Message: "no"}
		})
	})
	broken = true
	for n := range 10 {
		flaky.want(t, http.StatusServiceUnavailable, here, wrong(n))
	}
	broken = false
	flaky.exhaust(t, here)
}

func TestGuessesAtOnceSpendTheSameBudget(t *testing.T) {
	var asked atomic.Int64
	gate := make(chan struct{})
	d := guarded(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			asked.Add(1)
			<-gate
			return management.Actor{}, &management.Error{Code: management.CodeUnauthorized, Message: "no"}
		})
	})
	var group sync.WaitGroup
	var turned atomic.Int64
	for n := range 20 {
		group.Go(func() {
			if d.ask(t, "192.0.2.1:1", wrong(n)).Code == http.StatusTooManyRequests && turned.Add(1) == 17 {
				close(gate)
			}
		})
	}
	group.Wait()
	if asked.Load() != 3 {
		t.Errorf("%d tokens were looked up, want 3", asked.Load())
	}
}

// A client that begins with many requests at once knows its token: none of
// them is turned away, and if the token is not usable each is counted.
func TestRequestsAtOnceWithOneTokenAreOneGuess(t *testing.T) {
	const many = 20
	var arrived sync.WaitGroup
	usable := true
	d := guarded(t, func(o *api.Options) {
		o.Authenticator = authenticator(func(context.Context) (management.Actor, error) {
			arrived.Done()
			arrived.Wait()
			if usable {
				return management.Actor{ID: "token:tok_1", Role: store.RoleViewer}, nil
			}
			return management.Actor{}, &management.Error{Code: management.CodeUnauthorized, Message: "no"}
		})
	})
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		usable = want == http.StatusOK
		arrived.Add(many)
		var group sync.WaitGroup
		for range many {
			group.Go(func() {
				if got := d.ask(t, "192.0.2.1:1", wrong(0)).Code; got != want {
					t.Errorf("status %d, want %d", got, want)
				}
			})
		}
		group.Wait()
	}
	d.want(t, http.StatusTooManyRequests, "192.0.2.1:1", wrong(1))
}
