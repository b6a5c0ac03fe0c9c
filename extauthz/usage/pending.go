package usage

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// pending is what waits to be delivered. Its size is bounded; it belongs to
// who delivers.
type pending struct {
	most    int // rows by key, keys with a last use, and rows of agents
	names   []string
	buckets []*bucket // oldest first, each with at least one row
	size    int       // rows in all of them
	used    map[string]store.KeyLastUse
	earlier []store.KeyLastUse // networks of another minute than that of used
	failing map[failKey]heavy
	agents  map[agentRow]agentSum
	ripe    []agentRow // agents that are to be told now

	folded  int64 // rows that were summed with another minute's
	spilled int64 // Checks that lost their key
	dropped int64 // refusals whose address was dropped
}

// bucket is the minutes from first to last.
type bucket struct {
	first, last int64
	rows        map[rowKey]*taken
	order       []rowKey // of rows that are still to be cut; nil when something was added since
}

type rowKey struct {
	keyID string
	met   met
}

func (k rowKey) compare(other rowKey) int {
	if c := strings.Compare(k.keyID, other.keyID); c != 0 {
		return c
	}
	if c := cmp.Compare(k.met.what, other.met.what); c != 0 {
		return c
	}
	return strings.Compare(k.met.policy, other.met.policy)
}

type failKey struct {
	minute  int64
	what    outcome
	network netip.Addr
}

// mostFailing bounds the failing addresses that wait.
const mostFailing = 4096

func newPending(most int, names []string) *pending {
	return &pending{most: most, names: names, used: map[string]store.KeyLastUse{}, failing: map[failKey]heavy{}, agents: map[agentRow]agentSum{}}
}

// addAgent sums what was counted, under store.UsageOther where there is no room.
func (p *pending) addAgent(row agentRow, s agentSum) {
	if _, known := p.agents[row]; !known && len(p.agents) >= p.most {
		row = agentRow{store.UsageOther, row.hour, named(store.AgentOther)}
	}
	sum := p.agents[row]
	p.agents[row] = agentSum{sum.checks + s.checks, sum.denied + s.denied, sum.latency + s.latency}
}

// ripen has agents told that wait, in the order of keys.
func (p *pending) ripen() {
	if len(p.ripe) == 0 {
		p.ripe = slices.SortedFunc(maps.Keys(p.agents), agentRow.compare)
	}
}

// mostEarlier bounds the networks that wait beside the last uses.
const mostEarlier = 50_000

func (p *pending) empty() bool {
	return p.size == 0 && len(p.used) == 0 && len(p.earlier) == 0 && len(p.failing) == 0 && len(p.ripe) == 0
}

// add sums what was counted.
func (p *pending) add(minute int64, key rowKey, t *taken) {
	b := p.bucket(minute)
	row := b.rows[key]
	if row == nil {
		row = &taken{}
		b.rows[key] = row
		b.order = nil
		p.size++
	}
	row.add(t)
}

func (t *taken) add(other *taken) {
	t.checks += other.checks
	t.latency += other.latency
	t.addresses.Merge(&other.addresses)
}

// bucket answers that of the minute. It is one of the last as a rule.
func (p *pending) bucket(minute int64) *bucket {
	at := len(p.buckets)
	for at > 0 && p.buckets[at-1].first > minute {
		at--
	}
	if at > 0 && minute <= p.buckets[at-1].last {
		return p.buckets[at-1]
	}
	b := &bucket{first: minute, last: minute, rows: map[rowKey]*taken{}}
	p.buckets = slices.Insert(p.buckets, at, b)
	return b
}

// bound folds the oldest minutes until what waits is within its size, and has
// keys give up their names when one minute alone is too much.
func (p *pending) bound() {
	for p.size > p.most && len(p.buckets) > 1 {
		into, from := p.buckets[0], p.buckets[1]
		for key, row := range from.rows {
			if there := into.rows[key]; there != nil {
				there.add(row)
				p.size--
				p.folded++
			} else {
				into.rows[key] = row
			}
		}
		into.order = nil
		into.last = from.last
		p.buckets = slices.Delete(p.buckets, 1, 2)
	}
	if p.size > p.most {
		p.spill()
	}
	if len(p.failing) > mostFailing {
		p.lighten()
	}
}

// spill is for the only bucket that is left.
func (p *pending) spill() {
	b := p.buckets[0]
	b.order = nil
	for key, row := range b.rows {
		if key.keyID == "" || key.keyID == store.UsageOther {
			continue
		}
		delete(b.rows, key)
		p.size--
		p.spilled += row.checks
		other := rowKey{store.UsageOther, met{what: key.met.what}}
		if b.rows[other] == nil {
			b.rows[other] = &taken{}
			p.size++
		}
		b.rows[other].add(row)
		if p.size <= p.most {
			return
		}
	}
}

// lighten drops the lighter half of the failing addresses.
func (p *pending) lighten() {
	keys := slices.SortedFunc(maps.Keys(p.failing), func(a, b failKey) int {
		return cmp.Compare(p.failing[a].checks, p.failing[b].checks)
	})
	for _, k := range keys[:len(keys)/2] {
		p.dropped += p.failing[k].checks - p.failing[k].uncertain
		delete(p.failing, k)
	}
}

// use notes a last use. The networks of one that still waits go with it when
// they are of the same minute, and else wait with their own time.
func (p *pending) use(keyID string, n news) {
	before, known := p.used[keyID]
	if !known && len(p.used) >= p.most {
		return
	}
	var networks []netip.Addr
	if n.at.Sub(before.At) < time.Minute {
		networks = before.Networks
	}
	for _, network := range n.networks {
		if len(networks) < mostNetworks && !slices.Contains(networks, network) {
			networks = append(networks, network)
		}
	}
	p.used[keyID] = store.KeyLastUse{KeyID: keyID, At: n.at.UTC(), Address: n.from.Unmap().WithZone(""), Networks: networks}
	for _, network := range before.Networks {
		p.before(keyID, before.At, network, networks)
	}
	for _, s := range n.earlier {
		p.before(keyID, time.Unix(0, s.at).UTC(), s.network, networks)
	}
}

// before notes where a key was used from before the use that waits. What that
// tells as well is not told twice.
func (p *pending) before(keyID string, at time.Time, network netip.Addr, told []netip.Addr) {
	if len(p.earlier) < mostEarlier && !slices.Contains(told, network) {
		p.earlier = append(p.earlier, store.KeyLastUse{KeyID: keyID, At: at, Networks: []netip.Addr{network}})
	}
}

func (p *pending) fail(minute int64, what outcome, h heavy) {
	k := failKey{minute, what, h.network}
	sum := p.failing[k]
	p.failing[k] = heavy{checks: sum.checks + h.checks, uncertain: sum.uncertain + h.uncertain}
}

// cut moves a batch out of what waits, the oldest minutes first, the keys in
// the order of their ids: what a store writes for them then lies together.
// Last uses go with their keys as far as those are in it.
func (p *pending) cut(b *store.UsageBatch) {
	for len(p.buckets) > 0 && len(b.Keys) < batchRows {
		from := p.buckets[0]
		if from.order == nil {
			from.order = slices.SortedFunc(maps.Keys(from.rows), rowKey.compare)
		}
		n := min(len(from.order), batchRows-len(b.Keys))
		for _, key := range from.order[:n] {
			row := from.rows[key]
			b.Keys = append(b.Keys, store.KeyUsage{
				Minute: instant(from.first), Minutes: int(from.last-from.first) + 1, KeyID: key.keyID, Reason: p.names[key.met.what], Policy: key.met.policy,
				Checks: row.checks, Latency: row.latency, Addresses: row.addresses,
			})
			delete(from.rows, key)
			if u, is := p.used[key.keyID]; is {
				b.Used = append(b.Used, u)
				delete(p.used, key.keyID)
			}
		}
		p.size -= n
		if from.order = from.order[n:]; len(from.order) == 0 {
			p.buckets = slices.Delete(p.buckets, 0, 1)
		}
	}
	for id, u := range p.used {
		if len(b.Used) >= batchRows {
			break
		}
		b.Used = append(b.Used, u)
		delete(p.used, id)
	}
	n := min(len(p.earlier), max(0, batchRows-len(b.Used))) // after the later ones of the same keys
	b.Used = append(b.Used, p.earlier[:n]...)
	p.earlier = slices.Delete(p.earlier, 0, n)
	for k, h := range p.failing {
		if len(b.Failing) == batchRows {
			break
		}
		b.Failing = append(b.Failing, store.FailingAddress{
			Minute: instant(k.minute), Reason: p.names[k.what], Address: k.network,
			Checks: h.checks - h.uncertain, Uncertain: h.uncertain,
		})
		delete(p.failing, k)
	}
	p.cutAgents(b)
}

func (p *pending) cutAgents(b *store.UsageBatch) {
	n := min(len(p.ripe), batchRows)
	for _, row := range p.ripe[:n] {
		s := p.agents[row]
		delete(p.agents, row)
		b.Agents = append(b.Agents, store.AgentUsage{
			Hour: instant(60 * row.hour), KeyID: row.keyID, Agent: row.family.String(), Checks: s.checks, Denied: s.denied, Latency: s.latency,
		})
	}
	p.ripe = p.ripe[n:]
}

// oldest is the beginning of what waits; now when nothing does.
func (p *pending) oldest(now time.Time) time.Time {
	if len(p.buckets) > 0 {
		if first := instant(p.buckets[0].first); first.Before(now) {
			return first
		}
	}
	return now
}

func instant(minute int64) time.Time { return time.Unix(60*minute, 0).UTC() }
