package store

import "context"

// Lane says on whose behalf a call of a backend is made. The zero Lane is the
// deployment's own: its data plane, its jobs, its global admins and the
// authentication of everybody. Those are never held up by tenants.
type Lane struct {
	// Tenant names whose work it is; "" is the deployment's.
	Tenant string
	// Urgent work of a tenant goes before what else that tenant has asked for:
	// what takes access away must not wait for a bulk import.
	Urgent bool
}

type laneKey struct{}

// WithLane notes the lane of the calls that are made with the context.
func WithLane(ctx context.Context, l Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, l)
}

// LaneOf answers the lane of the calls that are made with the context.
func LaneOf(ctx context.Context) Lane {
	l, _ := ctx.Value(laneKey{}).(Lane)
	return l
}
