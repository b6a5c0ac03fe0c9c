package management

import (
	"context"

	"credence/store"
)

// rememberedReader answers what many keys of one transaction refer to from
// memory after the first time. It is for transactions that change none of it.
type rememberedReader struct {
	store.Reader

	namespaces remembered[store.Namespace]
	plans      remembered[store.Plan]
	owners     remembered[store.Owner]
}

// remembered is answers by the name that was asked for. It is bounded by what
// one transaction asks for.
type remembered[T any] map[[2]string]answered[T]

type answered[T any] struct {
	value T
	err   error
}

func (r *remembered[T]) ask(namespace, name string, read func() (T, error)) (T, error) {
	if *r == nil {
		*r = remembered[T]{}
	}
	at := [2]string{namespace, name}
	a, known := (*r)[at]
	if !known {
		a.value, a.err = read()
		(*r)[at] = a
	}
	return a.value, a.err
}

// Namespace implements [store.NamespaceReader].
func (r *rememberedReader) Namespace(ctx context.Context, name string) (store.Namespace, error) {
	return r.namespaces.ask(name, "", func() (store.Namespace, error) { return r.Reader.Namespace(ctx, name) })
}

// Plan implements [store.PlanReader].
func (r *rememberedReader) Plan(ctx context.Context, namespace, name string) (store.Plan, error) {
	return r.plans.ask(namespace, name, func() (store.Plan, error) { return r.Reader.Plan(ctx, namespace, name) })
}

// Owner implements [store.OwnerReader].
func (r *rememberedReader) Owner(ctx context.Context, namespace, name string) (store.Owner, error) {
	return r.owners.ask(namespace, name, func() (store.Owner, error) { return r.Reader.Owner(ctx, namespace, name) })
}
