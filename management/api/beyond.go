package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"credence/store/credential"
)

const (
	// usableAge is how old the digests of the usable tokens may be before they
	// are read again: a token that was made elsewhere passes within this time.
	usableAge = time.Second
	// mostForeign is how many tokens of identity providers are judged at once
	// beyond a budget, and foreignWait how long one waits for its turn.
	mostForeign = 2
	foreignWait = 2 * time.Second
)

// beyond decides which tokens are judged though their address has spent its
// budget of failures: one who guesses behind a shared address must not lock
// out all others, also not when this process has just started and has seen no
// token work.
//
// Admin tokens pass when their digest is that of a usable one; the digests are
// read from the store at most once a second, whatever is guessed. Tokens of
// identity providers can be judged only by checking a signature, so few of
// them are at a time.
type beyond struct {
	usable func(context.Context) (map[credential.Digest]struct{}, error)
	now    func() time.Time

	mu      sync.Mutex // held while the digests are read: the others want them, too
	digests map[credential.Digest]struct{}
	readAt  time.Time

	foreign chan struct{}
}

func newBeyond(usable func(context.Context) (map[credential.Digest]struct{}, error), now func() time.Time) *beyond {
	return &beyond{usable: usable, now: now, foreign: make(chan struct{}, mostForeign)}
}

// enter reports whether the token is to be judged. If it is, the caller calls
// leave when that is done.
func (b *beyond) enter(ctx context.Context, text string) (leave func(), judged bool) {
	if credential.WellFormedToken([]byte(text)) {
		return func() {}, b.holds(ctx, credential.DigestOf([]byte(text)))
	}
	if strings.Count(text, ".") != 2 { // no JWT either
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, foreignWait)
	defer cancel()
	select {
	case b.foreign <- struct{}{}:
		return func() { <-b.foreign }, true
	case <-ctx.Done():
		return nil, false
	}
}

// holds reports whether the digest is that of a usable token. While the store
// does not answer, what it said last counts.
func (b *beyond) holds(ctx context.Context, digest credential.Digest) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, found := b.digests[digest]
	if now := b.now(); !found && (b.digests == nil || now.Sub(b.readAt) >= usableAge) {
		b.readAt = now
		if digests, err := b.usable(ctx); err == nil {
			b.digests = digests
		}
		_, found = b.digests[digest]
	}
	return found
}
