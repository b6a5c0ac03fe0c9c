package redis

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"credence/store/limit"
)

//go:embed limit.lua
var limitScript string

// slots of a Redis Cluster. A script may touch keys of one slot only.
const slots = 16384

// maxDrawsPerCall bounds one call of the script: while it runs, Redis does
// nothing else, and Lua cannot unpack more than some thousand values.
const maxDrawsPerCall = 256

// Budgets draws units from the limits that all replicas share. See
// [limit.Draw] for what is promised; limit.lua does it, by the clock of Redis.
//
// A budget is one hash, named after a digest of its subject as hash tag, and
// after its limit. It ends by itself when it is full again.
type Budgets struct {
	client   *Client
	holder   string
	script   *redis.Script
	sequence atomic.Int64
}

// NewBudgets makes Budgets. Holder names the replica, another one at each
// start: what it holds is counted under that name.
func NewBudgets(c *Client, holder string) *Budgets {
	return &Budgets{client: c, holder: holder, script: redis.NewScript(limitScript)}
}

// Slot is where the budgets of the subject lie: those of one slot can be drawn
// from in one group. All are in slot 0 unless Redis is a Cluster.
func (b *Budgets) Slot(subject string) int {
	if !b.client.options.Cluster {
		return 0
	}
	return slotOf(hashTag(subject))
}

// Slots is how many slots there are: 1, or those of a Cluster.
func (b *Budgets) Slots() int {
	if !b.client.options.Cluster {
		return 1
	}
	return slots
}

// Draw asks the budgets and fills in each group's answers, or its error. The
// draws of a group are of different budgets of one slot. What is held is held
// for life; who holds it stops before, counted from before this call. It waits
// as long as ctx allows.
func (b *Budgets) Draw(ctx context.Context, life time.Duration, groups []*limit.Group) {
	calls := b.calls(life, groups)
	b.run(ctx, calls, b.script.EvalSha)
	var unknown []*scriptCall
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	b.run(ctx, unknown, b.script.Eval) // and Redis keeps the script
	lost := false
	for _, c := range calls {
		lost = c.read() != nil || lost
	}
	if lost {
		b.client.lookAround(ctx)
	}
}

// scriptCall is one call of the script: groups of one slot.
type scriptCall struct {
	slot   int
	draws  int
	groups []*limit.Group
	keys   []string
	args   []any
	cmd    *redis.Cmd
}

func (b *Budgets) calls(life time.Duration, groups []*limit.Group) []*scriptCall {
	var calls []*scriptCall
	for _, g := range groups {
		slot := b.Slot(g.Draws[0].Subject)
		i := slices.IndexFunc(calls, func(c *scriptCall) bool { return c.slot == slot && c.draws < maxDrawsPerCall })
		if i < 0 {
			i = len(calls)
			calls = append(calls, &scriptCall{slot: slot, args: []any{b.holder, b.sequence.Add(1), life.Microseconds()}})
		}
		calls[i].add(b, g)
	}
	return calls
}

func (c *scriptCall) add(b *Budgets, g *limit.Group) {
	c.groups = append(c.groups, g)
	c.draws += len(g.Draws)
	c.args = append(c.args, len(g.Draws))
	for i := range g.Draws {
		d := &g.Draws[i]
		t, hold := d.Limit.Terms(), 0
		if d.Hold {
			hold = 1
		}
		c.keys = append(c.keys, b.key(d))
		c.args = append(c.args, t.PerMicrosecond, t.Interval, t.Tolerance,
			d.Cost, d.Extra, hold, d.Keep, d.Return, d.Owed, d.Refund, d.RefundAt)
	}
}

// run sends the calls at once.
func (b *Budgets) run(ctx context.Context, calls []*scriptCall,
	eval func(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd,
) {
	defer func() {
		// What a server answers must not end the process, whatever the library
		// makes of it: the calls count as not answered.
		if p := recover(); p != nil {
			for _, c := range calls {
				c.cmd = redis.NewCmd(ctx)
				c.cmd.SetErr(ErrAway)
			}
		}
	}()
	if len(calls) == 1 {
		calls[0].cmd = eval(ctx, b.client.redis, calls[0].keys, calls[0].args...)
		return
	}
	if len(calls) == 0 {
		return
	}
	pipe := b.client.redis.Pipeline()
	for _, c := range calls {
		c.cmd = eval(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
}

// numbers of an answer.
const answerNumbers = 5

// read fills in the answers, or the error, which it answers too.
func (c *scriptCall) read() error {
	numbers, err := c.cmd.Int64Slice()
	if err == nil && len(numbers) != c.draws*answerNumbers {
		err = fmt.Errorf("%d numbers for %d draws", len(numbers), c.draws)
	}
	if err != nil {
		err = fmt.Errorf("draw from limits: %w: %w", ErrAway, err)
	}
	for _, g := range c.groups {
		if g.Err = err; err != nil {
			continue
		}
		for i := range g.Draws {
			n := numbers[:answerNumbers]
			numbers = numbers[answerNumbers:]
			wait := min(max(n[2], 0), limit.Never.Microseconds())
			g.Draws[i].Answer = limit.Answer{
				Given: n[0], Left: n[1], Wait: time.Duration(wait) * time.Microsecond, At: n[3], Denied: n[4] != 0,
			}
		}
	}
	return err
}

// key names the budget of a limit: one that is changed is another budget.
func (b *Budgets) key(d *limit.Draw) string {
	name := make([]byte, 0, 160)
	name = append(append(append(name, "limit:{"...), hashTag(d.Subject)...), "}:"...)
	name = append(append(name, d.Limit.Name...), ':')
	name = append(strconv.AppendInt(name, d.Limit.Limit, 10), ':')
	name = append(strconv.AppendInt(name, d.Limit.Period.Milliseconds(), 10), ':')
	return b.client.Key(string(strconv.AppendInt(name, d.Limit.Capacity(), 10)))
}

// hashTag is what keys of one subject have in common. An owner's name may hold
// anything, braces too, and is nobody's business in Redis.
func hashTag(subject string) string {
	digest := sha256.Sum256([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(digest[:15])
}

// slotOf is the slot of a hash tag: CRC-16/XMODEM, as the Redis Cluster
// specification has it.
func slotOf(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}
