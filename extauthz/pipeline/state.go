package pipeline

import (
	"time"

	"credence/store"
)

// state refuses keys that are not in force now. A key in no such state is a
// failed credential like an unknown one, and charged like one.
func (p *Pipeline) state(c *check) Reason {
	reason := stateOf(c.d.Key, c.now)
	if reason == ReasonNone || reason == ReasonInternal {
		return reason
	}
	return p.failed(c, reason)
}

// stateOf judges the key at the instant. What people and the system decided
// comes before what the clock says.
func stateOf(k *Key, now time.Time) Reason {
	switch k.Status {
	case store.StatusActive:
		return lifeOf(k, now)
	case store.StatusDisabled:
		return ReasonDisabled
	case store.StatusSuspended:
		return ReasonSuspended
	case store.StatusRevoked, store.StatusPurged:
		return ReasonRevoked
	}
	return ReasonInternal
}

// lifeOf judges the times of the key: its first instant is inside, its end
// already outside.
func lifeOf(k *Key, now time.Time) Reason {
	if k.Bounds != nil && now.Before(k.Bounds.NotBefore) {
		return ReasonNotYetValid
	}
	if k.ExpiresAt != 0 && now.UnixMicro() >= k.ExpiresAt {
		if k.Rotated {
			return ReasonGraceEnded
		}
		return ReasonExpired
	}
	return ReasonNone
}
