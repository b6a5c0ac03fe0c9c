package e2e_test

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"credence/test/harness"
)

// tap stands between Envoy and what answers Checks. It forwards bytes, counts
// HTTP/2 frames that Envoy has no counter for, and can cut a connection after
// a question and before its answer.
type tap struct {
	address netip.AddrPort
	target  string

	running sync.WaitGroup
	mu      sync.Mutex
	open    map[net.Conn]struct{}
	closed  bool
	holding bool // answers are swallowed
	pings   int  // that Envoy sent, acknowledgements left out
	goaways int  // that the server sent
	unheard int  // answers that were swallowed
	made    int  // connections
}

// tapped starts a tap in front of target.
func tapped(t *testing.T, target netip.AddrPort) *tap {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", harness.AnyPort().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{
		address: netip.MustParseAddrPort(listener.Addr().String()), target: target.String(), open: map[net.Conn]struct{}{},
	}
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.cut()
		p.running.Wait()
	})
	return p
}

// serve forwards both ways until one side ends.
func (p *tap) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // whatever is left of it
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // whatever is left of it
	if !p.keep(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.forward(server, client, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), false)
		_ = server.Close()
	})
	both.Go(func() {
		p.forward(client, server, 0, true)
		_ = client.Close()
	})
	both.Wait()
}

func (p *tap) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
	p.made++
	return !p.closed
}

// forward copies frame by frame, after a preface of that many bytes.
func (p *tap) forward(to io.Writer, from io.Reader, preface int, answers bool) {
	if _, err := io.CopyN(to, from, int64(preface)); err != nil {
		return
	}
	head := make([]byte, 9) // length (3), type, flags, stream (4): RFC 9113, 4.1
	for {
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if p.swallow(head[3], head[4], answers) {
			continue
		}
		if _, err := to.Write(append(head[:9:9], body...)); err != nil {
			return
		}
	}
}

// swallow counts a frame and reports whether it must not go on.
func (p *tap) swallow(kind, flags byte, answers bool) bool {
	const headers, ping, goaway, ack = 1, 6, 7, 1
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case kind == ping && flags&ack == 0 && !answers:
		p.pings++
	case kind == goaway && answers:
		p.goaways++
	case kind == headers && answers && p.holding:
		p.unheard++
	}
	return answers && p.holding
}

// hold swallows all answers from now on, until cut.
func (p *tap) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = true
}

// cut closes all connections; answers on new ones go through.
func (p *tap) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = false
	for c := range p.open {
		_ = c.Close()
	}
	clear(p.open)
}

// counts are the numbers so far.
func (p *tap) counts() (pings, goaways, made int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pings, p.goaways, p.made
}

// lost is how many answers were swallowed.
func (p *tap) lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unheard
}
