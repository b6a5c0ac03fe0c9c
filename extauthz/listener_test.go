package extauthz

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestKeepalivePingsSurvive: Envoy pings connections that are idle; grpc-go's
// own policy would close them at the third ping ("too many pings").
func TestKeepalivePingsSurvive(t *testing.T) { onBoth(t, testKeepalivePingsSurvive) }

func testKeepalivePingsSurvive(t *testing.T) {
	t.Helper()
	o := testOptions(decideFunc(allowsKey))
	o.Transport.MinPing = time.Nanosecond // so that the test need not wait between pings
	s := serve(t, o)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte(http2.ClientPreface))
	must(t, err)
	framer := http2.NewFramer(conn, conn)
	must(t, framer.WriteSettings())
	for i := range byte(10) {
		must(t, framer.WritePing(false, [8]byte{i}))
		for answered := false; !answered; {
			frame, err := framer.ReadFrame()
			must(t, err)
			switch f := frame.(type) {
			case *http2.GoAwayFrame:
				t.Fatalf("connection closed at ping %d: %s", i, f.DebugData())
			case *http2.PingFrame:
				answered = f.IsAck() && f.Data[0] == i
			}
		}
	}
}

// TestTransportDefaults are those that Envoy needs.
func TestTransportDefaults(t *testing.T) {
	o := TransportOptions{}.withDefaults()
	if o.MinPing <= 0 || o.MinPing > 10*time.Second || o.MaxMessage != 1<<20 ||
		o.MaxConnectionAge != 30*time.Minute || o.MaxConnectionAgeGrace != 10*time.Second || o.StreamWorkers == 0 {
		t.Errorf("defaults %+v", o)
	}
	if never := (TransportOptions{MaxConnectionAge: -1}).withDefaults(); never.MaxConnectionAge != 0 {
		t.Errorf("never: %+v", never)
	}
}

// TestListenErrorsNameTheRemedy for addresses that cannot be used.
func TestListenErrorsNameTheRemedy(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	must(t, os.WriteFile(file, []byte("data"), 0o600))
	used, err := Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, used.Close()) }()
	socket, err := Listen(t.Context(), "unix:"+filepath.Join(folder, "used"))
	must(t, err)
	defer func() { must(t, socket.Close()) }()

	for address, want := range map[string]string{
		used.Addr().String():                    "choose another port",
		"unix:" + filepath.Join(folder, "used"): "another process listens there",
		"unix:" + file:                          "no socket",
		"unix:":                                 "0 bytes",
		"unix:/" + strings.Repeat("x", 107):     "108 bytes",
		"unix:" + folder + "/none/check.sock":   "no such file",
		"127.0.0.1:99999":                       "invalid port",
	} {
		l, err := Listen(t.Context(), address)
		if err == nil {
			t.Errorf("%s: opened %s", address, l.Addr())
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "listen on ") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "data" {
		t.Errorf("the file that is no socket: %q, %v", data, err)
	}
}

// TestStaleSocketIsReplaced: what a crashed process left does not keep the
// next one from starting, and only owner and group may use the socket.
func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "check.sock")
	stale, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	must(t, err)
	socket, ok := stale.(*net.UnixListener)
	if !ok {
		t.Fatalf("a unix listener is a %T", stale)
	}
	socket.SetUnlinkOnClose(false)
	must(t, stale.Close())
	l, err := Listen(t.Context(), "unix://"+path)
	must(t, err)
	defer func() { must(t, l.Close()) }()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestListenObeysItsContext before anything is opened.
func TestListenObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, address := range []string{"localhost:0", "unix:" + filepath.Join(t.TempDir(), "check.sock")} {
		if l, err := Listen(ctx, address); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: listener %v, error %v", address, l, err)
		}
	}
}
