package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/store"
	"credence/store/credential"
)

// KeyCreate is the input of [Service.KeyCreate]. Empty fields take their
// defaults.
type KeyCreate struct {
	Name        string // 1 to 128 printable characters
	Namespace   string // must exist; default "default"
	Owner       string // an owner of the namespace, or ""
	KeyType     string // default "service"
	Plan        string // a plan of the namespace, or ""
	Environment string // default: the namespace's
	Scopes      []string
	Limits      []LimitInput
	Quotas      []QuotaInput
	Networks    []string // CIDR or single addresses
	Hosts       []string
	Methods     []string
	Paths       []string
	Labels      map[string]string
	NotBefore   time.Time // zero: at once
	ExpiresAt   time.Time // zero: never, unless ExpiresIn says otherwise
	ExpiresIn   string    // a Go duration from now; not together with ExpiresAt
	RotateEvery string    // a Go duration: how long after it was made it is to have a successor; "" leaves that to the policy
	Reason      string    // why it is made, at most 256 printable characters; some policies demand it

	Idempotency Idempotency
}

// KeyCreated is the answer of [Service.KeyCreate].
type KeyCreated struct {
	Key      store.Key
	Text     credential.Text // shown this once; zero when Replayed
	Replayed bool            // the key was made by an earlier, equal request
	Position store.Position  // of the change; zero when Replayed
}

// KeyCreate mints a key. Its text is in the answer and nowhere else.
func (s *Service) KeyCreate(ctx context.Context, a Actor, in KeyCreate) (KeyCreated, error) {
	in.Namespace = orDefault(in.Namespace, store.DefaultNamespace)
	out, position, err := transact(ctx, s, a, "create key", func(ctx context.Context, t *transaction) (KeyCreated, error) {
		switch keyID, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return KeyCreated{}, err
		case keyID != "":
			k, err := t.key(ctx, keyID)
			return KeyCreated{Key: k, Replayed: true}, err
		}
		k, prefix, err := t.newKey(ctx, &in)
		if err != nil {
			return KeyCreated{}, err
		}
		text, err := s.mint(&k, prefix)
		if err != nil {
			return KeyCreated{}, err
		}
		if err := t.InsertKey(ctx, k); err != nil {
			return KeyCreated{}, err
		}
		t.recordKey("key.create", &k, details{After: keyFacts(&k)})
		return KeyCreated{Key: k, Text: text}, t.remember(ctx, in.Idempotency, k.KeyID)
	})
	if err != nil {
		return KeyCreated{}, err
	}
	out.Position = position
	return out, nil
}

// newKey checks the input and answers the key it describes, without its id
// and hash, and the prefix of its text.
func (t *transaction) newKey(ctx context.Context, in *KeyCreate) (store.Key, string, error) {
	p := &problems{now: t.Now()}
	namespace, err := t.home(ctx, p, in.Namespace)
	if err != nil {
		return store.Key{}, "", err
	}
	k := store.Key{
		Namespace: in.Namespace, Name: p.name(in.Name), KeyType: p.keyType(in.KeyType),
		Status: store.StatusActive, StatusAt: t.Now(), StatusReason: p.text("reason", in.Reason, 0, maxReason),
		Environment: p.environment(orDefault(in.Environment, namespace.Environment)),
		Owner:       in.Owner, Plan: in.Plan, Scopes: p.scopes(in.Scopes), Limits: p.limits(in.Limits), Quotas: p.quotas(in.Quotas),
		Networks: p.networks(in.Networks), Hosts: p.hosts(in.Hosts), Methods: p.methods(in.Methods), Paths: p.paths(in.Paths),
		Labels:      p.labels(in.Labels),
		NotBefore:   p.instant("not_before", in.NotBefore),
		ExpiresAt:   p.end("expires_at", in.ExpiresAt, "expires_in", in.ExpiresIn),
		RotateEvery: p.rotateEvery(in.RotateEvery),
		CreatedAt:   t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	p.budgets(k.Limits, k.Quotas)
	p.order(k.NotBefore, k.ExpiresAt)
	p.idempotencyKey(in.Idempotency)
	if namespace.Name != "" {
		if err := errors.Join(t.planExists(ctx, p, &k), t.ownerExists(ctx, p, &k), t.keepPolicy(ctx, p, &k)); err != nil {
			return store.Key{}, "", err
		}
	}
	return k, namespace.KeyPrefix, p.err("create key")
}

// mint gives the key its id, its text and the hash by which it is found.
func (s *Service) mint(k *store.Key, prefix string) (credential.Text, error) {
	id, err := store.NewID(store.KeyIDPrefix, k.CreatedAt, s.random)
	if err != nil {
		return credential.Text{}, err
	}
	text, checksumID, err := s.secrets.Mint(s.random, prefix, k.Environment)
	if err != nil {
		return credential.Text{}, fmt.Errorf("mint: %w", err)
	}
	k.KeyID, k.ChecksumID = id, checksumID
	k.Hash, k.PepperID = s.secrets.Hash(text.Digest())
	return text, nil
}
