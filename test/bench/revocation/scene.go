package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/stage"
)

// key is one key and its text.
type key struct{ id, text string }

// scene is the deployment that is measured.
type scene struct {
	parameters

	stage    *stage.Stage
	api      *client.Client
	keys     []key
	watchers []*watcher

	stop      []func() error // in the order of the starts
	watchEnds context.CancelFunc
	watching  sync.WaitGroup
}

// newScene starts everything and lets every replica hold every key. What was
// started is stopped by close, also after an error.
func newScene(ctx context.Context, p parameters, binary, folder string, server *pgserver.Server, w way) (*scene, error) {
	s := &scene{parameters: p, watchEnds: func() {}}
	var err error
	if s.stage, err = stage.Prepare(ctx, binary, folder, server); err != nil {
		return s, err
	}
	control, err := s.stage.Management(ctx, s.stage.Owner, w.flags()...)
	if err != nil {
		return s, err
	}
	s.stop = append(s.stop, control.Close)
	if s.api, err = s.stage.Client(control); err != nil {
		return s, err
	}
	if err := s.startReplicas(ctx, server, w); err != nil {
		return s, err
	}
	if err := s.makeKeys(ctx); err != nil {
		return s, err
	}
	return s, s.watch(ctx)
}

// startReplicas starts two at a time: each one migrates nothing but loads.
func (s *scene) startReplicas(ctx context.Context, server *pgserver.Server, way way) error {
	flags := way.flags()
	if s.poll > 0 {
		flags = append(flags, "--feed-poll", s.poll.String())
	}
	address := s.stage.Checker + "?pool_max_conns=4"
	if !way.listen {
		through, end, err := server.StartPooler(ctx)
		if err != nil {
			return fmt.Errorf("pooler: %w", err)
		}
		s.stop = append(s.stop, end)
		if address, err = through(s.stage.Checker); err != nil {
			return fmt.Errorf("pooler: %w", err)
		}
		address += "&pool_max_conns=4"
	}
	var mu sync.Mutex
	starting, ctx2 := errgroup.WithContext(ctx)
	starting.SetLimit(2)
	for range s.replicas {
		starting.Go(func() error {
			r, err := s.stage.Replica(ctx2, address, flags...)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.stop = append(s.stop, r.Close)
			w, err := newWatcher(r)
			if err != nil {
				return err
			}
			s.watchers = append(s.watchers, w)
			return nil
		})
	}
	return starting.Wait()
}

// flags are what both planes are told of Redis.
func (w way) flags() []string {
	if w.redis == "" {
		return nil
	}
	return []string{"--redis", w.redis}
}

func (s *scene) makeKeys(ctx context.Context) error {
	for n := range s.parameters.keys {
		made, err := s.api.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{Name: fmt.Sprintf("bench %d", n)}})
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		s.keys = append(s.keys, key{made.Key.KeyID, made.KeyText.Reveal()})
	}
	return nil
}

// watch has every replica hold every key, then begins the load.
func (s *scene) watch(ctx context.Context) error {
	warming, warm := errgroup.WithContext(ctx)
	warming.SetLimit(4)
	for _, w := range s.watchers {
		warming.Go(func() error { return w.warm(warm, s.keys) })
	}
	if err := warming.Wait(); err != nil {
		return err
	}
	watching, end := context.WithCancel(ctx)
	s.watchEnds = end
	pause := time.Second * time.Duration(s.replicas) / time.Duration(s.rate)
	for _, w := range s.watchers {
		s.watching.Go(func() { w.run(watching, pause) })
	}
	return nil
}

// revokeAll revokes the keys at the pace and waits until every replica has
// refused each of them.
func (s *scene) revokeAll(ctx context.Context) error {
	tick := time.NewTicker(time.Second / time.Duration(s.pace))
	defer tick.Stop()
	for n, k := range s.keys {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for _, w := range s.watchers {
			w.expect(n)
		}
		if _, err := s.api.KeyRevoke(ctx, client.KeyStatusInput{KeyID: k.id}); err != nil {
			return fmt.Errorf("revoke: %w", err)
		}
	}
	err := harness.Until(ctx, harness.Patience, "every replica refuses every key", func() error {
		for _, w := range s.watchers {
			if err := w.done(); err != nil {
				return err
			}
		}
		return nil
	})
	s.watchEnds()
	s.watching.Wait()
	for _, w := range s.watchers {
		err = errors.Join(err, w.failure)
	}
	return err
}

// close stops everything, the last first: replicas before what they stand on.
func (s *scene) close() error {
	s.watchEnds()
	s.watching.Wait()
	var err error
	for _, w := range s.watchers {
		err = errors.Join(err, w.prober.Close())
	}
	if s.api != nil {
		s.api.Close()
	}
	for _, stop := range slices.Backward(s.stop) {
		err = errors.Join(err, stop())
	}
	return err
}
