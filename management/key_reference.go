package management

import (
	"context"
	"errors"
	"fmt"

	"credence/store"
)

// key reads a key that the actor may see.
func (t *transaction) key(ctx context.Context, keyID string) (store.Key, error) {
	return readKey(ctx, t, t.actor, keyID)
}

func readKey(ctx context.Context, r store.KeyReader, a Actor, keyID string) (store.Key, error) {
	what := "key " + quoted(keyID)
	k, err := r.Key(ctx, keyID)
	if err != nil {
		return store.Key{}, failed(what, err)
	}
	if !a.May(k.Namespace) {
		return store.Key{}, notFound(what)
	}
	return k, nil
}

// home answers the namespace that something new is to live in. One that the
// actor may not act in is a problem of the same words as one that does not
// exist; then the zero Namespace is answered.
func (t *transaction) home(ctx context.Context, p *problems, name string) (store.Namespace, error) {
	if t.actor.May(name) {
		n, err := t.Namespace(ctx, name)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return store.Namespace{}, fmt.Errorf("namespace: %w", err)
		}
	}
	p.add("namespace", quoted(name)+" does not exist", "name one that does, or make it first")
	return store.Namespace{}, nil
}

func (t *transaction) planExists(ctx context.Context, p *problems, k *store.Key) error {
	if k.Plan == "" {
		return nil
	}
	_, err := t.Plan(ctx, k.Namespace, k.Plan)
	return p.exists("plan", k.Plan, k.Namespace, err)
}

func (t *transaction) ownerExists(ctx context.Context, p *problems, k *store.Key) error {
	if k.Owner == "" {
		return nil
	}
	_, err := t.Owner(ctx, k.Namespace, k.Owner)
	return p.exists("owner", k.Owner, k.Namespace, err)
}

// exists turns "not found" into a problem of the field that refers to it.
func (p *problems) exists(field, name, namespace string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		p.add(field, quoted(name)+" does not exist in namespace "+quoted(namespace), "name one that does, or make it first")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}
