package management_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"credence/management"
	"credence/store"
	"credence/store/credential"
)

// rotated makes a key in namespace a and rotates it.
func (f *fixture) rotated(in management.KeyRotate) management.KeyRotated {
	f.t.Helper()
	in.KeyID = f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID
	made, err := f.KeyRotate(f.t.Context(), global, in)
	must(f.t, err)
	return made
}

func (f *fixture) read(keyID string) store.Key {
	f.t.Helper()
	k, err := f.KeyRead(f.t.Context(), global, keyID)
	must(f.t, err)
	return k
}

func TestASuccessorHasTheSameRightsAndBothWorkUntilTheGraceEnds(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "gold")
	f.owner("a", "team")
	before := f.key(management.KeyCreate{
		Namespace: "a", Name: "orders", Owner: "team", Plan: "gold", KeyType: "integration", Environment: "test",
		Scopes: []string{"orders:read"}, Limits: []management.LimitInput{{Name: "second", Limit: 5, Period: "1s"}},
		Quotas: []management.QuotaInput{{Name: "daily", Limit: 9, Period: "day"}}, Networks: []string{"10.0.0.0/8"},
		Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/orders/*"},
		Labels: map[string]string{"team": "a"}, ExpiresIn: "720h",
	})
	f.advance(time.Hour)
	made, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: before.Key.KeyID, Grace: "24h", CloseWhenSilent: "1h"})
	must(t, err)
	now := f.clock()
	want := before.Key
	want.CreatedAt, want.UpdatedAt, want.StatusAt, want.ExpiresAt = now, now, now, now.Add(720*time.Hour)
	want.Predecessor, want.LimitsID = before.Key.KeyID, before.Key.KeyID
	own := cmpopts.IgnoreFields(store.Key{}, "KeyID", "Hash", "ChecksumID", "PepperID")
	if diff := cmp.Diff(want, f.read(made.Key.KeyID), own, addresses()); diff != "" {
		t.Errorf("the successor differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(made.Key, f.read(made.Key.KeyID), addresses()); diff != "" {
		t.Errorf("answered and stored differ:\n%s", diff)
	}
	previous := f.read(before.Key.KeyID)
	if previous.Status != store.StatusActive || previous.Successor != made.Key.KeyID || !previous.RotatedAt.Equal(now) ||
		!previous.GraceEndsAt.Equal(now.Add(24*time.Hour)) || previous.CloseWhenSilent != time.Hour {
		t.Errorf("the key that was rotated is %+v", previous)
	}
	if diff := cmp.Diff(previous, made.Previous, addresses()); diff != "" {
		t.Errorf("answered and stored differ:\n%s", diff)
	}
	for text, keyID := range map[string]string{made.Text.Reveal(): made.Key.KeyID, before.Text.Reveal(): before.Key.KeyID} {
		parsed, err := credential.ReadText(strings.NewReader(text))
		must(t, err)
		hash, _ := f.secrets.Hash(parsed.Digest())
		found, err := f.db.FindKey(t.Context(), []credential.Hash{hash})
		must(t, err)
		if found.KeyID != keyID || !strings.HasPrefix(text, "crd_test_") {
			t.Errorf("the text of %s finds %s", keyID, found.KeyID)
		}
	}
	entry, d := f.last("a")
	if entry.Action != "key.rotate" || entry.KeyID != before.Key.KeyID || d.After["successor"] != made.Key.KeyID || d.After["grace_ends_at"] == "" {
		t.Errorf("audit entry %+v %+v", entry, d)
	}
}

func TestTheNextSuccessorCountsOnTheFirstKey(t *testing.T) {
	f := newFixture(t)
	first := f.rotated(management.KeyRotate{})
	second, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: first.Key.KeyID})
	must(t, err)
	if second.Key.LimitsID != first.Previous.KeyID || second.Key.Predecessor != first.Key.KeyID {
		t.Errorf("counts on %s, took over from %s", second.Key.LimitsID, second.Key.Predecessor)
	}
}

func TestAGraceOfZeroRevokesAtOnce(t *testing.T) {
	f := newFixture(t)
	made := f.rotated(management.KeyRotate{Grace: "0s", Reason: "leaked"})
	if k := f.read(made.Previous.KeyID); k.Status != store.StatusRevoked || !k.GraceEndsAt.Equal(f.clock()) || k.StatusReason != "replaced by "+made.Key.KeyID {
		t.Errorf("the key that was rotated is %+v", k)
	}
	if _, d := f.last("a"); d.After["reason"] != "leaked" {
		t.Errorf("audit details %+v", d)
	}
}

func TestWhatASuccessorLivesToIsAskedForOrTheSameLengthOrTheKeysOwnEnd(t *testing.T) {
	f := newFixture(t)
	for title, c := range map[string]struct {
		expires  string
		in       management.KeyRotate
		life     time.Duration // of the successor; 0 for ever
		graceEnd time.Duration
	}{
		"for ever":             {"", management.KeyRotate{}, 0, 24 * time.Hour},
		"as long as before":    {"48h", management.KeyRotate{}, 48 * time.Hour, 24 * time.Hour},
		"as asked":             {"48h", management.KeyRotate{ExpiresIn: "1h"}, time.Hour, 24 * time.Hour},
		"for ever, as asked":   {"48h", management.KeyRotate{ExpiresIn: "never"}, 0, 24 * time.Hour},
		"until an instant":     {"", management.KeyRotate{ExpiresAt: start.Add(90 * time.Minute)}, 90 * time.Minute, 24 * time.Hour},
		"the key ends earlier": {"2h", management.KeyRotate{Grace: "3h"}, 2 * time.Hour, 2 * time.Hour},
	} {
		c.in.KeyID = f.key(management.KeyCreate{Namespace: "a", ExpiresIn: c.expires}).Key.KeyID
		made, err := f.KeyRotate(t.Context(), global, c.in)
		must(t, err)
		want := time.Time{}
		if c.life > 0 {
			want = start.Add(c.life)
		}
		if !made.Key.ExpiresAt.Equal(want) || !made.Previous.GraceEndsAt.Equal(start.Add(c.graceEnd)) {
			t.Errorf("%s: the successor ends at %v, the grace at %v", title, made.Key.ExpiresAt, made.Previous.GraceEndsAt)
		}
	}
}

func TestAKeyThatCannotBeRotatedSaysWhyAndWhatToDo(t *testing.T) {
	f := newFixture(t)
	by := func(verb string) string {
		id := f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID
		_, err := f.verbs()[verb](t.Context(), global, management.KeyStatusChange{KeyID: id})
		must(t, err)
		return id
	}
	rotated := f.rotated(management.KeyRotate{})
	atOnce := f.rotated(management.KeyRotate{Grace: "0s"})
	expired := f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "1m"}).Key.KeyID
	revoked, disabled, suspended := by("revoke"), by("disable"), by("suspend")
	f.advance(time.Minute)
	for title, c := range map[string]struct {
		keyID string
		code  management.Code
		says  string
	}{
		"rotated":         {rotated.Previous.KeyID, management.CodeKeyRotated, rotated.Key.KeyID},
		"rotated at once": {atOnce.Previous.KeyID, management.CodeKeyRotated, atOnce.Key.KeyID},
		"expired":         {expired, management.CodeKeyExpired, "make a new key"},
		"revoked":         {revoked, management.CodeKeyRevoked, "make a new key"},
		"disabled":        {disabled, management.CodeConflict, "enable it first"},
		"suspended":       {suspended, management.CodeConflict, "enable it first"},
	} {
		_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: c.keyID})
		if e := refused(t, err, c.code); !strings.Contains(e.Message, c.says) {
			t.Errorf("%s: %q does not say %q", title, e.Message, c.says)
		}
	}
	_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: rotated.Key.KeyID, Version: 7})
	refused(t, err, management.CodeStaleVersion)
}

func TestARotationWithNonsenseIsRefusedByField(t *testing.T) {
	f := newFixture(t)
	id := f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID
	for field, in := range map[string]management.KeyRotate{
		"grace":             {Grace: "2161h"},
		"close_when_silent": {Grace: "1h", CloseWhenSilent: "2h"},
		"expires_in":        {ExpiresIn: "soon"},
		"expires_at":        {ExpiresAt: start},
		"reason":            {Reason: " x"},
		"idempotency_key":   {Idempotency: management.Idempotency{Key: "a b"}},
	} {
		in.KeyID = id
		_, err := f.KeyRotate(t.Context(), global, in)
		blames(t, err, field)
	}
	for _, grace := range []string{"-1s", "day", "9999999h"} {
		_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: id, Grace: grace})
		blames(t, err, "grace")
	}
	_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: id, CloseWhenSilent: "59s"})
	blames(t, err, "close_when_silent")
}

func TestARepeatedRotationAnswersTheSameSuccessorWithoutItsText(t *testing.T) {
	f := newFixture(t)
	in := management.KeyRotate{
		KeyID:       f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID,
		Idempotency: management.Idempotency{Key: "k", RequestHash: [32]byte{1}},
	}
	made, err := f.KeyRotate(t.Context(), global, in)
	must(t, err)
	again, err := f.KeyRotate(t.Context(), global, in)
	must(t, err)
	if !again.Replayed || again.Text.Reveal() != "" || again.Key.KeyID != made.Key.KeyID || again.Previous.KeyID != in.KeyID {
		t.Errorf("answered %+v", again)
	}
	in.Idempotency.RequestHash[0]++
	_, err = f.KeyRotate(t.Context(), global, in)
	refused(t, err, management.CodeIdempotencyKeyReused)
	if len(table(f.dump(), "api_keys")) != 2 {
		t.Error("a repeated rotation made another key")
	}
}

func TestRevokingEitherKeyDuringTheGraceLeavesTheOther(t *testing.T) {
	f := newFixture(t)
	for _, revokeOld := range []bool{true, false} {
		made := f.rotated(management.KeyRotate{})
		gone, left := made.Key.KeyID, made.Previous.KeyID
		if revokeOld {
			gone, left = left, gone
		}
		_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: gone})
		must(t, err)
		if a, b := f.read(gone).Status, f.read(left).Status; a != store.StatusRevoked || b != store.StatusActive {
			t.Errorf("old revoked: %v; statuses %s and %s", revokeOld, a, b)
		}
	}
}
