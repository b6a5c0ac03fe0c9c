package outage

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/link"
	"credence/test/stage"
)

// world is a deployment whose lines to the database can be cut.
type world struct {
	*testing.T
	*stage.Stage

	api *client.Client
	// control and data are the lines of the control plane and, shared by all
	// that do not get one of their own, of the replicas.
	control, data *link.Line
	refusals      sync.WaitGroup
}

// newWorld prepares a deployment and starts its control plane.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	var err error
	w.Stage, err = stage.Prepare(t.Context(), binary, t.TempDir(), server)
	w.must(err)
	w.control, w.data = w.line(), w.line()
	m, err := w.Management(t.Context(), w.through(w.Owner, w.control))
	w.must(err)
	w.stopAtEnd(m)
	w.api, err = w.Client(m)
	w.must(err)
	t.Cleanup(w.api.Close)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) line() *link.Line {
	w.Helper()
	l, err := link.Start(w.Context(), w.Place())
	w.must(err)
	w.Cleanup(func() { _ = l.Close() })
	return l
}

func (w *world) through(address string, l *link.Line) string {
	w.Helper()
	address, err := stage.Through(address, l.Address)
	w.must(err)
	return address
}

func (w *world) stopAtEnd(c *harness.Credence) {
	w.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.Error(err)
		}
	})
}

// replica starts a data plane on the line.
func (w *world) replica(l *link.Line, flags ...string) *harness.Credence {
	w.Helper()
	r, err := w.Replica(w.Context(), w.through(w.Checker, l), flags...)
	w.must(err)
	w.stopAtEnd(r)
	return r
}

// prober is closed when the test ends.
func (w *world) prober(r *harness.Credence) *stage.Prober {
	w.Helper()
	p, err := stage.NewProber(r.Check)
	w.must(err)
	w.Cleanup(func() { _ = p.Close() })
	return p
}

// key makes a key and answers its id and text.
func (w *world) key() (id, text string) {
	w.Helper()
	made, err := w.api.KeyCreate(w.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "outage"}})
	w.must(err)
	return made.Key.KeyID, made.KeyText.Reveal()
}

// texts are the texts of n new keys.
func (w *world) texts(n int) []string {
	w.Helper()
	var all []string
	for range n {
		_, text := w.key()
		all = append(all, text)
	}
	return all
}

// revoke revokes the key and waits for the receipt.
func (w *world) revoke(id, wait string) client.Receipt {
	w.Helper()
	changed, err := w.api.KeyRevoke(w.Context(), client.KeyStatusInput{KeyID: id, WaitInput: client.WaitInput{Wait: wait}})
	w.must(err)
	if changed.Receipt == nil {
		w.Fatal("no receipt")
	}
	return *changed.Receipt
}

// until waits for a condition.
func (w *world) until(what string, check func() error) {
	w.Helper()
	w.must(harness.Until(w.Context(), harness.Patience, what, check))
}

// answers waits until the replica gives the status for the text.
func (w *world) answers(p *stage.Prober, text string, status int) {
	w.Helper()
	w.until(http.StatusText(status), func() error {
		got, err := p.Check(w.Context(), text)
		if err == nil && got.Status != status {
			err = errors.New("answered " + http.StatusText(got.Status) + ": " + got.Reason)
		}
		return err
	})
}

var errStillAccepted = errors.New("still accepted")

func atLeast(n *atomic.Int64, want int64) error {
	if got := n.Load(); got < want {
		return fmt.Errorf("%d, want %d", got, want)
	}
	return nil
}
