package extauthz

import (
	"log/slog"
	"strings"
	"testing"

	"credence/extauthz/pipeline"
)

// hasty is a decider that panics while it prepares.
type hasty struct{ decider }

func (hasty) Ahead(*pipeline.Batch) { panic("too early") }

// TestAPanicAheadCostsNoCheck: each is read and decided on by itself then, and
// it is on the record.
func TestAPanicAheadCostsNoCheck(t *testing.T) {
	o, log := testOptions(hasty{decideFunc(allowsKey)}), &lockedBuffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	s := serve(t, o)
	for range 3 {
		reply, err := client(t, s.address).Check(t.Context(), getOrders())
		must(t, err)
		if code := reply.GetStatus().GetCode(); code != 0 {
			t.Errorf("answered with %d", code)
		}
	}
	if n := strings.Count(log.String(), "check panicked"); n != 3 {
		t.Errorf("%d panics on the record: %s", n, log)
	}
}

// TestMalformedChecksBesideOthersAreRefusedAlone: what was prepared of one call
// is no other's.
func TestMalformedChecksBesideOthersAreRefusedAlone(t *testing.T) {
	s := serve(t, testOptions(decideFunc(allowsKey)))
	conn := dial(t, s.address)
	good := marshal(t, getOrders())
	done := make(chan error, 64)
	for n := range cap(done) {
		go func() {
			request, want := good, int32(0)
			if n%2 == 1 {
				request, want = good[:len(good)-3], 14 // whatever the decision says
			}
			reply, err := checkBytes(t.Context(), conn, request)
			if err == nil && decoded(t, reply).GetStatus().GetCode() != want {
				t.Errorf("%d: %v", n, decoded(t, reply).GetStatus())
			}
			done <- err
		}()
	}
	for range cap(done) {
		must(t, <-done)
	}
}
