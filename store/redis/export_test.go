package redis

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// NewBudgetsByClock are Budgets that go by the clock in the key ClockKey, in
// microseconds, instead of that of the server.
func NewBudgetsByClock(c *Client, holder string) *Budgets {
	script := strings.Replace(limitScript, "redis.call('TIME')", "{ 0, redis.call('GET', '"+ClockKey+"') }", 1)
	return &Budgets{client: c, holder: holder, script: redis.NewScript(script)}
}

// ClockKey holds the clock of NewBudgetsByClock.
const ClockKey = "crd:test:clock"

// UntilWithin is for the tests outside of the package.
var UntilWithin = untilWithin

// SlotOf is the slot of a hash tag.
func SlotOf(tag string) int { return slotOf(tag) }
