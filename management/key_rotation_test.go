package management_test

import (
	"crypto/rand"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/sketch"
)

// count delivers what the replica has counted of a key up to the clock's now.
// A replica that was not heard of before reports as one that runs, too.
func (f *fixture) count(replica string, sequence int64, usage ...store.KeyUsage) {
	f.t.Helper()
	f.running(replica, start)
	for i := range usage {
		usage[i].Minute, usage[i].Minutes = usage[i].Minute.Truncate(time.Minute), max(1, usage[i].Minutes)
		if usage[i].Reason == "" {
			usage[i].Reason = "allowed"
		}
	}
	must(f.t, f.db.AddUsage(f.t.Context(), store.UsageBatch{
		Replica: replica, Sequence: sequence, Started: start, At: f.clock(), Keys: usage,
	}))
}

// running has a replica that started at the instant say that it runs.
func (f *fixture) running(replica string, started time.Time) {
	f.t.Helper()
	must(f.t, f.db.PutReplica(f.t.Context(), store.Replica{
		ID: replica, Name: replica, StartedAt: started, SeenAt: f.clock(), LastRead: f.clock(), Ceiling: time.Hour,
	}))
}

func crowd(addresses ...string) (s sketch.Sketch) {
	hasher := sketch.NewHasher([32]byte{1})
	for _, a := range addresses {
		s.Add(hasher.Mark(sketch.Network(netip.MustParseAddr(a))))
	}
	return s
}

func (f *fixture) rotation(keyID string) management.Rotation {
	f.t.Helper()
	r, err := f.KeyRotation(f.t.Context(), global, keyID)
	must(f.t, err)
	return r
}

// close calls the use-case of the job and answers whether the key works still.
func (f *fixture) close(keyID string) (again time.Time, open bool) {
	f.t.Helper()
	again, err := f.KeyRotationClose(f.t.Context(), keyID)
	must(f.t, err)
	return again, f.read(keyID).Status == store.StatusActive
}

func TestARotationTellsHowTheOldKeyIsStillUsed(t *testing.T) {
	f := newFixture(t)
	made := f.rotated(management.KeyRotate{Grace: "24h", CloseWhenSilent: "1h"})
	old := made.Previous.KeyID
	f.advance(10 * time.Minute)
	f.count("rep_1", 1,
		store.KeyUsage{KeyID: old, Minute: f.clock(), Checks: 5, Addresses: crowd("192.0.2.1", "192.0.2.2")},
		store.KeyUsage{KeyID: old, Minute: f.clock().Add(-3 * time.Minute), Checks: 2, Addresses: crowd("192.0.2.1")},
		store.KeyUsage{KeyID: made.Key.KeyID, Minute: f.clock(), Checks: 100, Addresses: crowd("192.0.2.9")})
	f.count("rep_2", 1, store.KeyUsage{KeyID: old, Minute: f.clock(), Reason: "rate_limited", Checks: 1, Addresses: crowd("192.0.2.3")})
	for _, id := range []string{old, made.Key.KeyID} {
		r := f.rotation(id)
		u := r.Use
		if r.Key.KeyID != old || !r.Open || !r.ClosesAt.Equal(start.Add(24*time.Hour)) {
			t.Errorf("rotation of %s: %+v", id, r)
		}
		if u.Checks != 8 || u.Allowed != 7 || u.Addresses != 3 || !u.LastUsedAt.Equal(f.clock()) || !u.CountedUntil.Equal(f.clock()) || len(u.Unknown)+len(u.Behind) != 0 {
			t.Errorf("use %+v", u)
		}
		if want := f.clock().Add(time.Minute); !u.QuietSince.Equal(want) || !r.SilentAt.Equal(want.Add(time.Hour)) {
			t.Errorf("quiet since %v, closed when silent at %v", u.QuietSince, r.SilentAt)
		}
	}
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: old})
	must(t, err)
	if r := f.rotation(old); r.Open || !r.ClosesAt.Equal(f.clock()) || !r.SilentAt.IsZero() {
		t.Errorf("after it was revoked: %+v", r)
	}
	_, err = f.KeyRotation(t.Context(), global, f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID)
	refused(t, err, management.CodeNotFound)
}

func TestAGraceEndsAtItsTimeAndNotBefore(t *testing.T) {
	f := newFixture(t)
	old := f.rotated(management.KeyRotate{Grace: "2h"}).Previous.KeyID
	f.advance(2*time.Hour - time.Microsecond)
	if again, open := f.close(old); !open || !again.Equal(start.Add(2*time.Hour)) {
		t.Errorf("open %v, again at %v", open, again)
	}
	f.advance(time.Microsecond)
	for range 2 { // a job may run more than once
		if again, open := f.close(old); open || !again.IsZero() {
			t.Errorf("open %v, again at %v", open, again)
		}
	}
	entry, d := f.last("a")
	if entry.Action != "key.rotation_close" || entry.Actor != "job:rotation_close" || d.After["status"] != "revoked" {
		t.Errorf("audit entry %+v %+v", entry, d)
	}
	if again, err := f.KeyRotationClose(t.Context(), "key_none"); err != nil || !again.IsZero() {
		t.Errorf("no such key: %v, %v", again, err)
	}
}

func TestASilentKeyIsClosedEarlyAndAUsedOneIsNot(t *testing.T) {
	f := newFixture(t)
	old := f.rotated(management.KeyRotate{Grace: "24h", CloseWhenSilent: "1h"}).Previous.KeyID
	f.count("rep_1", 1)
	f.advance(50 * time.Minute)
	f.count("rep_1", 2, store.KeyUsage{KeyID: old, Minute: f.clock(), Checks: 1, Reason: "scope_missing"})
	f.advance(15 * time.Minute)
	f.count("rep_1", 3)
	if again, open := f.close(old); !open || !again.After(f.clock()) || again.After(f.clock().Add(time.Hour)) {
		t.Errorf("used a quarter of an hour ago: open %v, again at %v", open, again)
	}
	f.advance(46 * time.Minute)
	f.count("rep_1", 4)
	if again, open := f.close(old); open || !again.IsZero() {
		t.Errorf("silent for an hour: open %v, again at %v", open, again)
	}
	if k := f.read(old); !k.GraceEndsAt.Equal(f.clock()) {
		t.Errorf("its grace ends at %v, it is %v", k.GraceEndsAt, f.clock())
	}
}

func TestSilenceCountsOnlyWhenTheUsageOfEveryReplicaHasArrived(t *testing.T) {
	for title, c := range map[string]struct {
		happens func(f *fixture, old string)
		late    bool   // the second replica delivers nothing in the meantime
		told    string // cause of the unknown use; "" where a replica is only behind
	}{
		"one is behind": {func(f *fixture, _ string) {
			f.running("rep_2", start)
		}, true, ""},
		"one counts nothing": {func(f *fixture, _ string) {
			f.running("rep_3", start.Add(time.Hour))
		}, false, management.CauseUncounted},
		"one that counted nothing has left": {func(f *fixture, _ string) {
			must(f.t, f.db.PutReplica(f.t.Context(), store.Replica{
				ID: "rep_3", StartedAt: start, SeenAt: f.clock(), LeftAt: f.clock().Add(-time.Minute), Ceiling: time.Hour,
			}))
		}, false, management.CauseUncounted},
		"one died": {func(f *fixture, _ string) {
			must(f.t, f.db.PutReplica(f.t.Context(), store.Replica{
				ID: "rep_2", StartedAt: start, SeenAt: f.clock().Add(-10 * time.Minute), LeftAt: f.clock().Add(-10 * time.Minute), Ceiling: time.Hour,
			}))
			n, err := f.db.RecordUsageGaps(f.t.Context(), f.clock().Add(-time.Minute))
			must(f.t, err)
			if n != 1 {
				f.t.Fatalf("%d gaps", n)
			}
		}, true, "killed"},
		"keys were counted together": {func(f *fixture, _ string) {
			f.count("rep_1", 9, store.KeyUsage{KeyID: store.UsageOther, Minute: f.clock(), Checks: 1})
		}, false, management.CauseOther},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t)
			old := f.rotated(management.KeyRotate{Grace: "24h", CloseWhenSilent: "1h"}).Previous.KeyID
			f.count("rep_1", 1)
			f.count("rep_2", 1)
			f.advance(2 * time.Hour)
			f.count("rep_1", 2)
			if !c.late {
				f.count("rep_2", 2)
			}
			c.happens(f, old)
			if _, open := f.close(old); !open {
				t.Fatal("closed")
			}
			u := f.rotation(old).Use
			if c.told == "" && len(u.Behind) != 1 || c.told != "" && (len(u.Unknown) == 0 || u.Unknown[0].Cause != c.told) {
				t.Errorf("told %+v, behind %+v", u.Unknown, u.Behind)
			}
		})
	}
}

func TestWithoutAReplicaAKeyIsSilent(t *testing.T) {
	f := newFixture(t)
	old := f.rotated(management.KeyRotate{Grace: "24h", CloseWhenSilent: "1h"}).Previous.KeyID
	f.advance(time.Hour)
	if _, open := f.close(old); open {
		t.Error("open")
	}
}

// Usage that was deleted says nothing: it is not taken for silence.
func TestWhatIsOlderThanUsageIsKeptIsNotTakenForSilence(t *testing.T) {
	f := newFixture(t)
	service, err := management.New(management.Options{
		Store: f.store, Secrets: f.secrets, Random: rand.Reader, Now: f.clock, Logger: slog.New(slog.DiscardHandler), Retention: management.Retention{Usage: 30 * time.Minute},
	})
	must(t, err)
	old := f.rotated(management.KeyRotate{Grace: "24h", CloseWhenSilent: "1h"}).Previous.KeyID
	f.advance(3 * time.Hour)
	f.count("rep_1", 1)
	if _, err := service.KeyRotationClose(t.Context(), old); err != nil || f.read(old).Status != store.StatusActive {
		t.Errorf("closed, or %v", err)
	}
	r, err := service.KeyRotation(t.Context(), global, old)
	must(t, err)
	if r.Use.CountedFrom.Before(f.clock().Add(-31 * time.Minute)) {
		t.Errorf("counted from %v", r.Use.CountedFrom)
	}
}

// More rows than one page holds are all counted, once.
func TestEveryMinuteOfALongRotationIsCountedOnce(t *testing.T) {
	f := newFixture(t)
	old := f.rotated(management.KeyRotate{Grace: "240h"}).Previous.KeyID
	const minutes = 2300
	f.advance(minutes * time.Minute)
	var usage []store.KeyUsage
	for i := range minutes {
		for _, reason := range []string{"allowed", "rate_limited"} {
			usage = append(usage, store.KeyUsage{KeyID: old, Minute: start.Add(time.Duration(i) * time.Minute), Reason: reason, Checks: 1})
		}
	}
	f.count("rep_1", 1, usage...)
	if u := f.rotation(old).Use; u.Checks != 2*minutes || u.Allowed != minutes {
		t.Errorf("%d Checks, %d allowed, want %d and %d", u.Checks, u.Allowed, 2*minutes, minutes)
	}
}
