package unary

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a [Server] needs.
type Options struct {
	// Path is the method that Inline answers, on the goroutine that reads the
	// connection: it must not wait without saying so ([Call.Wait]).
	Path   string
	Inline func(*Call)
	// Ahead is told which calls Inline will answer next, one after the other;
	// what it prepares can stay with the call ([Call.Prepared]). It must not
	// wait, nor answer. It may be nil.
	Ahead func([]*Call)
	// Others answers all other methods, each call on a goroutine of its own.
	Others func(*Call)

	// Shows names the metadata that Admits judges; its word is remembered for
	// as long as a connection shows the same. nil admits everybody.
	Shows  string
	Admits func(values []string) bool

	// WaitKey is for which a call as a context answers itself.
	WaitKey any

	// Handshake is done with a connection before it speaks HTTP/2.
	Handshake func(net.Conn) (net.Conn, error)
	// HandshakeTimeout bounds it, and what a client says first.
	HandshakeTimeout time.Duration

	Now        func() time.Time
	MaxMessage int // of Path
	// Messages of other methods may be so long, and so many of their calls may
	// run at once on a connection.
	MaxOtherMessage int
	MaxOthers       uint32

	MaxHeaders  int // RFC 9113, 6.5.2: SETTINGS_MAX_HEADER_LIST_SIZE
	MaxStreams  uint32
	MinPing     time.Duration
	MaxAge      time.Duration // 0: none
	MaxAgeGrace time.Duration

	// Violated is told of connections that break the protocol, Panicked of
	// faults in here. Both may be nil.
	Violated func(from net.Addr, v *ViolationError)
	Panicked func(ctx context.Context, value any)
}

func (o *Options) violated(from net.Addr, v *ViolationError) {
	if o.Violated != nil {
		o.Violated(from, v)
	}
}

func (o *Options) panicked(ctx context.Context, value any) {
	if o.Panicked == nil {
		panic(value)
	}
	o.Panicked(ctx, value)
}

// streamWindow has room for one message, so that no window is ever opened
// again for a stream.
func (o *Options) streamWindow() int { return o.MaxMessage + messagePrefix + maxFrame }

// Server answers calls. It can be stopped once.
type Server struct {
	options Options
	held    atomic.Int64  // bytes of messages that are kept, of all connections
	quit    chan struct{} // closed when the server stops

	over chan struct{} // closed when no connection is left

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	greeting  map[net.Conn]struct{}
	conns     map[*conn]struct{}
	stopping  bool
	running   sync.WaitGroup // goroutines
	watching  sync.WaitGroup // of the server's clock
	end       sync.Once
}

// New makes a Server.
func New(o Options) *Server {
	return &Server{
		options: o, quit: make(chan struct{}), over: make(chan struct{}),
		listeners: map[net.Listener]struct{}{}, greeting: map[net.Conn]struct{}{}, conns: map[*conn]struct{}{},
	}
}

var errStopped = errors.New("server is stopped")

// Serve answers what comes over the listener until that fails, or the server
// is stopped, which is no error. ctx carries values to the calls; its end ends
// nothing.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !s.add(l) {
		return errors.Join(errStopped, l.Close())
	}
	ctx = context.WithoutCancel(ctx)
	for pause := time.Duration(0); ; {
		socket, err := l.Accept()
		if err == nil {
			pause = 0
			s.start(ctx, socket)
			continue
		}
		if s.stopped() {
			return nil
		}
		// The process may be out of file descriptors for a while.
		var passing interface{ Temporary() bool }
		if !errors.As(err, &passing) || !passing.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(pause):
		case <-s.quit:
			return nil
		}
	}
}

func (s *Server) add(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	if len(s.listeners) == 0 {
		s.watching.Go(s.watch)
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// start greets a connection and answers it.
func (s *Server) start(ctx context.Context, socket net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = socket.Close()
		return
	}
	s.greeting[socket] = struct{}{}
	s.running.Go(func() {
		c, err := s.greet(ctx, socket)
		if err != nil {
			_ = socket.Close() // nobody can be told
			s.mu.Lock()
			delete(s.greeting, socket)
			s.mu.Unlock()
			return
		}
		if !s.enter(socket, c) {
			c.stop()
			return
		}
		c.age()
		c.read()
	})
}

var errGreeting = errors.New("client does not speak HTTP/2")

// greet does the handshake, says the settings, and hears what the client says
// first (RFC 9113, 3.4).
func (s *Server) greet(ctx context.Context, socket net.Conn) (*conn, error) {
	if err := socket.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil { //nolint:forbidigo // sockets go by the machine's clock
		return nil, err
	}
	spoken, err := s.options.Handshake(socket)
	if err != nil {
		return nil, err
	}
	hello := appendSettings(nil,
		setting{settingMaxStreams, s.options.MaxStreams},
		setting{settingInitialWindow, uint32(s.options.streamWindow())},
		setting{settingMaxHeaderListSize, uint32(s.options.MaxHeaders)})
	hello = appendWindowUpdate(hello, 0, connectionWindow-initialWindow)
	if _, err := spoken.Write(hello); err != nil {
		return nil, err
	}
	c := &conn{
		server: s, net: spoken, base: ctx, in: make([]byte, firstBuffer), needs: frameHeader, headers: newHeaderReader(&s.options),
		calls: map[uint32]*Call{}, window: initialWindow, initial: initialWindow, mostFrame: maxFrame,
	}
	c.room.L = &c.mu
	for c.to < len(preface)+frameHeader {
		n, err := spoken.Read(c.in[c.to:])
		if c.to += n; c.to > 0 && string(c.in[:min(c.to, len(preface))]) != preface[:min(c.to, len(preface))] {
			return nil, errGreeting
		}
		if err != nil {
			return nil, err
		}
	}
	c.from = len(preface)
	if f := parseFrame(c.in[c.from:]); f.kind != kindSettings || f.has(flagAck) {
		return nil, errGreeting
	}
	return c, socket.SetDeadline(time.Time{})
}

// enter takes the connection among those that are answered.
func (s *Server) enter(socket net.Conn, c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.greeting, socket)
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// all are the connections there are.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// close stops listening, and answers the connections there are.
func (s *Server) close() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		close(s.quit)
	}
	s.stopping = true
	for l := range s.listeners {
		_ = l.Close() // closed already, if anything
	}
	for socket := range s.greeting {
		_ = socket.Close()
	}
	return slices.Collect(maps.Keys(s.conns))
}

// GracefulStop ends all connections softly, and returns when every call was
// answered and no goroutine is left.
func (s *Server) GracefulStop() {
	var draining sync.WaitGroup
	for _, c := range s.close() {
		draining.Go(c.drain) // a deaf peer holds up no other
	}
	s.wait()
	draining.Wait()
}

// wait returns when no goroutine is left. Connections are looked at until then:
// a peer who reads nothing would hold up the end.
func (s *Server) wait() {
	s.running.Wait()
	s.end.Do(func() { close(s.over) })
	s.watching.Wait()
}

// Stop cuts everything off, and returns when no goroutine is left.
func (s *Server) Stop() {
	for _, c := range s.close() {
		c.stop()
	}
	s.wait()
}
