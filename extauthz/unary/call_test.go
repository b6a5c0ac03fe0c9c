package unary

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestMessagesOfEverySizeComeAndGoWhole: in one frame, in many, at the cap and
// beyond it, with many calls at a time.
func TestMessagesOfEverySizeComeAndGoWhole(t *testing.T) {
	s := serve(t, testOptions(echo))
	for _, method := range []string{path, otherPath} {
		c := client(t, s.address)
		var g errgroup.Group
		for worker := range 8 {
			g.Go(func() error {
				for i, size := range []int{0, 1, 5, 100, 4 << 10, 16<<10 - 5, 16 << 10, 16<<10 + 1, 60 << 10, 64 << 10, 200 << 10, 1 << 20} {
					message := strings.Repeat(string(rune('a'+(worker+i)%26)), size)
					reply, err := ask(t.Context(), c, method, []byte(message))
					if err != nil {
						return fmt.Errorf("%d bytes: %w", size, err)
					}
					if string(reply) != message {
						return fmt.Errorf("%d bytes: %d others came back", size, len(reply))
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if _, err := ask(t.Context(), c, method, make([]byte, 1<<20+1), grpc.MaxCallSendMsgSize(2<<20)); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: over the cap: %v", method, err)
		}
	}
}

// TestFailuresArriveAsTheyWereSaid: code and message, whatever stands in it.
func TestFailuresArriveAsTheyWereSaid(t *testing.T) {
	const text = "50% of \"ünïcode\"\n\x00 is fine"
	s := serve(t, testOptions(func(call *Call) { call.Fail(7, text) }))
	_, err := ask(t.Context(), client(t, s.address), path, nil)
	if status.Code(err) != codes.PermissionDenied || status.Convert(err).Message() != text {
		t.Errorf("got %v", err)
	}
}

// TestACallThatNobodyAnswersFails rather than hangs.
func TestACallThatNobodyAnswersFails(t *testing.T) {
	o := testOptions(func(*Call) {})
	o.Others = func(*Call) {}
	s := serve(t, o)
	c := client(t, s.address)
	for _, method := range []string{path, otherPath} {
		if _, err := ask(t.Context(), c, method, nil); status.Code(err) != codes.Internal {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestTheFirstAnswerCounts: a second one is not sent.
func TestTheFirstAnswerCounts(t *testing.T) {
	s := serve(t, testOptions(func(call *Call) {
		call.Fail(5, "first")
		call.Reply([]byte("second"))
		call.Fail(6, "third")
	}))
	c := client(t, s.address)
	for range 3 {
		if _, err := ask(t.Context(), c, path, nil); status.Code(err) != codes.NotFound {
			t.Errorf("got %v", err)
		}
	}
}

// waits is an inline method that waits for a word when it is asked to.
type waits struct {
	entered chan *Call
	word    chan struct{}
}

func newWaits() *waits { return &waits{make(chan *Call, 1000), make(chan struct{})} }

func (w *waits) answer(call *Call) {
	message, err := call.Message()
	if err != nil {
		refuse(call, err)
		return
	}
	if string(message) == "wait" {
		call.Wait()
		w.entered <- call
		select {
		case <-w.word:
		case <-call.Done():
			call.Fail(1, "given up")
			return
		}
	}
	call.Reply(message)
}

// TestACallThatWaitsHoldsNobodyUp: others of its connection are answered
// meanwhile, those that had come with it in one piece too, and its own answer
// comes when it can.
func TestACallThatWaitsHoldsNobodyUp(t *testing.T) {
	w := newWaits()
	s := serve(t, testOptions(w.answer))
	c := speak(t, s.address)
	before := c.asks("before")
	slow := []uint32{c.asks("wait"), c.asks("wait")}
	after := c.asks("after")
	h := &heard{}
	c.hears(h, func() bool { return h.answers[before] != nil && h.answers[after] != nil && h.answers[after].over() })
	<-w.entered
	<-w.entered
	for range 100 {
		c.hearsOf(c.asks("more")).wantEcho(t, "more")
	}
	close(w.word)
	c.hears(h, func() bool {
		return h.answers[slow[0]] != nil && h.answers[slow[0]].over() && h.answers[slow[1]] != nil && h.answers[slow[1]].over()
	})
	for stream, want := range map[uint32]string{before: "before", slow[0]: "wait", slow[1]: "wait", after: "after"} {
		h.of(stream).wantEcho(t, want)
	}
}

// TestWhoWaitsLearnsThatNobodyWantsTheAnswer: the caller resets the stream,
// hangs up, or its deadline passes.
func TestWhoWaitsLearnsThatNobodyWantsTheAnswer(t *testing.T) {
	w := newWaits()
	s := serve(t, testOptions(w.answer))
	ended := func(call *Call, want error) {
		t.Helper()
		<-call.Done()
		if err := call.Err(); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	c := speak(t, s.address)
	stream := c.asks("wait")
	call := <-w.entered
	derived, stop := context.WithTimeout(call, time.Hour)
	defer stop()
	must(t, c.WriteRSTStream(stream, http2.ErrCodeCancel))
	ended(call, context.Canceled)
	<-derived.Done()

	c.asks("wait")
	call = <-w.entered
	must(t, c.conn.Close())
	ended(call, context.Canceled)

	due := client(t, s.address)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := ask(ctx, due, path, []byte("wait"))
	if code := status.Code(err); code != codes.DeadlineExceeded && code != codes.Canceled { // whoever is first
		t.Errorf("got %v", err)
	}
	call = <-w.entered
	<-call.Done()
	if call.Err() == nil {
		t.Error("the deadline has passed, and nobody knows")
	}
}

// TestDeadlinesAreThoseOfTheCaller, to the nanosecond and up to what no clock
// can hold.
func TestDeadlinesAreThoseOfTheCaller(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	due := make(chan string, 1)
	o := testOptions(func(call *Call) {
		at, ok := call.Deadline()
		due <- fmt.Sprint(ok, at.Sub(now), call.Err())
		call.Reply(nil)
	})
	o.Now = func() time.Time { return now }
	s := serve(t, o)
	c := speak(t, s.address)
	for timeout, want := range map[string]string{
		"1n": "true 1ns <nil>", "20u": "true 20µs <nil>", "300m": "true 300ms <nil>", "4S": "true 4s <nil>",
		"5M": "true 5m0s <nil>", "6H": "true 6h0m0s <nil>", "99999999H": "true 2562047h47m16.854775807s <nil>", "0n": "true 0s context deadline exceeded",
	} {
		stream := c.opens(fields("grpc-timeout", timeout), false)
		must(t, c.WriteData(stream, true, framed("")))
		c.hearsOf(stream)
		if got := <-due; got != want {
			t.Errorf("%s: %s, want %s", timeout, got, want)
		}
	}
	for _, bad := range []string{"", "1", "m", "123456789m", "-1m", "1x", "1 m", "+1m", "0x1m"} {
		stream := c.opens(fields("grpc-timeout", bad), true)
		if got := c.hearsOf(stream); got.header[":status"] != "400" || got.header["grpc-status"] != "13" {
			t.Errorf("%q: %s", bad, got)
		}
	}
	c.hearsOf(c.asks(""))
	if got := <-due; !strings.HasPrefix(got, "false") {
		t.Errorf("without a timeout: %s", got)
	}
}

// TestWhatACallShowsIsJudged each time that it differs, and remembered only
// as long as it is the same.
func TestWhatACallShowsIsJudged(t *testing.T) {
	var judged atomic.Int64
	o := testOptions(func(call *Call) {
		if !call.Admitted() {
			call.Fail(16, "who are you")
			return
		}
		echo(call)
	})
	o.Shows = "x-word"
	o.Admits = func(values []string) bool {
		judged.Add(1)
		return len(values) == 1 && values[0] == "right"
	}
	s := serve(t, o)
	c := client(t, s.address)
	with := func(words ...string) codes.Code {
		_, err := ask(metadata.NewOutgoingContext(t.Context(), metadata.MD{"x-word": words}), c, path, nil)
		return status.Code(err)
	}
	for range 3 {
		for words, want := range map[string]codes.Code{
			"right": codes.OK, "wrong": codes.Unauthenticated, "wrong bad": codes.Unauthenticated,
			"right wrong": codes.Unauthenticated, "": codes.Unauthenticated,
		} {
			if got := with(strings.Fields(words)...); got != want {
				t.Errorf("%q: %s, want %s", words, got, want)
			}
		}
	}
	before := judged.Load()
	for range 100 {
		if got := with("right"); got != codes.OK {
			t.Fatalf("right: %s", got)
		}
	}
	if got := judged.Load() - before; got > 2 {
		t.Errorf("the same word was judged %d times", got)
	}
}

// TestSeveralMessagesOfOneAnswer as health's Watch sends them.
func TestSeveralMessagesOfOneAnswer(t *testing.T) {
	o := testOptions(echo)
	o.Others = func(call *Call) {
		for _, word := range []string{"one", "two", "three"} {
			if err := call.Send([]byte(word)); err != nil {
				return
			}
		}
		call.End()
	}
	s := serve(t, o)
	c := speak(t, s.address)
	stream := c.opens([]string{
		":method", "POST", ":scheme", "http", ":path", otherPath, ":authority", "test", "content-type", "application/grpc",
	}, false)
	must(t, c.WriteData(stream, true, framed("")))
	got := c.hearsOf(stream)
	if want := string(framed("one")) + string(framed("two")) + string(framed("three")); string(got.data) != want || got.header["grpc-status"] != "0" {
		t.Errorf("got %s", got)
	}
}

// TestAPanicEndsItsConnectionAlone, and is told.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	s := serve(t, testOptions(func(call *Call) {
		if message, _ := call.Message(); string(message) == "panic" {
			panic("as asked")
		}
		echo(call)
	}))
	good, bad := client(t, s.address), speak(t, s.address)
	if _, err := ask(t.Context(), good, path, []byte("x")); err != nil {
		t.Error(err)
	}
	bad.asks("panic")
	h := &heard{}
	bad.hears(h, func() bool { return false })
	if _, err := ask(t.Context(), good, path, []byte("x")); err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics != 1 {
		t.Errorf("%d panics were told", s.panics)
	}
}
