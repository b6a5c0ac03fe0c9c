package management

import (
	"context"

	"credence/store"
)

// RoutePolicyRead reads one route policy.
func (s *Service) RoutePolicyRead(ctx context.Context, a Actor, name string) (store.RoutePolicy, error) {
	return readRoutePolicy(ctx, s.store, a, name)
}

// readRoutePolicy reads a policy that the actor may see: it names namespaces
// that others live in, so only global actors see any.
func readRoutePolicy(ctx context.Context, r store.RoutePolicyReader, a Actor, name string) (store.RoutePolicy, error) {
	what := "route policy " + quoted(name)
	if !a.Global() {
		return store.RoutePolicy{}, notFound(what)
	}
	p, err := r.RoutePolicy(ctx, name)
	if err != nil {
		return store.RoutePolicy{}, failed(what, err)
	}
	return p, nil
}

// allRoutePolicies reads them all: there are few.
func allRoutePolicies(ctx context.Context, r store.RoutePolicyReader) ([]store.RoutePolicy, error) {
	var all []store.RoutePolicy
	page := store.Page{Limit: store.MaxPage}
	for {
		found, next, err := r.RoutePolicies(ctx, page)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if next == "" {
			return all, nil
		}
		page.After = next
	}
}
