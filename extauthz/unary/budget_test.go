package unary

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// script is a connection whose peer has said all that it will say, and hears
// everything.
type script struct {
	io.Reader

	heard io.Writer
}

func (s *script) Write(b []byte) (int, error)    { return s.heard.Write(b) }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "here"} }
func (*script) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "there"} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// calls are the frames of so many calls from a stream on, as a proxy sends
// them: the same header block each time, once the table holds what it says.
func calls(tb testing.TB, encoder *hpack.Encoder, block *bytes.Buffer, from uint32, n int, message []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	f := http2.NewFramer(&out, nil)
	for i := range n {
		block.Reset()
		all := fields("grpc-timeout", "200m", "x-envoy-internal", "true")
		for j := 0; j < len(all); j += 2 {
			must(tb, encoder.WriteField(hpack.HeaderField{Name: all[j], Value: all[j+1]}))
		}
		stream := from + 2*uint32(i)
		must(tb, f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true}))
		must(tb, f.WriteData(stream, true, appendMessage(nil, message)))
	}
	return out.Bytes()
}

// greeted is a connection of a peer who has greeted, and whose windows do not
// end.
func greeted(tb testing.TB, s *Server, in io.Reader) *conn {
	tb.Helper()
	hello := preface + string(appendWindowUpdate(appendSettings(nil, setting{settingInitialWindow, 1 << 20}), 0, 1<<30))
	c, err := s.greet(context.WithoutCancel(tb.Context()), &script{io.MultiReader(bytes.NewReader([]byte(hello)), in), io.Discard})
	must(tb, err)
	for c.window == initialWindow {
		must(tb, c.frames())
		if !c.fill() {
			break
		}
	}
	must(tb, c.frames())
	return c
}

// TestACallAllocatesNothing: frames, header block, message, answer, writing.
func TestACallAllocatesNothing(t *testing.T) {
	const batch, runs = 16, 200
	s := New(testOptions(echo))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	message := bytes.Repeat([]byte("m"), 700)
	var all [][]byte
	for i := range runs + 10 {
		all = append(all, calls(t, encoder, &block, uint32(1+2*batch*i), batch, message))
	}
	c := greeted(t, s, bytes.NewReader(nil))
	next := 0
	once := func() {
		c.from, c.to = 0, copy(c.in[:cap(c.in)], all[next])
		next++
		must(t, c.frames())
		c.flush()
	}
	c.in = make([]byte, mostBuffer)
	for range 5 { // table, buffers and calls are there then
		once()
	}
	if got := testing.AllocsPerRun(runs, once); got > 0 {
		t.Errorf("%v allocations for %d calls", got, batch)
	}
	if c.last != uint32(2*batch*next-1) {
		t.Errorf("the last call was %d", c.last)
	}
}

// BenchmarkCall is what the transport costs, without the kernel.
func BenchmarkCall(b *testing.B) {
	const batch = 16
	s := New(testOptions(echo))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	message := bytes.Repeat([]byte("m"), 700)
	calls(b, encoder, &block, 1, 1, message)
	c := greeted(b, s, bytes.NewReader(nil))
	first := calls(b, hpack.NewEncoder(&block), &block, 1, 1, message)
	c.in = make([]byte, mostBuffer)
	c.from, c.to = 0, copy(c.in, first)
	must(b, c.frames())
	again := calls(b, encoder, &block, 3, batch, message)
	b.ReportAllocs()
	b.SetBytes(int64(len(again)))
	for i := 0; b.Loop(); i++ {
		c.last = 1
		c.from, c.to = 0, copy(c.in, again)
		must(b, c.frames())
		c.flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/call")
}
