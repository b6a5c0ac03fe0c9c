package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
)

// promptly is the promise: a change of a key is in force everywhere within it.
const promptly = time.Second

// answered is one request of a stream and what came of it.
type answered struct {
	sent, received time.Time
	status         int
}

// stream sends requests with one key, one after the other from each of four
// clients, until it is stopped.
type stream struct {
	mu      sync.Mutex
	answers []answered
	err     error
	stop    chan struct{}
	running sync.WaitGroup
}

func (d *deployment) stream(t *testing.T, k key) *stream {
	t.Helper()
	s := &stream{stop: make(chan struct{})}
	for range 4 {
		s.running.Go(func() {
			for {
				select {
				case <-s.stop:
					return
				default:
				}
				sent := time.Now()
				r, err := d.try(t, "", "GET", "/stream", k.header())
				s.add(sent, r, err)
				if err != nil {
					return
				}
			}
		})
	}
	t.Cleanup(func() { s.end(t) })
	return s
}

func (s *stream) add(sent time.Time, r *reply, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		return
	}
	s.answers = append(s.answers, answered{sent: sent, received: time.Now(), status: r.status})
}

// end stops the stream and answers everything that it saw.
func (s *stream) end(t *testing.T) []answered {
	t.Helper()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.running.Wait()
	if s.err != nil {
		t.Errorf("stream: %v", s.err)
	}
	return s.answers
}

// since answers the statuses of requests that were sent after that instant.
func (s *stream) since(at time.Time) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var statuses []int
	for _, a := range s.answers {
		if a.sent.After(at) {
			statuses = append(statuses, a.status)
		}
	}
	return statuses
}

// turns waits until the stream gets status, and for more requests after that.
// From then on all must get it: what has changed stays changed. And however
// slow this machine is, none that was sent later than promised may get
// anything else.
func (s *stream) turns(t *testing.T, status int) {
	t.Helper()
	changed := time.Now()
	err := harness.Until(t.Context(), harness.Patience, fmt.Sprintf("status %d", status), func() error {
		all := s.since(changed)
		if len(all) == 0 || all[len(all)-1] != status {
			return fmt.Errorf("%d requests, the last ones not %d", len(all), status)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	settled := time.Now()
	err = harness.Until(t.Context(), harness.Patience, "more requests", func() error {
		if n := len(s.since(settled)); n < 50 {
			return fmt.Errorf("only %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Time{settled, changed.Add(promptly)} {
		for _, got := range s.since(since) {
			if got != status {
				t.Fatalf("%s after the change a request got %d, want %d from then on", since.Sub(changed), got, status)
			}
		}
	}
}

// The CLI is what a person would type while the traffic flows.
func TestRevokeDisableAndEnableAreInForceWithinASecondWhileTrafficFlows(t *testing.T) {
	k := shared.newKey(t, nil)
	s := shared.stream(t, k)
	s.turns(t, 200)
	for _, step := range []struct {
		verb   string
		status int
	}{{"disable", 401}, {"enable", 200}, {"disable", 401}, {"enable", 200}, {"revoke", 401}} {
		args := []string{"keys", step.verb, k.id}
		if step.verb != "enable" {
			args = append(args, "--reason", "end-to-end test")
		}
		if _, err := shared.credence.CLI(t.Context(), nil, args...); err != nil {
			t.Fatal(err)
		}
		s.turns(t, step.status)
	}
	s.end(t)
	if _, err := shared.credence.CLI(t.Context(), nil, "keys", "enable", k.id); err == nil {
		t.Error("a revoked key was enabled; revoking is final")
	}
	shared.get(t, "/stream", k.header()).wantStatus(t, 401)
}

// Nobody can use a key before it exists here, as texts that are not ours are
// refused without a look-up; that an unknown digest is forgotten when its key
// is made is proven in extauthz/cache.
func TestANewKeyWorksWithItsFirstRequest(t *testing.T) {
	for range 20 {
		shared.get(t, "/new", shared.newKey(t, nil).header()).wantStatus(t, 200)
	}
}

func TestAKeyEndsAtTheSecondOfItsExpiry(t *testing.T) {
	ends := time.Now().Add(2 * time.Second).Truncate(time.Second).UTC()
	k := shared.newKey(t, func(in *client.KeyCreate) { in.ExpiresAt = ends })
	s := shared.stream(t, k)
	err := harness.Until(t.Context(), harness.Patience, "requests after the end", func() error {
		if n := len(s.since(ends)); n < 20 {
			return fmt.Errorf("only %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, after := 0, 0
	for _, a := range s.end(t) {
		switch {
		case a.received.Before(ends):
			if before++; a.status != 200 {
				t.Fatalf("%s before its end the key got %d", ends.Sub(a.received), a.status)
			}
		case a.sent.After(ends):
			if after++; a.status != 401 {
				t.Fatalf("%s after its end the key got %d", a.sent.Sub(ends), a.status)
			}
		}
	}
	if before == 0 || after == 0 {
		t.Fatalf("%d requests before the end and %d after it: nothing was tested", before, after)
	}
	wantReason(t, shared, k, "expired")
}

// Requests with both keys flow while the grace of one of them ends.
func TestBothKeysOfARotationWorkUntilTheGraceEnds(t *testing.T) {
	old := shared.newKey(t, nil)
	made, err := shared.api.KeyRotate(t.Context(), client.KeyRotateInput{KeyID: old.id, Body: &client.KeyRotate{Grace: "2s"}})
	if err != nil {
		t.Fatal(err)
	}
	ends := made.Previous.GraceEndsAt
	successor := key{id: made.Key.KeyID, text: made.KeyText.Reveal()}
	olds, news := shared.stream(t, old), shared.stream(t, successor)
	err = harness.Until(t.Context(), harness.Patience, "requests after the grace", func() error {
		if n := len(olds.since(ends)); n < 20 {
			return fmt.Errorf("only %d", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, after := 0, 0
	for _, a := range olds.end(t) {
		switch {
		case a.received.Before(ends):
			if before++; a.status != 200 {
				t.Fatalf("%s before its grace ends the old key got %d", ends.Sub(a.received), a.status)
			}
		case a.sent.After(ends):
			if after++; a.status != 401 {
				t.Fatalf("%s after its grace the old key got %d", a.sent.Sub(ends), a.status)
			}
		}
	}
	if before == 0 || after == 0 {
		t.Fatalf("%d requests in the grace and %d after it: nothing was tested", before, after)
	}
	for _, a := range news.end(t) {
		if a.status != 200 {
			t.Fatalf("the successor got %d", a.status)
		}
	}
}

func TestAKeyIsRefusedBeforeItsFirstInstant(t *testing.T) {
	k := shared.newKey(t, func(in *client.KeyCreate) { in.NotBefore = time.Now().Add(time.Hour) })
	shared.get(t, "/early", k.header()).wantStatus(t, 401)
	wantReason(t, shared, k, "not_yet_valid")
}

// wantReason sends one more request and looks up what the access log says.
func wantReason(t *testing.T, d *deployment, k key, reason string) {
	t.Helper()
	path := "/reason/" + k.id
	d.get(t, path, k.header())
	wantLogged(t, d, path, map[string]any{"reason": reason, "key_id": k.id})
}
