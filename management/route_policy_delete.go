package management

import (
	"context"

	"credence/store"
)

// RoutePolicyDelete is the input of [Service.RoutePolicyDelete].
type RoutePolicyDelete struct {
	Name    string
	Version int64 // 0: whatever it is now
}

// RoutePolicyDelete removes a route policy. Whether a proxy still names it
// cannot be known here: such a route is denied from then on.
func (s *Service) RoutePolicyDelete(ctx context.Context, a Actor, in RoutePolicyDelete) (store.Position, error) {
	what := "route policy " + quoted(in.Name)
	if !a.Global() {
		return store.Position{}, globalOnly(what, "deleted")
	}
	_, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.RoutePolicy, error) {
		p, err := readRoutePolicy(ctx, t, a, in.Name)
		if err != nil {
			return store.RoutePolicy{}, err
		}
		if err := checkVersion(what, in.Version, p.Version); err != nil {
			return store.RoutePolicy{}, err
		}
		if err := t.DeleteRoutePolicy(ctx, p.Name, p.Version); err != nil {
			return store.RoutePolicy{}, err
		}
		t.recordRoutePolicy("route_policy.delete", &p, details{Before: routePolicyFacts(&p)})
		return p, nil
	})
	return position, err
}
