package management_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
)

// breaking is a backend whose nth write fails, and that counts writes.
type breaking struct {
	store.Backend

	fail       int // which write fails, from 1; 0 for none
	writes     int
	committing bool // all writes were done, and the commit is tried
}

// Transact runs fn over a writer that breaks. The commit counts as a write.
func (b *breaking) Transact(ctx context.Context, fn func(ctx context.Context, w store.Writer) error) error {
	return b.Backend.Transact(ctx, func(ctx context.Context, w store.Writer) error {
		if err := fn(ctx, &breakingWriter{Writer: w, b: b}); err != nil {
			return err
		}
		b.committing = true
		return b.write(func() error { return nil })
	})
}

func (b *breaking) write(do func() error) error {
	b.writes++
	if b.writes == b.fail {
		return fmt.Errorf("%w: write %d broke", store.ErrUnavailable, b.writes)
	}
	return do()
}

type breakingWriter struct {
	store.Writer

	b *breaking
}

func (w *breakingWriter) InsertNamespace(ctx context.Context, n store.Namespace) error {
	return w.b.write(func() error { return w.Writer.InsertNamespace(ctx, n) })
}

func (w *breakingWriter) UpdateNamespace(ctx context.Context, n store.Namespace) error {
	return w.b.write(func() error { return w.Writer.UpdateNamespace(ctx, n) })
}

func (w *breakingWriter) DeleteNamespace(ctx context.Context, name string, version int64) error {
	return w.b.write(func() error { return w.Writer.DeleteNamespace(ctx, name, version) })
}

func (w *breakingWriter) InsertKey(ctx context.Context, k store.Key) error {
	return w.b.write(func() error { return w.Writer.InsertKey(ctx, k) })
}

func (w *breakingWriter) InsertBlacklistRules(ctx context.Context, rules []store.BlacklistRule) error {
	return w.b.write(func() error { return w.Writer.InsertBlacklistRules(ctx, rules) })
}

func (w *breakingWriter) InsertKeys(ctx context.Context, keys []store.Key) error {
	return w.b.write(func() error { return w.Writer.InsertKeys(ctx, keys) })
}

func (w *breakingWriter) UpdateKey(ctx context.Context, k store.Key) error {
	return w.b.write(func() error { return w.Writer.UpdateKey(ctx, k) })
}

func (w *breakingWriter) PurgeKey(ctx context.Context, keyID string, version int64, at time.Time) error {
	return w.b.write(func() error { return w.Writer.PurgeKey(ctx, keyID, version, at) })
}

func (w *breakingWriter) InsertOwner(ctx context.Context, o store.Owner) error {
	return w.b.write(func() error { return w.Writer.InsertOwner(ctx, o) })
}

func (w *breakingWriter) UpdateOwner(ctx context.Context, o store.Owner) error {
	return w.b.write(func() error { return w.Writer.UpdateOwner(ctx, o) })
}

func (w *breakingWriter) DeleteOwner(ctx context.Context, namespace, name string, version int64) error {
	return w.b.write(func() error { return w.Writer.DeleteOwner(ctx, namespace, name, version) })
}

func (w *breakingWriter) InsertPlan(ctx context.Context, p store.Plan) error {
	return w.b.write(func() error { return w.Writer.InsertPlan(ctx, p) })
}

func (w *breakingWriter) UpdatePlan(ctx context.Context, p store.Plan) error {
	return w.b.write(func() error { return w.Writer.UpdatePlan(ctx, p) })
}

func (w *breakingWriter) DeletePlan(ctx context.Context, namespace, name string, version int64) error {
	return w.b.write(func() error { return w.Writer.DeletePlan(ctx, namespace, name, version) })
}

func (w *breakingWriter) InsertRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	return w.b.write(func() error { return w.Writer.InsertRoutePolicy(ctx, p) })
}

func (w *breakingWriter) UpdateRoutePolicy(ctx context.Context, p store.RoutePolicy) error {
	return w.b.write(func() error { return w.Writer.UpdateRoutePolicy(ctx, p) })
}

func (w *breakingWriter) DeleteRoutePolicy(ctx context.Context, name string, version int64) error {
	return w.b.write(func() error { return w.Writer.DeleteRoutePolicy(ctx, name, version) })
}

func (w *breakingWriter) InsertKeyPolicy(ctx context.Context, p store.KeyPolicy) error {
	return w.b.write(func() error { return w.Writer.InsertKeyPolicy(ctx, p) })
}

func (w *breakingWriter) UpdateKeyPolicy(ctx context.Context, p store.KeyPolicy) error {
	return w.b.write(func() error { return w.Writer.UpdateKeyPolicy(ctx, p) })
}

func (w *breakingWriter) DeleteKeyPolicy(ctx context.Context, namespace string, keyType store.KeyType, version int64) error {
	return w.b.write(func() error { return w.Writer.DeleteKeyPolicy(ctx, namespace, keyType, version) })
}

func (w *breakingWriter) InsertBlacklistRule(ctx context.Context, r store.BlacklistRule) error {
	return w.b.write(func() error { return w.Writer.InsertBlacklistRule(ctx, r) })
}

func (w *breakingWriter) DeleteBlacklistRule(ctx context.Context, id string) error {
	return w.b.write(func() error { return w.Writer.DeleteBlacklistRule(ctx, id) })
}

func (w *breakingWriter) InsertAnomaly(ctx context.Context, a store.Anomaly) error {
	return w.b.write(func() error { return w.Writer.InsertAnomaly(ctx, a) })
}

func (w *breakingWriter) UpdateAnomaly(ctx context.Context, a store.Anomaly) error {
	return w.b.write(func() error { return w.Writer.UpdateAnomaly(ctx, a) })
}

func (w *breakingWriter) UpdateAnomalyPolicy(ctx context.Context, p store.AnomalyPolicy) error {
	return w.b.write(func() error { return w.Writer.UpdateAnomalyPolicy(ctx, p) })
}

func (w *breakingWriter) InsertToken(ctx context.Context, t store.Token) error {
	return w.b.write(func() error { return w.Writer.InsertToken(ctx, t) })
}

func (w *breakingWriter) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return w.b.write(func() error { return w.Writer.RevokeToken(ctx, id, at) })
}

func (w *breakingWriter) ShortenToken(ctx context.Context, id string, end time.Time) error {
	return w.b.write(func() error { return w.Writer.ShortenToken(ctx, id, end) })
}

func (w *breakingWriter) InsertIdempotency(ctx context.Context, r store.IdempotencyRecord) error {
	return w.b.write(func() error { return w.Writer.InsertIdempotency(ctx, r) })
}

func (w *breakingWriter) InsertJob(ctx context.Context, j store.Job) error {
	return w.b.write(func() error { return w.Writer.InsertJob(ctx, j) })
}

func (w *breakingWriter) AppendAudit(ctx context.Context, entries ...store.AuditEntry) error {
	return w.b.write(func() error { return w.Writer.AppendAudit(ctx, entries...) })
}

func (w *breakingWriter) AppendChanges(ctx context.Context, changes []store.Change) (at store.Position, err error) {
	err = w.b.write(func() error {
		at, err = w.Writer.AppendChanges(ctx, changes)
		return err
	})
	return at, err
}

// changes is every use-case that changes something, on a store with tenants.
// writes is how many it takes: object, audit entry, change and commit at least.
func changes(w *tenants) map[string]struct {
	writes int
	do     func(ctx context.Context, s *management.Service) error
} {
	once := management.Idempotency{Key: "once", RequestHash: [32]byte{1}}
	status := management.KeyStatusChange{KeyID: w.key["a"]}
	type change = struct {
		writes int
		do     func(ctx context.Context, s *management.Service) error
	}
	return map[string]change{
		"KeyCreate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyCreate(ctx, global, management.KeyCreate{Name: "x", Idempotency: once})
			return err
		}},
		"KeyUpdate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyUpdate(ctx, global, management.KeyUpdate{KeyID: w.key["a"], Version: 1, Name: management.Set("y")})
			return err
		}},
		"KeyRevoke": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyRevoke(ctx, global, status)
			return err
		}},
		"KeyDisable": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyDisable(ctx, global, status)
			return err
		}},
		"KeySuspend": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeySuspend(ctx, global, status)
			return err
		}},
		"KeyEnable": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyEnable(ctx, global, management.KeyStatusChange{KeyID: w.key["disabled"]})
			return err
		}},
		"KeyPurge": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyPurge(ctx, global, management.KeyPurge{KeyID: w.key["revoked"]})
			return err
		}},
		"KeyImport": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyImport(ctx, global, management.KeyImport{Keys: []management.KeyImportRow{importRow(1, "one"), importRow(2, "two")}})
			return err
		}},
		"KeysRevoke": {8, func(ctx context.Context, s *management.Service) error {
			plan, err := s.KeysRevoke(ctx, global, management.KeysRevoke{Filter: management.KeyList{Namespace: "a"}, Everything: true, Reason: "x"})
			if err == nil {
				_, err = s.KeysRevoke(ctx, global, management.KeysRevoke{Confirm: plan.Confirm})
			}
			return err
		}},
		"KeyRotate": {8, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyRotate(ctx, global, management.KeyRotate{KeyID: w.key["a"], Idempotency: once})
			return err
		}},
		"KeyRotate at once": {6, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyRotate(ctx, global, management.KeyRotate{KeyID: w.key["a"], Grace: "0s"})
			return err
		}},
		"KeyRotationClose": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyRotationClose(ctx, w.key["rotated"])
			return err
		}},
		"KeyPolicySet": {3, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyPolicySet(ctx, global, management.KeyPolicySet{KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)})
			return err
		}},
		"KeyPolicySet of a namespace": {3, func(ctx context.Context, s *management.Service) error {
			_, err := s.KeyPolicySet(ctx, global, management.KeyPolicySet{Namespace: "a", KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)})
			return err
		}},
		"KeyPolicyReset": {3, func(ctx context.Context, s *management.Service) error {
			return s.KeyPolicyReset(ctx, global, management.KeyPolicyReset{Namespace: "b", KeyType: "user"})
		}},
		"AnomalySee with an action on a key": {7, func(ctx context.Context, s *management.Service) error {
			_, _, err := s.AnomalySee(ctx, store.Anomaly{
				Type: "many_networks", Severity: store.SeverityHigh, Namespace: "a", KeyID: w.key["a"], Subject: "key:" + w.key["a"],
				FirstAt: w.clock(), LastAt: w.clock(),
			})
			return err
		}},
		"AnomalySee with an address": {7, func(ctx context.Context, s *management.Service) error {
			_, _, err := s.AnomalySee(ctx, store.Anomaly{
				Type: "brute_force", Severity: store.SeverityHigh, Subject: "address:192.0.2.66", FirstAt: w.clock(), LastAt: w.clock(),
			})
			return err
		}},
		"AnomalyUndo": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.AnomalyUndo(ctx, global, management.AnomalyChange{ID: w.key["acted"]})
			return err
		}},
		"AnomalyPolicySet": {3, func(ctx context.Context, s *management.Service) error {
			_, err := s.AnomalyPolicySet(ctx, global, management.AnomalyPolicySet{Version: 2})
			return err
		}},
		"PlanCreate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.PlanCreate(ctx, global, management.PlanCreate{Name: "x", Idempotency: once})
			return err
		}},
		"PlanUpdate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.PlanUpdate(ctx, global, management.PlanUpdate{Namespace: "a", Name: "unused", Version: 1, Description: management.Set("y")})
			return err
		}},
		"PlanDelete": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.PlanDelete(ctx, global, management.PlanDelete{Namespace: "a", Name: "unused"})
			return err
		}},
		"RoutePolicyCreate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.RoutePolicyCreate(ctx, global, management.RoutePolicyCreate{Name: "x", Idempotency: once})
			return err
		}},
		"RoutePolicyUpdate": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.RoutePolicyUpdate(ctx, global, management.RoutePolicyUpdate{Name: "a", Version: 1, Mode: management.Set("shadow")})
			return err
		}},
		"RoutePolicyDelete": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.RoutePolicyDelete(ctx, global, management.RoutePolicyDelete{Name: "b"})
			return err
		}},
		"OwnerCreate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.OwnerCreate(ctx, global, management.OwnerCreate{Name: "x", Idempotency: once})
			return err
		}},
		"OwnerUpdate": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.OwnerUpdate(ctx, global, management.OwnerUpdate{Namespace: "a", Name: "unused", Version: 1, Description: management.Set("y")})
			return err
		}},
		"OwnerDelete": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.OwnerDelete(ctx, global, management.OwnerDelete{Namespace: "a", Name: "unused"})
			return err
		}},
		"NamespaceCreate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.NamespaceCreate(ctx, global, management.NamespaceCreate{Name: "new", Idempotency: once})
			return err
		}},
		"NamespaceUpdate": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.NamespaceUpdate(ctx, global, management.NamespaceUpdate{Name: "a", Version: 1, Description: management.Set("y")})
			return err
		}},
		"NamespaceDelete": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.NamespaceDelete(ctx, global, management.NamespaceDelete{Name: "empty"})
			return err
		}},
		"BlacklistAdd": {6, func(ctx context.Context, s *management.Service) error {
			_, err := s.BlacklistAdd(ctx, global, management.BlacklistAdd{Network: "192.0.2.9", Reason: "r", For: "1h", Idempotency: once})
			return err
		}},
		"BlacklistImport": {6, func(ctx context.Context, s *management.Service) error {
			_, err := s.BlacklistImport(ctx, global, management.BlacklistImport{
				Reason: "r", For: "1h", Rules: []management.BlacklistImportRow{{Network: "192.0.2.9"}, {Network: "192.0.2.10"}},
			})
			return err
		}},
		"BlacklistRulesRemove": {7, func(ctx context.Context, s *management.Service) error {
			_, err := s.BlacklistRulesRemove(ctx, global, management.BlacklistRulesRemove{Networks: []string{"192.0.2.1/32"}, Everything: true})
			return err
		}},
		"BlacklistRemove": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.BlacklistRemove(ctx, global, w.rule["a"])
			return err
		}},
		"BlacklistExpire": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.BlacklistExpire(ctx, w.rule["ended"])
			return err
		}},
		"TokenBootstrap": {3, func(ctx context.Context, s *management.Service) error {
			_, err := s.TokenBootstrap(ctx, management.TokenBootstrap{Replace: true})
			return err
		}},
		"TokenCreate": {4, func(ctx context.Context, s *management.Service) error {
			_, err := s.TokenCreate(ctx, global, management.TokenCreate{Name: "x", Role: "viewer", Idempotency: once})
			return err
		}},
		"TokenRevoke": {3, func(ctx context.Context, s *management.Service) error {
			_, err := s.TokenRevoke(ctx, global, management.TokenRevoke{ID: w.admin["a"]})
			return err
		}},
		"TokenRotate": {5, func(ctx context.Context, s *management.Service) error {
			_, err := s.TokenRotate(ctx, global, management.TokenRotate{ID: w.admin["a"], Idempotency: once})
			return err
		}},
	}
}

func TestWhateverWriteFailsNothingIsHalfDone(t *testing.T) {
	w := newTenants(t)
	w.key["disabled"], w.key["revoked"] = w.keyIn(store.StatusDisabled).KeyID, w.keyIn(store.StatusRevoked).KeyID
	w.key["rotated"] = w.rotated(management.KeyRotate{Grace: "1m"}).Previous.KeyID
	w.keyPolicy(management.KeyPolicySet{Namespace: "b", ExpiryRequired: management.Set(true)})
	watched{w.fixture, t}.policy(rules(blacklists, management.AnomalyRule{Type: "many_networks", Severity: store.SeverityHigh, Action: "suspend"}))
	w.key["acted"] = watched{w.fixture, t}.seeAddress("address:192.0.2.77").ID
	w.rule["ended"] = w.fixture.rule(management.BlacklistAdd{Network: "192.0.2.8", For: "1h"}).ID
	_, err := w.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "empty"})
	must(t, err)
	w.advance(time.Hour)
	before := w.dump()
	for name, change := range changes(w) {
		t.Run(name, func(t *testing.T) {
			// The last round fails in the commit, after every write: so all of
			// them were tried, and the store is left for the next use-case.
			broken := &breaking{Backend: w.db}
			for !broken.committing {
				broken.fail, broken.writes = broken.fail+1, 0
				err := change.do(t.Context(), w.over(store.New(broken, w.keyset, w.clock)))
				refused(t, err, management.CodeUnavailable)
				if after := w.dump(); after != before {
					t.Fatalf("write %d failed (%v) and left:\n%s", broken.fail, err, cmp.Diff(before, after, addresses()))
				}
			}
			if broken.fail != change.writes {
				t.Errorf("took %d writes, the table says %d", broken.fail, change.writes)
			}
		})
	}
}

func TestTheSameInputInAnUnreachableStoreIsUnavailable(t *testing.T) {
	w := newTenants(t)
	must(t, w.db.Close())
	for name, use := range attempts {
		if name == "UsageAddresses" {
			continue // nobody of a namespace is shown any, so the store is not asked
		}
		t.Run(name, func(t *testing.T) {
			_, err := use.try(t.Context(), w, "a")
			refused(t, err, management.CodeUnavailable)
		})
	}
	_, err := w.UsageAddresses(t.Context(), global, management.UsageAddresses{})
	refused(t, err, management.CodeUnavailable)
	_, err = w.TokenAuthenticate(t.Context(), []byte("crdadm_"))
	refused(t, err, management.CodeUnauthorized)
}
