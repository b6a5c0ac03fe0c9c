package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"credence/store/credential"
)

const method = "/envoy.service.auth.v3.Authorization/Check"

// raw sends bytes as they are and keeps the answer's bytes: the client's work
// is no part of what is measured, so there is little of it.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal %T", v)
	}
	*b = data.Materialize()
	return nil
}

// target is where Checks are sent and which ones.
type target struct {
	address string
	creds   credentials.TransportCredentials // nil: plaintext
	message message
	keys    []credential.Text
	code    uint64 // CheckResponse.status.code of a right answer
}

func (t *target) dial(n int) ([]*grpc.ClientConn, error) {
	creds := t.creds
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	conns := make([]*grpc.ClientConn, 0, n)
	for range n {
		address := "passthrough:///" + t.address
		if strings.HasPrefix(t.address, "unix:") {
			address = t.address
		}
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})),
			grpc.WithInitialWindowSize(1<<20), grpc.WithInitialConnWindowSize(1<<20))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("dial %s: %w", t.address, err), hangUp(conns))
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func hangUp(conns []*grpc.ClientConn) error {
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// check makes one Check with the key and compares the answer's status.
func (t *target) check(ctx context.Context, conn *grpc.ClientConn, key credential.Text, buffer []byte) error {
	t.message.with(key, buffer)
	var reply []byte
	if err := conn.Invoke(ctx, method, buffer, &reply); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if code := statusCode(reply); code != t.code {
		return fmt.Errorf("check: answered with status %d instead of %d", code, t.code)
	}
	return nil
}

// statusCode reads CheckResponse.status.code, 0 when it is not there.
func statusCode(reply []byte) uint64 {
	number, kind, n := protowire.ConsumeTag(reply)
	if n < 0 || number != 1 || kind != protowire.BytesType {
		return 0
	}
	status, _ := protowire.ConsumeBytes(reply[n:])
	if number, kind, n = protowire.ConsumeTag(status); n < 0 || number != 1 || kind != protowire.VarintType {
		return 0
	}
	code, _ := protowire.ConsumeVarint(status[n:])
	return code
}

// each makes one Check with every key, which fills the server's cache.
func (t *target) each(ctx context.Context, conns []*grpc.ClientConn, workers int) error {
	var next atomic.Int64
	return t.parallel(workers, func(worker int) error {
		buffer := make([]byte, len(t.message.bytes))
		for {
			i := next.Add(1) - 1
			if i >= int64(len(t.keys)) {
				return nil
			}
			if err := t.check(ctx, conns[worker%len(conns)], t.keys[i], buffer); err != nil {
				return err
			}
		}
	})
}

// closedLoop keeps calls Checks with random keys under way on each connection
// until the time is over, and answers how many were answered.
func (t *target) closedLoop(ctx context.Context, conns []*grpc.ClientConn, calls int, length time.Duration) (int64, error) {
	end := time.Now().Add(length)
	var answered atomic.Int64
	err := t.parallel(calls*len(conns), func(worker int) error {
		buffer := make([]byte, len(t.message.bytes))
		source := rand.New(rand.NewPCG(1, uint64(worker))) //nolint:gosec // which key is asked next is no secret
		for time.Now().Before(end) {
			if err := t.check(ctx, conns[worker%len(conns)], t.keys[source.IntN(len(t.keys))], buffer); err != nil {
				return err
			}
			answered.Add(1)
		}
		return nil
	})
	return answered.Load(), err
}

// openLoop starts Checks at a fixed rate whether or not earlier ones have been
// answered, and answers how long each took from the moment at which it was
// due: a server that stalls cannot hide it by being asked less.
func (t *target) openLoop(ctx context.Context, conns []*grpc.ClientConn, rate int, length time.Duration) ([]time.Duration, error) {
	n := int(length.Seconds() * float64(rate))
	took := make([]time.Duration, n)
	pause := time.Second / time.Duration(rate)
	const workers = 256
	due := make(chan int, n)
	start := time.Now()
	go func() {
		defer close(due)
		for i := range n {
			<-time.After(time.Until(start.Add(time.Duration(i) * pause)))
			due <- i
		}
	}()
	err := t.parallel(workers, func(worker int) error {
		buffer := make([]byte, len(t.message.bytes))
		for i := range due {
			if err := t.check(ctx, conns[worker%len(conns)], t.keys[i%len(t.keys)], buffer); err != nil {
				return err
			}
			took[i] = time.Since(start.Add(time.Duration(i) * pause))
		}
		return nil
	})
	return took, err
}

func (t *target) parallel(workers int, work func(worker int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for worker := range workers {
		wg.Go(func() { errs[worker] = work(worker) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
