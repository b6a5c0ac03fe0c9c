package management

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// giteaSystem are the access tokens of Gitea users: of those that a connection
// names, never of site administrators. A user can be renamed, so what counts is
// the id.
type giteaSystem struct{ *gitea.Client }

var _ outsideSystem = giteaSystem{}

func (giteaSystem) words() *outsideWords {
	return &outsideWords{
		of: store.SystemGitea, kind: store.ConnectionGitea,
		what: "gitea token", noun: "token", formal: "token", holder: "Gitea user", at: "on the server", lingers: "Gitea may still accept it",
		limits: "its user or its scopes", busy: "is being made", counted: "users",
		nameFact: "token_name", idFact: "gitea_token_id", idLog: "token_id", numbers: true,
		mintTime: 45 * time.Second, deleteTime: 45 * time.Second, doubt: 2 * time.Minute,
	}
}

func (giteaSystem) checkLogin(p *problems, c *store.Connection, login string) {
	p.giteaLogin(c, login)
}

func (giteaSystem) checkScopes(p *problems, c *store.Connection, scopes []string) []string {
	return p.giteaScopes(c, scopes)
}

func (giteaSystem) within(widest, scopes []string) bool { return gitea.Within(widest, scopes) }

// account asks the server for the user: a person, no site administrator, and
// still the one whose token is rotated.
func (g giteaSystem) account(ctx context.Context, w *way, what string, is *store.OutsideCredential) (login, userID string, err error) {
	if _, err := g.Version(ctx, w.target); err != nil {
		return "", "", err
	}
	user, err := g.Find(ctx, w.target, is.Login)
	p := &problems{}
	switch {
	case remote.KindOf(err) == remote.NotFound:
		p.add("login", quoted(is.Login)+" does not exist on the server", "check the name; the user may have been renamed or removed")
	case err != nil:
		return "", "", err
	case !user.Person:
		p.add("login", quoted(is.Login)+" is no person: an organisation or a bot", "name a user")
	case user.Admin:
		p.add("login", quoted(is.Login)+" is a site administrator", "name another user: nobody gets the token of a site administrator from here")
	}
	if err := p.err(what); err != nil {
		return "", "", err
	}
	userID = numberText(user.ID)
	if is.UserID != "" && userID != is.UserID {
		return "", "", refuse(CodeConflict, "%s: the login %s belongs to another user now; make a token for the right one", what, quoted(is.Login))
	}
	return user.Login, userID, nil
}

func (g giteaSystem) create(ctx context.Context, w *way, is *store.OutsideCredential) (outsideMade, error) {
	made, err := g.Create(ctx, w.target, is.Login, is.Name, is.Scopes)
	return outsideMade{remoteID: numberText(made.ID), userID: is.UserID, scopes: made.Scopes, ending: made.LastEight, secret: made.Secret}, err
}

// find looks under the login that the user has now. One who vanished has
// nothing.
func (g giteaSystem) find(ctx context.Context, w *way, is *store.OutsideCredential) (login, remoteID string, err error) {
	var all []gitea.Token
	if login, err = g.loginOf(ctx, w, is); err == nil {
		all, err = g.List(ctx, w.target, login)
	}
	if i := slices.IndexFunc(all, func(t gitea.Token) bool { return t.Name == is.Name }); i >= 0 {
		remoteID = numberText(all[i].ID)
	}
	return login, remoteID, absent(err)
}

// loginOf is the login that the user of a token has now.
func (g giteaSystem) loginOf(ctx context.Context, w *way, is *store.OutsideCredential) (string, error) {
	_, user, err := is.Numbers()
	if err != nil || user == 0 {
		return is.Login, err
	}
	return g.LoginOf(ctx, w.target, user)
}

func (g giteaSystem) discard(ctx context.Context, w *way, login, remoteID string) error {
	id, err := strconv.ParseInt(remoteID, 10, 64)
	if err != nil {
		return err
	}
	return absent(g.Delete(ctx, w.target, login, id))
}

// remove deletes a token under the login that its user has now. Another server,
// or a restored one, says as well that it has no such token; where its secret is
// here, that decides.
func (g giteaSystem) remove(ctx context.Context, w *way, is *store.OutsideCredential, open func() (credential.Text, error)) error {
	id, _, err := is.Numbers()
	login := is.Login
	if err == nil {
		login, err = g.loginOf(ctx, w, is)
	}
	if err == nil {
		err = g.Delete(ctx, w.target, login, id)
	}
	if remote.KindOf(err) != remote.NotFound || len(is.Secret) == 0 {
		return absent(err)
	}
	secret, err := open()
	if err != nil {
		return err
	}
	switch v := g.Verify(ctx, w.target, gitea.Claim{Secret: secret}); v.Outcome {
	case remote.Invalid:
		return nil
	case remote.Valid, remote.ValidLimited, remote.Blocked:
		return refuse(CodeConflict, "%s: the server says that it has no such token, and its secret works there all the same; it is kept: delete it on the server, under whatever id and user it has there", g.words().name(is.ID))
	case remote.Unknown:
	}
	return w.target.Fail(remote.Unavailable, 0, "says that it has no such token, and whether its secret still works could not be seen")
}

func (g giteaSystem) verify(ctx context.Context, w *way, is *store.OutsideCredential, secret credential.Text) outsideVerdict {
	id, user, _ := is.Numbers() // 0: whichever
	v := g.Verify(ctx, w.target, gitea.Claim{Secret: secret, TokenID: id, UserID: user})
	return outsideVerdict{v.Outcome, v.Why}
}

// giteaPlace is where a comparison goes on: first the logins are looked up that
// users have now, by the ids of the users, and then the tokens, by login.
type giteaPlace struct {
	renamed bool   // all users were looked up
	user    int64  // the last that was
	login   string // the last whose tokens were compared
}

// giteaPlaceOf reads what String wrote; "" is the beginning.
func giteaPlaceOf(text string) (p giteaPlace, ok bool) {
	if login, found := strings.CutPrefix(text, "login:"); found {
		return giteaPlace{renamed: true, login: login}, true
	}
	id, found := strings.CutPrefix(text, "user:")
	if !found {
		return p, text == ""
	}
	var err error
	p.user, err = strconv.ParseInt(id, 10, 64)
	return p, err == nil
}

func (p giteaPlace) String() string {
	if p.renamed {
		return "login:" + p.login
	}
	return "user:" + strconv.FormatInt(p.user, 10)
}

func (giteaSystem) isPlace(after string) bool {
	_, ok := giteaPlaceOf(after)
	return ok
}

// compare compares user by user, from a place on until the part is done.
func (g giteaSystem) compare(ctx context.Context, k keeper, a Actor, w *way, after string, part *part) (out outsideCompared, err error) {
	at, _ := giteaPlaceOf(after)
	if !at.renamed {
		if err := g.followRenames(ctx, k, a, w, &at, part); err != nil {
			return out, err
		}
		if !at.renamed {
			out.next = at.String()
			return out, nil
		}
	}
	logins, err := g.logins(ctx, k, &w.connection)
	if err != nil {
		return out, err
	}
	for _, login := range logins {
		if login <= at.login {
			continue
		}
		if !part.goesOn(k.now()) {
			out.next = at.String()
			return out, nil
		}
		found, there, err := k.compareAccount(ctx, a, w, func(began time.Time) (*outsideListing, error) { return g.listing(ctx, w, login, began) })
		if err != nil {
			return out, err
		}
		out.found = append(out.found, found...)
		if there != nil {
			out.counted++
		}
		at.login = login
	}
	return out, nil
}

// logins are the users that are looked at: those that the connection names in
// full, and those whose tokens are known.
func (giteaSystem) logins(ctx context.Context, k keeper, c *store.Connection) ([]string, error) {
	known := map[string]string{}
	for _, l := range c.Logins {
		if !strings.HasSuffix(l, "*") {
			known[strings.ToLower(l)] = l
		}
	}
	err := k.pages(ctx, k.store, store.OutsideFilter{ConnectionID: c.ID}, func(is *store.OutsideCredential) error {
		known[strings.ToLower(is.Login)] = is.Login // as the server writes it
		return nil
	})
	return slices.Sorted(maps.Values(known)), err
}

// listing is what the server has of one user. Site administrators and what is
// no person are left alone.
func (g giteaSystem) listing(ctx context.Context, w *way, login string, began time.Time) (*outsideListing, error) {
	there := &outsideListing{login: login, only: login, began: began}
	user, err := g.Find(ctx, w.target, login)
	switch {
	case remote.KindOf(err) == remote.NotFound:
		return there, nil
	case err != nil || user.Admin || !user.Person:
		return nil, err
	}
	there.login, there.only = user.Login, user.Login
	tokens, err := g.List(ctx, w.target, user.Login)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		t := &tokens[i]
		there.there = append(there.there, outsideThere{
			id: numberText(t.ID), name: t.Name, userID: numberText(user.ID), scopes: t.Scopes, ending: t.LastEight, lastUsedAt: t.LastUsedAt,
		})
	}
	return there, nil
}

// followRenames notes the logins that users have now, from a place on, which it
// moves, until the part is done. A user who was renamed keeps the tokens: under
// the old login they would be missing, and strangers under the new one.
func (g giteaSystem) followRenames(ctx context.Context, k keeper, a Actor, w *way, place *giteaPlace, part *part) error {
	known := map[int64][]store.OutsideCredential{} // by user
	err := k.pages(ctx, k.store, store.OutsideFilter{ConnectionID: w.connection.ID}, func(is *store.OutsideCredential) error {
		if _, id, err := is.Numbers(); err == nil && id != 0 {
			known[id] = append(known[id], *is)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if id <= place.user {
			continue
		}
		if !part.goesOn(k.now()) {
			return nil
		}
		place.user = id
		login, err := g.LoginOf(ctx, w.target, id)
		if remote.KindOf(err) == remote.NotFound {
			continue // the comparison finds that they are missing
		}
		if err != nil {
			return err
		}
		for i := range known[id] {
			if err := k.rename(ctx, a, &known[id][i], login); err != nil {
				return err
			}
		}
	}
	place.renamed = true
	return nil
}

// rename notes the login that the account of a credential has now.
func (k keeper) rename(ctx context.Context, a Actor, was *store.OutsideCredential, login string) error {
	if was.Login == login {
		return nil
	}
	_, _, err := transact(ctx, k.Service, a, k.name(was.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		is := *was
		is.Login, is.UpdatedAt = login, t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return struct{}{}, err
		}
		k.record(t, "rename", &is, k.changed(was, &is))
		return struct{}{}, nil
	})
	if gone(err) { // it has changed meanwhile; the next comparison looks again
		return nil
	}
	return err
}

func (giteaSystem) changeEvent(is *store.OutsideCredential, actor, reason string) any {
	return event.GiteaTokenChange{Token: eventGiteaToken(is), Actor: actor, Reason: reason}
}

func (giteaSystem) rotationEvent(before, successor *store.OutsideCredential, endsAt time.Time, actor string) any {
	return event.GiteaTokenRotation{
		Token: eventGiteaToken(before), Successor: eventGiteaToken(successor), EndsAt: endsAt,
		Waits: successor.CollectedAt.IsZero(), Actor: actor,
	}
}

func eventGiteaToken(t *store.OutsideCredential) event.GiteaToken {
	id, _, _ := t.Numbers() // 0 for none
	return event.GiteaToken{
		TokenID: t.ID, Namespace: t.Namespace, GiteaTokenID: id, Name: t.Name, Login: t.Login, Scopes: t.Scopes,
		LastEight: t.Ending, Owner: t.Owner, State: string(t.State), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}

// numberText is an id of Gitea; "" for none.
func numberText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
