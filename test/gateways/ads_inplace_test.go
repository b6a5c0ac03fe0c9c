package gateways

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	"credence/test/harness"
)

// Why envoy/xds/README.md says how to change the cluster of Credence: Envoy
// makes a changed cluster anew and ends what it has asked over the old one.
// The door stays closed.
func TestChangingTheClusterOfCredenceInPlaceEndsItsChecks(t *testing.T) {
	d := prepare(t, xds())
	r := d.startRecorder()
	r.hold = make(chan struct{})
	t.Cleanup(func() { close(r.hold) }) // before the server waits for its calls
	d.startEnvoy(r.at)
	replies := make(chan *harness.Reply, 1)
	go func() {
		reply, err := harness.Visit{To: d.envoy.Address, Path: "/held"}.Make(t.Context())
		if err != nil {
			t.Error(err)
		}
		replies <- reply
	}()
	<-r.checks // under way
	d.cluster(t, "credence").ConnectTimeout = durationpb.New(2 * harness.Patience)
	d.serve()
	if reply := <-replies; reply == nil || reply.Status != http.StatusServiceUnavailable || reply.Body != "" {
		t.Errorf("the client got %+v, want Envoy's own 503", reply)
	}
	if n := d.echo.Requests(); n != 0 {
		t.Errorf("the upstream was reached %d times", n)
	}
}
