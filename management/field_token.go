package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"credence/store"
)

// maxTokenNamespaces bounds how many namespaces one token is limited to.
const maxTokenNamespaces = 100

// role checks the role that an actor gives to a token.
func (p *problems) role(a Actor, value string) store.Role {
	role := store.Role(value)
	var allowed []store.Role
	for _, r := range store.Roles() {
		if a.Role.Includes(r) {
			allowed = append(allowed, r)
		}
	}
	switch {
	case value == "":
		p.add("role", "is missing", "give one of "+listed(allowed))
	case !slices.Contains(store.Roles(), role):
		p.add("role", quoted(value)+" is no role", "use one of "+listed(allowed))
	case !slices.Contains(allowed, role):
		p.add("role", "may do more than you, who are "+string(a.Role), "give one of "+listed(allowed))
	}
	return role
}

// tokenNamespaces checks what a token is limited to. A namespace that the
// actor may not act in is a problem of the same words as one that does not
// exist.
func (t *transaction) tokenNamespaces(ctx context.Context, p *problems, names []string) ([]string, error) {
	if len(names) == 0 && !t.actor.Global() {
		p.add("namespaces", "is missing: a token without any may act everywhere, and you may not", "name those that it is for")
		return nil, nil
	}
	names = atMost(p, "namespaces", names, maxTokenNamespaces)
	p.unique("namespaces", names)
	for i, name := range names {
		err := store.ErrNotFound
		if t.actor.May(name) {
			_, err = t.Namespace(ctx, name)
		}
		if errors.Is(err, store.ErrNotFound) {
			p.add(at("namespaces", i), quoted(name)+" does not exist", "name one that does, or make it first")
		} else if err != nil {
			return nil, fmt.Errorf("namespace: %w", err)
		}
	}
	return slices.Sorted(slices.Values(names)), nil
}

// tokenEnd checks when a token ends: not after what its maker may give. Who
// says nothing gets a life that ends.
func (p *problems) tokenEnd(a Actor, instant time.Time, span string) time.Time {
	bound := a.GrantsUntil
	if span == never {
		if !instant.IsZero() {
			p.add("expires_in", "is given together with expires_at", "give one of the two")
		}
		if !bound.IsZero() {
			p.add("expires_in", "is longer than you may give", "end it by "+bound.UTC().Format(time.RFC3339))
		}
		return time.Time{}
	}
	if span == "" && instant.IsZero() {
		end := p.now.Add(DefaultTokenLife)
		if !bound.IsZero() && bound.Before(end) {
			end = bound
		}
		return end.UTC().Truncate(time.Microsecond)
	}
	end := p.end("expires_at", instant, "expires_in", span)
	field := "expires_at"
	if span != "" {
		field = "expires_in"
	}
	if !bound.IsZero() && end.After(bound) {
		p.add(field, "is longer than you may give", "end it by "+bound.UTC().Format(time.RFC3339))
	}
	return end
}
