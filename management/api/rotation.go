package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func keyRotate(ctx context.Context, c call, in *client.KeyRotateInput) (client.KeyRotated, error) {
	change := management.KeyRotate{KeyID: in.KeyID, Version: c.version, Idempotency: c.idempotency}
	if b := in.Body; b != nil {
		change.Grace, change.CloseWhenSilent, change.Reason = b.Grace, b.CloseWhenSilent, b.Reason
		change.ExpiresAt, change.ExpiresIn = b.ExpiresAt, b.ExpiresIn
	}
	made, receipt, err := confirmed(ctx, c, in.WaitInput, func(r management.KeyRotated) store.Position { return r.Position },
		func() (management.KeyRotated, error) { return c.service.KeyRotate(ctx, c.actor, change) })
	if err != nil {
		return client.KeyRotated{}, err
	}
	return client.KeyRotated{
		KeyCreated: wireCreated(made.Key, made.Text, made.Replayed, c.now()),
		Previous:   wireKey(made.Previous, c.now()), Receipt: receipt,
	}, nil
}

func keyRotation(ctx context.Context, c call, in *client.KeyRotationInput) (client.Rotation, error) {
	r, err := c.service.KeyRotation(ctx, c.actor, in.KeyID)
	if err != nil {
		return client.Rotation{}, err
	}
	out := client.Rotation{
		KeyID: r.Key.KeyID, Name: r.Key.Name, Status: string(r.Key.Status), Successor: r.Key.Successor, State: "closed",
		RotatedAt: r.Key.RotatedAt, ClosesAt: r.ClosesAt, SilentAt: r.SilentAt, Use: wireUse(&r.Use),
	}
	if r.Open {
		out.State = "open"
	}
	if r.Key.CloseWhenSilent > 0 {
		out.CloseWhenSilent = period(r.Key.CloseWhenSilent)
	}
	return out, nil
}

func wireUse(u *management.RotationUse) client.RotationUse {
	return client.RotationUse{
		CountedFrom: u.CountedFrom, CountedUntil: u.CountedUntil, Checks: u.Checks, Allowed: u.Allowed, Addresses: u.Addresses,
		LastUsedAt: u.LastUsedAt, QuietSince: u.QuietSince,
		Unknown: mapped(u.Unknown, func(k management.UnknownUse) client.UnknownUse {
			return client.UnknownUse{From: k.From.UTC(), To: k.To.UTC(), Replica: k.Replica, Cause: k.Cause}
		}),
		Behind: mapped(u.Behind, func(b management.ReplicaBehind) client.ReplicaBehind {
			return client.ReplicaBehind{ID: b.ID, Until: b.Until}
		}),
	}
}
