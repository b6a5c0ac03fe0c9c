package management

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
)

// maxStrangers bounds what one comparison writes down of one user.
const maxStrangers = 200

// GiteaTokenCompare is the input of [Service.GiteaTokenCompare].
type GiteaTokenCompare struct {
	Connection string
	After      string // Next of the part before; "" begins
}

// GiteaCompared is what a comparison found that was not known before.
type GiteaCompared struct {
	Users  int // that were looked at
	Tokens []store.OutsideCredential
	Next   string // where to go on; "" when all users were looked at
}

// A request looks at so many users, or for so long: each takes several calls of
// a server that is called a few times in a second, and may be slow.
const (
	comparedTogether = 20
	comparedFor      = 20 * time.Second
)

// part bounds what is done of something long. Nil does all of it.
type part struct {
	left  int
	until time.Time
}

// goesOn reports whether one more may be done, and counts it.
func (p *part) goesOn(now time.Time) bool {
	if p == nil {
		return true
	}
	p.left--
	return p.left >= 0 && now.Before(p.until)
}

// GiteaTokenCompare compares what is known of the tokens of a connection with
// what the server has, for some users at a time, and says where to go on.
func (s *Service) GiteaTokenCompare(ctx context.Context, a Actor, in GiteaTokenCompare) (GiteaCompared, error) {
	what := connectionName(store.ConnectionGitea, in.Connection)
	c, err := readConnection(ctx, s.store, a, store.ConnectionGitea, in.Connection)
	if err != nil {
		return GiteaCompared{}, err
	}
	p := &problems{}
	from, ok := giteaPlaceOf(in.After)
	if !ok {
		p.add("after", "is no place in a comparison", "give next of the part before, or leave it out to begin")
	}
	if err := p.err(what); err != nil {
		return GiteaCompared{}, err
	}
	f, err := s.giteaForge(c)
	if err != nil {
		return GiteaCompared{}, err
	}
	out, err := s.compareGitea(ctx, a, f, from, &part{left: comparedTogether, until: s.now().Add(comparedFor)})
	if err != nil {
		return out, s.giteaFailed(ctx, what, a, f, err)
	}
	_, _, err = transact(ctx, s, a, what, func(_ context.Context, t *transaction) (struct{}, error) {
		t.recordConnection("gitea_token.compare", &c, details{After: facts{"users": out.Users, "found": len(out.Tokens)}})
		return struct{}{}, nil
	})
	return out, err
}

// GiteaCompareAll compares all connections that are used; a pass calls it. One
// that fails does not keep the others from being looked at.
func (s *Service) GiteaCompareAll(ctx context.Context) (found int, err error) {
	page := store.Page{Limit: store.MaxPage} // there are at most maxConnections
	all, _, err := s.store.Connections(ctx, store.ConnectionGitea, nil, page)
	if err != nil || s.gitea == nil {
		return 0, err
	}
	var errs []error
	for i := range all {
		if !all[i].Usable() {
			continue
		}
		f, err := s.giteaForge(all[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out, err := s.compareGitea(ctx, giteaActor(), f, giteaPlace{}, nil)
		found += len(out.Tokens)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", connectionName(all[i].Kind, all[i].Name), s.calledBack(ctx, &f.connection, err)))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(errs...)
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

// compareGitea compares user by user, from a place on until the part is done.
func (s *Service) compareGitea(ctx context.Context, a Actor, f *forge, at giteaPlace, part *part) (out GiteaCompared, err error) {
	if !at.renamed {
		if err := s.followGiteaRenames(ctx, a, f, &at, part); err != nil {
			return out, err
		}
		if !at.renamed {
			out.Next = at.String()
			return out, nil
		}
	}
	logins, err := s.giteaLogins(ctx, &f.connection)
	if err != nil {
		return out, err
	}
	for _, login := range logins {
		if login <= at.login {
			continue
		}
		if !part.goesOn(s.now()) {
			out.Next = at.String()
			return out, nil
		}
		found, looked, err := s.compareGiteaUser(ctx, a, f, login)
		if err != nil {
			return out, err
		}
		out.Tokens = append(out.Tokens, found...)
		if looked {
			out.Users++
		}
		at.login = login
	}
	return out, nil
}

// giteaLogins are the users that are looked at: those that the connection names
// in full, and those whose tokens are known.
func (s *Service) giteaLogins(ctx context.Context, c *store.Connection) ([]string, error) {
	known := map[string]string{}
	for _, l := range c.Logins {
		if !strings.HasSuffix(l, "*") {
			known[strings.ToLower(l)] = l
		}
	}
	page := store.Page{Limit: store.MaxPage}
	for {
		tokens, next, err := s.store.OutsideCredentials(ctx, store.SystemGitea, store.OutsideFilter{ConnectionID: c.ID}, page)
		if err != nil {
			return nil, err
		}
		for i := range tokens {
			known[strings.ToLower(tokens[i].Login)] = tokens[i].Login // as the server writes it
		}
		if page.After = next; next == "" {
			break
		}
	}
	var logins []string
	for _, l := range known {
		logins = append(logins, l)
	}
	slices.Sort(logins)
	return logins, nil
}

// compareGiteaUser compares the tokens of one user. One who vanished has none
// any more; site administrators and what is no person are left alone. What
// nobody made here is looked for again in a listing that begins after it was
// not known here: the first may be older than its end at our own hands.
func (s *Service) compareGiteaUser(ctx context.Context, a Actor, f *forge, login string) (found []store.OutsideCredential, looked bool, err error) {
	var unknown []string
	for range 2 {
		there, looked, err := s.listGiteaUser(ctx, f, login)
		if err != nil || !looked {
			return found, looked, err
		}
		fresh, strange, err := s.driftOfGitea(ctx, a, f, &there, unknown)
		if found = append(found, fresh...); err != nil || len(strange) == 0 {
			return found, true, err
		}
		unknown = strange
	}
	return found, true, nil
}

// giteaListing is what a server has of one user; nothing of one who vanished.
type giteaListing struct {
	login  string // as the server writes it
	userID int64
	tokens []gitea.Token
	began  time.Time
}

func (s *Service) listGiteaUser(ctx context.Context, f *forge, login string) (there giteaListing, looked bool, err error) {
	there = giteaListing{login: login, began: s.now()}
	switch user, err := f.Find(ctx, f.target, login); {
	case remote.KindOf(err) == remote.NotFound:
		return there, true, nil
	case err != nil:
		return there, false, err
	case user.Admin || !user.Person:
		return there, false, nil
	default:
		there.login, there.userID = user.Login, user.ID
	}
	there.tokens, err = f.List(ctx, f.target, there.login)
	return there, err == nil, err
}

// driftOfGitea compares one listing in one transaction. Of what is not known
// here those become strangers that were unknown before; the others it answers.
func (s *Service) driftOfGitea(ctx context.Context, a Actor, f *forge, listing *giteaListing, unknown []string) (found []store.OutsideCredential, strange []string, err error) {
	_, _, err = transact(ctx, s, a, connectionName(f.connection.Kind, f.connection.Name), func(ctx context.Context, t *transaction) (struct{}, error) {
		d := &drift{
			service: s, transaction: t, connection: &f.connection, login: listing.login, userID: listing.userID, began: listing.began,
			there: map[string]*gitea.Token{},
		}
		for i := range listing.tokens {
			d.there[numberText(listing.tokens[i].ID)] = &listing.tokens[i]
		}
		if err := d.compare(ctx); err != nil {
			return struct{}{}, err
		}
		strange = d.strange()
		err := d.strangers(ctx, slices.DeleteFunc(slices.Clone(strange), func(id string) bool { return !slices.Contains(unknown, id) }))
		found = d.found
		return struct{}{}, err
	})
	return found, strange, err
}

// drift is one comparison in its transaction.
type drift struct {
	*transaction

	service    *Service
	connection *store.Connection
	login      string
	userID     int64
	began      time.Time
	there      map[string]*gitea.Token // by id; what is known is taken out
	making     []string                // names whose fate is found out elsewhere
	found      []store.OutsideCredential
}

func (d *drift) compare(ctx context.Context) error {
	filter, page := store.OutsideFilter{ConnectionID: d.connection.ID, Login: d.login}, store.Page{Limit: store.MaxPage}
	for {
		known, next, err := d.OutsideCredentials(ctx, store.SystemGitea, filter, page)
		if err != nil {
			return err
		}
		for i := range known {
			if err := d.known(ctx, known[i]); err != nil {
				return err
			}
		}
		if page.After = next; next == "" {
			return d.elsewhere(ctx)
		}
	}
}

// known compares one token that is known.
func (d *drift) known(ctx context.Context, is store.OutsideCredential) error {
	there := d.there[is.RemoteID]
	delete(d.there, is.RemoteID)
	if there != nil {
		is.Seen.ListedAt, is.Seen.ServerScopes, is.Seen.LastUsedAt = d.Now(), there.Scopes, there.LastUsedAt
		if err := d.SetOutsideListed(ctx, store.SystemGitea, is.ID, is.Seen); err != nil {
			return err
		}
	}
	switch is.State {
	case store.OutsideMaking:
		d.making = append(d.making, is.Name)
	case store.OutsideDeleting:
	case store.OutsideStranger:
		if there == nil {
			d.recordGiteaToken("gitea_token.vanish", &is, details{Before: giteaTokenFacts(&is)})
			return d.DeleteOutsideCredential(ctx, store.SystemGitea, is.ID, is.Version)
		}
	case store.OutsideMissing:
		if there != nil { // as after a restored backup
			return d.become(ctx, is, store.OutsideActive, "gitea_token.find", "")
		}
	case store.OutsideActive, store.OutsideWidened:
		switch {
		case there == nil && is.StateAt.Before(d.began): // else it was made meanwhile
			return d.become(ctx, is, store.OutsideMissing, "gitea_token.miss", event.GiteaTokenMissing)
		case there != nil && is.State == store.OutsideActive && !gitea.Within(is.Scopes, there.Scopes):
			if err := d.become(ctx, is, store.OutsideWidened, "gitea_token.widen", event.GiteaTokenWidened); err != nil {
				return err
			}
			return d.service.seeCredential(ctx, d.transaction, "credential_widened", store.SeverityHigh, is.Namespace, "gitea_token:"+is.ID,
				fmt.Sprintf("The token %s of the Gitea user %s has the scopes %s on the server, and was given %s.",
					is.Name, is.Login, strings.Join(there.Scopes, ", "), strings.Join(is.Scopes, ", ")))
		}
	}
	return nil
}

// become changes the state of a token, and tells of it where kind says how.
func (d *drift) become(ctx context.Context, is store.OutsideCredential, state store.OutsideState, action string, kind event.Type) error {
	before := is
	is.State, is.StateAt = state, d.Now()
	is, err := d.updateGiteaToken(ctx, is)
	if err != nil {
		return err
	}
	d.recordGiteaToken(action, &is, changedFacts(giteaTokenFacts(&before), giteaTokenFacts(&is)))
	if kind != "" {
		d.tellGiteaToken(kind, &is, "")
	}
	d.found = append(d.found, is)
	return nil
}

// elsewhere takes out what is known over other connections to the server.
func (d *drift) elsewhere(ctx context.Context) error {
	if len(d.there) == 0 {
		return nil
	}
	others, err := d.siblings(ctx, d.connection)
	if err != nil {
		return err
	}
	for i := range others {
		filter, page := store.OutsideFilter{ConnectionID: others[i].ID}, store.Page{Limit: store.MaxPage}
		for more := true; more; more = page.After != "" {
			known, next, err := d.OutsideCredentials(ctx, store.SystemGitea, filter, page)
			if err != nil {
				return err
			}
			for j := range known {
				switch known[j].State {
				case store.OutsideStranger: // of both
				case store.OutsideMaking:
					d.making = append(d.making, known[j].Name)
				case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideDeleting:
					delete(d.there, known[j].RemoteID)
				}
			}
			page.After = next
		}
	}
	return nil
}

// strange are the ids of what is not known here, in their order, bounded.
func (d *drift) strange() (ids []string) {
	for id, there := range d.there {
		if !slices.Contains(d.making, there.Name) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	return ids[:min(len(ids), maxStrangers)]
}

// strangers writes down what the server has and nobody made here.
func (d *drift) strangers(ctx context.Context, ids []string) error {
	for _, id := range ids {
		there := d.there[id]
		own, err := store.NewID(store.SystemGitea.IDPrefix(), d.Now(), d.service.random)
		if err != nil {
			return err
		}
		is := store.OutsideCredential{
			System: store.SystemGitea, ID: own, ConnectionID: d.connection.ID, Namespace: d.connection.Namespace, RemoteID: id, Name: orDefault(there.Name, "(none)"),
			Login: d.login, UserID: numberText(d.userID), Scopes: there.Scopes, Ending: there.LastEight, State: store.OutsideStranger, StateAt: d.Now(),
			Seen:      store.OutsideSeen{ListedAt: d.Now(), ServerScopes: there.Scopes, LastUsedAt: there.LastUsedAt},
			CreatedBy: "unknown", CreatedAt: d.Now(), UpdatedAt: d.Now(), Version: 1,
		}
		if err := d.InsertOutsideCredential(ctx, is); err != nil {
			return err
		}
		d.recordGiteaToken("gitea_token.see", &is, details{After: giteaTokenFacts(&is)})
		d.tellGiteaToken(event.GiteaTokenStranger, &is, "")
		d.found = append(d.found, is)
		if err := d.service.seeCredential(ctx, d.transaction, "credential_stranger", store.SeverityMedium, is.Namespace, "gitea_token:"+is.ID,
			fmt.Sprintf("The Gitea user %s has the token %s, which was not made here.", is.Login, is.Name)); err != nil {
			return err
		}
	}
	return nil
}
