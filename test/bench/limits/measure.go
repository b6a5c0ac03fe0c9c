package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store/limit"
	"credence/test/link"
)

// trial is one run.
type trial struct {
	limiter string // exact, leased or share
	mishap  string // what happens to Redis
	load    float64
	most    target
}

// target is what a trial may miss by, in percent.
type target struct{ over, under float64 }

// whatever happens to Redis, at most so much more than the limit: what is
// forgotten, or cannot be seen, is spent once more.
func trials() []trial {
	var all []trial
	for _, t := range []struct {
		limiter string
		most    target
	}{{"exact", target{0.05, 3}}, {"leased", target{0.05, 3}}} {
		for _, load := range []float64{0.5, 1, 2, 10} {
			all = append(all, trial{t.limiter, "", load, t.most})
		}
	}
	for _, load := range []float64{0.5, 1, 2, 10} {
		all = append(all, trial{"share", "away", load, target{5, 100}})
	}
	for _, limiter := range []string{"exact", "leased"} {
		for _, mishap := range []string{"restart", "failover", "cut", "frozen"} {
			all = append(all, trial{limiter, mishap, 2, target{100, 100}})
		}
	}
	return all
}

func measure(ctx context.Context, p *parameters, out io.Writer) error {
	fmt.Fprintf(out, "%d replicas, one key, %d/s burst %d, %s for each run, Redis has %s to answer\n\n",
		p.replicas, p.rate, p.burst, p.run, p.wait)
	fmt.Fprintf(out, "%-7s %-8s %5s %9s %9s %9s %7s %7s %8s %7s %7s\n",
		"limiter", "redis", "load", "offered", "allowed", "admitted", "over %", "under %", "worst %", "calls", "share %")
	var missed []error
	for _, t := range trials() {
		if p.short && (t.load != 2 || t.mishap != "" && t.mishap != "away") {
			continue
		}
		r, err := p.try(ctx, &t)
		if err != nil {
			return fmt.Errorf("%s %s %gx: %w", t.limiter, t.mishap, t.load, err)
		}
		fmt.Fprintf(out, "%-7s %-8s %4gx %9d %9.0f %9d %7.2f %7.2f %8.2f %7.4f %7.2f\n",
			t.limiter, t.mishap, t.load, r.offered, r.allowed, r.admitted, r.over, r.under, r.worst, r.calls, r.share)
		if r.over > t.most.over || r.under > t.most.under {
			missed = append(missed, fmt.Errorf("%s %s %gx: %.2f %% over and %.2f %% under, at most %g and %g are wanted",
				t.limiter, t.mishap, t.load, r.over, r.under, t.most.over, t.most.under))
		}
	}
	if p.check {
		return errors.Join(missed...)
	}
	return nil
}

// try starts Redis and the replicas and adds up what they did.
func (p *parameters) try(ctx context.Context, t *trial) (result, error) {
	folder, err := os.MkdirTemp("", "credence-bench-")
	if err != nil {
		return result{}, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	redis := &server{folder: folder}
	var watched *pair
	if t.mishap == "failover" {
		if watched, err = startPair(ctx, folder); err != nil {
			return result{}, err
		}
		defer watched.kill()
		redis = watched.master
	} else {
		if err := redis.launch(ctx); err != nil {
			return result{}, err
		}
		defer func() { _ = redis.kill() }()
	}
	line, err := link.Start(ctx, redis.address())
	if err != nil {
		return result{}, err
	}
	defer func() { _ = line.Close() }()

	start := time.Now().Add(time.Second)
	work, ctx := errgroup.WithContext(ctx)
	accounts := make([]account, p.replicas)
	for i := range accounts {
		o := p.order(t, i, redis.address(), line.Address.String())
		o.Start = start
		if watched != nil {
			o.Sentinels = watched.addresses()
		}
		work.Go(func() (err error) {
			accounts[i], err = o.send(ctx)
			return err
		})
	}
	work.Go(func() error { return p.happen(ctx, t.mishap, start, redis, line) })
	if err := work.Wait(); err != nil {
		return result{}, err
	}
	return p.sum(accounts, start)
}

func (p *parameters) order(t *trial, rank int, direct, through string) order {
	o := order{
		Redis: direct, Exact: t.limiter == "exact", Rank: rank, Replicas: p.replicas, Run: p.run, Wait: p.wait,
		Limit:     limit.Limit{Name: "per-second", Limit: int64(p.rate), Period: time.Second, Burst: int64(p.burst)},
		PerSecond: t.load * float64(p.rate) / float64(p.replicas),
	}
	switch {
	case t.limiter == "share":
		o.Redis = ""
	case t.mishap == "cut" && rank%2 == 1:
		o.Redis = through
	}
	return o
}

// send has another process do it.
func (o *order) send(ctx context.Context) (account, error) {
	var a account
	self, err := os.Executable()
	if err != nil {
		return a, fmt.Errorf("find this program: %w", err)
	}
	in, err := json.Marshal(o)
	if err != nil {
		return a, fmt.Errorf("write the order: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "replica")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return a, fmt.Errorf("replica %d: %w", o.Rank, err)
	}
	if err := json.Unmarshal(out, &a); err != nil {
		return a, fmt.Errorf("replica %d: read its account: %w", o.Rank, err)
	}
	if a.Failed > 0 {
		return a, fmt.Errorf("replica %d: %d takes failed", o.Rank, a.Failed)
	}
	return a, nil
}

// happen does to Redis what the trial is about.
func (p *parameters) happen(ctx context.Context, mishap string, start time.Time, redis *server, line *link.Line) error {
	until := func(at time.Time) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(at)):
		}
	}
	first, second := start.Add(p.run/3), start.Add(2*p.run/3)
	switch mishap {
	case "restart":
		until(first)
		if err := redis.kill(); err != nil {
			return err
		}
		until(second)
		return redis.launch(ctx)
	case "failover":
		until(first)
		return redis.kill()
	case "frozen":
		until(first)
		if err := redis.freeze(); err != nil {
			return err
		}
		until(second)
		return redis.thaw()
	case "cut":
		until(first)
		line.Cut()
	}
	return nil
}

// result is what all replicas did together.
type result struct {
	offered, admitted  int
	allowed            float64
	over, under, worst float64 // percent
	calls, share       float64 // for each request; percent of them
}

func (p *parameters) sum(accounts []account, start time.Time) (result, error) {
	var r result
	var at []int64
	var calls, shared int64
	for _, a := range accounts {
		r.offered += a.Offered
		at = append(at, a.Admitted...)
		calls += a.Calls
		shared += a.Share
	}
	if r.offered == 0 {
		return r, errors.New("nothing was offered: the machine is too busy")
	}
	slices.Sort(at)
	r.admitted = len(at)
	end := start.Add(p.run).UnixMicro()
	if len(at) > 0 {
		end = max(end, at[len(at)-1])
	}
	whole := p.within(end - start.UnixMicro())
	r.allowed = min(float64(r.offered), whole)
	r.over = max(0, float64(r.admitted)/whole-1) * 100
	r.under = max(0, 1-float64(r.admitted)/r.allowed) * 100
	r.worst = p.worst(at)
	r.calls = float64(calls) / float64(r.offered)
	r.share = float64(shared) / float64(r.offered) * 100
	return r, nil
}

// within is what the limit allows in so many microseconds.
func (p *parameters) within(micros int64) float64 {
	return float64(p.burst) + float64(p.rate)*float64(micros)/1e6
}

// worst is the greatest excess of any window, in percent of what it allows.
func (p *parameters) worst(at []int64) float64 {
	worst := 0.0
	for i := 0; i < len(at); i += max(1, len(at)/2000) { // 2000 beginnings are enough to see
		for j := i; j < len(at); j++ {
			worst = max(worst, float64(j-i+1)/p.within(at[j]-at[i])-1)
		}
	}
	return worst * 100
}
