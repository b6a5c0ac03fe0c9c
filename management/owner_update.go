package management

import (
	"context"
	"errors"

	"credence/store"
)

// OwnerUpdate is the input of [Service.OwnerUpdate].
type OwnerUpdate struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // that the change is based on; required

	Description Patch[string]
	Contact     Patch[string]
	Limits      Patch[[]LimitInput]
	Quotas      Patch[[]QuotaInput]
}

// OwnerChanged is the answer of [Service.OwnerUpdate].
type OwnerChanged struct {
	Owner    store.Owner
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// OwnerUpdate changes an owner. The name never changes.
func (s *Service) OwnerUpdate(ctx context.Context, a Actor, in OwnerUpdate) (OwnerChanged, error) {
	what := "owner " + quoted(in.Name)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (OwnerChanged, error) {
		before, err := t.owner(ctx, in.Namespace, in.Name)
		if err != nil {
			return OwnerChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return OwnerChanged{}, err
		}
		after, err := in.patched(before)
		if err != nil {
			return OwnerChanged{}, err
		}
		d := changedFacts(ownerFacts(&before), ownerFacts(&after))
		if d.none() {
			return OwnerChanged{Owner: before}, nil
		}
		after.UpdatedAt = t.Now()
		if err := t.UpdateOwner(ctx, after); err != nil {
			return OwnerChanged{}, err
		}
		after.Version++
		t.record(after.Namespace, "owner.update", "owner:"+after.Name, "", d)
		return OwnerChanged{Owner: after, Changed: true}, nil
	})
	if err != nil {
		return OwnerChanged{}, err
	}
	out.Position = position
	return out, nil
}

// patched answers the owner with the patch applied, all of it checked.
func (in *OwnerUpdate) patched(after store.Owner) (store.Owner, error) {
	p := &problems{}
	patch(&after.Description, in.Description, p.description)
	patch(&after.Contact, in.Contact, p.contact)
	patch(&after.Limits, in.Limits, p.limits)
	patch(&after.Quotas, in.Quotas, p.quotas)
	p.budgets(after.Limits, after.Quotas)
	return after, p.err("owner " + quoted(in.Name))
}
