package management_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
)

func actorOf(t *testing.T, f *fixture, made management.TokenCreated) management.Actor {
	t.Helper()
	a, err := f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	must(t, err)
	return a
}

func TestAMadeTokenIsWhatWasAskedForAndWorks(t *testing.T) {
	f := newFixture(t)
	made := f.admin(management.TokenCreate{Name: "ci", Role: "operator", Namespaces: []string{"b", "a"}, ExpiresIn: "720h"})
	a := actorOf(t, f, made)
	want := management.Actor{ID: "token:" + made.Token.ID, Role: store.RoleOperator, Namespaces: []string{"a", "b"}, GrantsUntil: start.Add(720 * time.Hour), EndsAt: start.Add(720 * time.Hour)}
	if diff := cmp.Diff(want, a, addresses()); diff != "" {
		t.Error(diff)
	}
	if made.Token.CreatedBy != global.ID || !made.Token.CreatedAt.Equal(start) {
		t.Errorf("token %+v", made.Token)
	}
	entry, d := f.last("")
	if entry.Action != "token.create" || entry.Object != "token:"+made.Token.ID || d.After["role"] != "operator" {
		t.Errorf("audit entry %+v with %v", entry, d)
	}
	f.advance(720 * time.Hour)
	_, err := f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	refused(t, err, management.CodeUnauthorized)
}

func TestATokenOfOneNamespaceIsInThatNamespacesChain(t *testing.T) {
	f := newFixture(t)
	made := f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a"}})
	if entry, _ := f.last("a"); entry.Object != "token:"+made.Token.ID {
		t.Errorf("entry %+v", entry)
	}
}

func TestATokenEndsUnlessItIsSaidThatItDoesNot(t *testing.T) {
	f := newFixture(t)
	if end := f.admin(management.TokenCreate{Role: "viewer"}).Token.ExpiresAt; !end.Equal(start.Add(management.DefaultTokenLife)) {
		t.Errorf("without a word it ends %s", end)
	}
	if end := f.admin(management.TokenCreate{Role: "viewer", ExpiresIn: "never"}).Token.ExpiresAt; !end.IsZero() {
		t.Errorf("never is %s", end)
	}
	if end := f.admin(management.TokenCreate{Role: "viewer", ExpiresAt: start.Add(time.Hour)}).Token.ExpiresAt; !end.Equal(start.Add(time.Hour)) {
		t.Errorf("an instant is %s", end)
	}
}

// TestNobodyMakesATokenThatMayMoreThanTheirOwn in role, namespaces or life,
// whichever of the ways to say it is tried.
func TestNobodyMakesATokenThatMayMoreThanTheirOwn(t *testing.T) {
	f := newFixture(t)
	for _, have := range store.Roles() {
		for _, give := range store.Roles() {
			_, err := f.TokenCreate(t.Context(), management.Actor{ID: "token:tok_x", Role: have}, management.TokenCreate{Name: "x", Role: string(give)})
			weaker := map[store.Role][]store.Role{
				store.RoleViewer: {store.RoleViewer}, store.RoleAuditor: {store.RoleViewer, store.RoleAuditor},
				store.RoleOperator: {store.RoleViewer, store.RoleOperator}, store.RoleAdmin: store.Roles(),
			}[have]
			if slices.Contains(weaker, give) {
				must(t, err)
			} else {
				blames(t, err, "role")
			}
		}
	}
	short := management.Actor{ID: "token:tok_short", Role: store.RoleAdmin, GrantsUntil: start.Add(time.Hour)}
	for title, c := range map[string]struct {
		actor management.Actor
		in    management.TokenCreate
		field string
	}{
		"no namespaces":          {onlyA, management.TokenCreate{}, "namespaces"},
		"another namespace":      {onlyA, management.TokenCreate{Namespaces: []string{"b"}}, "namespaces[0]"},
		"another namespace more": {onlyA, management.TokenCreate{Namespaces: []string{"a", "b"}}, "namespaces[1]"},
		"no end":                 {short, management.TokenCreate{ExpiresIn: "never"}, "expires_in"},
		"longer":                 {short, management.TokenCreate{ExpiresIn: "61m"}, "expires_in"},
		"later":                  {short, management.TokenCreate{ExpiresAt: start.Add(61 * time.Minute)}, "expires_at"},
	} {
		t.Run(title, func(t *testing.T) {
			c.in.Name, c.in.Role = "x", "admin"
			_, err := f.TokenCreate(t.Context(), c.actor, c.in)
			blames(t, err, c.field)
		})
	}
	made, err := f.TokenCreate(t.Context(), short, management.TokenCreate{Name: "x", Role: "admin"})
	must(t, err)
	if !made.Token.ExpiresAt.Equal(short.GrantsUntil) {
		t.Errorf("ends %s, its maker %s", made.Token.ExpiresAt, short.GrantsUntil)
	}
	_, err = f.TokenRotate(t.Context(), short, management.TokenRotate{ID: made.Token.ID, ExpiresIn: "never"})
	blames(t, err, "expires_in")
	if _, err = f.TokenRotate(t.Context(), management.Actor{ID: "token:tok_x", Role: store.RoleOperator}, management.TokenRotate{ID: made.Token.ID}); err == nil {
		t.Error("an operator got the text of an admin by rotating")
	}
}

func TestBadTokenInputIsNamed(t *testing.T) {
	f := newFixture(t)
	for title, c := range map[string]struct {
		change func(*management.TokenCreate)
		field  string
	}{
		"no name":           {func(in *management.TokenCreate) { in.Name = "" }, "name"},
		"no role":           {func(in *management.TokenCreate) { in.Role = "" }, "role"},
		"unknown role":      {func(in *management.TokenCreate) { in.Role = "root" }, "role"},
		"no namespace":      {func(in *management.TokenCreate) { in.Namespaces = []string{"none"} }, "namespaces[0]"},
		"a namespace twice": {func(in *management.TokenCreate) { in.Namespaces = []string{"a", "a"} }, "namespaces[1]"},
		"past":              {func(in *management.TokenCreate) { in.ExpiresAt = start }, "expires_at"},
		"no length":         {func(in *management.TokenCreate) { in.ExpiresIn = "soon" }, "expires_in"},
		"two ends":          {func(in *management.TokenCreate) { in.ExpiresIn, in.ExpiresAt = "never", start.Add(time.Hour) }, "expires_in"},
		"idempotency":       {func(in *management.TokenCreate) { in.Idempotency.Key = "a b" }, "idempotency_key"},
	} {
		t.Run(title, func(t *testing.T) {
			in := management.TokenCreate{Name: "x", Role: "viewer"}
			c.change(&in)
			_, err := f.TokenCreate(t.Context(), global, in)
			blames(t, err, c.field)
		})
	}
	_, err := f.TokenCreate(t.Context(), global, management.TokenCreate{Name: "x", Role: "viewer", Namespaces: make([]string, 101)})
	refused(t, err, management.CodeInvalidInput)
	_, err = f.TokenRotate(t.Context(), global, management.TokenRotate{ID: f.admin(management.TokenCreate{Role: "viewer"}).Token.ID, Grace: "721h"})
	blames(t, err, "grace")
}

func TestARepeatedTokenCreateMakesOneAndShowsNoText(t *testing.T) {
	f := newFixture(t)
	in := management.TokenCreate{Role: "viewer", Idempotency: management.Idempotency{Key: "k", RequestHash: [32]byte{1}}}
	first, again := f.admin(in), f.admin(in)
	if again.Token.ID != first.Token.ID || !again.Replayed || !again.Text.Empty() || len(table(f.dump(), "admin_tokens")) != 1 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	turn := management.TokenRotate{ID: first.Token.ID, Idempotency: management.Idempotency{Key: "r", RequestHash: [32]byte{2}}}
	rotated, err := f.TokenRotate(t.Context(), global, turn)
	must(t, err)
	repeated, err := f.TokenRotate(t.Context(), global, turn)
	must(t, err)
	if repeated.Token.ID != rotated.Token.ID || !repeated.Text.Empty() || repeated.Previous.ID != first.Token.ID {
		t.Errorf("rotated %+v, repeated %+v", rotated, repeated)
	}
}

func TestTokensOutsideOfTheActorsNamespacesDoNotExistForIt(t *testing.T) {
	f := newFixture(t)
	hidden := []store.Token{
		f.admin(management.TokenCreate{Role: "viewer"}).Token,
		f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"b"}}).Token,
		f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a", "b"}}).Token,
	}
	own := f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a"}}).Token
	for _, token := range hidden {
		_, err := f.TokenRead(t.Context(), onlyA, token.ID)
		refused(t, err, management.CodeNotFound)
		_, err = f.TokenRevoke(t.Context(), onlyA, management.TokenRevoke{ID: token.ID, Force: true})
		refused(t, err, management.CodeNotFound)
		_, err = f.TokenRotate(t.Context(), onlyA, management.TokenRotate{ID: token.ID})
		refused(t, err, management.CodeNotFound)
	}
	page, err := f.TokenList(t.Context(), onlyA, management.TokenList{Ended: true})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].ID != own.ID {
		t.Errorf("lists %+v", page.Items)
	}
	page, err = f.TokenList(t.Context(), management.Actor{}, management.TokenList{Ended: true})
	must(t, err)
	if len(page.Items) != 0 {
		t.Error("nobody sees tokens")
	}
}

func TestEndedTokensAreListedOnlyWhenAskedFor(t *testing.T) {
	f := newFixture(t)
	stays := f.admin(management.TokenCreate{Role: "viewer"}).Token
	f.admin(management.TokenCreate{Role: "viewer", ExpiresIn: "1h"})
	gone := f.admin(management.TokenCreate{Role: "viewer"}).Token
	_, err := f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: gone.ID})
	must(t, err)
	f.advance(time.Hour)
	for ended, want := range map[bool]int{false: 1, true: 3} {
		page, err := f.TokenList(t.Context(), global, management.TokenList{Ended: ended})
		must(t, err)
		listed := slices.ContainsFunc(page.Items, func(token store.Token) bool { return token.ID == stays.ID })
		if len(page.Items) != want || !listed {
			t.Errorf("ended %v: %d tokens", ended, len(page.Items))
		}
	}
}

func TestARevokedTokenIsRefusedAtOnceAndStaysRevoked(t *testing.T) {
	f := newFixture(t)
	made := f.admin(management.TokenCreate{Role: "operator"})
	revoked, err := f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: made.Token.ID})
	must(t, err)
	_, err = f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	refused(t, err, management.CodeUnauthorized)
	before := f.dump()
	f.advance(time.Hour)
	again, err := f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: made.Token.ID})
	must(t, err)
	if after := f.dump(); after != before || !again.RevokedAt.Equal(revoked.RevokedAt) {
		t.Error("a second revocation changed something")
	}
	_, err = f.TokenRotate(t.Context(), global, management.TokenRotate{ID: made.Token.ID})
	refused(t, err, management.CodeConflict)
}

func TestTheLastTokenOfAGlobalAdminStaysUnlessForced(t *testing.T) {
	f := newFixture(t)
	first := f.admin(management.TokenCreate{Role: "admin", ExpiresIn: "never"}).Token
	f.admin(management.TokenCreate{Role: "admin", Namespaces: []string{"a"}, ExpiresIn: "never"})
	f.admin(management.TokenCreate{Role: "operator", ExpiresIn: "never"})
	revoke := func(id string, force bool) error {
		_, err := f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: id, Force: force})
		return err
	}
	e := refused(t, revoke(first.ID, false), management.CodeConflict)
	if !strings.Contains(e.Message, "--replace") {
		t.Errorf("message %q has no way out", e.Message)
	}
	// Another that ends is none in the place of one that does not.
	ends := f.admin(management.TokenCreate{Role: "admin", ExpiresIn: "1h"}).Token
	refused(t, revoke(first.ID, false), management.CodeConflict)
	_, err := f.TokenRotate(t.Context(), global, management.TokenRotate{ID: first.ID, ExpiresIn: "1h"})
	refused(t, err, management.CodeConflict)
	must(t, revoke(ends.ID, false))
	second := f.admin(management.TokenCreate{Role: "admin", ExpiresIn: "never"}).Token
	must(t, revoke(first.ID, false))
	must(t, revoke(second.ID, true))
}

// TestTheWayBackInIsOpenWhenNoTokenIs: whatever ended the last one.
func TestTheWayBackInIsOpenWhenNoTokenIs(t *testing.T) {
	f := newFixture(t)
	last := f.admin(management.TokenCreate{Name: "other", Role: "admin", ExpiresIn: "1h"})
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true})
	refused(t, err, management.CodeConflict)
	f.advance(time.Hour)
	_, err = f.TokenAuthenticate(t.Context(), []byte(last.Text.Reveal()))
	refused(t, err, management.CodeUnauthorized)
	made, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Replace: true})
	must(t, err)
	_, err = f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	must(t, err)
}

func TestARotatedTokenWorksUntilTheGraceEnds(t *testing.T) {
	f := newFixture(t)
	old := f.admin(management.TokenCreate{Name: "ci", Role: "operator", Namespaces: []string{"a"}, ExpiresIn: "720h"})
	f.advance(24 * time.Hour)
	fresh, err := f.TokenRotate(t.Context(), global, management.TokenRotate{ID: old.Token.ID, Grace: "1h"})
	must(t, err)
	n := fresh.Token
	if n.Name != "ci" || n.Role != store.RoleOperator || !slices.Equal(n.Namespaces, []string{"a"}) || !n.ExpiresAt.Equal(start.Add((24+720)*time.Hour)) {
		t.Errorf("successor %+v", n)
	}
	if entry, d := f.last("a"); entry.Action != "token.rotate" || d.Before["expires_at"] == d.After["expires_at"] {
		t.Errorf("audit entry %+v with %v", entry, d)
	}
	for range 2 {
		actorOf(t, f, old)
		actorOf(t, f, fresh)
		f.advance(30*time.Minute - time.Second)
	}
	f.advance(2 * time.Second)
	_, err = f.TokenAuthenticate(t.Context(), []byte(old.Text.Reveal()))
	refused(t, err, management.CodeUnauthorized)
	actorOf(t, f, fresh)
}

func TestTheUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	f := newFixture(t)
	made := f.admin(management.TokenCreate{Role: "viewer"})
	used := func() time.Time {
		token, err := f.TokenRead(t.Context(), global, made.Token.ID)
		must(t, err)
		return token.LastUsedAt
	}
	if !used().IsZero() {
		t.Error("used before it was")
	}
	for _, step := range []struct{ after, want time.Duration }{{0, 0}, {59 * time.Second, 0}, {time.Second, time.Minute}} {
		f.advance(step.after)
		actorOf(t, f, made)
		if at := used(); !at.Equal(start.Add(step.want)) {
			t.Errorf("noted %s", at)
		}
	}
}

// untouchable is a backend that cannot write.
type untouchable struct{ store.Backend }

func (untouchable) Transact(context.Context, func(context.Context, store.Writer) error) error {
	return store.ErrLocked
}

func TestARequestDoesNotFailBecauseTheUseOfItsTokenCannotBeNoted(t *testing.T) {
	f := newFixture(t)
	made := f.admin(management.TokenCreate{Role: "viewer"})
	busy := f.over(store.New(untouchable{f.db}, f.keyset, f.clock))
	_, err := busy.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))
	must(t, err)
}

func TestANamespaceThatATokenIsLimitedToIsNotDeleted(t *testing.T) {
	f := newFixture(t)
	token := f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a", "b"}}).Token
	_, err := f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "b"})
	if e := refused(t, err, management.CodeInUse); !strings.Contains(e.Message, token.ID) {
		t.Errorf("message %q does not say by what", e.Message)
	}
	_, err = f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: token.ID})
	must(t, err)
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "b"})
	must(t, err)
}

func TestANamespaceHasOnlySoManyAdminTokens(t *testing.T) {
	f := newFixture(t)
	var last management.TokenCreated
	for range 200 {
		last = f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a"}})
	}
	_, err := f.TokenCreate(t.Context(), onlyA, management.TokenCreate{Name: "n", Role: "viewer", Namespaces: []string{"a"}})
	refused(t, err, management.CodeConflict)
	_, err = f.TokenRotate(t.Context(), onlyA, management.TokenRotate{ID: last.Token.ID, Grace: "1h"})
	refused(t, err, management.CodeConflict)
	f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"b"}})
	_, err = f.TokenRevoke(t.Context(), global, management.TokenRevoke{ID: last.Token.ID})
	must(t, err)
	f.admin(management.TokenCreate{Role: "viewer", Namespaces: []string{"a"}})
}
