package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"credence/store"
	"credence/store/credential"
)

const (
	digests = 3
	plan    = "basic"
	owner   = "team"
)

func digestOf(i int) credential.Digest { return credential.DigestOf([]byte{byte(i)}) }

// hashOf is what the store knows of a digest; the fleet has no pepper.
func hashOf(i int) credential.Hash { return credential.Hash(digestOf(i)) }

// unpeppered makes the digest the only candidate.
type unpeppered struct{}

func (unpeppered) Candidates(d credential.Digest, dst []credential.Hash) []credential.Hash {
	return append(dst, credential.Hash(d))
}

// version says what is true of a digest from a revision on. The stamp is
// unlike that of any other version; "" when no key has the digest.
type version struct {
	revision store.Revision
	stamp    string
}

// story is one history of a database: restoring a backup begins another.
type story struct {
	keys     map[credential.Hash]store.KeyRecord
	feed     []store.Change
	first    store.Revision // of the changes that are still there, less one
	versions [digests][]version
}

func (s *story) clone() *story {
	c := &story{keys: maps.Clone(s.keys), feed: slices.Clone(s.feed), first: s.first}
	for i := range s.versions {
		c.versions[i] = slices.Clone(s.versions[i])
	}
	return c
}

func (s *story) head() store.Position {
	last := s.feed[len(s.feed)-1]
	return store.Position{Revision: last.Revision, ID: last.ID}
}

// holds reports whether the position is one of this story.
func (s *story) holds(p store.Position) bool {
	return p.Revision > 0 && int(p.Revision) <= len(s.feed) && s.feed[p.Revision-1].ID == p.ID
}

// between are the stamps that were true of the digest at a revision or later.
func (s *story) between(i int, since store.Revision) []string {
	var all []string
	for n, v := range s.versions[i] {
		if n+1 == len(s.versions[i]) || s.versions[i][n+1].revision > since {
			all = append(all, v.stamp)
		}
	}
	return all
}

// ledger is the database of the fleet, in memory: what the conformance suite
// of the store demands of a real one, and backups besides.
type ledger struct {
	mu     sync.Mutex
	now    *story
	past   []*story // that were thrown away
	backup *story
	rows   map[string]store.Replica
	stamp  int
	gone   bool
}

func newLedger() *ledger {
	l := &ledger{rows: map[string]store.Replica{}, now: &story{keys: map[credential.Hash]store.KeyRecord{}}}
	for i := range l.now.versions {
		l.now.versions[i] = []version{{}}
	}
	l.group(store.ChangePlan)
	return l
}

func (l *ledger) record(kind store.ChangeKind, object string, hash credential.Hash) {
	l.stamp++
	l.now.feed = append(l.now.feed, store.Change{
		Revision: store.Revision(len(l.now.feed) + 1), ID: fmt.Sprintf("c%d", l.stamp), Kind: kind,
		Namespace: store.DefaultNamespace, ObjectID: object, Hash: hash,
	})
}

// became notes what is true of the digest from the head on.
func (l *ledger) became(i int, stamp string) {
	l.now.versions[i] = append(l.now.versions[i], version{l.now.head().Revision, stamp})
}

// put writes a key in a status, making it when there is none.
func (l *ledger) put(i int, status store.Status) {
	k, there := l.now.keys[hashOf(i)]
	if !there {
		k.KeyID = fmt.Sprintf("key_%d_%d", i, l.stamp)
		k.Namespace, k.Plan, k.Owner, k.KeyType, k.Hash = store.DefaultNamespace, plan, owner, store.KeyTypeService, hashOf(i)
	}
	k.Status = status
	l.record(store.ChangeKey, k.KeyID, k.Hash)
	l.write(i, k)
}

func (l *ledger) write(i int, k store.KeyRecord) {
	k.Environment = fmt.Sprintf("s%d", l.stamp)
	l.now.keys[k.Hash] = k
	l.became(i, k.Environment)
}

func (l *ledger) purge(i int) {
	k, there := l.now.keys[hashOf(i)]
	if !there {
		return
	}
	delete(l.now.keys, k.Hash)
	l.record(store.ChangeKey, k.KeyID, k.Hash)
	l.became(i, "")
}

// group changes what all keys rest on.
func (l *ledger) group(kind store.ChangeKind) {
	object := map[store.ChangeKind]string{
		store.ChangePlan: plan, store.ChangeOwner: owner, store.ChangeNamespace: store.DefaultNamespace, store.ChangeBlacklist: "rule",
		store.ChangeRoutePolicy: "policy",
	}[kind]
	l.record(kind, object, credential.Hash{})
	if kind == store.ChangeBlacklist || kind == store.ChangeRoutePolicy {
		return // no key rests on it
	}
	for i := range digests {
		if k, there := l.now.keys[hashOf(i)]; there {
			l.stamp++
			l.write(i, k)
		}
	}
}

// prune forgets the oldest changes, never the newest.
func (l *ledger) prune(keep int) {
	l.now.first = max(l.now.first, l.now.head().Revision-store.Revision(keep))
}

// restore goes back to the backup; what happened since is another story.
func (l *ledger) restore() {
	l.past = append(l.past, l.now)
	l.now = l.backup.clone()
}

// after is what a real store answers as ChangesAfter.
func (l *ledger) after(p store.Position, most int) ([]store.Change, error) {
	s := l.now
	if p.Revision == 0 && s.first > 0 || p.Revision > 0 && (!s.holds(p) || p.Revision <= s.first) {
		return nil, store.ErrFeedGap
	}
	rest := s.feed[p.Revision:]
	return slices.Clone(rest[:min(most, len(rest))]), nil
}

// port is how one replica reaches the ledger.
type port struct {
	*ledger

	clock *clock
	wake  chan struct{}

	// Guarded by the ledger's mutex.
	cut      bool
	fault    error          // of the next read of the feed
	repeat   bool           // the next read of the feed answers the last page again
	lastPage []store.Change //
	lastRead instants       // before the last read of the feed that succeeded
	read     map[seen]bool  // what was handed out since the last load
	poll     *hold          // holds the next answer of the feed
	warm     *hold          // holds the next keys to warm with
	finds    map[int]*hold  // holds the next look-up of a digest
	holding  []*hold        // all that were ever made, for the end
	loads    int            // how often the follower has begun anew
	lost     map[seen]bool  // read in a story that was thrown away after
}

// seen is a state of a digest that was read.
type seen struct {
	digest int
	stamp  string
}

// hold keeps an answer between the store and who asked.
type hold struct{ arrived, released chan struct{} }

// newHold is called with the mutex held.
func (p *port) newHold() *hold {
	h := &hold{make(chan struct{}), make(chan struct{})}
	p.holding = append(p.holding, h)
	return h
}

// pass waits where there is something to wait for.
func (h *hold) pass() {
	if h != nil {
		close(h.arrived)
		<-h.released
	}
}

func (h *hold) let() {
	if h == nil {
		return
	}
	select {
	case <-h.released:
	default:
		close(h.released)
	}
}

// away is called with the mutex held.
func (p *port) away() error {
	if p.cut || p.gone {
		return fmt.Errorf("cut off: %w", store.ErrUnavailable)
	}
	return nil
}

func (p *port) FindKey(_ context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	p.mu.Lock()
	i := slices.IndexFunc([]int{0, 1, 2}, func(i int) bool { return hashOf(i) == hashes[0] })
	h := p.finds[i]
	delete(p.finds, i)
	k, there := p.now.keys[hashes[0]]
	err := p.away()
	if err == nil {
		p.read[seen{i, k.Environment}] = true
	}
	p.mu.Unlock()
	h.pass()
	switch {
	case err != nil:
		return store.KeyRecord{}, err
	case !there:
		return store.KeyRecord{}, store.ErrNotFound
	}
	return k, nil
}

func (p *port) UsedKeys(_ context.Context, most int, each func(store.KeyRecord) error) error {
	p.mu.Lock()
	err := p.away()
	var keys []store.KeyRecord
	for i := range digests {
		if k, there := p.now.keys[hashOf(i)]; there && k.Status == store.StatusActive && len(keys) < most && err == nil {
			keys = append(keys, k)
			p.read[seen{i, k.Environment}] = true
		}
	}
	h := p.warm
	p.warm = nil
	p.mu.Unlock()
	h.pass()
	for _, k := range keys {
		if err := each(k); err != nil {
			return err
		}
	}
	return err
}

// Head is what the guard and the writer of shared keys read.
func (p *port) Head(context.Context) (store.Position, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now.head(), p.away()
}

func (p *port) PutReplica(_ context.Context, r store.Replica) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.away(); err != nil {
		return err
	}
	p.rows[r.ID] = r
	return nil
}

func (p *port) Replicas(context.Context, time.Time) ([]store.Replica, error) {
	return nil, store.ErrUnavailable // replicas do not ask here
}

func (p *port) RemoveReplicas(context.Context, time.Time) (int, error) {
	return 0, store.ErrUnavailable
}

func (p *port) ChangesAfter(_ context.Context, after store.Position, most int) ([]store.Change, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.away(); err != nil {
		return nil, err
	}
	return p.after(after, most)
}

func (p *port) Wake(context.Context) <-chan struct{} { return p.wake }

// followed is the feed as the follower reads it.
type followed struct{ *port }

func (f followed) Head(ctx context.Context) (store.Position, error) {
	head, err := f.port.Head(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil { // what was read before is given up
		f.lastRead, f.read, f.lost = f.clock.read(), map[seen]bool{}, map[seen]bool{}
		f.loads++
	}
	return head, err
}

func (f followed) ChangesAfter(_ context.Context, after store.Position, most int) ([]store.Change, error) {
	f.mu.Lock()
	began := f.clock.read()
	h, fault, repeat := f.poll, f.fault, f.repeat && len(f.lastPage) > 0
	f.poll, f.fault, f.repeat = nil, nil, false
	page, err := f.after(after, most)
	switch {
	case f.away() != nil:
		page, err = nil, f.away()
	case fault != nil:
		page, err = nil, fault
	case repeat:
		page, err = f.lastPage, nil
	}
	f.mu.Unlock()
	h.pass()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		if f.lastPage = page; !repeat {
			f.lastRead = began
		}
	}
	return page, err
}
