package management

import (
	"context"
	"errors"
	"slices"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// n8nSystem are the API keys of n8n accounts: of the one that a connection logs
// in with.
type n8nSystem struct{ *n8n.Client }

var (
	_ outsideSystem = n8nSystem{}
	_ inPlace       = n8nSystem{}
)

func (n8nSystem) words() *outsideWords {
	return &outsideWords{
		of: store.SystemN8N, kind: store.ConnectionN8N,
		what: "n8n key", noun: "key", formal: "API key", holder: "n8n account", at: "at n8n", lingers: "n8n may still have it",
		limits: "its scopes", busy: "is being made or rotated", counted: "keys",
		nameFact: "label", idFact: "n8n_key_id", idLog: "n8n_key",
		grain: time.Second, mintTime: 50 * time.Second, deleteTime: 50 * time.Second, doubt: 3 * time.Minute, // with a login where one is needed
	}
}

func (n8nSystem) checkLogin(*problems, *store.Connection, string) {}

func (n8nSystem) checkScopes(p *problems, c *store.Connection, scopes []string) []string {
	return p.n8nScopes(c, scopes)
}

// within: scopes of n8n hold nothing but themselves.
func (n8nSystem) within(widest, scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(widest, s) })
}

func (n8nSystem) account(_ context.Context, w *way, _ string, is *store.OutsideCredential) (login, userID string, err error) {
	return w.connection.Account, is.UserID, nil
}

// create makes a key. That its label is taken may be said of a clock that did
// not move, so it does not say that nothing was made.
func (n n8nSystem) create(ctx context.Context, w *way, is *store.OutsideCredential) (outsideMade, error) {
	made, err := n.Create(ctx, w.target, n8n.Spec{Label: is.Name, Scopes: is.Scopes, ExpiresAt: is.ExpiresAt})
	if e, ok := errors.AsType[*remote.Error](err); ok && e.Kind == remote.NameConflict {
		e.Uncertain = true
	}
	return n8nMade(&made), err
}

func n8nMade(m *n8n.Made) outsideMade {
	return outsideMade{remoteID: m.Key.ID, userID: m.Key.UserID, scopes: m.Key.Scopes, ending: m.Key.Last4, secret: m.Secret}
}

func (n n8nSystem) find(ctx context.Context, w *way, is *store.OutsideCredential) (login, remoteID string, err error) {
	key, _, err := n.Find(ctx, w.target, is.Name)
	return is.Login, key.ID, err
}

func (n n8nSystem) discard(ctx context.Context, w *way, _, remoteID string) error {
	return n.Delete(ctx, w.target, remoteID)
}

// remove deletes a key. Versions before 2.27 say of a key that is not there,
// too, that it is deleted, and so does the account of somebody else: where the
// secret is here, that decides.
func (n n8nSystem) remove(ctx context.Context, w *way, is *store.OutsideCredential, open func() (credential.Text, error)) error {
	if err := n.Delete(ctx, w.target, is.RemoteID); err != nil || len(is.Secret) == 0 {
		return err
	}
	secret, err := open()
	if err != nil {
		return err
	}
	switch v := n.Verify(ctx, w.target, secret); v.Outcome {
	case remote.Valid, remote.ValidLimited:
		return refuse(CodeConflict, "%s: n8n says that it deleted it, and its secret works there all the same; it is kept: delete it in n8n, in the account that it belongs to", n.words().name(is.ID))
	case remote.Invalid, remote.Blocked, remote.Unknown:
	}
	return nil
}

func (n n8nSystem) verify(ctx context.Context, w *way, _ *store.OutsideCredential, secret credential.Text) outsideVerdict {
	v := n.Verify(ctx, w.target, secret)
	return outsideVerdict{v.Outcome, v.Text}
}

func (n8nSystem) isPlace(after string) bool { return after == "" }

// compare compares the keys of the account, all at once.
func (n n8nSystem) compare(ctx context.Context, k keeper, a Actor, w *way, _ string, _ *part) (out outsideCompared, err error) {
	found, there, err := k.compareAccount(ctx, a, w, func(began time.Time) (*outsideListing, error) { return n.listing(ctx, w, began) })
	if out.found = found; there != nil {
		out.counted = len(there.there)
	}
	return out, err
}

func (n n8nSystem) listing(ctx context.Context, w *way, began time.Time) (*outsideListing, error) {
	keys, err := n.List(ctx, w.target)
	if err != nil {
		return nil, err
	}
	there := &outsideListing{login: w.connection.Account, began: began}
	for i := range keys {
		k := &keys[i]
		there.there = append(there.there, outsideThere{
			id: k.ID, name: k.Label, userID: k.UserID, scopes: k.Scopes, ending: k.Last4, expiresAt: k.ExpiresAt, lastUsedAt: k.LastUsedAt,
		})
	}
	return there, nil
}

func (n n8nSystem) canTurn(ctx context.Context, w *way, what string) error {
	can, err := n.CanRotate(ctx, w.target)
	if err == nil && !can {
		err = refuse(CodeConflict, "%s: this n8n cannot give a key another secret before 2.28; rotate it with an overlap", what)
	}
	return err
}

func (n n8nSystem) turn(ctx context.Context, w *way, is *store.OutsideCredential) (outsideMade, error) {
	made, err := n.Rotate(ctx, w.target, is.RemoteID)
	return n8nMade(&made), err
}

func (n8nSystem) changeEvent(is *store.OutsideCredential, actor, reason string) any {
	return event.N8NKeyChange{Key: eventN8NKey(is), Actor: actor, Reason: reason}
}

func (n8nSystem) rotationEvent(before, successor *store.OutsideCredential, endsAt time.Time, actor string) any {
	return event.N8NKeyRotation{
		Key: eventN8NKey(before), Successor: eventN8NKey(successor), EndsAt: endsAt,
		Waits: successor.CollectedAt.IsZero(), Actor: actor,
	}
}

func eventN8NKey(t *store.OutsideCredential) event.N8NKey {
	return event.N8NKey{
		ID: t.ID, Namespace: t.Namespace, N8NKeyID: t.RemoteID, Label: t.Name, Login: t.Login, Scopes: t.Scopes,
		LastFour: t.Ending, Owner: t.Owner, State: string(t.State), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}
