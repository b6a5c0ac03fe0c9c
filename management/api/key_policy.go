package api

import (
	"context"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func keyPolicyList(ctx context.Context, c call, in *client.KeyPolicyListInput) (client.List[client.KeyPolicy], error) {
	found, err := c.service.KeyPolicyList(ctx, c.actor, in.Namespace)
	return list(c, found, "", err, wirePolicy)
}

func keyPolicyShow(ctx context.Context, c call, in *client.KeyPolicyShowInput) (client.KeyPolicy, error) {
	p, err := c.service.KeyPolicyRead(ctx, c.actor, in.Namespace, in.KeyType)
	return wirePolicy(p), err
}

func keyPolicySet(ctx context.Context, c call, in *client.KeyPolicySetInput) (client.KeyPolicy, error) {
	b := &in.Body
	p, err := c.service.KeyPolicySet(ctx, c.actor, management.KeyPolicySet{
		Namespace: in.Namespace, KeyType: in.KeyType, Version: c.version,
		LongestLife: patch(b.LongestLife), DefaultLife: patch(b.DefaultLife), RotateEvery: patch(b.RotateEvery), WarnBefore: patch(b.WarnBefore),
		ExpiryRequired: patch(b.ExpiryRequired), ScopesRequired: patch(b.ScopesRequired), ReasonRequired: patch(b.ReasonRequired),
	})
	return wirePolicy(p), err
}

func keyPolicyReset(ctx context.Context, c call, in *client.KeyPolicyResetInput) error {
	return c.service.KeyPolicyReset(ctx, c.actor, management.KeyPolicyReset{Namespace: in.Namespace, KeyType: in.KeyType, Version: c.version})
}

func keyPolicyCheck(ctx context.Context, c call, in *client.KeyPolicyCheckInput) (client.List[client.KeyBreach], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.KeyBreach]{}, err
	}
	found, err := c.service.KeyPolicyCheck(ctx, c.actor, management.KeyPolicyCheck{Namespace: in.Namespace, KeyType: in.KeyType, Page: page})
	return list(c, found.Items, found.Next, err, wireBreach)
}

func wireBreach(b management.KeyBreach) client.KeyBreach {
	return client.KeyBreach{
		KeyID: b.Key.KeyID, Name: b.Key.Name, Namespace: b.Key.Namespace, Owner: b.Key.Owner, KeyType: string(b.Key.KeyType),
		CreatedAt: b.Key.CreatedAt, RotateBy: b.RotateBy,
		Breaches: mapped(b.Breaches, func(f management.FieldError) client.FieldError {
			return client.FieldError{Field: f.Field, Problem: f.Problem, Remedy: f.Remedy}
		}),
	}
}

func wirePolicy(p store.KeyPolicy) client.KeyPolicy {
	length := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return period(d)
	}
	return client.KeyPolicy{
		KeyType: string(p.KeyType), Namespace: p.Namespace, LongestLife: length(p.LongestLife), DefaultLife: length(p.DefaultLife),
		RotateEvery: length(p.RotateEvery), WarnBefore: length(p.WarnBefore), ExpiryRequired: p.ExpiryRequired,
		ScopesRequired: p.ScopesRequired, ReasonRequired: p.ReasonRequired, UpdatedAt: p.UpdatedAt, Version: p.Version,
	}
}
