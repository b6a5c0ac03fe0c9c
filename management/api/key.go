package api

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
	"credence/store/credential"
)

// codeKeyTextNotRepeatable marks the answer to a repeated create.
const codeKeyTextNotRepeatable = "key_text_not_repeatable"

func keyCreate(ctx context.Context, c call, in *client.KeyCreateInput) (client.KeyCreated, error) {
	made, err := c.service.KeyCreate(ctx, c.actor, keyInput(&in.Body, c.idempotency))
	if err != nil {
		return client.KeyCreated{}, err
	}
	return wireCreated(made.Key, made.Text, made.Replayed, c.now()), nil
}

// wireCreated is a new key with its text, or, of a repeated request, with the
// code that says why there is none.
func wireCreated(k store.Key, text credential.Text, replayed bool, now time.Time) client.KeyCreated {
	out := client.KeyCreated{Key: wireKey(k, now)}
	if replayed {
		out.Code = codeKeyTextNotRepeatable
	} else {
		out.KeyText = client.KeyText(text.Reveal())
	}
	return out
}

func keyInput(b *client.KeyCreate, i management.Idempotency) management.KeyCreate {
	return management.KeyCreate{
		Name: b.Name, Namespace: b.Namespace, Owner: b.Owner, KeyType: b.KeyType, Plan: b.Plan,
		Environment: b.Environment, Scopes: b.Scopes, Limits: limitInputs(b.Limits), Quotas: quotaInputs(b.Quotas),
		Networks: b.Networks, Hosts: b.Hosts, Methods: b.Methods, Paths: b.Paths, Labels: b.Labels,
		NotBefore: b.NotBefore, ExpiresAt: b.ExpiresAt, ExpiresIn: b.ExpiresIn, RotateEvery: b.RotateEvery, Reason: b.Reason, Idempotency: i,
	}
}

func keyList(ctx context.Context, c call, in *client.KeyListInput) (client.List[client.Key], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Key]{}, err
	}
	filter := keyFilter(&in.KeyFilter)
	filter.Page = page
	found, err := c.service.KeyList(ctx, c.actor, filter)
	if err != nil {
		return client.List[client.Key]{}, err
	}
	due, err := c.service.RotationsDue(ctx, found.Items...)
	now := c.now()
	return list(c, found.Items, found.Next, err, func(k store.Key) client.Key { return shownKey(k, now, due) })
}

// shownKey is a key with when it is to be rotated.
func shownKey(k store.Key, now time.Time, due map[string]time.Time) client.Key {
	out := wireKey(k, now)
	out.RotationDue = due[k.KeyID]
	return out
}

func keyShow(ctx context.Context, c call, in *client.KeyShowInput) (client.Key, error) {
	k, err := c.service.KeyRead(ctx, c.actor, in.KeyID)
	if err != nil {
		return client.Key{}, err
	}
	due, err := c.service.RotationsDue(ctx, k)
	return shownKey(k, c.now(), due), err
}

func keyUpdate(ctx context.Context, c call, in *client.KeyUpdateInput) (client.KeyChanged, error) {
	b := &in.Body
	return keyChanged(ctx, c, in.WaitInput, func() (management.KeyChanged, error) {
		labels, err := mergeLabels(ctx, c, in.KeyID, b.Labels)
		if err != nil {
			return management.KeyChanged{}, err
		}
		return c.service.KeyUpdate(ctx, c.actor, management.KeyUpdate{
			KeyID: in.KeyID, Version: c.version,
			Name: patch(b.Name), Owner: patch(b.Owner), Plan: patch(b.Plan), Scopes: patch(b.Scopes),
			Limits: patchAs(b.Limits, limitInputs), Quotas: patchAs(b.Quotas, quotaInputs),
			Networks: patch(b.Networks), Hosts: patch(b.Hosts), Methods: patch(b.Methods), Paths: patch(b.Paths),
			Labels: labels, NotBefore: patch(b.NotBefore), ExpiresAt: patch(b.ExpiresAt), ExpiresIn: patch(b.ExpiresIn),
			RotateEvery: patch(b.RotateEvery),
		})
	})
}

// keyChanged is what everything that changes a key answers.
func keyChanged(ctx context.Context, c call, in client.WaitInput, change func() (management.KeyChanged, error)) (client.KeyChanged, error) {
	changed, receipt, err := confirmed(ctx, c, in, func(k management.KeyChanged) store.Position { return k.Position }, change)
	return client.KeyChanged{Key: wireKey(changed.Key, c.now()), Receipt: receipt}, err
}

// mergeLabels applies the patch to the labels of the key as it is: in a merge
// patch objects merge member by member (RFC 7396, section 2). The update that
// follows is refused when the key is no longer of the caller's version, so
// nothing can slip in between.
func mergeLabels(ctx context.Context, c call, keyID string, p client.Patch[map[string]*string]) (management.Patch[map[string]string], error) {
	members := p.Pointer()
	if members == nil {
		return management.Patch[map[string]string]{}, nil
	}
	if *members == nil {
		return management.Null[map[string]string](), nil
	}
	k, err := c.service.KeyRead(ctx, c.actor, keyID)
	if err != nil {
		return management.Patch[map[string]string]{}, err
	}
	labels := maps.Clone(k.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for name, value := range *members {
		if value == nil {
			delete(labels, name)
		} else {
			labels[name] = *value
		}
	}
	return management.Set(labels), nil
}

func keyPurge(ctx context.Context, c call, in *client.KeyPurgeInput) error {
	_, err := c.service.KeyPurge(ctx, c.actor, management.KeyPurge{KeyID: in.KeyID, Version: c.version})
	return err
}

func keyRevoke(ctx context.Context, c call, in *client.KeyStatusInput) (client.KeyChanged, error) {
	return keyChanged(ctx, c, in.WaitInput, func() (management.KeyChanged, error) {
		return c.service.KeyRevoke(ctx, c.actor, statusChange(c, in))
	})
}

func keyDisable(ctx context.Context, c call, in *client.KeyStatusInput) (client.KeyChanged, error) {
	return keyChanged(ctx, c, in.WaitInput, func() (management.KeyChanged, error) {
		return c.service.KeyDisable(ctx, c.actor, statusChange(c, in))
	})
}

func keyEnable(ctx context.Context, c call, in *client.KeyStatusInput) (client.KeyChanged, error) {
	return keyChanged(ctx, c, in.WaitInput, func() (management.KeyChanged, error) {
		return c.service.KeyEnable(ctx, c.actor, statusChange(c, in))
	})
}

func keySuspend(ctx context.Context, c call, in *client.KeyStatusInput) (client.KeyChanged, error) {
	return keyChanged(ctx, c, in.WaitInput, func() (management.KeyChanged, error) {
		return c.service.KeySuspend(ctx, c.actor, statusChange(c, in))
	})
}

func statusChange(c call, in *client.KeyStatusInput) management.KeyStatusChange {
	change := management.KeyStatusChange{KeyID: in.KeyID, Version: c.version}
	if in.Body != nil {
		change.Reason = in.Body.Reason
	}
	return change
}

func wireKey(k store.Key, now time.Time) client.Key {
	usedFrom := ""
	if k.LastUsedIP.IsValid() {
		usedFrom = k.LastUsedIP.String()
	}
	every := ""
	if k.RotateEvery > 0 {
		every = period(k.RotateEvery)
	}
	return client.Key{
		RotateEvery: every,
		KeyID:       k.KeyID, Namespace: k.Namespace, Name: k.Name, Owner: k.Owner, KeyType: string(k.KeyType),
		Status: string(k.Status), StatusReason: k.StatusReason, StatusAt: k.StatusAt, Expired: k.Expired(now),
		Environment: k.Environment, Plan: k.Plan, Scopes: words(k.Scopes),
		Limits: wireLimits(k.Limits), Quotas: wireQuotas(k.Quotas),
		Networks: mapped(k.Networks, netip.Prefix.String),
		Hosts:    words(k.Hosts), Methods: words(k.Methods), Paths: words(k.Paths), Labels: wireLabels(k.Labels),
		NotBefore: k.NotBefore, ExpiresAt: k.ExpiresAt, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, Version: k.Version,
		Predecessor: k.Predecessor, Successor: k.Successor, RotatedAt: k.RotatedAt, GraceEndsAt: k.GraceEndsAt,
		LastUsedAt: k.LastUsedAt, LastUsedIP: usedFrom, Throttle: k.Throttle,
	}
}

func wireLabels(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}
