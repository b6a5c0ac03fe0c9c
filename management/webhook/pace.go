package webhook

import (
	"sync"
	"time"

	"go.uber.org/ratelimit"
)

// Pacer lets its callers through one after another.
type Pacer interface{ Take() time.Time }

// pace is so many in a second, evenly spread.
func pace(rate int) Pacer { return ratelimit.New(rate, ratelimit.WithoutSlack) }

// mostPaces bounds the webhooks whose pace is remembered. Beyond that all are
// forgotten: each may go ahead by one delivery.
const mostPaces = 10_000

// paces are the paces of webhooks, which last longer than their turns.
type paces struct {
	make func(rate int) Pacer

	mu sync.Mutex
	of map[string]paced
}

type paced struct {
	rate int
	Pacer
}

func newPaces(pacer func(rate int) Pacer) *paces {
	return &paces{make: pacer, of: map[string]paced{}}
}

// wait waits until the webhook may be called: a second at most.
func (p *paces) wait(id string, rate int) { p.get(id, rate).Take() }

func (p *paces) get(id string, rate int) Pacer {
	p.mu.Lock()
	defer p.mu.Unlock()
	is, known := p.of[id]
	if known && is.rate == rate {
		return is
	}
	if len(p.of) >= mostPaces {
		clear(p.of)
	}
	is = paced{rate, p.make(rate)}
	p.of[id] = is
	return is
}
