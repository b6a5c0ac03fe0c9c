package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
	"credence/store/route"
)

func routePolicyCreate(ctx context.Context, c call, in *client.RoutePolicyCreateInput) (client.RoutePolicyChanged, error) {
	b := &in.Body
	made, receipt, err := confirmed(ctx, c, in.WaitInput, func(x management.RoutePolicyCreated) store.Position { return x.Position },
		func() (management.RoutePolicyCreated, error) {
			return c.service.RoutePolicyCreate(ctx, c.actor, management.RoutePolicyCreate{
				Name: b.Name, Description: b.Description, Namespaces: b.Namespaces, Scopes: b.Scopes, Environment: b.Environment,
				Cost: b.Cost, Mode: b.Mode, Anonymous: b.Anonymous, Hosts: b.Hosts, Paths: b.Paths, Methods: b.Methods,
				Idempotency: c.idempotency,
			})
		})
	return client.RoutePolicyChanged{RoutePolicy: wireRoutePolicy(made.Policy), Receipt: receipt}, err
}

func routePolicyList(ctx context.Context, c call, in *client.RoutePolicyListInput) (client.List[client.RoutePolicy], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.RoutePolicy]{}, err
	}
	found, err := c.service.RoutePolicyList(ctx, c.actor, management.RoutePolicyList{Page: page})
	return list(c, found.Items, found.Next, err, wireRoutePolicy)
}

func routePolicyShow(ctx context.Context, c call, in *client.RoutePolicyShowInput) (client.RoutePolicy, error) {
	p, err := c.service.RoutePolicyRead(ctx, c.actor, in.Name)
	return wireRoutePolicy(p), err
}

func routePolicyUpdate(ctx context.Context, c call, in *client.RoutePolicyUpdateInput) (client.RoutePolicyChanged, error) {
	b := &in.Body
	changed, receipt, err := confirmed(ctx, c, in.WaitInput, func(x management.RoutePolicyChanged) store.Position { return x.Position },
		func() (management.RoutePolicyChanged, error) {
			return c.service.RoutePolicyUpdate(ctx, c.actor, management.RoutePolicyUpdate{
				Name: in.Name, Version: c.version, Description: patch(b.Description), Namespaces: patch(b.Namespaces),
				Scopes: patch(b.Scopes), Environment: patch(b.Environment), Cost: patch(b.Cost), Mode: patch(b.Mode),
				Anonymous: patch(b.Anonymous), Hosts: patch(b.Hosts), Paths: patch(b.Paths), Methods: patch(b.Methods),
			})
		})
	return client.RoutePolicyChanged{RoutePolicy: wireRoutePolicy(changed.Policy), Receipt: receipt}, err
}

func routePolicyDelete(ctx context.Context, c call, in *client.RoutePolicyDeleteInput) (*client.RoutePolicyDeleted, error) {
	_, receipt, err := confirmed(ctx, c, in.WaitInput, func(at store.Position) store.Position { return at },
		func() (store.Position, error) {
			return c.service.RoutePolicyDelete(ctx, c.actor, management.RoutePolicyDelete{Name: in.Name, Version: c.version})
		})
	if receipt == nil {
		return nil, err
	}
	return &client.RoutePolicyDeleted{Receipt: receipt}, err
}

func routePolicyExplain(ctx context.Context, c call, in *client.RoutePolicyExplainInput) (client.RouteExplanation, error) {
	found, err := c.service.RoutePolicyExplain(ctx, c.actor, management.RoutePolicyExplain{Host: in.Host, Path: in.Path, Method: in.Method})
	out := client.RouteExplanation{Verdict: client.RouteUnclear, Why: found.Why}
	if found.Rule != (route.Rule{}) || found.Verdict == route.Found {
		out.Rule = &client.RouteRule{Host: found.Rule.Host, Path: found.Rule.Path, Method: found.Rule.Method}
	}
	switch found.Verdict {
	case route.Found:
		policy := wireRoutePolicy(found.Policy)
		out.Verdict, out.Policy = client.RouteFound, &policy
	case route.None:
		out.Verdict = client.RouteNone
	case route.Unclear, route.Unknown:
	}
	return out, err
}

func wireRoutePolicy(p store.RoutePolicy) client.RoutePolicy {
	out := client.RoutePolicy{
		Name: p.Name, Description: p.Description, Namespaces: words(p.Namespaces), Scopes: words(p.Scopes),
		Environment: p.Environment, Cost: p.Cost, Mode: "enforce", Anonymous: "deny",
		Hosts: words(p.Hosts), Paths: words(p.Paths), Methods: words(p.Methods),
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: p.Version,
	}
	if p.Shadow {
		out.Mode = "shadow"
	}
	if p.Anonymous {
		out.Anonymous = "allow"
	}
	return out
}
