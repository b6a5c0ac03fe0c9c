package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func keysRevoke(ctx context.Context, c call, in *client.KeysRevokeInput) (client.KeysRevoked, error) {
	b := &in.Body
	if b.Confirm == "" && in.Wait != "" {
		return client.KeysRevoked{}, malformed("wait", "is given to a dry run, which changes nothing", "give it together with confirm")
	}
	done, receipt, err := confirmed(ctx, c, in.WaitInput, func(k management.KeysRevoked) store.Position { return k.Position },
		func() (management.KeysRevoked, error) {
			return c.service.KeysRevoke(ctx, c.actor, management.KeysRevoke{
				Filter: keyFilter(&b.Filter), Everything: b.Everything, Reason: b.Reason, Confirm: b.Confirm,
			})
		})
	if err != nil {
		return client.KeysRevoked{}, err
	}
	now := c.now()
	return client.KeysRevoked{
		Matched: done.Matched, Sample: mapped(done.Sample, func(k store.Key) client.Key { return wireKey(k, now) }),
		Confirm: done.Confirm, Until: done.Until, Revoked: done.Revoked, Skipped: done.Skipped, Done: done.Done, Receipt: receipt,
	}, nil
}

// keyFilter is the one filter of keys, wherever it is asked for.
func keyFilter(in *client.KeyFilter) management.KeyList {
	return management.KeyList{
		Namespace: in.Namespace, Owner: in.Owner, Plan: in.Plan, KeyType: in.KeyType, Status: in.Status,
		NamePrefix: in.NamePrefix, Name: in.Name, Rotating: in.Rotating, Scope: in.Scope, Label: in.Label, ExpiresBy: in.ExpiresBefore,
		UnusedSince: in.UnusedSince,
	}
}
