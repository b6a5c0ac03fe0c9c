package management

import (
	"cmp"
	"context"
	"errors"
	"time"

	"credence/management/event"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// Credentials in other systems live as follows; the files outside_*.go say it
// once for all systems, and what differs is an [outsideSystem].
//
//	intent     what is to be made is written down, with a job that looks what
//	           became of it (outside_create.go, outside_rotate.go)
//	made       the system is asked, once (outside_mint.go)
//	known      the secret is sealed, and handed out once (outside_collect.go)
//	doubt      an answer is lost: the job finds what is left by its name, which
//	           nobody guesses, and removes it (outside_tend.go)
//	kept       it is tried out (outside_verify.go) and compared with what the
//	           system has (outside_compare.go); what others made is a stranger,
//	           to adopt (outside_adopt.go) or to delete
//	ended      it is deleted at its end, or after the overlap with its successor
//	           (outside_delete.go)

// outsideSystem is what differs between the systems. One that is new is a
// package of its own that calls it, an implementation of this, and a row in
// outsideSystems.
type outsideSystem interface {
	// words are how it is spoken of, and its bounds.
	words() *outsideWords

	// checkLogin and checkScopes hold what is asked for against the limits of the
	// connection. Scopes come back in the form in which they are compared.
	checkLogin(p *problems, c *store.Connection, login string)
	checkScopes(p *problems, c *store.Connection, scopes []string) []string
	// within reports whether the widest hold all of the scopes.
	within(widest, scopes []string) bool

	// account is whose credential is to be made, as the system has it now: an
	// *Error when it may not be, else what the call became.
	account(ctx context.Context, w *way, what string, is *store.OutsideCredential) (login, userID string, err error)
	// create makes it, once. A *remote.Error says whether it may be there all the
	// same.
	create(ctx context.Context, w *way, is *store.OutsideCredential) (outsideMade, error)
	// find answers the login that the account has now, and the id of what has the
	// name there; "" for nothing.
	find(ctx context.Context, w *way, is *store.OutsideCredential) (login, remoteID string, err error)
	// discard deletes what nobody holds the secret of. What is gone is deleted.
	discard(ctx context.Context, w *way, login, remoteID string) error
	// remove deletes a credential. That it is gone is believed only while its
	// secret, where there is one, does not work.
	remove(ctx context.Context, w *way, is *store.OutsideCredential, secret func() (credential.Text, error)) error
	// verify tries a secret out.
	verify(ctx context.Context, w *way, is *store.OutsideCredential, secret credential.Text) outsideVerdict
	// compare compares account by account with keeper.compareAccount, from a place
	// on until the part is done; "" is the beginning.
	compare(ctx context.Context, k keeper, a Actor, w *way, after string, part *part) (outsideCompared, error)
	isPlace(after string) bool

	// changeEvent and rotationEvent are the data of events.
	changeEvent(is *store.OutsideCredential, actor, reason string) any
	rotationEvent(before, successor *store.OutsideCredential, endsAt time.Time, actor string) any
}

// inPlace is a system that can give a credential another secret.
type inPlace interface {
	// canTurn answers an *Error when this one of its kind cannot, or what the call
	// became.
	canTurn(ctx context.Context, w *way, what string) error
	turn(ctx context.Context, w *way, is *store.OutsideCredential) (outsideMade, error)
}

// outsideWords are how a system is spoken of, and its bounds.
type outsideWords struct {
	of   store.System
	kind store.ConnectionKind

	what     string // in errors: gitea token
	noun     string // token
	formal   string // access token; in findings
	holder   string // Gitea user
	at       string // on the server
	lingers  string // what the system may do with one that is overdue
	limits   string // what is held against the connection
	busy     string // why it cannot be deleted now
	counted  string // of what a comparison counts; in the audit log
	nameFact string // of the name, in the audit log
	idFact   string // of the id there, likewise
	idLog    string // of the id here, in the log
	numbers  bool   // ids there are numbers

	grain      time.Duration // the system counts the end in it; 0: as it is
	mintTime   time.Duration // bounds asking the system and writing down what it answered
	deleteTime time.Duration // bounds deleting and writing down that it was done
	doubt      time.Duration // after an intent: longer than making one may take
}

// outsideSystems are the systems whose credentials are kept, whether or not
// there is a client for them.
func (o *Options) outsideSystems() map[store.System]outsideSystem {
	//nolint:exhaustive // our own are no others
	return map[store.System]outsideSystem{store.SystemGitea: giteaSystem{o.Gitea}, store.SystemN8N: n8nSystem{o.N8N}}
}

// outsideMade is a new credential, or one with a new secret, as the system
// answers it.
type outsideMade struct {
	remoteID string
	userID   string
	scopes   []string
	ending   string
	secret   credential.Text
}

// outsideVerdict is what came of trying a secret out.
type outsideVerdict struct {
	outcome remote.Outcome
	why     string // in the words of the system
}

// name is what errors call a credential.
func (o *outsideWords) name(id string) string { return o.what + " " + quoted(id) }

// action is a verb as the audit log writes it.
func (o *outsideWords) action(verb string) string { return o.of.OutsideKind() + "." + verb }

// event is what webhooks are told of it.
func (o *outsideWords) event(happened string) event.Type { return event.Type(o.action(happened)) }

// actor does what is due.
func (o *outsideWords) actor() Actor {
	return Actor{ID: "job:" + o.of.OutsideKind(), Role: store.RoleAdmin}
}

// object is what audit entries and findings are about.
func (o *outsideWords) object(is *store.OutsideCredential) string {
	return o.of.OutsideKind() + ":" + is.ID
}

// keeper is the service as it keeps the credentials of one system.
type keeper struct {
	*Service
	outsideSystem

	*outsideWords
}

// keep answers what keeps the credentials of a system.
func (s *Service) keep(system store.System) keeper {
	is := s.outside[system]
	return keeper{s, is, is.words()}
}

// way is a connection as its system is called over it.
type way struct {
	connection store.Connection
	target     *remote.Target
}

// open opens a connection that is used.
func (k keeper) open(c store.Connection) (*way, error) {
	if _, err := k.system(c.Kind); err != nil {
		return nil, err
	}
	if err := usable(&c); err != nil {
		return nil, err
	}
	t, err := k.target(&c)
	if err != nil {
		return nil, err
	}
	return &way{c, t}, nil
}

// openOf opens the connection of a credential.
func (k keeper) openOf(ctx context.Context, is *store.OutsideCredential) (*way, error) {
	c, err := k.store.Connection(ctx, is.ConnectionID)
	if err != nil {
		return nil, failed(k.name(is.ID), err)
	}
	return k.open(c)
}

// callFailed is what a call over a connection became.
func (k keeper) callFailed(ctx context.Context, what string, a Actor, w *way, err error) error {
	return remoteFailed(what, a, k.calledBack(ctx, &w.connection, err))
}

// read reads a credential that the actor may see.
func (k keeper) read(ctx context.Context, r store.OutsideReader, a Actor, id string) (store.OutsideCredential, error) {
	is, err := r.OutsideCredential(ctx, k.of, id)
	if err != nil {
		return store.OutsideCredential{}, failed(k.name(id), err)
	}
	if !a.May(is.Namespace) {
		return store.OutsideCredential{}, notFound(k.name(id))
	}
	return is, nil
}

// secretOf opens the secret of a credential.
func (k keeper) secretOf(is *store.OutsideCredential) (credential.Text, error) {
	if len(is.Secret) == 0 {
		return credential.Text{}, refuse(CodeConflict, "%s: its secret is not known here: it was made elsewhere", k.name(is.ID))
	}
	plain, err := k.store.Open(is.Secret, store.OutsideAssociatedData(is))
	if err != nil {
		return credential.Text{}, &Error{Code: CodeInternal, Message: k.name(is.ID) + ": its secret cannot be opened with the keyset of this server; rotate it", cause: err}
	}
	return credential.NewText(string(plain)), nil
}

// record notes what was done to a credential.
func (k keeper) record(t *transaction, verb string, is *store.OutsideCredential, d details) {
	t.record(is.Namespace, k.action(verb), k.object(is), "", d)
}

// tell emits what happened to a credential.
func (k keeper) tell(t *transaction, happened string, is *store.OutsideCredential, reason string) {
	t.emit(k.event(happened), is.Namespace, k.changeEvent(is, t.actor.ID, reason))
}

// update writes a changed credential and has what is due next for it done in
// time.
func (k keeper) update(ctx context.Context, t *transaction, is store.OutsideCredential) (store.OutsideCredential, error) {
	is.UpdatedAt = t.Now()
	if err := t.UpdateOutsideCredential(ctx, is); err != nil {
		return is, err
	}
	is.Version++
	at := outsideDue(&is)
	if at.IsZero() {
		return is, nil
	}
	return is, t.Enqueue(ctx, store.OutsideJob(&is, at))
}

// outsideDue is when something is to be done about a credential that is there;
// zero for never. What is rotated is the secret, so its age counts.
func outsideDue(is *store.OutsideCredential) time.Time {
	var at time.Time
	switch {
	case !is.Lives() || is.State == store.OutsideStranger:
		return at
	case is.State == store.OutsideActive && is.RotateEvery > 0 && is.Successor == "":
		at = cmp.Or(is.SecretAt, is.CreatedAt).Add(is.RotateEvery)
	}
	if at.IsZero() || !is.ExpiresAt.IsZero() && is.ExpiresAt.Before(at) {
		at = is.ExpiresAt
	}
	return at
}

// facts never hold the secret.
func (o *outsideWords) facts(is *store.OutsideCredential) facts {
	f := facts{}
	f.text(o.nameFact, is.Name)
	f.text("login", is.Login)
	if id, _, err := is.Numbers(); o.numbers && err == nil && id != 0 {
		f[o.idFact] = id
	} else {
		f.text(o.idFact, is.RemoteID)
	}
	f.texts("scopes", is.Scopes)
	f.text("owner", is.Owner)
	f.text("description", is.Description)
	f.text("state", string(is.State))
	f.instant("expires_at", is.ExpiresAt)
	if is.RotateEvery > 0 {
		f["rotate_every"] = is.RotateEvery.String()
	}
	f.text("predecessor", is.Predecessor)
	f.text("successor", is.Successor)
	return f
}

// changed is what of it differs.
func (o *outsideWords) changed(before, after *store.OutsideCredential) details {
	return changedFacts(o.facts(before), o.facts(after))
}

// keepPolicy holds a credential to the policy of keys of type integration.
func (k keeper) keepPolicy(ctx context.Context, t *transaction, p *problems, is *store.OutsideCredential) error {
	as := store.Key{
		Namespace: is.Namespace, KeyType: store.KeyTypeIntegration, CreatedAt: is.CreatedAt, ExpiresAt: is.ExpiresAt,
		Scopes: is.Scopes, StatusReason: is.Description,
	}
	if err := t.keepPolicyElsewhere(ctx, p, &as); err != nil {
		return err
	}
	is.ExpiresAt = as.ExpiresAt.Truncate(k.grain)
	policy, err := t.policy(ctx, is.Namespace, store.KeyTypeIntegration)
	if err == nil && is.RotateEvery == 0 {
		is.RotateEvery = policy.RotateEvery
	}
	return err
}

// clipLife is an end that the policy of integration keys allows, for who is
// asked by nobody and so cannot be told that it is too late.
func (t *transaction) clipLife(ctx context.Context, namespace string, end time.Time) (time.Time, error) {
	policy, err := t.policy(ctx, namespace, store.KeyTypeIntegration)
	if last := t.Now().Add(policy.LongestLife); err == nil && policy.LongestLife > 0 && (end.IsZero() || end.After(last)) {
		end = last
	}
	return end, err
}

// pages calls do with what is known over a connection, page by page.
func (k keeper) pages(ctx context.Context, r store.OutsideReader, filter store.OutsideFilter, do func(*store.OutsideCredential) error) error {
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		known, next, err := r.OutsideCredentials(ctx, k.of, filter, page)
		if err != nil {
			return err
		}
		for i := range known {
			if err := do(&known[i]); err != nil {
				return err
			}
		}
		page.After = next
	}
	return nil
}

// connections are those of the system that are used; none without a client. One
// that fails does not keep the others from their turn.
func (k keeper) connections(ctx context.Context, do func(store.Connection) error) error {
	all, _, err := k.store.Connections(ctx, k.kind, nil, store.Page{Limit: store.MaxPage}) // there are at most maxConnections
	if err != nil || k.systems[k.kind] == nil {
		return err
	}
	var errs []error
	for i := range all {
		if !all[i].Usable() {
			continue
		}
		if err := do(all[i]); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// lastingFor is for what goes on when the caller leaves, for as long as its
// answer could reach a caller who has not: who asks has a deadline, which the
// calls before this one count against, too.
func lastingFor(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	end, bounded := ctx.Deadline()
	if !bounded {
		return lasting, cancel
	}
	lasting, stop := context.WithDeadline(lasting, end)
	return lasting, func() { stop(); cancel() }
}

// gone reports that somebody else was faster: what was to be changed is not
// there any more.
func gone(err error) bool { return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) }
