package snapshot_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/extauthz/routes"
	"credence/extauthz/snapshot"
	"credence/store"
	"credence/store/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ceiling = time.Hour
	name    = "replica.snapshot"
)

// replica is what is kept, without the rest of a process.
type replica struct {
	testing.TB

	path    string
	secret  [32]byte
	now     time.Time
	machine snapshot.Machine
	keys    kept
	refused *blacklist.Blacklist
	routes  *routes.Policies
	applied store.Position

	folder *snapshot.Folder
	keeper *snapshot.Keeper
}

// kept is a key cache of which all entries are known.
type kept struct {
	entries []cache.Kept
	chunk   int    // in a batch
	between func() // called between two batches
}

func (k *kept) Keep(_ context.Context, each func([]cache.Kept) error) error {
	for batch := range slices.Chunk(k.entries, k.chunk) {
		if err := each(batch); err != nil {
			return err
		}
		if k.between != nil {
			k.between()
		}
	}
	return nil
}

// none reads no rules.
type none struct{}

func (none) BlacklistRule(context.Context, string) (store.BlacklistRule, error) {
	return store.BlacklistRule{}, store.ErrNotFound
}

func (none) BlacklistRules(context.Context, []string, store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	return nil, "", nil
}

func (none) RoutePolicy(context.Context, string) (store.RoutePolicy, error) {
	return store.RoutePolicy{}, store.ErrNotFound
}

func (none) RoutePolicies(context.Context, store.Page) ([]store.RoutePolicy, store.Cursor, error) {
	return nil, "", nil
}

func newReplica(tb testing.TB) *replica {
	tb.Helper()
	r := &replica{
		TB: tb, path: tb.TempDir(), secret: [32]byte{1}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		applied: store.Position{Revision: 10, ID: "chg_10"},
	}
	r.keys.chunk = 2
	var err error
	r.refused, err = blacklist.New(blacklist.Options{Store: none{}})
	r.ok(err)
	r.rules("blk_1")
	r.routes, err = routes.New(routes.Options{Store: none{}, Ceiling: ceiling})
	r.ok(err)
	r.policies("kept", "orders")
	for i := range 5 {
		r.add(string(rune('a' + i)))
	}
	return r
}

func (r *replica) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// rules has the blacklist hold these rules.
func (r *replica) rules(ids ...string) {
	var all []store.BlacklistRule
	for _, id := range ids {
		all = append(all, store.BlacklistRule{ID: id, Network: netip.MustParsePrefix("192.0.2.0/24")})
	}
	r.ok(r.refused.Resume(all, r.now))
}

// policies has the replica hold route policies of these names.
func (r *replica) policies(names ...string) {
	var all []store.RoutePolicy
	for _, name := range names {
		all = append(all, store.RoutePolicy{Name: name, Scopes: []string{name + ":read"}, Cost: 1})
	}
	r.ok(r.routes.Resume(all, r.now))
}

// add has the cache hold a key.
func (r *replica) add(id string) {
	r.keys.entries = append(r.keys.entries, cache.Kept{
		Digest: credential.Digest{id[0]}, Revision: r.applied.Revision, ReadAt: r.now,
		Key: &pipeline.Key{KeyID: id, Namespace: "default", Plan: "gold", Owner: "team", Hash: credential.Hash{id[0]}, Status: store.StatusActive},
	})
}

func (r *replica) open() *snapshot.Folder {
	r.Helper()
	f, err := snapshot.Open(snapshot.Options{
		Path: r.path, Secret: r.secret, Ceiling: ceiling, Random: rand.Reader,
		Now: func() time.Time { return r.now }, Machine: func() snapshot.Machine { return r.machine },
	})
	r.ok(err)
	return f
}

// start begins a process and waits until it has written a snapshot.
func (r *replica) start() {
	r.Helper()
	r.folder = r.open()
	warmed := make(chan struct{})
	close(warmed)
	var err error
	r.keeper, err = r.folder.Keep(snapshot.KeeperOptions{
		Every: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		Sources: snapshot.Sources{
			Keys: &r.keys, Blacklist: r.refused, Routes: r.routes, Applied: func() store.Position { return r.applied },
			Share: func() (int, int) { return 1, 3 }, Replica: "rep_1", Warmed: warmed,
		},
	})
	r.ok(err)
	r.ok(r.keeper.Load(r.Context()))
	r.keeper.CaughtUp(r.now)
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.keeper.Run(ctx) }()
	for r.keeper.Stats().Written == 0 {
		if r.Context().Err() != nil {
			r.Fatal("no snapshot was written")
		}
		<-time.After(time.Millisecond)
	}
	cancel() // what is written from now on is the journal
	<-ended
}

// killed ends the process as a crash does.
func (r *replica) killed() { r.ok(r.folder.Close()) }

// applies has the process apply a change.
func (r *replica) applies(kind store.ChangeKind, namespace, id string, hash credential.Hash) {
	r.Helper()
	r.applied.Revision++
	r.applied.ID = "chg_" + string(rune(r.applied.Revision))
	r.ok(r.keeper.Apply(r.Context(), []store.Change{{
		Revision: r.applied.Revision, ID: r.applied.ID, Kind: kind, Namespace: namespace, ObjectID: id, Hash: hash,
	}}))
}

// restored answers the ids of the keys in the snapshot.
func (r *replica) restored() (*snapshot.State, string) {
	r.Helper()
	folder := r.open()
	defer func() { r.ok(folder.Close()) }()
	state, err := folder.Restore()
	r.ok(err)
	defer func() { r.ok(state.Close()) }()
	var ids []string
	r.ok(state.Keys(func(batch []cache.Kept) {
		for _, k := range batch {
			ids = append(ids, k.Key.KeyID)
		}
	}))
	slices.Sort(ids)
	return state, strings.Join(ids, "")
}

// refusedFor demands that the snapshot is refused for the reason.
func (r *replica) refusedFor(what string, reason snapshot.Reason) {
	r.Helper()
	folder := r.open()
	defer func() { r.ok(folder.Close()) }()
	state, err := folder.Restore()
	refusal, ok := errors.AsType[*snapshot.RefusedError](err)
	if !ok || refusal.Reason != reason || !strings.Contains(err.Error(), filepath.Join(r.path, name)) {
		r.Errorf("%s: %v, want a refusal as %s that names the file", what, err, reason)
	}
	if state != nil {
		r.ok(state.Close())
	}
}

func TestWhatAReplicaHeldIsThereForTheNextOne(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.killed()
	r.now = r.now.Add(10 * time.Minute)
	state, ids := r.restored()
	if ids != "abcde" || state.Position != r.applied || state.Replica != "rep_1" || state.Rank != 1 || state.Replicas != 3 {
		t.Errorf("%s of %+v", ids, state)
	}
	if since := r.now.Sub(state.ReadAt); since != 10*time.Minute {
		t.Errorf("the feed was read %s ago, want 10m: a restart does not renew it", since)
	}
	if len(state.Rules) != 1 || state.Rules[0].ID != "blk_1" || state.Rules[0].Network.String() != "192.0.2.0/24" {
		t.Errorf("rules %+v", state.Rules)
	}
}

func TestNoSnapshotBringsARevokedKeyBack(t *testing.T) {
	for name, change := range map[string]struct {
		apply func(r *replica)
		left  string
	}{
		"the key":         {func(r *replica) { r.applies(store.ChangeKey, "default", "c", credential.Hash{'c'}) }, "abde"},
		"by its hash":     {func(r *replica) { r.applies(store.ChangeKey, "default", "other", credential.Hash{'c'}) }, "abde"},
		"its plan":        {func(r *replica) { r.applies(store.ChangePlan, "default", "gold", credential.Hash{}) }, ""},
		"its owner":       {func(r *replica) { r.applies(store.ChangeOwner, "default", "team", credential.Hash{}) }, ""},
		"its namespace":   {func(r *replica) { r.applies(store.ChangeNamespace, "", "default", credential.Hash{}) }, ""},
		"something newer": {func(r *replica) { r.applies("unheard of", "", "x", credential.Hash{}) }, ""},
		"another plan":    {func(r *replica) { r.applies(store.ChangePlan, "other", "gold", credential.Hash{}) }, "abcde"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t)
			r.start()
			change.apply(r)
			r.killed() // nobody has asked that it be durable: the system has it all the same
			state, ids := r.restored()
			if ids != change.left || state.Position != r.applied {
				t.Errorf("%q are left at %+v, want %q at %+v", ids, state.Position, change.left, r.applied)
			}
		})
	}
}

// A key that is revoked while the body is written may be in it already.
func TestARevocationWhileASnapshotIsWrittenIsInIt(t *testing.T) {
	r := newReplica(t)
	once := false
	r.keys.between = func() {
		if !once {
			once = true
			r.keys.entries = r.keys.entries[1:] // evicted, and handed over already
			r.applies(store.ChangeKey, "default", "a", credential.Hash{'a'})
		}
	}
	r.start()
	r.killed()
	if state, ids := r.restored(); ids != "bcde" || state.Position != r.applied {
		t.Errorf("%q at %+v", ids, state.Position)
	}
}

// A key that was read after the change is what it is now.
func TestAKeyThatWasReadAfterTheChangeStays(t *testing.T) {
	r := newReplica(t)
	r.applied.Revision = 12
	r.add("f")
	r.applied.Revision = 10
	r.start()
	r.applies(store.ChangePlan, "default", "gold", credential.Hash{})
	r.killed()
	if _, ids := r.restored(); ids != "f" {
		t.Errorf("%q are left, want f", ids)
	}
}

func TestBlacklistRulesThatCameAndWentAreKept(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.rules("blk_2")
	r.applies(store.ChangeBlacklist, "", "blk_1", credential.Hash{})
	r.applies(store.ChangeBlacklist, "", "blk_2", credential.Hash{})
	r.killed()
	if state, _ := r.restored(); len(state.Rules) != 1 || state.Rules[0].ID != "blk_2" {
		t.Errorf("rules %+v, want blk_2 alone", state.Rules)
	}
}

func TestRoutePoliciesThatCameChangedAndWentAreKept(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.policies("kept", "new")
	r.applies(store.ChangeRoutePolicy, "", "orders", credential.Hash{})
	r.applies(store.ChangeRoutePolicy, "", "new", credential.Hash{})
	r.killed()
	state, ids := r.restored()
	got := map[string]string{}
	for _, p := range state.Policies {
		got[p.Name] = p.Scopes[0]
	}
	if want := map[string]string{"kept": "kept:read", "new": "new:read"}; !maps.Equal(got, want) {
		t.Errorf("policies %v, want %v", got, want)
	}
	if ids != "abcde" {
		t.Errorf("keys %s: none of them rests on a route policy", ids)
	}
	next, err := routes.New(routes.Options{Store: none{}, Ceiling: ceiling})
	r.ok(err)
	r.ok(next.Resume(state.Policies, state.ReadAt))
	if next.Named([]byte("new")) == nil || next.Named([]byte("orders")) != nil || !next.Fresh(r.now) || next.Fresh(r.now.Add(ceiling)) {
		t.Error("the next process does not know them as they were, up to the ceiling")
	}
}

func TestASnapshotOlderThanTheCeilingIsRefusedByEitherClock(t *testing.T) {
	r := newReplica(t)
	r.machine = snapshot.Machine{Boot: [16]byte{1}, Uptime: time.Hour}
	r.start()
	r.killed()
	written := r.now
	r.now = written.Add(ceiling - time.Second)
	if _, ids := r.restored(); ids != "abcde" {
		t.Errorf("%q within the ceiling", ids)
	}
	r.now = written.Add(ceiling)
	r.refusedFor("a ceiling later", snapshot.ReasonOld)
	r.now = written.Add(time.Minute) // the clock was set back
	r.machine.Uptime += ceiling
	r.refusedFor("a ceiling later by the machine's clock", snapshot.ReasonOld)
	r.machine.Boot = [16]byte{2}
	if _, ids := r.restored(); ids != "abcde" {
		t.Errorf("%q after the machine was started anew", ids)
	}
	r.now = written.Add(-store.MaxClockSkew - time.Second)
	r.refusedFor("before it was written", snapshot.ReasonFuture)
}

func TestTheInstantInTheSnapshotFollowsTheFeed(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.now = r.now.Add(50 * time.Minute)
	r.keeper.CaughtUp(r.now)
	r.killed()
	if state, _ := r.restored(); !state.ReadAt.Equal(r.now) {
		t.Errorf("read at %s, want %s", state.ReadAt, r.now)
	}
}

func TestASnapshotOfAnotherDeploymentIsRefused(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.killed()
	r.secret = [32]byte{2}
	r.refusedFor("with other secrets", snapshot.ReasonForeign)
}

// Whoever wrote it may still run, and confirm what the copy does not know.
func TestASnapshotThatWasCopiedIsRefused(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.killed()
	file := filepath.Join(r.path, name)
	content, err := os.ReadFile(file)
	r.ok(err)
	r.ok(os.WriteFile(file+".copy", content, 0o600))
	r.ok(os.Rename(file+".copy", file))
	r.refusedFor("a copy", snapshot.ReasonCopied)
}

func TestASnapshotThatWasCutOffOrChangedIsRefused(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.applies(store.ChangeKey, "default", "a", credential.Hash{'a'})
	r.applies(store.ChangeKey, "default", "b", credential.Hash{'b'})
	r.killed()
	file := filepath.Join(r.path, name)
	whole, err := os.ReadFile(file)
	r.ok(err)
	damaged := func(what string, content []byte) {
		t.Helper()
		r.ok(os.WriteFile(file, content, 0o600))
		folder := r.open()
		defer func() { r.ok(folder.Close()) }()
		if state, err := folder.Restore(); err == nil {
			t.Errorf("%s: restored at %+v", what, state.Position)
		} else if _, ok := errors.AsType[*snapshot.RefusedError](err); !ok {
			t.Errorf("%s: %v is no refusal", what, err)
		}
	}
	// Also where one piece ends and the next begins.
	for _, size := range append(pieces(whole), 0, 1, 20, 151, 153, len(whole)-1) {
		damaged("cut off", whole[:size])
	}
	for at := 0; at < len(whole); at += 1 + at/40 {
		bent := slices.Clone(whole)
		bent[at] ^= 1 << (at % 8)
		damaged("a bit is another", bent)
	}
	damaged("with more behind it", append(slices.Clone(whole), 0))
	r.ok(os.WriteFile(file, whole, 0o600))
	if _, ids := r.restored(); ids != "cde" {
		t.Errorf("%q in the whole file", ids)
	}
}

// pieces answers where the pieces of the file end, but for the last one.
func pieces(whole []byte) (ends []int) {
	const header = 152
	for at := header; at < len(whole); {
		ends = append(ends, at)
		at += 4 + int(binary.BigEndian.Uint32(whole[at:]))
	}
	return ends
}

func TestASnapshotThatOthersCouldHaveTouchedIsRefused(t *testing.T) {
	r := newReplica(t)
	r.start()
	r.killed()
	file := filepath.Join(r.path, name)
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info.Mode(), err)
	}
	r.ok(os.Chmod(file, 0o640))
	r.refusedFor("mode 0640", snapshot.ReasonUnsafe)
	r.ok(os.Rename(file, file+".moved"))
	r.ok(os.Symlink(file+".moved", file))
	r.refusedFor("a link", snapshot.ReasonUnsafe)
	r.ok(os.Remove(file))
	folder := r.open()
	defer func() { r.ok(folder.Close()) }()
	if _, err := folder.Restore(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v without a file", err)
	}
}

func TestAFolderIsOneProcesss(t *testing.T) {
	r := newReplica(t)
	folder := r.open()
	_, err := snapshot.Open(snapshot.Options{
		Path: r.path, Secret: r.secret, Ceiling: ceiling, Random: rand.Reader, Now: time.Now, Machine: snapshot.ThisMachine,
	})
	if !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("%v, want ErrInUse", err)
	}
	r.ok(folder.Close())
	r.ok(r.open().Close())
}

func TestNoSnapshotIsLeftBehindByWhoSignsOffOrBeginsAnew(t *testing.T) {
	for what, act := range map[string]func(k *snapshot.Keeper) error{
		"signing off":  (*snapshot.Keeper).Forget,
		"a feed's gap": func(k *snapshot.Keeper) error { k.Restart(); return nil },
		"a load":       func(k *snapshot.Keeper) error { return k.Load(t.Context()) },
	} {
		r := newReplica(t)
		r.start()
		r.ok(act(r.keeper))
		if snapshot.Exists(r.path) {
			t.Errorf("%s leaves a snapshot", what)
		}
		r.killed()
	}
}

// What cannot be kept in step must not be there, and while it is there
// nothing may be confirmed.
func TestNothingIsConfirmedWhileASnapshotThatIsOutOfStepCannotBeRemoved(t *testing.T) {
	r := newReplica(t)
	r.start()
	// A folder that is not empty can be neither overwritten nor removed, by
	// whomever.
	file := filepath.Join(r.path, name)
	r.ok(os.Remove(file))
	r.ok(os.MkdirAll(filepath.Join(file, "full"), 0o700))
	r.keeper.Restart()
	if err := r.keeper.Keep(); err == nil || !strings.Contains(err.Error(), "cannot be removed") {
		t.Errorf("%v, want an error that says why nothing is reported", err)
	}
	if err := r.keeper.Forget(); err == nil {
		t.Error("it signs off while a snapshot is there")
	}
	r.now = r.now.Add(ceiling)
	if err := r.keeper.Keep(); err != nil {
		t.Errorf("a ceiling later: %v; nobody can start from it any more", err)
	}
	r.killed()
}
