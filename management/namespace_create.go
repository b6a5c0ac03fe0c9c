package management

import (
	"context"
	"time"

	"credence/store"
)

// NamespaceCreate is the input of [Service.NamespaceCreate].
type NamespaceCreate struct {
	Name        string // 1 to 63 of a-z 0-9 -
	Description string // at most 1024 characters
	KeyPrefix   string // first word of key texts; default "crd"
	Environment string // second word when a key names none; default "live"

	Idempotency Idempotency
}

// NamespaceCreated is the answer of [Service.NamespaceCreate].
type NamespaceCreated struct {
	Namespace store.Namespace
	Replayed  bool           // made by an earlier, equal request
	Position  store.Position // of the change; zero when Replayed
}

// NamespaceCreate makes a namespace. Only global actors may: a new tenant is
// outside of what an actor with namespaces was given.
func (s *Service) NamespaceCreate(ctx context.Context, a Actor, in NamespaceCreate) (NamespaceCreated, error) {
	what := "namespace " + quoted(in.Name)
	if !a.Global() {
		return NamespaceCreated{}, globalOnly(what, "made")
	}
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (NamespaceCreated, error) {
		switch name, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return NamespaceCreated{}, err
		case name != "":
			n, err := readNamespace(ctx, t, a, name)
			return NamespaceCreated{Namespace: n, Replayed: true}, err
		}
		p := &problems{now: t.Now()}
		n := store.Namespace{
			Name: p.namespaceName(in.Name), Description: p.description(in.Description),
			KeyPrefix: p.keyPrefix(in.KeyPrefix), Environment: p.environment(in.Environment),
			CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
		}
		p.idempotencyKey(in.Idempotency)
		if err := p.err(what); err != nil {
			return NamespaceCreated{}, err
		}
		if err := t.InsertNamespace(ctx, n); err != nil {
			return NamespaceCreated{}, err
		}
		if err := t.neverDeleted(ctx, what, n.Name); err != nil {
			return NamespaceCreated{}, err
		}
		t.record(n.Name, "namespace.create", "namespace:"+n.Name, "", details{After: namespaceFacts(&n)})
		return NamespaceCreated{Namespace: n}, t.remember(ctx, in.Idempotency, n.Name)
	})
	if err != nil {
		return NamespaceCreated{}, err
	}
	out.Position = position
	return out, nil
}

// neverDeleted refuses the name of a namespace that was deleted: what is known of
// that one (audit entries, usage, reports) goes by its name, and would be read by
// whoever is given the new one. Looked at after the insert, which waits for a
// deletion that is under way. Once retention has removed the entry of the
// deletion, it has removed all before it.
func (t *transaction) neverDeleted(ctx context.Context, what, name string) error {
	deleted, _, err := t.AuditLog(ctx, store.AuditFilter{Chains: []string{name}, Action: namespaceDeleted}, store.Page{Limit: 1})
	if err != nil || len(deleted) == 0 {
		return err
	}
	return refuse(CodeConflict, "%s: one of that name was deleted on %s, and the audit log still tells of it: choose another name",
		what, deleted[0].At.UTC().Format(time.DateOnly))
}

// globalOnly is the answer to an actor with namespaces, whether what it names
// exists or not.
func globalOnly(what, done string) error {
	return refuse(CodeForbidden, "%s: can be %s only by a token that is not limited to namespaces", what, done)
}
