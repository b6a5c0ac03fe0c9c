package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// Sealer encrypts audit details, and signs where a chain stood.
// [credence/store/seal] fulfils it.
type Sealer interface {
	// Seal encrypts plaintext and binds it to associated.
	Seal(plaintext, associated []byte) ([]byte, error)
	// Open decrypts what Seal made, with the same associated.
	Open(sealed, associated []byte) ([]byte, error)
	// Sign signs a message.
	Sign(message []byte) ([]byte, error)
	// Verify answers an error when none of its keys signed the message.
	Verify(signature, message []byte) error
	// PublicKeys are what others verify by, in PEM.
	PublicKeys() ([]byte, error)
}

// Store is the way to change things: a backend, and the keyset that seals the
// audit entries of what is changed.
type Store struct {
	Backend

	sealer Sealer
	now    func() time.Time
}

// New makes a Store. now is the clock of audit entries and changes.
func New(backend Backend, sealer Sealer, now func() time.Time) *Store {
	return &Store{Backend: backend, sealer: sealer, now: now}
}

// Open decrypts what belongs to associated, as [Sealer.Open] does.
func (s *Store) Open(sealed, associated []byte) ([]byte, error) {
	return s.sealer.Open(sealed, associated)
}

// PublicKeys are what others verify checkpoints by, in PEM.
func (s *Store) PublicKeys() ([]byte, error) { return s.sealer.PublicKeys() }

// AuditRecord is what a use-case says of a change. InTx turns it into an
// [AuditEntry]: it takes its place in the chain and its details are sealed.
type AuditRecord struct {
	Namespace string
	Actor     string
	Action    string
	Object    string
	KeyID     string
	IPAddress netip.Addr
	RequestID string
	Details   any // marshalled as JSON and sealed; nil for none
}

// InTx runs fn in one transaction and answers the position of its last change
// (the zero Position when it changed nothing the data plane must know). See
// the package comment for what the transaction holds. fn's error rolls
// everything back.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) (Position, error) {
	var at Position
	err := s.Transact(ctx, func(ctx context.Context, w Writer) error {
		tx := &Tx{Reader: w, w: w, now: s.now().UTC().Truncate(time.Microsecond)}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if tx.wrote && len(tx.audits) == 0 {
			return ErrUnaudited
		}
		if err := s.appendAudits(ctx, w, tx.now, tx.audits); err != nil {
			return err
		}
		if len(tx.changes) == 0 {
			return nil
		}
		var err error
		at, err = w.AppendChanges(ctx, tx.changes)
		return err
	})
	if err != nil {
		return Position{}, err
	}
	return at, nil
}

// chainHead is where a chain of audit entries ends.
type chainHead struct {
	sequence int64
	hash     [32]byte
}

// appendAudits gives each record its place in the chain of its namespace and
// writes all of them at once. Each chain is asked for its head once: it is
// locked from then on.
func (s *Store) appendAudits(ctx context.Context, w Writer, now time.Time, records []AuditRecord) error {
	if len(records) == 0 {
		return nil
	}
	heads := map[string]chainHead{}
	entries := make([]AuditEntry, len(records))
	for i := range records {
		r := &records[i]
		head, known := heads[r.Namespace]
		if !known {
			var err error
			if head.sequence, head.hash, err = w.AuditHead(ctx, r.Namespace); err != nil {
				return fmt.Errorf("audit %s: %w", r.Action, err)
			}
		}
		e, err := s.auditEntry(r, now, head)
		if err != nil {
			return fmt.Errorf("audit %s: %w", r.Action, err)
		}
		entries[i], heads[r.Namespace] = e, chainHead{e.Sequence, e.Hash}
	}
	if err := w.AppendAudit(ctx, entries...); err != nil {
		return fmt.Errorf("audit %s: %w", records[0].Action, err)
	}
	return nil
}

// auditEntry is the record as the entry that follows the head.
func (s *Store) auditEntry(r *AuditRecord, now time.Time, head chainHead) (AuditEntry, error) {
	entry := AuditEntry{
		Namespace: r.Namespace, Sequence: head.sequence + 1, At: now, Actor: r.Actor, Action: r.Action,
		Object: r.Object, KeyID: r.KeyID, RequestID: r.RequestID, Previous: head.hash,
		// A zone means nothing on another machine, and PostgreSQL cannot store it.
		IPAddress: r.IPAddress.WithZone(""),
	}
	if r.Details != nil {
		plain, err := json.Marshal(r.Details)
		if err != nil {
			return AuditEntry{}, fmt.Errorf("details: %w", err)
		}
		entry.Details, err = s.sealer.Seal(plain, AuditAssociatedData(entry.Namespace, entry.Sequence))
		if err != nil {
			return AuditEntry{}, fmt.Errorf("seal details: %w", err)
		}
	}
	entry.Hash = entry.ChainHash()
	return entry, nil
}

// Tx is one transaction of [Store.InTx]. Its reads see its own writes. Each
// write notes what the data plane must learn of it.
type Tx struct {
	Reader

	w       Writer
	now     time.Time
	wrote   bool
	audits  []AuditRecord
	changes []Change
}

// Now is the one instant of the transaction, in UTC with microseconds.
func (tx *Tx) Now() time.Time { return tx.now }

// Audit records who did what. The entry is written when fn has returned.
func (tx *Tx) Audit(r AuditRecord) { tx.audits = append(tx.audits, r) }

// Enqueue adds a job that exists exactly if the transaction commits.
func (tx *Tx) Enqueue(ctx context.Context, j Job) error {
	tx.wrote = true
	return tx.w.InsertJob(ctx, j)
}

// changed records a successful write and, unless its kind is "", the change.
func (tx *Tx) changed(err error, c Change) error {
	if err != nil {
		return err
	}
	tx.wrote = true
	if c.Kind != "" {
		c.At = tx.now
		tx.changes = append(tx.changes, c)
	}
	return nil
}

// InsertNamespace makes a namespace.
func (tx *Tx) InsertNamespace(ctx context.Context, n Namespace) error {
	return tx.changed(tx.w.InsertNamespace(ctx, n),
		Change{Kind: ChangeNamespace, Namespace: n.Name, ObjectID: n.Name, Created: true})
}

// UpdateNamespace changes a namespace.
func (tx *Tx) UpdateNamespace(ctx context.Context, n Namespace) error {
	return tx.changed(tx.w.UpdateNamespace(ctx, n),
		Change{Kind: ChangeNamespace, Namespace: n.Name, ObjectID: n.Name})
}

// DeleteNamespace removes an empty namespace.
func (tx *Tx) DeleteNamespace(ctx context.Context, name string, version int64) error {
	return tx.changed(tx.w.DeleteNamespace(ctx, name, version),
		Change{Kind: ChangeNamespace, Namespace: name, ObjectID: name})
}

// InsertKey makes a key.
func (tx *Tx) InsertKey(ctx context.Context, k Key) error {
	return tx.changed(tx.w.InsertKey(ctx, k),
		Change{Kind: ChangeKey, Namespace: k.Namespace, ObjectID: k.KeyID, Created: true, Hash: k.Hash})
}

// InsertKeys makes a batch of keys.
func (tx *Tx) InsertKeys(ctx context.Context, keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	err := tx.w.InsertKeys(ctx, keys)
	for i := range keys {
		k := &keys[i]
		err = tx.changed(err, Change{Kind: ChangeKey, Namespace: k.Namespace, ObjectID: k.KeyID, Created: true, Hash: k.Hash})
	}
	return err
}

// UpdateKey changes a key.
func (tx *Tx) UpdateKey(ctx context.Context, k Key) error {
	return tx.changed(tx.w.UpdateKey(ctx, k),
		Change{Kind: ChangeKey, Namespace: k.Namespace, ObjectID: k.KeyID, Hash: k.Hash})
}

// PurgeKey erases a key's content.
func (tx *Tx) PurgeKey(ctx context.Context, k Key) error {
	return tx.changed(tx.w.PurgeKey(ctx, k.KeyID, k.Version, tx.now),
		Change{Kind: ChangeKey, Namespace: k.Namespace, ObjectID: k.KeyID, Hash: k.Hash})
}

// AnnounceKey notes that something about a key was announced. The data plane
// need not know.
func (tx *Tx) AnnounceKey(ctx context.Context, keyID string, what Announcement, of time.Time) error {
	return tx.changed(tx.w.AnnounceKey(ctx, keyID, what, of), Change{})
}

// InsertOwner makes an owner.
func (tx *Tx) InsertOwner(ctx context.Context, o Owner) error {
	return tx.changed(tx.w.InsertOwner(ctx, o),
		Change{Kind: ChangeOwner, Namespace: o.Namespace, ObjectID: o.Name, Created: true})
}

// UpdateOwner changes an owner.
func (tx *Tx) UpdateOwner(ctx context.Context, o Owner) error {
	return tx.changed(tx.w.UpdateOwner(ctx, o),
		Change{Kind: ChangeOwner, Namespace: o.Namespace, ObjectID: o.Name})
}

// DeleteOwner removes an owner that no key names.
func (tx *Tx) DeleteOwner(ctx context.Context, namespace, name string, version int64) error {
	return tx.changed(tx.w.DeleteOwner(ctx, namespace, name, version),
		Change{Kind: ChangeOwner, Namespace: namespace, ObjectID: name})
}

// InsertPlan makes a plan.
func (tx *Tx) InsertPlan(ctx context.Context, p Plan) error {
	return tx.changed(tx.w.InsertPlan(ctx, p),
		Change{Kind: ChangePlan, Namespace: p.Namespace, ObjectID: p.Name, Created: true})
}

// UpdatePlan changes a plan.
func (tx *Tx) UpdatePlan(ctx context.Context, p Plan) error {
	return tx.changed(tx.w.UpdatePlan(ctx, p),
		Change{Kind: ChangePlan, Namespace: p.Namespace, ObjectID: p.Name})
}

// DeletePlan removes a plan that no key names.
func (tx *Tx) DeletePlan(ctx context.Context, namespace, name string, version int64) error {
	return tx.changed(tx.w.DeletePlan(ctx, namespace, name, version),
		Change{Kind: ChangePlan, Namespace: namespace, ObjectID: name})
}

// InsertKeyPolicy makes a key policy. The data plane need not know.
func (tx *Tx) InsertKeyPolicy(ctx context.Context, p KeyPolicy) error {
	return tx.changed(tx.w.InsertKeyPolicy(ctx, p), Change{})
}

// UpdateKeyPolicy changes a key policy. The data plane need not know.
func (tx *Tx) UpdateKeyPolicy(ctx context.Context, p KeyPolicy) error {
	return tx.changed(tx.w.UpdateKeyPolicy(ctx, p), Change{})
}

// DeleteKeyPolicy has a namespace keep to the global policy again. The data
// plane need not know.
func (tx *Tx) DeleteKeyPolicy(ctx context.Context, namespace string, keyType KeyType, version int64) error {
	return tx.changed(tx.w.DeleteKeyPolicy(ctx, namespace, keyType, version), Change{})
}

// InsertBlacklistRule makes a rule.
func (tx *Tx) InsertBlacklistRule(ctx context.Context, r BlacklistRule) error {
	return tx.changed(tx.w.InsertBlacklistRule(ctx, r),
		Change{Kind: ChangeBlacklist, Namespace: r.Namespace, ObjectID: r.ID, Created: true})
}

// InsertBlacklistRules makes a batch of rules.
func (tx *Tx) InsertBlacklistRules(ctx context.Context, rules []BlacklistRule) error {
	if len(rules) == 0 {
		return nil
	}
	err := tx.w.InsertBlacklistRules(ctx, rules)
	for i := range rules {
		err = tx.changed(err, Change{Kind: ChangeBlacklist, Namespace: rules[i].Namespace, ObjectID: rules[i].ID, Created: true})
	}
	return err
}

// DeleteBlacklistRule removes a rule.
func (tx *Tx) DeleteBlacklistRule(ctx context.Context, r BlacklistRule) error {
	return tx.changed(tx.w.DeleteBlacklistRule(ctx, r.ID),
		Change{Kind: ChangeBlacklist, Namespace: r.Namespace, ObjectID: r.ID})
}

// InsertRoutePolicy makes a route policy.
func (tx *Tx) InsertRoutePolicy(ctx context.Context, p RoutePolicy) error {
	return tx.changed(tx.w.InsertRoutePolicy(ctx, p),
		Change{Kind: ChangeRoutePolicy, ObjectID: p.Name, Created: true})
}

// UpdateRoutePolicy changes a route policy.
func (tx *Tx) UpdateRoutePolicy(ctx context.Context, p RoutePolicy) error {
	return tx.changed(tx.w.UpdateRoutePolicy(ctx, p), Change{Kind: ChangeRoutePolicy, ObjectID: p.Name})
}

// DeleteRoutePolicy removes a route policy.
func (tx *Tx) DeleteRoutePolicy(ctx context.Context, name string, version int64) error {
	return tx.changed(tx.w.DeleteRoutePolicy(ctx, name, version), Change{Kind: ChangeRoutePolicy, ObjectID: name})
}

// UpdateAnomaly changes what people say of a finding.
func (tx *Tx) UpdateAnomaly(ctx context.Context, a Anomaly) error {
	return tx.changed(tx.w.UpdateAnomaly(ctx, a), Change{})
}

// InsertToken makes an admin token. The data plane need not know.
func (tx *Tx) InsertToken(ctx context.Context, t Token) error {
	return tx.changed(tx.w.InsertToken(ctx, t), Change{})
}

// RevokeToken ends an admin token. The data plane need not know.
func (tx *Tx) RevokeToken(ctx context.Context, id string) error {
	return tx.changed(tx.w.RevokeToken(ctx, id, tx.now), Change{})
}

// ShortenToken ends an admin token earlier. The data plane need not know.
func (tx *Tx) ShortenToken(ctx context.Context, id string, end time.Time) error {
	return tx.changed(tx.w.ShortenToken(ctx, id, end), Change{})
}

// InsertIdempotency remembers the answer to a create.
func (tx *Tx) InsertIdempotency(ctx context.Context, r IdempotencyRecord) error {
	return tx.changed(tx.w.InsertIdempotency(ctx, r), Change{})
}

// ForgetIdempotency forgets the answer to a request that made nothing after
// all.
func (tx *Tx) ForgetIdempotency(ctx context.Context, actor, key string) error {
	return tx.changed(tx.w.ForgetIdempotency(ctx, actor, key), Change{})
}

// Reschedule enqueues a job that is to run again later, outside of any change.
// It changes nothing that an audit entry would be about, so it needs none.
func (s *Store) Reschedule(ctx context.Context, j Job) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.InsertJob(ctx, j) })
}

// TouchToken notes that an admin token was used. It is no change that anybody
// made, so it needs no audit entry.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.TouchToken(ctx, id, at) })
}

// RemoveBatch is the most rows that one removal of what is old takes away: the
// others who write must not wait long. Who wants more removes again.
const RemoveBatch = 500

// PruneChanges removes a batch of changes made before the instant, outside of
// any change: nobody needs them any more.
func (s *Store) PruneChanges(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.PruneChanges(ctx, before)
		return err
	})
	return removed, err
}

// RemoveIdempotency removes a batch of idempotency records made before the
// instant, outside of any change.
func (s *Store) RemoveIdempotency(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.RemoveIdempotency(ctx, before)
		return err
	})
	return removed, err
}
