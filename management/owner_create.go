package management

import (
	"context"

	"credence/store"
)

// OwnerCreate is the input of [Service.OwnerCreate].
type OwnerCreate struct {
	Namespace   string // must exist; default "default"
	Name        string // the id within the namespace
	Description string // at most 1024 characters
	Contact     string // e.g. a mail address, at most 256 printable characters
	Limits      []LimitInput
	Quotas      []QuotaInput

	Idempotency Idempotency
}

// OwnerCreated is the answer of [Service.OwnerCreate].
type OwnerCreated struct {
	Owner    store.Owner
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// OwnerCreate makes an owner: the team, user or service that keys belong to.
func (s *Service) OwnerCreate(ctx context.Context, a Actor, in OwnerCreate) (OwnerCreated, error) {
	in.Namespace = orDefault(in.Namespace, store.DefaultNamespace)
	what := "owner " + quoted(in.Name)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (OwnerCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return OwnerCreated{}, err
		case id != "":
			o, err := t.owner(ctx, in.Namespace, id)
			return OwnerCreated{Owner: o, Replayed: true}, err
		}
		o, err := t.newOwner(ctx, &in)
		if err != nil {
			return OwnerCreated{}, err
		}
		if err := t.InsertOwner(ctx, o); err != nil {
			return OwnerCreated{}, err
		}
		t.record(o.Namespace, "owner.create", "owner:"+o.Name, "", details{After: ownerFacts(&o)})
		return OwnerCreated{Owner: o}, t.remember(ctx, in.Idempotency, o.Name)
	})
	if err != nil {
		return OwnerCreated{}, err
	}
	out.Position = position
	return out, nil
}

// newOwner checks the input and answers the owner it describes.
func (t *transaction) newOwner(ctx context.Context, in *OwnerCreate) (store.Owner, error) {
	p := &problems{now: t.Now()}
	if _, err := t.home(ctx, p, in.Namespace); err != nil {
		return store.Owner{}, err
	}
	owner := store.Owner{
		Namespace: in.Namespace, Name: p.slug(in.Name), Description: p.description(in.Description),
		Contact: p.contact(in.Contact), Limits: p.limits(in.Limits), Quotas: p.quotas(in.Quotas),
		CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	p.budgets(owner.Limits, owner.Quotas)
	p.idempotencyKey(in.Idempotency)
	return owner, p.err("owner " + quoted(in.Name))
}
