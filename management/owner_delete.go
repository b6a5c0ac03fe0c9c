package management

import (
	"context"

	"credence/store"
)

// OwnerDelete is the input of [Service.OwnerDelete].
type OwnerDelete struct {
	Namespace string // "" means "default"
	Name      string
	Version   int64 // 0: whatever it is now
}

// OwnerDelete removes an owner that no key names.
func (s *Service) OwnerDelete(ctx context.Context, a Actor, in OwnerDelete) (store.Position, error) {
	what := "owner " + quoted(in.Name)
	_, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Owner, error) {
		o, err := t.owner(ctx, in.Namespace, in.Name)
		if err != nil {
			return store.Owner{}, err
		}
		if err := checkVersion(what, in.Version, o.Version); err != nil {
			return store.Owner{}, err
		}
		users := store.KeyFilter{Namespaces: []string{o.Namespace}, Owner: o.Name}
		if err := t.unused(ctx, what, users, "give it another owner: `credence keys update KEY_ID --owner NAME`"); err != nil {
			return store.Owner{}, err
		}
		if err := t.DeleteOwner(ctx, o.Namespace, o.Name, o.Version); err != nil {
			return store.Owner{}, err
		}
		t.record(o.Namespace, "owner.delete", "owner:"+o.Name, "", details{Before: ownerFacts(&o)})
		return o, nil
	})
	return position, err
}
