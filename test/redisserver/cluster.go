package redisserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// slots is how many slots a Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of three primaries with a replica each.
type Cluster struct {
	tb    testing.TB
	nodes []*Server // the first three were started as primaries
}

// StartCluster starts six processes, joins them and waits until all agree;
// they stop when the test ends.
func StartCluster(tb testing.TB) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	for range 6 {
		bus, err := freePort(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		c.nodes = append(c.nodes, startMember(tb, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
			"--repl-diskless-sync-delay", "0"))
		c.nodes[len(c.nodes)-1].bus = bus
	}
	ctx := tb.Context()
	for i, n := range c.nodes[:3] {
		if err := n.admin.ClusterAddSlotsRange(ctx, i*slots/3, (i+1)*slots/3-1).Err(); err != nil {
			tb.Fatalf("give slots: %v", err)
		}
	}
	for i, n := range c.nodes {
		if err := n.admin.Do(ctx, "CONFIG", "SET", "cluster-require-full-coverage", "no").Err(); err != nil {
			tb.Fatal(err)
		}
		if i > 0 {
			if err := n.admin.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", c.nodes[0].port, c.nodes[0].bus).Err(); err != nil {
				tb.Fatalf("join: %v", err)
			}
		}
	}
	for i, n := range c.nodes[3:] {
		id, err := c.nodes[i].admin.ClusterMyID(ctx).Result()
		if err != nil {
			tb.Fatal(err)
		}
		c.until("a replica of "+id, func(ctx context.Context) error { return n.admin.ClusterReplicate(ctx, id).Err() })
	}
	c.until("a whole Cluster", c.whole)
	return c
}

// whole answers nil when every node sees all others, all slots and the
// replicas.
func (c *Cluster) whole(ctx context.Context) error {
	for _, n := range c.nodes {
		if !n.alive() {
			continue
		}
		info, err := n.admin.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:6") ||
			!strings.Contains(info, "cluster_slots_ok:16384") {
			return fmt.Errorf("%s does not see the Cluster whole: %s", n.Address(), info)
		}
		nodes, err := n.admin.ClusterNodes(ctx).Result()
		if err != nil {
			return err
		}
		if got := strings.Count(nodes, "master"); got < 3 || strings.Count(nodes, "slave") < 6-got {
			return fmt.Errorf("%s does not know all replicas: %s", n.Address(), nodes)
		}
	}
	return nil
}

func (c *Cluster) until(what string, check func(ctx context.Context) error) {
	c.tb.Helper()
	ctx := c.tb.Context()
	var watched *Server
	for _, n := range c.nodes {
		if n.alive() {
			watched = n
		}
	}
	if err := watched.running.until(ctx, func() error { return check(ctx) }); err != nil {
		c.tb.Fatalf("%s: %v", what, err)
	}
}

// Addresses are those of all nodes.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.Address())
	}
	return all
}

// All are its nodes.
func (c *Cluster) All() []*Server { return slices.Clone(c.nodes) }

// Owner is the primary that has the key's slot, as the living nodes see it.
func (c *Cluster) Owner(key string) *Server {
	c.tb.Helper()
	slot, owner := c.slot(key), (*Server)(nil)
	c.until("an owner of "+key, func(ctx context.Context) error {
		for _, n := range c.nodes {
			if n.alive() {
				owner = c.ownerBy(ctx, n, slot)
				break
			}
		}
		if owner == nil || !owner.alive() {
			return errors.New("nobody has it")
		}
		return nil
	})
	return owner
}

func (c *Cluster) slot(key string) int64 {
	c.tb.Helper()
	for _, n := range c.nodes {
		if n.alive() {
			slot, err := n.admin.ClusterKeySlot(c.tb.Context(), key).Result()
			if err != nil {
				c.tb.Fatal(err)
			}
			return slot
		}
	}
	c.tb.Fatal("no node lives")
	return 0
}

func (c *Cluster) at(port int64) *Server {
	for _, n := range c.nodes {
		if int64(n.port) == port {
			return n
		}
	}
	return nil
}

// KillOwner kills the primary that has the key's slot and waits until its
// replica has taken over.
func (c *Cluster) KillOwner(key string) {
	c.tb.Helper()
	old, slot := c.Owner(key), c.slot(key)
	if err := old.Kill(); err != nil {
		c.tb.Fatal(err)
	}
	c.until("a new owner of "+key, func(ctx context.Context) error {
		for _, n := range c.nodes {
			if !n.alive() {
				continue
			}
			if owner := c.ownerBy(ctx, n, slot); owner == nil || owner == old {
				return fmt.Errorf("%s knows of no new owner", n.Address())
			}
		}
		return nil
	})
}

// ownerBy is the primary that has the slot as one node sees it, nil for none.
func (c *Cluster) ownerBy(ctx context.Context, n *Server, slot int64) *Server {
	shards, err := n.admin.ClusterShards(ctx).Result()
	if err != nil {
		return nil
	}
	for _, shard := range shards {
		has := slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
		for _, node := range shard.Nodes {
			if has && node.Role == "master" && node.Health == "online" {
				return c.at(node.Port)
			}
		}
	}
	return nil
}

// MoveSlot gives the key's slot, with what lies in it, to another primary.
func (c *Cluster) MoveSlot(key string) {
	c.tb.Helper()
	ctx, slot, from := c.tb.Context(), c.slot(key), c.Owner(key)
	to := c.nodes[0]
	if to == from {
		to = c.nodes[1]
	}
	fromID, toID := from.admin.ClusterMyID(ctx).Val(), to.admin.ClusterMyID(ctx).Val()
	do := func(n *Server, args ...any) {
		c.tb.Helper()
		if err := n.admin.Do(ctx, args...).Err(); err != nil {
			c.tb.Fatalf("move a slot: %v: %v", args, err)
		}
	}
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	for {
		keys, err := from.admin.ClusterGetKeysInSlot(ctx, int(slot), 100).Result()
		if err != nil {
			c.tb.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			do(from, "MIGRATE", "127.0.0.1", to.port, k, 0, 5000)
		}
	}
	for _, n := range []*Server{to, from} {
		do(n, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
}
