package pipeline

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
)

func TestVerifyAsksTheCheapestFirst(t *testing.T) {
	type asked struct{ checksums, compares, finds int }
	for _, c := range []struct {
		name   string
		change func(w *world)
		reason Reason
		source KeySource
		asked  asked
	}{
		{"cached", func(*world) {}, ReasonAllowed, KeySourceCache, asked{0, 1, 0}},
		{"stored", (*world).uncached, ReasonAllowed, KeySourceStore, asked{1, 1, 1}},
		{"cached, although the address failed too often", func(w *world) { w.failures.wait = time.Minute }, ReasonAllowed, KeySourceCache, asked{0, 1, 0}},
		{"stored, but the address failed too often", func(w *world) { w.uncached(); w.failures.wait = time.Minute }, ReasonTooManyFailures, KeySourceNone, asked{}},
		{"malformed, and the address failed too often", func(w *world) { w.header("x-api-key", "?"); w.failures.wait = time.Minute }, ReasonTooManyFailures, KeySourceNone, asked{}},
		{"wrong alphabet", func(w *world) { w.header("x-api-key", w.text+"?") }, ReasonMalformedKey, KeySourceNone, asked{}},
		{"no text at all", func(w *world) { w.header("x-api-key", "\xff\x00") }, ReasonMalformedKey, KeySourceNone, asked{}},
		{"too long", func(w *world) { w.header("x-api-key", strings.Repeat("a", 8192)) }, ReasonMalformedKey, KeySourceNone, asked{}},
		{"wrong checksum: a dummy compare", func(w *world) { w.header("x-api-key", "crd_live_0") }, ReasonMalformedKey, KeySourceNone, asked{1, 1, 0}},
		{"unknown: a dummy compare", func(w *world) { clear(w.keys.cached) }, ReasonUnknownKey, KeySourceNegative, asked{1, 1, 1}},
		{"nobody knows", func(w *world) { w.uncached(); w.keys.err = errDown }, ReasonUnavailable, KeySourceNone, asked{1, 0, 1}},
		{"cached for another text", func(w *world) { w.key.Hash[0]++ }, ReasonUnknownKey, KeySourceNegative, asked{1, 2, 1}},
		{"stored for another text", func(w *world) { w.uncached(); w.key.Hash[31]++ }, ReasonUnknownKey, KeySourceStore, asked{1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			d := w.decide(t)
			if d.Reason != c.reason || d.Source != c.source {
				t.Errorf("decided %v from source %d, want %v from %d", d.Reason, d.Source, c.reason, c.source)
			}
			if got := (asked{w.secrets.checksums, w.secrets.compares, w.keys.finds}); got != c.asked {
				t.Errorf("asked %+v, want %+v", got, c.asked)
			}
			if d.Reason != ReasonAllowed && d.Key != nil {
				t.Error("a refused text found a key")
			}
		})
	}
}

func TestForeignKeysAreAcceptedOnlyWhereTheDeploymentSaysSo(t *testing.T) {
	for _, cached := range []bool{true, false} {
		for _, accept := range []bool{true, false} {
			w := newWorld(t)
			w.options.AcceptForeignKeys = accept
			const text = "sk-made.elsewhere/0123456789=="
			r := w.record()
			r.ChecksumID = ""
			digest := credential.DigestOf([]byte(text))
			r.Hash, r.PepperID = w.secrets.Hash(digest)
			w.keys.stored[digest] = mustKey(t, r)
			if cached {
				w.keys.cached = w.keys.stored
			}
			w.header("authorization", "Bearer "+text)
			if accept {
				w.want(t, ReasonAllowed)
			} else {
				w.want(t, ReasonMalformedKey)
			}
		}
	}
}

func TestFailedCredentialIsChargedOnce(t *testing.T) {
	charged := map[Reason]bool{
		ReasonMalformedKey: true, ReasonUnknownKey: true, ReasonRevoked: true, ReasonDisabled: true,
		ReasonSuspended: true, ReasonExpired: true, ReasonGraceEnded: true, ReasonNotYetValid: true,
	}
	for reason, c := range everyReason() {
		w := newWorld(t)
		c.change(w)
		w.want(t, reason)
		want := 0
		if charged[reason] {
			want = 1
		}
		if len(w.failures.charged) != want {
			t.Errorf("%v: charged %d times, want %d", reason, len(w.failures.charged), want)
		}
	}
}

func TestWaitingTimeOfASpentBudgetIsPassedOn(t *testing.T) {
	w := newWorld(t)
	w.addresses.wait = 3 * time.Second
	if d := w.decide(t); d.RetryAfter != 3*time.Second {
		t.Errorf("address limit: %v", d.RetryAfter)
	}
	w = newWorld(t)
	w.uncached()
	w.failures.wait = 4 * time.Second
	if d := w.decide(t); d.RetryAfter != 4*time.Second {
		t.Errorf("failure budget: %v", d.RetryAfter)
	}
}

func TestBudgetsThatAreOffAreNotAsked(t *testing.T) {
	w := newWorld(t)
	w.options.Addresses, w.options.Failures = nil, nil
	w.want(t, ReasonAllowed)
	w.header("x-api-key", "?")
	w.want(t, ReasonMalformedKey)
}

// Row 20 of facts section 4: the clock of the request decides, and the end is
// already outside.
func TestLifeEndsStrictlyAtItsEnd(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want Reason
	}{
		{-time.Hour - 1, ReasonNotYetValid},
		{-time.Hour, ReasonAllowed},
		{-1, ReasonAllowed},
		{0, ReasonExpired},
		{1, ReasonExpired},
	} {
		w := newWorld(t)
		w.bounds().NotBefore, w.key.ExpiresAt = noon.Add(-time.Hour), noon.UnixMicro()
		w.now = noon.Add(c.at)
		w.want(t, c.want)
	}
}

func TestWhatPeopleDecidedComesBeforeTheClock(t *testing.T) {
	for status, want := range map[store.Status]Reason{
		store.StatusRevoked: ReasonRevoked, store.StatusPurged: ReasonRevoked, store.StatusDisabled: ReasonDisabled,
		store.StatusSuspended: ReasonSuspended, store.StatusActive: ReasonExpired, "": ReasonInternal,
	} {
		w := newWorld(t)
		w.key.Status, w.key.ExpiresAt = status, noon.Add(-time.Hour).UnixMicro()
		w.want(t, want)
	}
}

func TestClockIsReadOnce(t *testing.T) {
	w := newWorld(t)
	reads := 0
	w.options.Now = func() time.Time { reads++; return noon }
	w.key.Limits = []SubjectLimit{{}}
	w.want(t, ReasonAllowed)
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
}

// Nothing but the minted text itself is ever allowed.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("crd_live_0"), uint16(0))
	f.Add([]byte("\xff\xfe,"), uint16(3))
	f.Add([]byte(" "), uint16(60))
	f.Fuzz(func(t *testing.T, noise []byte, at uint16) {
		w := newWorld(t)
		cut := int(at) % (len(w.text) + 1)
		text := w.text[:cut] + string(noise) + w.text[cut:]
		w.header("x-api-key", text)
		w.request.Peer = netip.MustParseAddr("2001:db8::1")
		d := w.decide(t)
		if same := strings.Trim(text, " \t,") == w.text; d.Allowed() != same {
			t.Fatalf("%q inserted at %d: %v", noise, cut, d.Reason)
		}
		foreign := w.mint(t, rand.NewChaCha8([32]byte{2}))
		w.header("x-api-key", foreign)
		if d = w.decide(t); d.Reason != ReasonUnknownKey {
			t.Fatalf("minted and not stored: %v", d.Reason)
		}
	})
}
