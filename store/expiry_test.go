package store

import (
	"testing"
	"time"
)

// TestTheEndItselfIsOutside: keys, tokens and blacklist rules end at the
// instant they name, not after it, and without one they do not end.
func TestTheEndItselfIsOutside(t *testing.T) {
	end := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for now, over := range map[time.Time]bool{end.Add(-1): false, end: true, end.Add(1): true} {
		k, b, token := Key{ExpiresAt: end}, BlacklistRule{EndsAt: end}, Token{ExpiresAt: end}
		if k.Expired(now) != over || b.Ended(now) != over || token.Usable(now) == over {
			t.Errorf("%s: expired %t, ended %t, usable %t", now, k.Expired(now), b.Ended(now), token.Usable(now))
		}
		k, b, token = Key{}, BlacklistRule{}, Token{}
		if k.Expired(now) || b.Ended(now) || !token.Usable(now) {
			t.Errorf("%s: something without an end has ended", now)
		}
	}
	revoked := Token{RevokedAt: end}
	if revoked.Usable(end.Add(-time.Hour)) {
		t.Error("a revoked token is usable")
	}
}
