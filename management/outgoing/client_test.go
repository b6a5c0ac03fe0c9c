package outgoing_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"credence/management/outgoing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

// site is a server on loopback that counts who connects.
func site(t *testing.T, handler http.HandlerFunc) (url string, connected *atomic.Int64) {
	t.Helper()
	connected = &atomic.Int64{}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connected.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, connected
}

func get(t *testing.T, o outgoing.Options, url string) (string, error) {
	t.Helper()
	c := outgoing.NewClient(o)
	defer c.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	return string(body), errors.Join(err, res.Body.Close())
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestLoopbackIsReachedFromTheAllowListOnly(t *testing.T) {
	url, connected := site(t, hello)
	if _, err := get(t, outgoing.Options{}, url); !errors.Is(err, outgoing.ErrRefused) || !strings.Contains(err.Error(), "allow list") {
		t.Errorf("without a list: %v", err)
	}
	if connected.Load() != 0 {
		t.Error("the address was connected to before it was judged")
	}
	if body, err := get(t, outgoing.Options{Allow: loopback}, url); err != nil || body != "hello" {
		t.Errorf("on the list: %q %v", body, err)
	}
}

func TestMetadataIsNeverReached(t *testing.T) {
	all := outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for _, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "0.0.0.0"} {
		if _, err := get(t, outgoing.Options{Allow: all}, "http://"+host+"/latest/meta-data/"); !errors.Is(err, outgoing.ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// names is a resolver whose every name has the addresses of the next answer.
func names(answers ...[4]byte) *net.Resolver {
	var asked atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close() //nolint:errcheck // a pipe
			// Over a stream each message has its length before it.
			head := make([]byte, 2)
			for {
				if _, err := io.ReadFull(theirs, head); err != nil {
					return
				}
				query := make([]byte, int(head[0])<<8|int(head[1]))
				if _, err := io.ReadFull(theirs, query); err != nil {
					return
				}
				reply := answer(query, func() [4]byte { return answers[min(int(asked.Add(1)), len(answers))-1] })
				if _, err := theirs.Write(append([]byte{byte(len(reply) >> 8), byte(len(reply))}, reply...)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

// answer is a DNS answer with one A record; other types get none.
func answer(query []byte, next func() [4]byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	isA := query[end-3] == 1
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if isA {
		ip := next()
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ip[0], ip[1], ip[2], ip[3])
	}
	return reply
}

// TestANameIsJudgedByWhatItResolvesToEachTime (DNS rebinding).
func TestANameIsJudgedByWhatItResolvesToEachTime(t *testing.T) {
	url, connected := site(t, hello)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	target := "http://issuer.example.test:" + port
	only2 := outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	resolver := names([4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2}, [4]byte{169, 254, 169, 254})
	o := outgoing.Options{Allow: only2, Resolver: resolver}
	if body, err := get(t, o, target); err != nil || body != "hello" {
		t.Fatalf("first: %q %v", body, err)
	}
	for range 2 {
		if _, err := get(t, o, target); !errors.Is(err, outgoing.ErrRefused) {
			t.Errorf("rebound: %v", err)
		}
	}
	if connected.Load() != 1 {
		t.Errorf("%d connections, want 1", connected.Load())
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	url, connected := site(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	})
	if _, err := get(t, outgoing.Options{Allow: loopback}, url); err == nil || !strings.Contains(err.Error(), "redirected") {
		t.Errorf("got %v", err)
	}
	if connected.Load() != 1 {
		t.Errorf("%d connections", connected.Load())
	}
}

func TestAnAnswerOverTheBoundIsAnErrorAndNotAShorterAnswer(t *testing.T) {
	for title, tc := range map[string]struct {
		size    int
		chunked bool
		ok      bool
	}{
		"at the bound": {1000, false, true}, "over it": {1001, false, false},
		"chunked, at the bound": {1000, true, true}, "chunked, over it": {1001, true, false}, "chunked, far over it": {1 << 20, true, false},
	} {
		t.Run(title, func(t *testing.T) {
			url, _ := site(t, func(w http.ResponseWriter, _ *http.Request) {
				if tc.chunked {
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
				}
				_, _ = io.WriteString(w, strings.Repeat("a", tc.size))
			})
			body, err := get(t, outgoing.Options{Allow: loopback, MaxBody: 1000}, url)
			if tc.ok && (err != nil || len(body) != tc.size) || !tc.ok && !errors.Is(err, outgoing.ErrTooLarge) {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		})
	}
	url, _ := site(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Large", strings.Repeat("a", 1<<20)) })
	if _, err := get(t, outgoing.Options{Allow: loopback}, url); err == nil {
		t.Error("a head of a megabyte was read")
	}
}

func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy, asked := site(t, hello)
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("HTTPS_PROXY", proxy)
	if _, err := get(t, outgoing.Options{Allow: loopback}, "http://169.254.169.254/"); !errors.Is(err, outgoing.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if asked.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

// TestOnlyTheGivenPortsAreReached, unless the allow list names one with its
// host.
func TestOnlyTheGivenPortsAreReached(t *testing.T) {
	url, connected := site(t, hello)
	host, text, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(n)
	is := func(want bool) func(uint16) bool { return func(p uint16) bool { return (p == port) == want } }
	listed := outgoing.Allow{Hosts: []string{host + ":" + text}}
	for title, c := range map[string]struct {
		o  outgoing.Options
		ok bool
	}{
		"a port that is given":   {outgoing.Options{Allow: loopback, Ports: is(true)}, true},
		"another port":           {outgoing.Options{Allow: loopback, Ports: is(false)}, false},
		"a port that is listed":  {outgoing.Options{Allow: listed, Ports: is(false)}, true},
		"an address that is not": {outgoing.Options{Ports: is(true)}, false},
	} {
		before := connected.Load()
		_, err := get(t, c.o, url)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, outgoing.ErrRefused) {
			t.Errorf("%s: %v", title, err)
		}
		if judged := c.o.Judge(host, port); (judged == nil) != c.ok {
			t.Errorf("%s is judged beforehand: %v", title, judged)
		}
		if (connected.Load() > before) != c.ok {
			t.Errorf("%s: connected %v", title, connected.Load() > before)
		}
	}
	if err := (outgoing.Options{}).Judge("hooks.example.com", 443); err != nil {
		t.Errorf("a name is judged before it is resolved: %v", err)
	}
}
