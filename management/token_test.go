package management_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
	"credence/store/credential"
)

// token puts an admin token into the store.
func (f *fixture) token(t *testing.T, change func(*store.Token)) (store.Token, credential.Text) {
	t.Helper()
	text, err := credential.MintToken(strings.NewReader(strings.Repeat(t.Name()+"0123456789", 64)))
	must(t, err)
	token := store.Token{ID: "tok_1", Name: "ci", Role: store.RoleOperator, Namespaces: []string{"a"}, Hash: text.Digest(), CreatedAt: start}
	change(&token)
	_, err = f.store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "token.create", Object: "token:" + token.ID})
		return tx.InsertToken(ctx, token)
	})
	must(t, err)
	return token, text
}

func TestATokenTextNamesItsActor(t *testing.T) {
	f := newFixture(t)
	_, text := f.token(t, func(*store.Token) {})
	a, err := f.TokenAuthenticate(t.Context(), []byte(text.Reveal()))
	must(t, err)
	want := management.Actor{ID: "token:tok_1", Role: store.RoleOperator, Namespaces: []string{"a"}}
	if diff := cmp.Diff(want.ID, a.ID); diff != "" || a.Role != want.Role || !cmp.Equal(a.Namespaces, want.Namespaces) || a.Global() {
		t.Errorf("got %+v, want %+v", a, want)
	}
}

func TestEveryTextThatIsNoUsableTokenIsRefusedAlike(t *testing.T) {
	same := func(text string) string { return text }
	stays := func(*store.Token) {}
	for title, c := range map[string]struct {
		stored func(*store.Token)
		given  func(text string) string
	}{
		"empty":      {stays, func(string) string { return "" }},
		"key text":   {stays, func(string) string { return "crd_live_" + strings.Repeat("a", 49) }},
		"cut":        {stays, func(text string) string { return text[:len(text)-1] }},
		"other case": {stays, strings.ToUpper},
		"very long":  {stays, func(string) string { return strings.Repeat("a", 1<<20) }},
		"unknown":    {func(token *store.Token) { token.Hash[0] ^= 1 }, same},
		"revoked":    {func(token *store.Token) { token.RevokedAt = start }, same},
		"expired":    {func(token *store.Token) { token.ExpiresAt = start }, same},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t)
			_, text := f.token(t, c.stored)
			given := c.given(text.Reveal())
			_, err := f.TokenAuthenticate(t.Context(), []byte(given))
			if e := refused(t, err, management.CodeUnauthorized); e.Message != "admin token: not valid" || e.Fields != nil {
				t.Errorf("message %q tells why", e.Message)
			}
			if given != "" && strings.Contains(err.Error(), given) {
				t.Error("the error holds the text")
			}
		})
	}
}

func TestATokenIsUsableUntilItsEnd(t *testing.T) {
	f := newFixture(t)
	_, text := f.token(t, func(token *store.Token) { token.ExpiresAt = start.Add(time.Microsecond) })
	_, err := f.TokenAuthenticate(t.Context(), []byte(text.Reveal()))
	must(t, err)
}

func TestTheFirstTokenIsMadeOnceAndIsAGlobalAdmin(t *testing.T) {
	f := newFixture(t)
	made, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{})
	must(t, err)
	a, err := f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	must(t, err)
	if !a.Global() || a.Role != store.RoleAdmin || a.ID != "token:"+made.Token.ID {
		t.Errorf("got %+v", a)
	}
	entry, d := f.last("")
	if entry.Action != "token.bootstrap" || entry.Actor != "system" || d.After["role"] != "admin" || d.After["name"] != "first" {
		t.Errorf("audit entry %+v with %v", entry, d)
	}
	before := f.dump()
	_, err = f.TokenBootstrap(t.Context(), management.TokenBootstrap{})
	refused(t, err, management.CodeConflict)
	if after := f.dump(); after != before {
		t.Error(cmp.Diff(before, after))
	}
}

func TestOfManyWhoBootstrapOneSucceeds(t *testing.T) {
	f := newFixture(t)
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Go(func() { _, errs[i] = f.TokenBootstrap(t.Context(), management.TokenBootstrap{Name: "racer"}) })
	}
	group.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		refused(t, err, management.CodeConflict)
	}
	if made != 1 || len(table(f.dump(), "admin_tokens")) != 1 {
		t.Errorf("%d tokens were made", made)
	}
}

func TestATokenWhoseTextCannotBeDeliveredIsNotMade(t *testing.T) {
	f := newFixture(t)
	before := f.dump()
	errDisk := errors.New("disk full")
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Deliver: func(credential.Text) error { return errDisk }})
	if !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	if after := f.dump(); after != before {
		t.Error(cmp.Diff(before, after))
	}
	var delivered credential.Text
	made, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Deliver: func(text credential.Text) error { delivered = text; return nil }})
	must(t, err)
	if delivered.Reveal() != made.Text.Reveal() || delivered.Empty() {
		t.Error("another text was delivered than was answered")
	}
}

// TestAReplaceThatWouldRevokeNothingIsRefused: whoever has the lost token, under
// whatever name, would keep it.
func TestAReplaceThatWouldRevokeNothingIsRefused(t *testing.T) {
	f := newFixture(t)
	_, _ = f.token(t, func(token *store.Token) {
		token.Name, token.Role, token.Namespaces = "operations", store.RoleAdmin, nil
	})
	before := f.dump()
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true})
	refused(t, err, management.CodeConflict)
	if after := f.dump(); after != before {
		t.Error(cmp.Diff(before, after))
	}
}

// TestALostTokenIsReplaced only when that is asked for: the old one ends, the
// others stay, and the audit chain tells of both.
func TestALostTokenIsReplaced(t *testing.T) {
	f := newFixture(t)
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true})
	refused(t, err, management.CodeConflict)
	lost, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{})
	must(t, err)
	_, other := f.token(t, func(token *store.Token) { token.Name = "first" }) // of an operator

	errDisk, before := errors.New("disk full"), f.dump()
	_, err = f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true, Deliver: func(credential.Text) error { return errDisk }})
	if after := f.dump(); !errors.Is(err, errDisk) || after != before {
		t.Errorf("%v, and changed %s", err, cmp.Diff(before, after))
	}
	fresh, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true})
	must(t, err)
	if entry, d := f.last(""); entry.Action != "token.bootstrap" || d.After["name"] != "first" {
		t.Errorf("audit entry %+v with %v", entry, d)
	}
	if !strings.Contains(f.dump(), "token.revoke") {
		t.Error("no audit entry of the revocation")
	}
	_, err = f.TokenAuthenticate(t.Context(), []byte(lost.Text.Reveal()))
	refused(t, err, management.CodeUnauthorized)
	for _, text := range []credential.Text{fresh.Text, other} {
		_, err = f.TokenAuthenticate(t.Context(), []byte(text.Reveal()))
		must(t, err)
	}
}

func TestABootstrapTokenHasAName(t *testing.T) {
	f := newFixture(t)
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Name: "a\nb"})
	blames(t, err, "name")
}
