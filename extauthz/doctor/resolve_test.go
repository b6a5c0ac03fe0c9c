package doctor_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"credence/extauthz"
	"credence/extauthz/doctor"
)

// nameServer runs a name server on loopback that knows the names, and answers
// a resolver that asks it alone.
func nameServer(t *testing.T, names map[string][]net.IP) *net.Resolver {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		asked := make([]byte, 1500)
		for {
			n, from, err := l.ReadFrom(asked)
			if err != nil {
				return
			}
			if answer, ok := answer(asked[:n], names); ok {
				_, _ = l.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", l.LocalAddr().String())
	}}
}

// answer is for one question of type A; other types have no records.
func answer(asked []byte, names map[string][]net.IP) ([]byte, bool) {
	var m dnsmessage.Message
	if m.Unpack(asked) != nil || len(m.Questions) != 1 {
		return nil, false
	}
	q := m.Questions[0]
	ips, known := names[strings.TrimSuffix(q.Name.String(), ".")]
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, ip := range ips {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte(ip.To4())},
			})
		}
	}
	packed, err := m.Pack()
	return packed, err == nil
}

// TestEveryAddressOfANameIsExamined, and listed with what is wrong there.
func TestEveryAddressOfANameIsExamined(t *testing.T) {
	resolver := nameServer(t, map[string][]net.IP{
		"credence.test": {net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 3)},
	})
	_, port, err := net.SplitHostPort(serve(t, extauthz.Options{})) // on 127.0.0.1 only
	must(t, err)
	r, err := run(t, doctor.CommandOptions{Resolver: resolver}, "--target", "credence.test:"+port)
	if !errors.Is(err, doctor.ErrProblems) {
		t.Errorf("%v", err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Address+" "+f.Code)
	}
	want := []string{
		"credence.test resolved",
		"127.0.0.1:" + port + " connected", "127.0.0.1:" + port + " http2", "127.0.0.1:" + port + " serving", "127.0.0.1:" + port + " answered",
		"127.0.0.2:" + port + " connection_refused", "127.0.0.3:" + port + " connection_refused",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q,\nwant %q", got, want)
	}
	if !strings.Contains(r.Findings[0].Observed, "3 addresses: 127.0.0.1, 127.0.0.2, 127.0.0.3") {
		t.Errorf("observed %q", r.Findings[0].Observed)
	}
}

// TestNameWithoutAddress is told from a name server that does not answer.
func TestNameWithoutAddress(t *testing.T) {
	resolver := nameServer(t, nil)
	r, err := run(t, doctor.CommandOptions{Resolver: resolver}, "--target", "nobody.test:9001")
	if got := codes(r); !errors.Is(err, doctor.ErrProblems) || !slices.Equal(got, []string{"dns_no_such_host"}) {
		t.Errorf("found %v, %v", got, err)
	}
	broken := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	r, err = run(t, doctor.CommandOptions{Resolver: broken}, "--target", "nobody.test:9001")
	if got := codes(r); !errors.Is(err, doctor.ErrProblems) || !slices.Equal(got, []string{"dns_failed"}) {
		t.Errorf("found %v, %v", got, err)
	}
}
