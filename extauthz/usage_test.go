package extauthz

import (
	"context"
	"sync"
	"testing"
	"time"

	"credence/extauthz/pipeline"
)

// countsSeen is the part of a usage.Counter.
type countsSeen struct {
	mu   sync.Mutex
	seen []string
}

func (c *countsSeen) Count(d *pipeline.Decision, userAgent []byte, at time.Time, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.IsZero() || took < 0 {
		c.seen = append(c.seen, "at no time")
		return
	}
	c.seen = append(c.seen, d.Key.KeyID+" "+d.Reason.String()+" by "+string(userAgent))
}

func TestEachAnsweredCheckIsCountedOnceOverBothTransports(t *testing.T) {
	counted := &countsSeen{}
	o := testOptions(decideFunc(allowsKey))
	o.Usage = counted
	s := serve(t, o)
	if _, err := client(t, s.address).Check(t.Context(), getOrders()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decide(t.Context(), func(r *pipeline.Request) {
		r.Headers = append(r.Headers, pipeline.Field{Name: []byte("user-agent"), Value: []byte("curl/8.5.0")})
	}); err != nil {
		t.Fatal(err)
	}
	// One that nobody waits for any more was not answered.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Decide(ended, func(*pipeline.Request) {}); err == nil {
		t.Error("answered late")
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if len(counted.seen) != 2 || counted.seen[0] != "key_01 allowed by curl/8.5.0" || counted.seen[1] != counted.seen[0] {
		t.Errorf("counted %q", counted.seen)
	}
}
