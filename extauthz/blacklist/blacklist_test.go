package blacklist_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"credence/extauthz/blacklist"
	"credence/store"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a blacklist over a real database.
type world struct {
	testing.TB
	store  *store.Store
	reader *faultyReader
	list   *blacklist.Blacklist
	seen   store.Position
	rules  int
}

// faultyReader counts reads, and fails while it is told to.
type faultyReader struct {
	store.BlacklistReader
	err           error
	pages, single int
}

func (r *faultyReader) BlacklistRules(ctx context.Context, scopes []string, page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	r.pages++
	if r.err != nil {
		return nil, "", r.err
	}
	return r.BlacklistReader.BlacklistRules(ctx, scopes, page)
}

func (r *faultyReader) BlacklistRule(ctx context.Context, id string) (store.BlacklistRule, error) {
	r.single++
	if r.err != nil {
		return store.BlacklistRule{}, r.err
	}
	return r.BlacklistReader.BlacklistRule(ctx, id)
}

func newWorld(tb testing.TB, maxRules int) *world {
	tb.Helper()
	w := &world{TB: tb}
	db := sqlitetest.Open(tb, time.Now)
	keyset, err := seal.NewKeyset()
	w.ok(err)
	w.store, w.reader = store.New(db, keyset, time.Now), &faultyReader{BlacklistReader: db}
	w.list, err = blacklist.New(blacklist.Options{Store: w.reader, MaxRules: maxRules})
	w.ok(err)
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) do(fn func(ctx context.Context, tx *store.Tx) error) {
	w.Helper()
	_, err := w.store.InTx(w.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "test", Action: "blacklist.test", Object: "blacklist"})
		return fn(ctx, tx)
	})
	w.ok(err)
}

// add makes one rule for each network, in one transaction.
func (w *world) add(namespace string, endsAt time.Time, networks ...string) (ids []string) {
	w.Helper()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		for _, network := range networks {
			w.rules++
			r := store.BlacklistRule{
				ID: fmt.Sprintf("%s%026d", store.BlacklistIDPrefix, w.rules), Namespace: namespace,
				Network: netip.MustParsePrefix(network), EndsAt: endsAt, CreatedBy: "test", CreatedAt: now,
			}
			ids = append(ids, r.ID)
			if err := tx.InsertBlacklistRule(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return ids
}

func (w *world) remove(id string) {
	w.Helper()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		r, err := tx.BlacklistRule(ctx, id)
		if err != nil {
			return err
		}
		return tx.DeleteBlacklistRule(ctx, r)
	})
}

// sync applies what has changed, as the follower does.
func (w *world) sync() error {
	w.Helper()
	changes, err := w.store.ChangesAfter(w.Context(), w.seen, 500)
	w.ok(err)
	if len(changes) == 0 {
		return nil
	}
	if err := w.list.Apply(w.Context(), changes); err != nil {
		return err
	}
	last := changes[len(changes)-1]
	w.seen = store.Position{Revision: last.Revision, ID: last.ID}
	return nil
}

func (w *world) want(refused bool, client, namespace string, at time.Time) {
	w.Helper()
	address := netip.Addr{}
	if client != "" {
		address = netip.MustParseAddr(client)
	}
	if got := w.list.Refused(address, namespace, at); got != refused {
		w.Errorf("client %q in namespace %q at %s: refused %v, want %v", client, namespace, at, got, refused)
	}
}

func TestEverybodyIsRefusedUntilTheRulesAreLoaded(t *testing.T) {
	w := newWorld(t, 0)
	w.want(true, "192.0.2.1", "", now)
	w.ok(w.list.Load(t.Context()))
	w.want(false, "192.0.2.1", "", now)
}

func TestRulesRefuseTheirNetworksInTheirScope(t *testing.T) {
	w := newWorld(t, 0)
	w.add("", time.Time{}, "203.0.113.0/24", "2001:db8::/32", "198.51.100.7/32")
	w.add(store.DefaultNamespace, time.Time{}, "192.0.2.0/24")
	w.ok(w.list.Load(t.Context()))

	w.want(true, "203.0.113.0", "", now)
	w.want(true, "203.0.113.255", "", now)
	w.want(false, "203.0.114.0", "", now)
	w.want(true, "::ffff:203.0.113.9", "", now) // the same client in IPv6 clothes
	w.want(true, "198.51.100.7", "", now)
	w.want(false, "198.51.100.8", "", now)
	w.want(true, "2001:db8:ffff::1", "", now)
	w.want(false, "2001:db9::1", "", now)
	w.want(true, "192.0.2.1", store.DefaultNamespace, now)
	w.want(false, "192.0.2.1", "", now)
	w.want(false, "192.0.2.1", "other", now)
	w.want(false, "203.0.113.1", store.DefaultNamespace, now) // the stage of the global rules has refused it
}

func TestEndsAreJudgedAtRequestTimeAndTheEndIsOutside(t *testing.T) {
	w := newWorld(t, 0)
	end := now.Add(time.Hour)
	w.add("", end, "203.0.113.0/24")
	w.ok(w.list.Load(t.Context()))
	w.want(true, "203.0.113.1", "", end.Add(-1))
	w.want(false, "203.0.113.1", "", end)
}

func TestAnEndedLongerPrefixDoesNotHideALiveShorterOne(t *testing.T) {
	w := newWorld(t, 0)
	w.add("", now.Add(-time.Hour), "203.0.113.7/32", "2001:db8::/64")
	w.add("", now.Add(time.Hour), "203.0.113.0/24", "2001:db8::/32")
	w.add("", now.Add(time.Minute), "203.0.0.0/16")
	w.ok(w.list.Load(t.Context()))
	w.want(true, "203.0.113.7", "", now)
	w.want(true, "203.0.113.7", "", now.Add(30*time.Minute))
	w.want(false, "203.0.113.7", "", now.Add(time.Hour))
	w.want(true, "2001:db8::1", "", now)
}

func TestAClientWithoutAddressIsRefusedWhileALiveRuleExists(t *testing.T) {
	w := newWorld(t, 0)
	w.ok(w.list.Load(t.Context()))
	w.want(false, "", "", now)
	w.add("", now.Add(time.Hour), "203.0.113.0/24")
	w.ok(w.list.Load(t.Context()))
	w.want(true, "", "", now)
	w.want(false, "", "", now.Add(time.Hour))
	w.want(false, "", store.DefaultNamespace, now)
}

func TestChangesAreAppliedRuleByRule(t *testing.T) {
	w := newWorld(t, 0)
	w.ok(w.list.Load(t.Context()))
	ids := w.add("", time.Time{}, "203.0.113.0/24", "203.0.113.0/28")
	w.add(store.DefaultNamespace, time.Time{}, "192.0.2.0/24")
	pages := w.reader.pages
	w.ok(w.sync())
	w.want(true, "203.0.113.1", "", now)
	w.want(true, "192.0.2.1", store.DefaultNamespace, now)
	if w.reader.pages != pages {
		t.Error("all rules were read for a few changes")
	}

	w.remove(ids[0])
	w.ok(w.sync())
	w.want(true, "203.0.113.1", "", now)
	w.want(false, "203.0.113.200", "", now)
	w.remove(ids[1])
	w.ok(w.sync())
	w.want(false, "203.0.113.1", "", now)
	w.want(true, "192.0.2.1", store.DefaultNamespace, now)
	if n := w.list.Stats().Rules; n != 1 {
		t.Errorf("%d rules, want 1", n)
	}
}

func TestManyChangesReadAllRulesInPages(t *testing.T) {
	w := newWorld(t, 0)
	w.ok(w.list.Load(t.Context()))
	var networks []string
	for i := range 490 {
		networks = append(networks, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
	}
	w.add("", time.Time{}, networks...)
	w.add("", time.Time{}, "172.16.0.0/12", "192.168.0.0/16")
	single := w.reader.single
	w.ok(w.sync())
	w.want(true, "10.1.233.1", "", now)
	w.want(false, "10.1.234.1", "", now)
	w.want(true, "172.31.0.1", "", now)
	if w.reader.single != single {
		t.Error("rules were read one by one")
	}
}

func TestAFailedReadKeepsTheRulesAndIsTriedAgain(t *testing.T) {
	w := newWorld(t, 0)
	old := w.add("", time.Time{}, "203.0.113.0/24")
	w.ok(w.list.Load(t.Context()))
	w.ok(w.sync())
	w.add("", time.Time{}, "192.0.2.0/24")
	w.remove(old[0])
	w.reader.err = store.ErrUnavailable
	for _, err := range []error{w.sync(), w.list.Load(t.Context())} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
	w.list.Restart()
	w.want(true, "203.0.113.1", "", now)
	w.want(false, "192.0.2.1", "", now)
	w.reader.err = nil
	w.ok(w.sync())
	w.want(false, "203.0.113.1", "", now)
	w.want(true, "192.0.2.1", "", now)
}

func TestMoreRulesThanTheBoundAreAnErrorThatNamesIt(t *testing.T) {
	w := newWorld(t, 2)
	w.add("", time.Time{}, "203.0.113.0/24", "198.51.100.0/24")
	w.ok(w.list.Load(t.Context()))
	w.ok(w.sync())
	extra := w.add("", time.Time{}, "192.0.2.0/24")
	for _, err := range []error{w.sync(), w.list.Load(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "more than 2 rules") {
			t.Errorf("error %v does not name the bound", err)
		}
	}
	w.want(true, "203.0.113.1", "", now)
	w.want(false, "192.0.2.1", "", now)
	w.remove(extra[0])
	w.ok(w.sync())
}

func TestOptionsAreRefusedByName(t *testing.T) {
	if _, err := blacklist.New(blacklist.Options{}); err == nil || !strings.Contains(err.Error(), "Store:") {
		t.Errorf("error %v does not name Store", err)
	}
	_, err := blacklist.New(blacklist.Options{Store: &faultyReader{}, MaxRules: -1})
	if err == nil || !strings.Contains(err.Error(), "MaxRules:") {
		t.Errorf("error %v does not name MaxRules", err)
	}
}

func TestRefusedIsWhatEveryRuleByItselfWouldSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reader := &pagesByIndex{}
		for i := range rapid.IntRange(0, 40).Draw(t, "rules") {
			r := store.BlacklistRule{ID: fmt.Sprintf("blk_%03d", i), Network: drawNetwork(t)}
			if rapid.Bool().Draw(t, "ends") {
				r.EndsAt = now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "in")) * time.Minute)
			}
			r.Namespace = rapid.SampledFrom([]string{"", "a"}).Draw(t, "namespace")
			reader.rules = append(reader.rules, r)
		}
		list, err := blacklist.New(blacklist.Options{Store: reader})
		if err != nil {
			t.Fatal(err)
		}
		if err := list.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			client := drawNetwork(t).Addr()
			namespace := rapid.SampledFrom([]string{"", "a"}).Draw(t, "asked")
			at := now.Add(time.Duration(rapid.IntRange(-6, 6).Draw(t, "at")) * time.Minute)
			want := slices.ContainsFunc(reader.rules, func(r store.BlacklistRule) bool {
				return r.Namespace == namespace && r.Network.Contains(client) && !r.Ended(at)
			})
			if got := list.Refused(client, namespace, at); got != want {
				t.Fatalf("client %s in %q at %s: refused %v, want %v", client, namespace, at, got, want)
			}
		}
	})
}

// drawNetwork draws from few networks, so that many lie within each other.
func drawNetwork(t *rapid.T) netip.Prefix {
	if rapid.Bool().Draw(t, "ipv6") {
		a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 7: rapid.Byte().Draw(t, "subnet") % 4, 15: rapid.Byte().Draw(t, "host") % 4})
		return netip.PrefixFrom(a, rapid.IntRange(0, 128).Draw(t, "bits")).Masked()
	}
	a := netip.AddrFrom4([4]byte{203, 0, rapid.Byte().Draw(t, "subnet") % 4, rapid.Byte().Draw(t, "host") % 8})
	return netip.PrefixFrom(a, rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
}

func hundredThousand(tb testing.TB) *blacklist.Blacklist {
	tb.Helper()
	reader := &pagesByIndex{}
	for i := range 100_000 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		reader.rules = append(reader.rules, store.BlacklistRule{
			ID: fmt.Sprintf("blk_%06d", i), Network: netip.PrefixFrom(a, 32), EndsAt: now.Add(time.Hour),
		})
	}
	reader.rules[0].Network = netip.MustParsePrefix("10.0.0.0/8")
	list, err := blacklist.New(blacklist.Options{Store: reader})
	if err != nil {
		tb.Fatal(err)
	}
	if err := list.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return list
}

// pagesByIndex serves rules from memory, where very many are compared.
type pagesByIndex struct{ rules []store.BlacklistRule }

func (r *pagesByIndex) BlacklistRules(_ context.Context, _ []string, page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	start := 0
	if page.After != "" {
		if _, err := fmt.Sscan(string(page.After), &start); err != nil {
			return nil, "", err
		}
	}
	end := min(start+page.Size(), len(r.rules))
	if end == len(r.rules) {
		return r.rules[start:end], "", nil
	}
	return r.rules[start:end], store.Cursor(fmt.Sprint(end)), nil
}

func (r *pagesByIndex) BlacklistRule(context.Context, string) (store.BlacklistRule, error) {
	return store.BlacklistRule{}, store.ErrNotFound
}

func TestRefusedAllocatesNothing(t *testing.T) {
	list, client := hundredThousand(t), netip.MustParseAddr("10.1.2.3")
	if allocs := testing.AllocsPerRun(1000, func() { list.Refused(client, "", now) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkRefused(b *testing.B) {
	list := hundredThousand(b)
	for name, client := range map[string]netip.Addr{
		"refused": netip.MustParseAddr("10.1.2.3"), "passes": netip.MustParseAddr("192.0.2.1"),
		"ipv6": netip.MustParseAddr("2001:db8::1"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					list.Refused(client, "", now)
				}
			})
		})
	}
}
