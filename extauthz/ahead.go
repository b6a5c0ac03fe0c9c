package extauthz

import (
	"time"

	"credence/extauthz/pipeline"
	"credence/extauthz/unary"
)

// preparer is a decider that can say early what it will look at;
// *pipeline.Pipeline is one.
type preparer interface {
	Ahead(b *pipeline.Batch)
}

// nearCounter is a counter that can fetch what it will count with of keys that
// are most likely those of the next Checks; *usage.Counter is one.
type nearCounter interface {
	Ahead(keys []*pipeline.Key)
}

// checksAhead reads the Checks that are decided on next, and has the processor
// fetch what deciding, answering and counting will look at. With very many keys
// that is most of what a Check costs: it would wait for one place after the
// other, some 25 of them, where the places of all these Checks can come at the
// same time.
func (s *Server) checksAhead(calls []*unary.Call) {
	defer func() {
		if p := recover(); p != nil { // each Check is read by itself then
			for _, call := range calls {
				call.Prepared = nil
			}
			_ = s.panicked(calls[0], p)
		}
	}()
	batch := s.checks.batch()
	now := s.now()
	for _, call := range calls {
		message, err := call.Message()
		if err != nil || !call.Admitted() {
			continue
		}
		c := s.checks.get()
		c.raw, c.came = message, now
		c.read()
		call.Prepared = c
		batch.Add(&c.request)
	}
	if s.prepare != nil {
		s.prepare.Ahead(batch)
	}
	if s.nearUsage != nil {
		s.nearUsage.Ahead(batch.Keys())
	}
	batch.Reset()
	s.checks.batches.Put(batch)
}

// prepared takes what was prepared of a call, and when it came; nil without.
func prepared(call *unary.Call) (*check, time.Time) {
	c, ok := call.Prepared.(*check)
	if !ok {
		return nil, time.Time{}
	}
	call.Prepared = nil
	return c, c.came
}
