package oidc

import (
	"context"
	"errors"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	// refreshEvery is how soon a key that the issuer took back is unknown here.
	refreshEvery = 15 * time.Minute
	// keptFor bounds how long keys are trusted that could not be read again.
	keptFor = 24 * time.Hour
	// pause is the least time between two questions to an issuer.
	pause = 10 * time.Second
	// longestPause is how far apart the attempts of the background get while
	// the issuer cannot be reached.
	longestPause = 5 * time.Minute
)

// errUnknownKey: the issuer has no such key.
var errUnknownKey = errors.New("signed with a key that the issuer does not have")

// errNoKeys: nobody can say what the issuer signs with.
var errNoKeys = errors.New("signing keys not known")

// keys are what an issuer signs with, as far as it is known.
type keys struct {
	fetch func(context.Context) ([]jose.JSONWebKey, error)
	now   func() time.Time

	mu      sync.Mutex
	current []jose.JSONWebKey
	read    time.Time     // when current was
	tried   time.Time     // when the issuer was last asked
	err     error         // what came of it
	asking  chan struct{} // closed when the question under way is answered
}

// find answers the keys that a token with this key id may be signed with; an
// id of "" can be any. fresh asks the issuer first, as far as it may be asked.
func (k *keys) find(ctx context.Context, id string, fresh bool) ([]jose.JSONWebKey, error) {
	if !fresh {
		if found, _ := k.known(id); len(found) > 0 {
			return found, nil
		}
	}
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	found, failed := k.known(id)
	switch {
	case len(found) > 0:
		return found, nil
	case failed:
		return nil, errNoKeys
	}
	return nil, errUnknownKey
}

// known looks among the keys at hand. failed says that they may not be all:
// the issuer did not answer when it was last asked.
func (k *keys) known(id string) (found []jose.JSONWebKey, failed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.read.IsZero() || k.now().Sub(k.read) >= keptFor {
		return nil, true
	}
	for _, one := range k.current {
		if id == "" || one.KeyID == id {
			found = append(found, one)
		}
	}
	return found, k.err != nil
}

// refresh asks the issuer, unless it was asked a moment ago; who comes while it
// is asked waits for that answer. An error means that ctx has ended; what the
// issuer said is in the state.
func (k *keys) refresh(ctx context.Context) error {
	k.mu.Lock()
	if k.asking == nil {
		now := k.now()
		if !k.tried.IsZero() && now.Sub(k.tried) < pause {
			k.mu.Unlock()
			return nil
		}
		k.tried, k.asking = now, make(chan struct{})
		// The answer is everybody's: it does not end with the request that
		// happened to come first. The client bounds it.
		go k.ask(context.WithoutCancel(ctx), k.asking)
	}
	answered := k.asking
	k.mu.Unlock()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *keys) ask(ctx context.Context, answered chan struct{}) {
	defer close(answered)
	fresh, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking, k.err = nil, err
	if err == nil {
		k.current, k.read = fresh, k.now()
	}
}

// state answers what is known of the issuer: what went wrong when it was last
// asked, and whether there are keys to go on with.
func (k *keys) state() (usable bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.read.IsZero() && k.now().Sub(k.read) < keptFor, k.err
}

// run reads the keys again and again until ctx ends. told is called after each
// attempt.
func (k *keys) run(ctx context.Context, told func(error)) error {
	wait := pause
	for {
		if err := k.refresh(ctx); err != nil {
			return nil //nolint:nilerr // ctx has ended, which is how it stops
		}
		_, err := k.state()
		told(err)
		next := refreshEvery
		if err != nil {
			next, wait = wait, min(2*wait, longestPause)
		} else {
			wait = pause
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}
