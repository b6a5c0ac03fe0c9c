package unary

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// counted counts what is written and keeps nothing.
type counted struct{ n int }

func (c *counted) Write(b []byte) (int, error) {
	c.n += len(b)
	return len(b), nil
}

// chunks hands bytes out in pieces of all sizes.
type chunks struct {
	b    []byte
	size int
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.b[:min(len(c.b), 1+c.size%len(c.b))])
	c.size = (c.size*31 + 7) & 0xffff
	c.b = c.b[n:]
	return n, nil
}

// FuzzConnection: whatever is sent, in whatever pieces, the connection ends
// with what is sent, nothing panics, nobody runs on, and what is written and
// kept is bounded by what came.
func FuzzConnection(f *testing.F) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	good := calls(f, encoder, &block, 1, 3, []byte("message"))
	f.Add(good, 100)
	f.Add(good[:len(good)-4], 1)
	var odd bytes.Buffer
	w := http2.NewFramer(&odd, nil)
	w.AllowIllegalWrites = true
	must(f, errors.Join(
		w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}),
		w.WritePing(false, [8]byte{1}), w.WriteWindowUpdate(0, 100), w.WriteWindowUpdate(1, 1),
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x83}}), w.WriteContinuation(1, true, []byte{0x86, 0x84}),
		w.WriteData(1, false, []byte{0, 0, 0, 0, 9}), w.WriteRSTStream(1, http2.ErrCodeCancel), w.WriteGoAway(0, http2.ErrCodeNo, nil),
		w.WriteDataPadded(1, true, []byte("x"), []byte{0, 0}), w.WritePriority(3, http2.PriorityParam{}),
	))
	f.Add(odd.Bytes(), 5)
	f.Add(append(bytes.Clone(good), odd.Bytes()...), 7)
	f.Fuzz(func(t *testing.T, sent []byte, size int) {
		o := testOptions(func(call *Call) {
			if message, err := call.Message(); err == nil && len(message)%3 == 1 {
				call.Wait()
			}
			echo(call)
		})
		o.MaxStreams, o.MaxMessage = 10, 1000
		s := New(o)
		written := &counted{}
		hello := append([]byte(preface), appendSettings(nil)...)
		c, err := s.greet(context.WithoutCancel(t.Context()), &script{&chunks{append(hello, sent...), size & 0xffff}, written})
		must(t, err)
		s.conns[c] = struct{}{}
		s.running.Go(c.read)
		s.running.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.conns) != 0 || s.held.Load() != 0 || c.held != 0 || c.lent != 0 || c.orphans != 0 {
			t.Errorf("%d connections, %d bytes (%d and %d) and %d calls are left", len(s.conns), s.held.Load(), c.held, c.lent, c.orphans)
		}
		// A refusal names what was sent: that is the longest answer to a byte.
		if most := 200*len(sent) + 10000; written.n > most {
			t.Errorf("%d bytes were written for %d", written.n, len(sent))
		}
		if len(c.in) > mostBuffer || len(c.kept) > mostKeptCalls {
			t.Errorf("%d bytes and %d calls are kept", len(c.in), len(c.kept))
		}
	})
}

// FuzzHeaderBlocks: a block that is remembered says what it says when it is
// decoded, and no sequence of blocks makes two readers differ.
func FuzzHeaderBlocks(f *testing.F) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	blocks := []byte{}
	add := func(fields ...string) {
		block.Reset()
		for i := 0; i < len(fields); i += 2 {
			must(f, encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
		}
		blocks = append(append(blocks, byte(block.Len())), block.Bytes()...)
	}
	add(fields()...)
	add(fields()...)
	add(fields("x-word", "a")...)
	add(fields()...)
	add(fields("grpc-timeout", "1S", "grpc-encoding", "gzip")...)
	f.Add(blocks)
	f.Add([]byte{3, 0x20, 0x82, 0x84, 2, 0x82, 0x84, 1, 0xbe})
	f.Fuzz(func(t *testing.T, blocks []byte) {
		o := testOptions(nil)
		o.Shows, o.Admits = "x-word", func(values []string) bool { return len(values) == 1 }
		remembers, forgets := newHeaderReader(&o), newHeaderReader(&o)
		for len(blocks) > 0 {
			n := min(int(blocks[0]), len(blocks)-1)
			one := blocks[1 : 1+n]
			blocks = blocks[1+n:]
			for range 2 {
				forgets.remembered = nil
				got, gotErr := remembers.read(one)
				want, wantErr := forgets.read(one)
				if (gotErr == nil) != (wantErr == nil) {
					t.Fatalf("%x: %v, and decoded %v", one, gotErr, wantErr)
				}
				if gotErr != nil {
					return
				}
				same := got.refusal == nil && want.refusal == nil || got.refusal != nil && want.refusal != nil && *got.refusal == *want.refusal
				got.refusal, want.refusal = nil, nil
				if !same || got != want {
					t.Fatalf("%x: %+v, and decoded %+v", one, got, want)
				}
			}
		}
	})
}

// FuzzFrames: what x/net's framer reads of frames is what is read here.
func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	w := http2.NewFramer(&b, nil)
	must(f, errors.Join(w.WriteSettings(), w.WriteDataPadded(1, true, []byte("abc"), []byte{0, 0}), w.WriteData(3, false, []byte("de")), w.WritePing(true, [8]byte{9})))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, sent []byte) {
		theirs := http2.NewFramer(nil, bytes.NewReader(sent))
		theirs.SetMaxReadFrameSize(maxFrame)
		for len(sent) >= frameHeader {
			ours := parseFrame(sent)
			frame, err := theirs.ReadFrame()
			if err != nil {
				return // what is wrong is told by others, see TestBreachesOfTheProtocolEndTheConnection
			}
			h := frame.Header()
			if int(h.Length) != ours.length || byte(h.Type) != ours.kind || byte(h.Flags) != ours.flags || h.StreamID != ours.stream {
				t.Fatalf("%+v, and x/net %v", ours, h)
			}
			payload := sent[frameHeader : frameHeader+ours.length]
			if data, ok := frame.(*http2.DataFrame); ok {
				if got, ok := unpad(ours, payload); !ok || !bytes.Equal(got, data.Data()) {
					t.Fatalf("data %q %t, and x/net %q", got, ok, data.Data())
				}
			}
			sent = sent[frameHeader+ours.length:]
		}
	})
}
