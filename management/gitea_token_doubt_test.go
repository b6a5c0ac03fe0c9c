package management_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// deaf is a backend that commits, and whose word that it did is lost once.
type deaf struct {
	store.Backend

	armed atomic.Bool
}

func (d *deaf) Transact(ctx context.Context, fn func(ctx context.Context, w store.Writer) error) error {
	err := d.Backend.Transact(ctx, fn)
	if err == nil && d.armed.CompareAndSwap(true, false) {
		return store.ErrUnavailable
	}
	return err
}

// deafen gives the fixture a store that can be made deaf.
func (f *fixture) deafen() *deaf {
	d := &deaf{Backend: f.db}
	f.store = store.New(d, f.keyset, f.clock)
	f.Service = f.with(func(o *management.Options) { o.Outgoing = fakegitea.Reach() })
	return d
}

func TestACredentialWhoseCommitWasNotHeardOfIsKept(t *testing.T) {
	s := newSmithy(t)
	d := s.deafen()
	s.server.After(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			d.armed.Store(true)
		}
		return false
	})
	made := s.make()
	if there := s.server.Tokens("alice"); len(there) != 1 || there[0].Secret != made.Secret.Reveal() || s.tokens()[0].State != store.OutsideActive {
		t.Errorf("%+v %+v", there, s.tokens())
	}
	n := newShop(t, n8nserver.New)
	n.make() // logs in
	d = n.deafen()
	n.make()
	n.server.Disrupt("POST", "/rest/api-keys", n8nserver.Before(func() { d.armed.Store(true) }, n8nserver.Pass))
	n.make()
	if labels := n.server.Labels(); len(labels) != 3 || len(n.keys()) != 3 || n.keys()[2].State != store.OutsideActive {
		t.Errorf("%v %+v", labels, n.keys())
	}
}

// livingAtMost sets the policy of integration keys.
func (f *fixture) livingAtMost(life string) {
	f.t.Helper()
	_, err := f.KeyPolicySet(f.t.Context(), global, management.KeyPolicySet{Namespace: "a", KeyType: "integration", Version: 1, LongestLife: management.Set(life)})
	must(f.t, err)
}

func TestARotationIsHeldToThePolicyAndOneByScheduleIsClippedToIt(t *testing.T) {
	s := newSmithy(t)
	old := s.make(func(in *management.GiteaTokenCreate) { in.RotateEvery = "24h" })
	s.livingAtMost("48h")
	_, err := s.GiteaTokenRotate(t.Context(), onlyA, management.GiteaTokenRotate{ID: old.Token.ID})
	blames(t, err, "expires_at")
	s.advance(24 * time.Hour)
	s.tend(old.Token.ID)
	if all := s.tokens(); len(all) != 2 || !all[1].ExpiresAt.Equal(s.clock().Add(48*time.Hour)) {
		t.Errorf("%+v", all)
	}
	n := newShop(t, n8nserver.New)
	key := n.make(func(in *management.N8NKeyCreate) { in.RotateEvery = "24h" })
	n.livingAtMost("48h")
	for _, inPlace := range []bool{false, true} {
		_, err = n.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: key.Key.ID, InPlace: inPlace})
		blames(t, err, "expires_at")
	}
	n.advance(24 * time.Hour)
	n.tend(key.Key.ID)
	if all := n.keys(); len(all) != 2 || all[1].ExpiresAt.IsZero() || all[1].ExpiresAt.After(n.clock().Add(48*time.Hour)) {
		t.Errorf("%+v", all)
	}
}

func TestACredentialIsBoundToAccountAuthorityAndNameOfTheServer(t *testing.T) {
	f, s := forged(t)
	c := f.connect(s.URL, "main", "")
	for title, change := range map[string]func(*store.Connection){
		"account":   func(c *store.Connection) { c.Account = "somebody" },
		"authority": func(c *store.Connection) { c.CA = "other" },
		"name":      func(c *store.Connection) { c.ServerName = "evil.example.com" },
	} {
		by := c
		change(&by)
		if _, err := f.store.Open(c.Credential, store.ConnectionAssociatedData(&by)); err == nil {
			t.Errorf("a row with another %s opens the credential", title)
		}
	}
	in := change("main", c.Version)
	in.ServerName = management.Set("git.example.com")
	_, err := f.ConnectionUpdate(t.Context(), global, in)
	blames(t, err, "credential")
	in.Credential = management.Set(credential.NewText(fakegitea.Password))
	_, err = f.ConnectionUpdate(t.Context(), global, in)
	must(t, err)
	in = change("main", c.Version+1)
	in.Account = management.Set("root-b")
	_, err = f.ConnectionUpdate(t.Context(), global, in)
	blames(t, err, "credential")
	if strings.Contains(f.dump(), fakegitea.Password) {
		t.Error("the credential is in the database")
	}
}
