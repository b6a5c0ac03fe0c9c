package unary

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// journal notes in which order calls are prepared and answered.
type journal struct {
	mu    sync.Mutex
	ahead [][]uint32
	order []uint32
}

func (j *journal) options(inline func(*Call)) Options {
	o := testOptions(func(call *Call) {
		j.mu.Lock()
		j.order = append(j.order, call.id)
		j.mu.Unlock()
		inline(call)
	})
	o.Ahead = func(calls []*Call) {
		j.mu.Lock()
		defer j.mu.Unlock()
		var ids []uint32
		for _, call := range calls {
			ids = append(ids, call.id)
			call.Prepared = call.id
		}
		j.ahead = append(j.ahead, ids)
	}
	return o
}

// taken has the connection take the bytes as if one read had brought them.
func taken(c *conn, b []byte) error {
	c.in = make([]byte, max(mostBuffer, len(b)))
	c.from, c.to = 0, copy(c.in, b)
	return c.frames()
}

func streams(from uint32, n int) (all []uint32) {
	for i := range n {
		all = append(all, from+2*uint32(i))
	}
	return all
}

// TestCallsThatComeTogetherAreAnsweredInTheirOrder, and prepared before: some
// at a time, each once, what was prepared staying with it.
func TestCallsThatComeTogetherAreAnsweredInTheirOrder(t *testing.T) {
	const n = 2*mostQueued + 7
	j := &journal{}
	s := New(j.options(func(call *Call) {
		if call.Prepared != call.id {
			t.Errorf("call %d was prepared as %v", call.id, call.Prepared)
		}
		echo(call)
	}))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	c := greeted(t, s, bytes.NewReader(nil))
	must(t, taken(c, calls(t, encoder, &block, 1, n, []byte("m"))))
	if want := streams(1, n); !slices.Equal(j.order, want) {
		t.Errorf("answered %v", j.order)
	}
	want := [][]uint32{streams(1, mostQueued), streams(1+2*mostQueued, mostQueued), streams(1+4*mostQueued, 7)}
	if !slices.EqualFunc(j.ahead, want, slices.Equal) {
		t.Errorf("prepared %v", j.ahead)
	}
	must(t, taken(c, calls(t, encoder, &block, 1+2*n, 1, []byte("m"))))
	if len(c.calls) != 0 || len(c.queue) != 0 {
		t.Errorf("%d calls are open, %d in the queue", len(c.calls), len(c.queue))
	}
}

// TestWhoReadsOnAnswersTheCallsBehindOneThatWaits: each of them once, and no
// other is prepared again.
func TestWhoReadsOnAnswersTheCallsBehindOneThatWaits(t *testing.T) {
	j := &journal{}
	var waiting sync.WaitGroup
	waiting.Add(5)
	s := New(j.options(func(call *Call) {
		if call.id%4 == 1 { // 1, 5, 9, 13, 17
			call.Wait()
			waiting.Done()
			waiting.Wait() // for the last of them: all others have been answered then
		}
		echo(call)
	}))
	var block bytes.Buffer
	c := greeted(t, s, bytes.NewReader(nil))
	err := taken(c, calls(t, hpack.NewEncoder(&block), &block, 1, 10, []byte("m")))
	if !errors.Is(err, errHandedOver) {
		t.Fatal(err)
	}
	s.running.Wait()
	if want := streams(1, 10); !slices.Equal(j.order, want) {
		t.Errorf("answered %v", j.order)
	}
	if len(j.ahead) != 1 || len(j.ahead[0]) != 10 {
		t.Errorf("prepared %v", j.ahead)
	}
	if held := s.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}

// TestCallsBeforeAViolationAreAnswered: it ends the connection behind them,
// also when one of them waits.
func TestCallsBeforeAViolationAreAnswered(t *testing.T) {
	for _, waits := range []bool{false, true} {
		j := &journal{}
		var told []Code
		o := j.options(func(call *Call) {
			if waits && call.id == 1 {
				call.Wait()
			}
			echo(call)
		})
		var block bytes.Buffer
		all := calls(t, hpack.NewEncoder(&block), &block, 1, 3, []byte("m"))
		all = appendFrame(all, frame{kind: kindData}) // of no stream
		all = appendPing(all, 0, [8]byte{})
		s := New(o)
		s.options.Violated = func(_ net.Addr, v *ViolationError) { told = append(told, v.Code) }
		c := greeted(t, s, bytes.NewReader(nil))
		c.in = make([]byte, mostBuffer)
		c.from, c.to = 0, copy(c.in, all)
		c.read()
		s.running.Wait()
		if want := streams(1, 3); !slices.Equal(j.order, want) || !slices.Equal(told, []Code{CodeProtocol}) {
			t.Errorf("waits %v: answered %v, told %v", waits, j.order, told)
		}
	}
}

// TestAPanicLetsGoOfTheCallsBehindIt, which nobody answers any more.
func TestAPanicLetsGoOfTheCallsBehindIt(t *testing.T) {
	s := serve(t, testOptions(func(*Call) { panic("as asked") })) // its end wants nothing to be held
	c := speak(t, s.address)
	var all bytes.Buffer
	f := http2.NewFramer(&all, nil)
	for i := range uint32(5) {
		must(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1 + 2*i, BlockFragment: c.encode(fields()), EndHeaders: true}))
		must(t, f.WriteData(1+2*i, false, framed("in pieces")[:7]))
		must(t, f.WriteData(1+2*i, true, framed("in pieces")[7:]))
	}
	_, err := c.conn.Write(all.Bytes())
	must(t, err)
	c.hears(&heard{}, func() bool { return false })
}

// TestTheQueueTakesNoRoomOfOthers: where streams are short because calls wait
// whose peer has given up, as many that come together are answered as before.
func TestTheQueueTakesNoRoomOfOthers(t *testing.T) {
	const most = 40
	j := &journal{}
	o := j.options(echo)
	o.MaxStreams = most
	c := greeted(t, New(o), bytes.NewReader(nil))
	c.orphans = most - 1
	var block bytes.Buffer
	must(t, taken(c, calls(t, hpack.NewEncoder(&block), &block, 1, 20, []byte("m"))))
	if want := streams(1, 20); !slices.Equal(j.order, want) {
		t.Errorf("answered %v", j.order)
	}
}

// TestWhatComesAfterTheEndOfACallDoesNotCostItsAnswer, whether it came with it
// or later.
func TestWhatComesAfterTheEndOfACallDoesNotCostItsAnswer(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address)
	var all bytes.Buffer
	f := http2.NewFramer(&all, nil)
	f.AllowIllegalWrites = true
	must(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(fields()), EndHeaders: true}))
	must(t, f.WriteData(1, true, framed("said")))
	must(t, f.WriteData(1, true, nil))
	must(t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode([]string{"x-trailer", "a"}), EndHeaders: true, EndStream: true}))
	_, err := c.conn.Write(all.Bytes())
	must(t, err)
	c.hearsOf(1).wantEcho(t, "said")
}
