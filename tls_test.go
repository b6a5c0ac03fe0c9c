package main

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"credence/store/certfile"
	"credence/test/authority"
)

// TestAPIAnswersOnlyClientsOfTheNames that are on its list.
func TestAPIAnswersOnlyClientsOfTheNames(t *testing.T) {
	signs, folder := authority.New(t, time.Now()), t.TempDir()
	c := config{}
	c.APITLS.Cert, c.APITLS.Key = signs.Server(t, time.Now()).Files(t, folder, "server")
	c.APITLS.ClientCA, c.APITLS.ClientNames = signs.File, []string{"ops.example.com"}
	spoken, err := openTransport(c, inControl, newLogger(config{}, t.Output()), newRegistry())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(tls.Server(conn, serverTLS(spoken.api)), "hello") // those it refuses are part of the test
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })

	for name, accepted := range map[string]bool{"ops.example.com": true, "other.example.com": false} {
		files := certfile.ClientOptions{CAFile: signs.File}
		files.CertFile, files.KeyFile = signs.Client(t, time.Now(), name).Files(t, t.TempDir(), "client")
		options, err := files.Config()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := tls.Dial("tcp", l.Addr().String(), options)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(conn)
		if got := err == nil && string(said) == "hello"; got != accepted {
			t.Errorf("%s: answered %q, %v", name, said, err)
		}
		_ = conn.Close()
	}
}
