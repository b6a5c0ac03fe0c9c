package api

import (
	"context"

	"credence/management"
	"credence/management/client"
)

func me(_ context.Context, c call, _ *client.MeInput) (client.Me, error) {
	return client.Me{Actor: c.actor.ID, Role: string(c.actor.Role), Namespaces: words(c.actor.Namespaces), ExpiresAt: c.actor.EndsAt}, nil
}

func healthz(context.Context, call, *client.HealthInput) (client.Health, error) {
	return client.Health{Status: "ok"}, nil
}

func readyz(ctx context.Context, c call, _ *client.HealthInput) (client.Health, error) {
	if err := c.ready(ctx); err != nil {
		p := problemOf(&management.Error{Code: management.CodeUnavailable, Message: "not ready: the log says why"})
		p.cause = err
		return client.Health{}, p
	}
	return client.Health{Status: "ok"}, nil
}
