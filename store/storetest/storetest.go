package storetest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"credence/store"
	"credence/store/seal"
)

// Open makes a fresh, empty, migrated backend whose clock is now, and closes
// it when the test ends.
type Open func(t *testing.T, now func() time.Time) store.Backend

// Run runs the whole suite, each test on a backend of its own.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, p := range g.promises {
				t.Run(p.method+" "+p.name, func(t *testing.T) {
					p.prove(newFixture(t, open))
				})
			}
		})
	}
}

// promise is one test: what a method promises, and the proof.
type promise struct {
	method string
	name   string
	prove  func(f *fixture)
}

type group struct {
	name     string
	promises []promise
}

func groups() []group {
	return []group{
		{"namespace", namespacePromises()},
		{"key", keyPromises()},
		{"key_finder", finderPromises()},
		{"key_used", usedKeyPromises()},
		{"plan", planPromises()},
		{"key_policy", keyPolicyPromises()},
		{"anomaly_policy", anomalyPolicyPromises()},
		{"owner", ownerPromises()},
		{"blacklist", blacklistPromises()},
		{"route_policy", routePolicyPromises()},
		{"change", changePromises()},
		{"wake", wakePromises()},
		{"replica", replicaPromises()},
		{"lease", leasePromises()},
		{"token", tokenPromises()},
		{"webhook", webhookPromises()},
		{"delivery", deliveryPromises()},
		{"webhook_turn", turnPromises()},
		{"connection", connectionPromises()},
		{"report", reportPromises()},
		{"notice", noticePromises()},
		{"gitea_token", outsidePromises(store.SystemGitea)},
		{"n8n_key", outsidePromises(store.SystemN8N)},
		{"n8n_session", n8nSessionPromises()},
		{"inventory", inventoryPromises()},
		{"audit", auditPromises()},
		{"audit_checkpoint", checkpointPromises()},
		{"quota", quotaPromises()},
		{"idempotency", idempotencyPromises()},
		{"job", jobPromises()},
		{"usage", usagePromises()},
		{"usage sums", usageSumPromises()},
		{"cleanup", cleanupPromises()},
		{"anomalies", anomalyPromises()},
		{"store", storePromises()},
		{"tx", txPromises()},
	}
}

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixture is a test with its own backend, store and clock.
type fixture struct {
	*testing.T

	backend store.Backend
	store   *store.Store
	keyset  *seal.Keyset
	clock   *clock
}

func newFixture(t *testing.T, open Open) *fixture {
	t.Helper()
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatalf("new keyset: %v", err)
	}
	c := &clock{at: time.Date(2026, 3, 31, 23, 59, 58, 123_456_000, time.UTC)}
	backend := open(t, c.now)
	return &fixture{T: t, backend: backend, store: store.New(backend, keyset, c.now), keyset: keyset, clock: c}
}

// try runs fn in an audited transaction.
func (f *fixture) try(fn func(ctx context.Context, tx *store.Tx) error) error {
	_, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(record())
		return fn(ctx, tx)
	})
	return err
}

// do is try for what has to succeed.
func (f *fixture) do(fn func(ctx context.Context, tx *store.Tx) error) {
	f.Helper()
	f.ok(f.try(fn))
}

func record() store.AuditRecord {
	return store.AuditRecord{Namespace: store.DefaultNamespace, Actor: "system", Action: "test.change", Object: "test:1"}
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

// refused wants an error that wraps the sentinel.
func (f *fixture) refused(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got error %v, want one that wraps %q", err, want)
	}
}

func equal[T any](f *fixture, got, want T) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		f.Fatalf("mismatch (-want +got):\n%s", diff)
	}
}

// walk reads a list page by page and checks that no page is longer than asked
// and that only the last one is without a cursor.
func walk[T any](f *fixture, size int, read func(store.Page) ([]T, store.Cursor, error)) []T {
	f.Helper()
	var all []T
	page := store.Page{Limit: size}
	for {
		found, next, err := read(page)
		f.ok(err)
		if len(found) > size {
			f.Fatalf("page of %d items, asked for %d", len(found), size)
		}
		all = append(all, found...)
		if next == "" {
			return all
		}
		if len(found) < size {
			f.Fatalf("page of %d items with a cursor, asked for %d", len(found), size)
		}
		page.After = next
	}
}

func names[T any](all []T, name func(T) string) []string {
	var out []string
	for _, item := range all {
		out = append(out, name(item))
	}
	return out
}

// inOrder wants the items in exactly this order.
func inOrder(f *fixture, got []string, want ...string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Fatalf("got %s, want %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
