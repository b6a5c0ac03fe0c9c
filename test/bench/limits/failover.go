package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// masterName is what the Sentinels call the master.
const masterName = "credence"

// pair is a master and a replica of it, watched by three Sentinels.
type pair struct {
	master, replica *server
	watch           []*server
}

// startPair starts all five and waits until the Sentinels know each other and
// the replica. Whoever has it kills it.
func startPair(ctx context.Context, folder string) (_ *pair, err error) {
	p := &pair{}
	defer func() {
		if err != nil {
			p.kill()
		}
	}()
	p.master = &server{folder: folder}
	if err := p.master.launch(ctx); err != nil {
		return nil, err
	}
	p.replica = &server{folder: folder, more: []string{"--replicaof", fmt.Sprint("127.0.0.1 ", p.master.port)}}
	if err := p.replica.launch(ctx); err != nil {
		return nil, err
	}
	for i := range 3 {
		w := &server{folder: folder}
		if w.port, err = freePort(ctx); err != nil {
			return nil, err
		}
		w.sentinel = filepath.Join(folder, fmt.Sprintf("sentinel-%d.conf", i))
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 2\n"+
			"sentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 5000\n", w.port, folder, masterName, p.master.port)
		if err := os.WriteFile(w.sentinel, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("start a Sentinel: %w", err)
		}
		if err := w.launch(ctx); err != nil {
			return nil, err
		}
		p.watch = append(p.watch, w)
	}
	return p, p.agree(ctx)
}

// agree waits until every Sentinel knows the two others and the replica.
func (p *pair) agree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for _, w := range p.watch {
		c := redis.NewSentinelClient(&redis.Options{Addr: w.address(), MaxRetries: -1, DisableIdentity: true})
		defer c.Close() //nolint:errcheck // it was only asked
		for {
			m, err := c.Master(ctx, masterName).Result()
			if err == nil && m["num-slaves"] == "1" && m["num-other-sentinels"] == "2" {
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(errors.New("the Sentinels do not agree"), err)
			case <-tick.C:
			}
		}
	}
	return nil
}

// addresses are those of the Sentinels.
func (p *pair) addresses() (all []string) {
	for _, w := range p.watch {
		all = append(all, w.address())
	}
	return all
}

func (p *pair) kill() {
	for _, s := range append(p.watch, p.master, p.replica) {
		if s != nil && s.cmd != nil {
			_ = s.kill()
		}
	}
}
