package extauthz

import (
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"credence/extauthz/pipeline"
)

const (
	// firstAnswerSize is above the size from which grpc-go gives buffers back
	// (1 KiB), and above that of nearly every answer.
	firstAnswerSize = 2048
	// maxPooledAnswer keeps one huge answer from living in the pool for good.
	maxPooledAnswer = 64 << 10
)

// codec hands the bytes of a Check to us as they came and takes the answer as
// bytes; everything else (health) is protobuf as usual. It is forced on the
// server, so that it stays out of the process-wide registry.
type codec struct{ proto encoding.CodecV2 }

func newCodec() codec { return codec{proto: encoding.GetCodecV2(proto.Name)} }

// Name is the content subtype, "proto".
func (codec) Name() string { return proto.Name }

// Unmarshal keeps a reference to the received bytes for a Check, without a
// copy when they came in one piece.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if k, ok := v.(*check); ok {
		k.in = data.MaterializeToBuffer(mem.DefaultBufferPool())
		k.raw = k.in.ReadOnlyData()
		return nil
	}
	return c.proto.Unmarshal(data, v)
}

// Marshal hands the finished answer of a Check to grpc-go and lets go of the
// Check: nobody looks at it afterwards.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	k, ok := v.(*check)
	if !ok {
		return c.proto.Marshal(v)
	}
	if !k.answered() {
		return nil, errors.New("answer without a status")
	}
	out := mem.BufferSlice{mem.NewBuffer(k.out, k.home.answers)}
	k.out = nil
	k.release()
	return out, nil
}

// check is the state of one Check. It is pooled: what it holds is valid until
// release.
type check struct {
	request  pipeline.Request
	decision pipeline.Decision
	walker   walker

	raw  []byte     // the bytes that request and decision alias
	seen bool       // request says what stands in them
	came time.Time  // when they were read, if that was ahead of the decision
	in   mem.Buffer // that hold them, if they are gRPC's
	out  *[]byte    // the encoded answer, nil until one was made
	home *checkPool
}

// answered reports whether an answer is there that says allow or deny in so
// many words: it begins with the field status, and the status with its code.
// Envoy takes anything less for an allow.
func (c *check) answered() bool {
	if c.out == nil {
		return false
	}
	b := *c.out
	return len(b) >= 4 && b[0] == tagStatus && b[1] >= 2 && b[2] == tagStatusCode
}

// release gives the state back to its pool.
func (c *check) release() {
	if c.in != nil {
		c.in.Free()
		c.in = nil
	}
	c.raw, c.seen = nil, false
	if c.out != nil {
		c.home.answers.Put(c.out)
		c.out = nil
	}
	c.request.Reset()
	c.decision.Reset()
	c.walker.reset()
	c.home.states.Put(c)
}

// checkPool keeps the states and the answer buffers for reuse.
type checkPool struct {
	states  sync.Pool
	batches sync.Pool
	answers *answerPool
}

func newCheckPool() *checkPool {
	p := &checkPool{answers: &answerPool{}}
	p.states.New = func() any { return &check{home: p} }
	return p
}

func (p *checkPool) get() *check {
	if c, ok := p.states.Get().(*check); ok {
		return c
	}
	return &check{home: p}
}

func (p *checkPool) batch() *pipeline.Batch {
	if b, ok := p.batches.Get().(*pipeline.Batch); ok {
		return b
	}
	return &pipeline.Batch{}
}

// answerPool is the mem.BufferPool that answers go back to when grpc-go has
// written them.
type answerPool struct{ pool sync.Pool }

// Get answers a buffer of that length.
func (p *answerPool) Get(length int) *[]byte {
	b, ok := p.pool.Get().(*[]byte)
	if !ok || cap(*b) < length {
		fresh := make([]byte, 0, max(length, firstAnswerSize))
		b = &fresh
	}
	*b = (*b)[:length]
	return b
}

// Put takes a buffer back.
func (p *answerPool) Put(b *[]byte) {
	if cap(*b) <= maxPooledAnswer {
		p.pool.Put(b)
	}
}
