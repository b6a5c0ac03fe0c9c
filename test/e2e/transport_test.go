package e2e_test

import (
	"errors"
	"io"
	"net"
	"testing"

	"credence/test/harness"
)

// What is left when an operator goes back to grpc-go: the same answers.
func TestEnvoyIsAnsweredTheSameOverGRPC(t *testing.T) {
	t.Parallel()
	d := own(t, nil, "--check-transport", "grpc")
	k := d.newKey(t, nil)
	d.get(t, "/none").wantStatus(t, 401)
	d.get(t, "/wrong", [2]string{"X-Api-Key", "crd_live_wrong"}).wantStatus(t, 401)
	d.get(t, "/right", [2]string{"X-Api-Key", k.text}).wantStatus(t, 200)
}

// The port has as many connections as its operator says, half of them of one
// address; others are closed before a word is said.
func TestConnectionsOfThePortAreBoundedAsTheOperatorSays(t *testing.T) {
	t.Parallel()
	c, err := harness.StartCredence(t.Context(), binary, t.TempDir(), append(flags(), "--check-max-connections", "6")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	var greeted, closed int
	for range 8 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", c.Check.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		switch _, err := conn.Read(make([]byte, 1)); {
		case err == nil:
			greeted++
		case errors.Is(err, io.EOF):
			closed++
		default:
			t.Fatal(err)
		}
	}
	if greeted != 3 || closed != 5 {
		t.Errorf("%d connections were greeted and %d closed, want 3 and 5", greeted, closed)
	}
}
