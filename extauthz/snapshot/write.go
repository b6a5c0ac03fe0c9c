package snapshot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"credence/extauthz/cache"
	"credence/store"
)

const (
	// rulesInPiece bounds the blacklist rules of a piece, policiesInPiece the
	// route policies.
	rulesInPiece    = 1024
	policiesInPiece = 64
	// rest is how much longer than the last body took there is none.
	rest = 20
)

// errOvertaken means that the feed began anew, or the process ends.
var errOvertaken = errors.New("overtaken")

// Run writes bodies until ctx ends, and answers nil: the first when the replica
// is in step and its cache is warm, then one every now and then.
func (k *Keeper) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-k.o.Warmed:
	}
	due := time.NewTimer(k.o.Every)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.wanted:
		case <-due.C:
		}
		began := k.folder.o.Now()
		k.note(ctx, k.write(ctx))
		took := k.folder.o.Now().Sub(began)
		due.Reset(max(k.o.Every, rest*took))
		if !pause(ctx, max(min(k.o.Every, time.Second), rest*took/2)) { // also when changes ask for it
			return nil
		}
	}
}

// pause reports whether it has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// note logs when writing begins to fail and when it works again.
func (k *Keeper) note(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, errOvertaken) || errors.Is(err, cache.ErrRestarted) {
		return
	}
	k.mu.Lock()
	failing := k.stats.Problem != ""
	k.stats.Problem = ""
	if err != nil {
		k.stats.Problem = err.Error()
		k.stats.Failures++
	}
	keys := k.stats.Keys
	k.mu.Unlock()
	switch {
	case err != nil && !failing:
		k.o.Logger.WarnContext(ctx, "snapshot cannot be written, trying again", slog.Any("error", err))
	case err == nil && failing:
		k.o.Logger.InfoContext(ctx, "snapshot is written again", slog.Int("keys", keys))
	}
}

// write writes a body and puts it in the place of the file before it.
func (k *Keeper) write(ctx context.Context) error {
	begun, at, ok := k.beginBody()
	if !ok {
		return errOvertaken // nothing to keep yet
	}
	defer k.endBody()
	to, err := k.folder.create()
	if err != nil {
		return err
	}
	keys, err := k.stream(ctx, to, at)
	if err == nil {
		err = k.swap(to, begun)
	}
	if err != nil {
		return to.giveUp(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stats.Written++
	k.stats.Keys = keys
	return nil
}

// beginBody answers the position that the body starts from. What is applied
// from now on is pending until the body is there.
func (k *Keeper) beginBody() (begun int, at store.Position, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left || k.readAt.IsZero() || k.stuck != nil {
		return 0, at, false
	}
	// The follower's position moves after the last of its subscribers, which
	// we are, so ours may be ahead. It is unknown until the first change.
	at = k.o.Applied()
	if k.last.Revision > at.Revision {
		at = k.last
	}
	k.body, k.pending = true, nil
	return k.begun, at, true
}

func (k *Keeper) endBody() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.body, k.pending = false, nil
}

// stream writes what is held now, piece by piece, and answers how many keys
// there were. It pauses as long as it works: Checks come first.
func (k *Keeper) stream(ctx context.Context, to *file, at store.Position) (int, error) {
	info, err := to.f.Stat()
	if err != nil {
		return 0, err
	}
	rank, replicas := k.o.Share()
	about := &meta{
		Position: at, Replica: k.o.Replica, WrittenAt: k.folder.o.Now().UnixNano(), Rank: rank, Replicas: replicas, File: number(info),
	}
	if err := to.body(&piece{Meta: about}); err != nil {
		return 0, err
	}
	total := end{}
	err = k.o.Keys.Keep(ctx, func(batch []cache.Kept) error {
		began := k.folder.o.Now()
		p := &piece{Keys: make([]keptKey, 0, len(batch))}
		for _, kept := range batch {
			p.Keys = append(p.Keys, keptKey{kept.Digest, kept.Key.Copy(), kept.Revision, kept.ReadAt.UnixNano()})
		}
		total.Keys += len(batch)
		if err := to.body(p); err != nil {
			return err
		}
		if !pause(ctx, k.folder.o.Now().Sub(began)) {
			return ctx.Err()
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for rules := range slices.Chunk(k.o.Blacklist.Rules(), rulesInPiece) {
		total.Rules += len(rules)
		if err := to.body(&piece{Rules: rules}); err != nil {
			return 0, err
		}
	}
	for policies := range slices.Chunk(k.o.Routes.Policies(), policiesInPiece) {
		total.Policies += len(policies)
		if err := to.body(&piece{Policies: policies}); err != nil {
			return 0, err
		}
	}
	if err := to.body(&piece{End: &total}); err != nil {
		return 0, err
	}
	return total.Keys, to.f.Sync() // most of it, so that the lock is held shortly
}

// swap brings the body up to date and gives it the name. From then on the
// journal is its.
func (k *Keeper) swap(to *file, begun int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left || k.begun != begun || k.readAt.IsZero() {
		return errOvertaken
	}
	if err := to.read(k.readAt, k.folder.o.Machine()); err != nil {
		return err
	}
	for i := range k.pending {
		if err := to.add(&k.pending[i]); err != nil {
			return err
		}
	}
	if err := k.folder.publish(to); err != nil {
		// Whatever name it has now, nobody may start from it.
		k.drop(err)
		return err
	}
	if k.current != nil {
		_ = k.current.f.Close() // its name is taken
	}
	k.current = to
	return nil
}
