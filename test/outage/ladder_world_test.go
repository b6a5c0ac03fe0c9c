package outage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/test/harness"
	"credence/test/link"
	"credence/test/pgserver"
	"credence/test/stage"
)

// rung is one replica that keeps a snapshot, behind an Envoy.
type rung struct {
	*world

	line    *link.Line
	flags   []string
	replica *harness.Credence
	gateway *stage.Gateway
}

// newRung starts both.
func newRung(t *testing.T, flags ...string) *rung {
	t.Helper()
	w := newWorld(t)
	r := &rung{world: w, line: w.line(), flags: append([]string{"--snapshot-every", "1s"}, flags...)}
	r.replica = w.replica(r.line, r.flags...)
	var err error
	r.gateway, err = stage.StartGateway(t.Context(), t.TempDir(), []*harness.Credence{r.replica})
	w.must(err)
	t.Cleanup(func() {
		if err := r.gateway.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// starts runs the replica again, in its folder and at its address.
func (r *rung) starts(ctx context.Context) (*harness.Credence, error) {
	return harness.StartPlane(ctx, binary, filepath.Dir(r.replica.DataDir), "extauthz", append([]string{
		"--store", r.through(r.Checker, r.line), "--secrets-file", r.SecretsFile(), "--check-addr", r.replica.Check.String(),
	}, r.flags...)...)
}

// again waits until it is ready, and Envoy knows that.
func (r *rung) again() {
	r.Helper()
	replica, err := r.starts(r.Context())
	r.must(err)
	r.replica = replica
	r.stopAtEnd(replica)
	r.must(r.gateway.Envoy.AwaitHealthy(r.Context(), "credence", true))
}

// through Envoy, the text is answered with one of these and nothing else; a
// call that Envoy itself refused does not count.
func (r *rung) gets(text string, statuses ...int) int {
	r.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	last := 0
	r.until(fmt.Sprintf("the answer is one of %v", statuses), func() error {
		got, err := r.gateway.Get(r.Context(), c, text)
		if err != nil {
			return err
		}
		last = got.Status
		if slices.Contains(statuses, got.Status) {
			return nil
		}
		return errors.New(http.StatusText(got.Status))
	})
	return last
}

// hammers sends requests of several clients at once, all of which have to be
// answered so.
func (r *rung) hammers(text string, status int) {
	r.Helper()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: transport, Timeout: harness.Patience}
			for range 50 {
				if got, err := r.gateway.Get(r.Context(), c, text); err != nil || got.Status != status {
					r.Errorf("under load: %+v, %v; want %d", got, err, status)
					return
				}
			}
		})
	}
	clients.Wait()
}

// status reads a page of the status port; whatever the code.
func (r *rung) status(page string) string {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+r.replica.Status+page, http.NoBody)
	r.must(err)
	answer, err := http.DefaultClient.Do(request)
	r.must(err)
	text, err := io.ReadAll(answer.Body)
	r.must(errors.Join(err, answer.Body.Close()))
	return string(text)
}

// says waits until the page has the text.
func (r *rung) says(page, text string) {
	r.Helper()
	r.until(page+" says "+text, func() error {
		if got := r.status(page); !strings.Contains(got, text) {
			return errors.New("it does not")
		}
		return nil
	})
}

// keeps has the replica hold the texts, and waits until they are in its
// snapshot. A key that is asked for before its making was applied does not stay.
func (r *rung) keeps(texts ...string) {
	r.Helper()
	head := pgserver.Query(r, r.Owner, "SELECT revision::text FROM credence.revision_counter")[0]
	r.says("/metrics", "credence_applied_revision "+head+"\n")
	for _, text := range texts {
		r.gets(text, http.StatusOK)
	}
	before := r.written()
	r.until("a snapshot is written", func() error {
		if n := r.written(); n < before+2 { // the next may have begun before
			return fmt.Errorf("%d written", n)
		}
		return nil
	})
}

func (r *rung) written() int {
	r.Helper()
	n := 0
	for line := range strings.Lines(r.status("/metrics")) {
		if _, err := fmt.Sscanf(line, "credence_snapshot_written_total %d", &n); err == nil {
			break
		}
	}
	return n
}

// short is a ceiling that a test can wait for.
const short = 10 * time.Second
