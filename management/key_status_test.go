package management_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
)

// statusVerb is one of the use-cases that set a status.
type statusVerb func(context.Context, management.Actor, management.KeyStatusChange) (management.KeyChanged, error)

func (f *fixture) verbs() map[string]statusVerb {
	return map[string]statusVerb{"enable": f.KeyEnable, "disable": f.KeyDisable, "suspend": f.KeySuspend, "revoke": f.KeyRevoke}
}

// keyIn answers a key that is in a status.
func (f *fixture) keyIn(status store.Status) store.Key {
	f.t.Helper()
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	for _, verb := range map[store.Status][]string{
		store.StatusActive: nil, store.StatusDisabled: {"disable"}, store.StatusSuspended: {"suspend"},
		store.StatusRevoked: {"revoke"}, store.StatusPurged: {"revoke", "purge"},
	}[status] {
		if verb == "purge" {
			changed, err := f.KeyPurge(f.t.Context(), global, management.KeyPurge{KeyID: k.KeyID})
			must(f.t, err)
			k = changed.Key
			continue
		}
		changed, err := f.verbs()[verb](f.t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID, Reason: "set up"})
		must(f.t, err)
		k = changed.Key
	}
	if k.Status != status {
		f.t.Fatalf("key is %s, want %s", k.Status, status)
	}
	return k
}

func TestStatusMovesOnlyAlongTheTable(t *testing.T) {
	const moves, stays = management.Code("moves"), management.Code("stays")
	f := newFixture(t)
	for from, verbs := range map[store.Status]map[string]management.Code{
		store.StatusActive:    {"enable": stays, "disable": moves, "suspend": moves, "revoke": moves},
		store.StatusDisabled:  {"enable": moves, "disable": stays, "suspend": management.CodeConflict, "revoke": moves},
		store.StatusSuspended: {"enable": moves, "disable": moves, "suspend": stays, "revoke": moves},
		store.StatusRevoked: {
			"enable": management.CodeKeyRevoked, "disable": management.CodeKeyRevoked, "suspend": management.CodeKeyRevoked, "revoke": stays,
		},
		store.StatusPurged: {
			"enable": management.CodeKeyRevoked, "disable": management.CodeKeyRevoked, "suspend": management.CodeKeyRevoked, "revoke": stays,
		},
	} {
		for verb, want := range verbs {
			t.Run(string(from)+" "+verb, func(t *testing.T) {
				k := f.keyIn(from)
				before := f.dump()
				changed, err := f.verbs()[verb](t.Context(), onlyA, management.KeyStatusChange{KeyID: k.KeyID, Reason: "because"})
				switch want {
				case moves:
					must(t, err)
					f.checkMoved(t, verb, k, changed)
					return
				case stays:
					must(t, err)
					if diff := cmp.Diff(management.KeyChanged{Key: k}, changed, addresses()); diff != "" {
						t.Error(diff)
					}
				default:
					refused(t, err, want)
				}
				if after := f.dump(); after != before {
					t.Error(cmp.Diff(before, after, addresses()))
				}
			})
		}
	}
}

func (f *fixture) checkMoved(t *testing.T, verb string, before store.Key, changed management.KeyChanged) {
	t.Helper()
	want := before
	want.Status = map[string]store.Status{
		"enable": store.StatusActive, "disable": store.StatusDisabled, "suspend": store.StatusSuspended, "revoke": store.StatusRevoked,
	}[verb]
	want.StatusReason, want.Version = "because", before.Version+1
	stored, err := f.store.Key(t.Context(), before.KeyID)
	must(t, err)
	for _, got := range []store.Key{changed.Key, stored} {
		if diff := cmp.Diff(want, got, addresses()); diff != "" {
			t.Error(diff)
		}
	}
	if !changed.Changed || changed.Position.Revision == 0 {
		t.Errorf("changed %v at %v", changed.Changed, changed.Position)
	}
	entry, d := f.last("a")
	if entry.Action != "key."+verb || d.After["status"] != string(want.Status) || d.After["status_reason"] != "because" {
		t.Errorf("audit entry %s with %v", entry.Action, d)
	}
}

func TestAStatusReasonIsPrintableAndShort(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	for verb, call := range f.verbs() {
		for _, reason := range []string{strings.Repeat("x", 257), "a\nb", "a\x00"} {
			t.Run(verb, func(t *testing.T) {
				_, err := call(t.Context(), onlyA, management.KeyStatusChange{KeyID: k.KeyID, Reason: reason})
				blames(t, err, "reason")
			})
		}
	}
}

func TestARevokedKeyCannotBeUpdated(t *testing.T) {
	f := newFixture(t)
	for _, status := range []store.Status{store.StatusRevoked, store.StatusPurged} {
		k := f.keyIn(status)
		_, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{KeyID: k.KeyID, Version: k.Version, Name: management.Set("y")})
		refused(t, err, management.CodeKeyRevoked)
	}
}

func TestOnlyRevokedOrExpiredKeysArePurged(t *testing.T) {
	f := newFixture(t)
	purge := func(k store.Key) (management.KeyChanged, error) {
		return f.KeyPurge(t.Context(), onlyA, management.KeyPurge{KeyID: k.KeyID})
	}
	for _, status := range []store.Status{store.StatusActive, store.StatusDisabled, store.StatusSuspended} {
		_, err := purge(f.keyIn(status))
		refused(t, err, management.CodeKeyNotPurgeable)
	}
	expiring := f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "1h"}).Key
	f.advance(time.Hour - time.Microsecond)
	_, err := purge(expiring)
	refused(t, err, management.CodeKeyNotPurgeable)
	f.advance(time.Microsecond)
	for _, k := range []store.Key{expiring, f.keyIn(store.StatusRevoked)} {
		changed, err := purge(k)
		must(t, err)
		if !changed.Changed || changed.Key.Status != store.StatusPurged || changed.Key.Name != "" || changed.Key.KeyID != k.KeyID {
			t.Errorf("got %+v", changed)
		}
		again, err := purge(k)
		must(t, err)
		if again.Changed {
			t.Error("purging twice recorded a second change")
		}
	}
}

func TestAPurgeErasesWhatTheKeyWasCalled(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a", Name: "a person's name", Labels: map[string]string{"mail": "jane@example.com"}}).Key
	_, err := f.KeyRevoke(t.Context(), onlyA, management.KeyStatusChange{KeyID: k.KeyID})
	must(t, err)
	_, err = f.KeyPurge(t.Context(), onlyA, management.KeyPurge{KeyID: k.KeyID})
	must(t, err)
	for _, row := range table(f.dump(), "api_keys") {
		if strings.Contains(row, "person") || strings.Contains(row, "jane") || strings.Contains(row, string(k.Hash[:])) {
			t.Errorf("a purged key still says: %s", row)
		}
	}
	if _, d := f.last("a"); d.Before != nil || d.After != nil {
		t.Errorf("the audit entry of the purge keeps what was erased: %v", d)
	}
}
