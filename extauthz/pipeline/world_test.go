package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

var (
	noon     = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	customer = netip.MustParseAddr("203.0.113.7")
	errDown  = errors.New("down")
)

// world is a pipeline with everything around it, and a request that it allows
// until a test changes one thing.
type world struct {
	options   Options
	secrets   *countedSecrets
	keys      *keyring
	blacklist rules
	limiter   *budget
	addresses *addressBudget
	failures  *addressBudget
	now       time.Time
	text      string // the key text
	key       *Key   // its record, in the cache
	request   Request
	decision  Decision
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	random := rand.NewChaCha8([32]byte{1})
	secrets, err := credential.NewSecrets(random)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{
		secrets:   &countedSecrets{Secrets: secrets},
		keys:      &keyring{cached: map[credential.Digest]*Key{}, stored: map[credential.Digest]*Key{}},
		blacklist: rules{},
		limiter:   &budget{},
		addresses: &addressBudget{},
		failures:  &addressBudget{},
		now:       noon,
	}
	w.options = Options{
		Secrets: w.secrets, Keys: w.keys, Blacklist: w.blacklist, Limiter: w.limiter,
		Addresses: w.addresses, Failures: w.failures, Now: func() time.Time { return w.now },
	}
	w.text = w.mint(tb, random)
	w.key = mustKey(tb, w.record())
	w.keys.cached[credential.DigestOf([]byte(w.text))] = w.key
	w.request = Request{
		HTTP: true, Peer: customer, PeerKind: PeerIP,
		Method: []byte("GET"), Scheme: []byte("https"), Host: []byte("api.example.com"), Path: []byte("/orders/7?page=2"),
		Headers: fields("user-agent", "curl/8", "x-api-key", w.text, "accept", "*/*"),
	}
	return w
}

func (w *world) mint(tb testing.TB, random *rand.ChaCha8) string {
	tb.Helper()
	text, _, err := w.secrets.Mint(random, "crd", "live")
	if err != nil {
		tb.Fatal(err)
	}
	return text.Reveal()
}

// record is the record of the world's key.
func (w *world) record() store.KeyRecord {
	hash, pepper := w.secrets.Hash(credential.DigestOf([]byte(w.text)))
	return store.KeyRecord{Key: store.Key{
		KeyID: "key_01", Namespace: "default", KeyType: store.KeyTypeService, Status: store.StatusActive,
		Environment: "live", Hash: hash, PepperID: pepper, ChecksumID: "c1", Scopes: []string{"orders:read", "items:*"},
	}}
}

// bounds are the key's, to be changed.
func (w *world) bounds() *Bounds {
	if w.key.Bounds == nil {
		w.key.Bounds = &Bounds{}
	}
	return w.key.Bounds
}

// uncached moves the key from the cache to the store.
func (w *world) uncached() {
	w.keys.stored, w.keys.cached = w.keys.cached, map[credential.Digest]*Key{}
}

func (w *world) extend(pairs ...string) { w.request.Extensions = fields(pairs...) }

func (w *world) header(pairs ...string) { w.request.Headers = fields(pairs...) }

func (w *world) pipeline(tb testing.TB) *Pipeline {
	tb.Helper()
	p, err := New(w.options)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (w *world) decide(tb testing.TB) *Decision {
	tb.Helper()
	w.pipeline(tb).Decide(tb.Context(), &w.request, &w.decision)
	return &w.decision
}

func (w *world) want(tb testing.TB, reason Reason) {
	tb.Helper()
	if d := w.decide(tb); d.Reason != reason {
		tb.Errorf("decided %v at %v, want %v", d.Reason, d.Stage, reason)
	}
}

func fields(pairs ...string) []Field {
	var all []Field
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, Field{Name: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	return all
}

func mustKey(tb testing.TB, r store.KeyRecord) *Key {
	tb.Helper()
	k, err := NewKey(r)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// countedSecrets are real secrets that count what they are asked.
type countedSecrets struct {
	*credential.Secrets
	checksums, compares int
}

func (s *countedSecrets) Minted(text []byte) bool {
	s.checksums++
	return s.Secrets.Minted(text)
}

func (s *countedSecrets) Matches(d credential.Digest, h credential.Hash) bool {
	s.compares++
	return s.Secrets.Matches(d, h)
}

type keyring struct {
	cached, stored map[credential.Digest]*Key
	err            error
	panics         bool
	finds          int
}

func (k *keyring) Cached(d credential.Digest) *Key {
	if k.panics {
		panic("cache is broken")
	}
	return k.cached[d]
}

func (k *keyring) Find(_ context.Context, d credential.Digest) (*Key, KeySource, error) {
	k.finds++
	if k.err != nil {
		return nil, KeySourceNone, k.err
	}
	if key := k.stored[d]; key != nil {
		return key, KeySourceStore, nil
	}
	return nil, KeySourceNegative, nil
}

type rules map[string][]netip.Prefix

func (r rules) Refused(client netip.Addr, namespace string, _ time.Time) bool {
	for _, network := range r[namespace] {
		if !client.IsValid() || network.Contains(client) {
			return true
		}
	}
	return false
}

func (r rules) add(namespace, network string) {
	r[namespace] = append(r[namespace], netip.MustParsePrefix(network))
}

// budget answers an outcome for each limit; refusals are named by their label.
type budget struct {
	refuse map[string]time.Duration
	err    error
	cost   int64
	takes  int
}

func (b *budget) Take(_ context.Context, _ time.Time, cost int64, limits []SubjectLimit, quotas []SubjectQuota,
	out []LimitOutcome,
) ([]LimitOutcome, bool, error) {
	b.takes++
	b.cost = cost
	if b.err != nil {
		return out, false, b.err
	}
	ok := true
	for i := range limits {
		reset, refused := b.refuse[limits[i].Label]
		ok = ok && !refused
		out = append(out, LimitOutcome{Name: limits[i].Label, Limit: limits[i].Limit.Limit, Reset: reset, Refused: refused})
	}
	for i := range quotas {
		reset, refused := b.refuse[quotas[i].Label]
		ok = ok && !refused
		out = append(out, LimitOutcome{Name: quotas[i].Label, Quota: true, Limit: quotas[i].Limit, Reset: reset, Refused: refused})
	}
	return out, ok, nil
}

// addressBudget is both an AddressLimiter and Failures; it is spent while wait
// is not zero.
type addressBudget struct {
	wait    time.Duration
	charged []netip.Addr
}

func (b *addressBudget) Take(client netip.Addr, _ time.Time) (time.Duration, bool) {
	b.Record(client, time.Time{})
	return b.wait, b.wait == 0
}

func (b *addressBudget) Spent(netip.Addr, time.Time) (time.Duration, bool) {
	return b.wait, b.wait != 0
}

func (b *addressBudget) Record(client netip.Addr, _ time.Time) {
	if len(b.charged) < 10 {
		b.charged = append(b.charged, client)
	}
}

func rate(name string) limit.Limit {
	return limit.Limit{Name: name, Limit: 10, Period: time.Second}
}

func daily(name string) limit.Quota {
	return limit.Quota{Name: name, Limit: 1000, Period: limit.QuotaDay}
}
