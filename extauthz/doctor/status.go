package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxSkew is the deviation of a clock that is found. HTTP tells whole
	// seconds, so a smaller one could be no deviation at all.
	maxSkew = 2 * time.Second
	// maxAnswer bounds what is read of a status port.
	maxAnswer = 4 << 20
)

// process is what a status port told.
type process struct {
	address string
	counts  counts
}

// statuses asks the status ports, if any are known.
func (e *examination) statuses(ctx context.Context) {
	var replicas []process
	for _, address := range e.Statuses {
		if p, ok := e.status(ctx, address); ok && p.counts.has("credence_applied_revision") {
			replicas = append(replicas, p)
		}
	}
	e.revisions(ctx, replicas)
}

// status asks one status port; ok is whether its counters could be read.
func (e *examination) status(ctx context.Context, address string) (p process, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	sent := e.Now()
	told, err := e.get(ctx, address, "/readyz")
	received := e.Now()
	if err != nil {
		e.found(address, Finding{
			Step: "status", Level: Problem, Code: "status_unreachable", Observed: err.Error(),
			Why:    "Without the status port nobody knows whether the process is ready, and Kubernetes takes it out of service.",
			Remedy: "See whether the process runs, and whether this is its --status-addr. Nothing below was read from it.",
		})
		return p, false
	}
	e.found(address, ready(told))
	if f, off := skew(told.date, sent, received); off {
		e.found(address, f)
	}
	told, err = e.get(ctx, address, "/metrics")
	if err != nil || told.code != http.StatusOK {
		e.found(address, Finding{Step: "status", Level: Note, Code: "no_metrics", Observed: "no metrics can be read there", Why: "What became of the Checks so far is not known."})
		return p, false
	}
	p = process{address, readCounts(told.body)}
	for _, f := range p.counts.findings() {
		e.found(address, f)
	}
	return p, true
}

// answer is what a status port said.
type answer struct {
	code int
	date string
	body []byte
}

// get asks for a path of a status port, without redirects and proxies.
func (e *examination) get(ctx context.Context, address, path string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("status address %q: %w", address, err)
	}
	reply, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer reply.Body.Close() //nolint:errcheck // read to its bound
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
	return answer{reply.StatusCode, reply.Header.Get("Date"), body}, err
}

// ready reads the answer of /readyz.
func ready(a answer) Finding {
	var told struct {
		Parts map[string]string `json:"parts"`
	}
	if err := json.Unmarshal(a.body, &told); err != nil || len(told.Parts) == 0 {
		return Finding{
			Step: "status", Level: Problem, Code: "not_a_status_port", Observed: fmt.Sprintf("HTTP %d, but not the answer of a status port", a.code),
			Remedy: "Give the status address (--status-addr of the process, port 9003).",
		}
	}
	var waits []string
	for _, part := range slices.Sorted(maps.Keys(told.Parts)) {
		if state := told.Parts[part]; state != "ready" {
			waits = append(waits, part+": "+state)
		}
	}
	if a.code == http.StatusOK && len(waits) == 0 {
		return Finding{Step: "status", Level: OK, Code: "ready", Observed: "ready"}
	}
	return Finding{
		Step: "status", Level: Problem, Code: "not_ready", Observed: "not ready: " + strings.Join(waits, "; "),
		Why:    "Until the process is ready, it refuses every Check with 503.",
		Remedy: "A process that waits for the first snapshot cannot read its database: look at its log and --store.",
	}
}

// skew compares the Date of an answer with the clock here. The true time of
// the other clock lies within a second after Date, at some moment between
// sending and receiving; what that allows is no deviation.
func skew(date string, sent, received time.Time) (Finding, bool) {
	there, err := http.ParseTime(date)
	if err != nil {
		return Finding{}, false
	}
	off, word := there.Sub(received), "ahead of"
	if behind := sent.Sub(there.Add(time.Second)); behind > 0 {
		off, word = behind, "behind"
	}
	if off <= maxSkew {
		return Finding{}, false
	}
	return Finding{
		Step: "status", Level: Problem, Code: "clock_skew",
		Observed: fmt.Sprintf("its clock is at least %s %s the one here", off.Round(time.Second), word),
		Why:      "Keys begin and expire by the clock of the process that decides, certificates too, and replicas whose clocks differ judge the same key differently.",
		Remedy:   "Synchronise the clocks of both hosts (chrony, systemd-timesyncd); then see which of them was wrong.",
	}, true
}

// revisions compares how far the replicas have read the change feed. One that
// is behind is asked again until it has caught up: they were not all asked at
// the same moment.
func (e *examination) revisions(ctx context.Context, replicas []process) {
	head := 0.0
	for _, p := range replicas {
		head = max(head, p.counts.sum("credence_applied_revision"))
	}
	for _, p := range replicas {
		if applied, ok := e.catchesUp(ctx, p, head); !ok {
			e.found(p.address, Finding{
				Step: "status", Level: Problem, Code: "revision_lags",
				Observed: fmt.Sprintf("has applied revision %.0f, while another replica has %.0f", applied, head),
				Why:      "It still accepts what was revoked since, until its ceiling at the latest.",
				Remedy:   "Look at its log: it cannot read the change feed, or reads another database. `credence replicas list` shows all of them.",
			})
		}
	}
}

func (e *examination) catchesUp(ctx context.Context, p process, head float64) (applied float64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for applied = p.counts.sum("credence_applied_revision"); applied < head; {
		select {
		case <-ctx.Done():
			return applied, false
		case <-again.C:
		}
		if told, err := e.get(ctx, p.address, "/metrics"); err == nil {
			applied = readCounts(told.body).sum("credence_applied_revision")
		}
	}
	return applied, true
}
