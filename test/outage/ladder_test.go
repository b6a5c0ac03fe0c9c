package outage

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/pgserver"
)

// The database is gone and the replica crashes: it goes on from its snapshot.
// What it knew works, what it did not gets 503, what was revoked stays
// refused; nobody is told that it knows of what has happened since; and when
// the database is back, it does.
func TestAReplicaThatIsRestartedWhileTheDatabaseIsGoneServesFromItsSnapshot(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	_, known := r.key()
	later, laterText := r.key()
	early, earlyText := r.key()
	r.keeps(known, laterText, earlyText)
	if receipt := r.revoke(early, "30s"); receipt.State != client.ReceiptComplete {
		t.Fatalf("receipt %+v", receipt)
	}
	fresh := r.texts(1)[0]
	r.line.Cut()
	r.replica.Kill()
	r.again()

	r.hammers(known, http.StatusOK)
	r.gets(fresh, http.StatusServiceUnavailable)
	if got := r.gets(earlyText, http.StatusServiceUnavailable, http.StatusUnauthorized, http.StatusOK); got == http.StatusOK {
		t.Error("a revoked key was let in after a restart")
	}
	r.says("/readyz", "serving from the snapshot of ")
	r.says("/metrics", "credence_snapshot_serving 1")
	receipt := r.revoke(later, "1s")
	if receipt.State != client.ReceiptPartial || len(receipt.Silent) != 1 || receipt.Silent[0].Address != r.replica.Check.String() {
		t.Errorf("receipt %+v, want a partial one that names the replica: it may still let the key in", receipt)
	}
	r.gets(laterText, http.StatusOK) // which is why

	r.line.Mend()
	r.gets(laterText, http.StatusUnauthorized)
	r.gets(fresh, http.StatusOK)
	r.hammers(known, http.StatusOK)
	r.says("/metrics", "credence_snapshot_serving 0")
	if strings.Contains(r.status("/readyz"), "serving from") {
		t.Error("it still says that it serves from the snapshot")
	}
	last, _ := r.key()
	if receipt := r.revoke(last, "3s"); receipt.Replicas != 2 || len(receipt.Silent) > 1 {
		t.Errorf("receipt %+v, want one that waits for the new process and for the one that crashed alone", receipt)
	}
}

// Whoever has confirmed a revocation has it on disk, too.
func TestAKeyIsNotAcceptedAfterACompleteReceiptByAReplicaThatIsKilledThen(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	_, known := r.key()
	for crashed := range 3 {
		id, text := r.key()
		r.keeps(known, text)
		// Each process before this one crashed, and is waited for.
		wait := "30s"
		if crashed > 0 {
			wait = "3s"
		}
		receipt := r.revoke(id, wait)
		if receipt.Replicas != crashed+1 || len(receipt.Silent) != crashed {
			t.Errorf("receipt %+v, want one in which nobody but %d that crashed are silent", receipt, crashed)
		}
		r.gets(text, http.StatusUnauthorized) // the living one has applied it
		r.line.Cut()
		r.replica.Kill()
		r.again()
		r.gets(known, http.StatusOK)
		r.hammersNever(text, http.StatusOK)
		r.line.Mend()
		r.gets(text, http.StatusUnauthorized)
	}
}

// hammersNever demands that the text is not answered so.
func (r *rung) hammersNever(text string, status int) {
	r.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for range 50 {
		if got, err := r.gateway.Get(r.Context(), c, text); err == nil && got.Status == status {
			r.Fatalf("answered %+v", got)
		}
	}
}

// A restart does not renew the ceiling, nor does a second one.
func TestAReplicaOnItsSnapshotStopsAtTheCeilingOfTheProcessBeforeIt(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t, "--ceiling", short.String(), "--cache-ttl", "5s")
	id, text := r.key()
	r.keeps(text)
	r.line.Cut()
	r.replica.Kill()
	stops := time.Now().Add(short) // reads count from before now
	receipt := r.revoke(id, "100ms")
	if receipt.State != client.ReceiptPartial || len(receipt.Silent) != 1 {
		t.Fatalf("receipt %+v", receipt)
	}
	r.again()
	r.gets(text, http.StatusOK)
	r.replica.Kill()
	r.again()
	r.stopped(r.lastAccepted(r.prober(r.replica), text), stops, receipt.Silent[0].StopsAt)
	r.gets(text, http.StatusServiceUnavailable)
	r.line.Mend()
	r.gets(text, http.StatusUnauthorized)
}

// Nobody waits for who has signed off, so nobody may start from what it held.
func TestWhoSignsOffLeavesNoSnapshotBehind(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	id, text := r.key()
	r.keeps(text)
	r.must(r.replica.Close())
	if receipt := r.revoke(id, "30s"); receipt.State != client.ReceiptComplete || receipt.Replicas != 0 {
		t.Errorf("receipt %+v, want a complete one of nobody", receipt)
	}
	r.line.Cut()
	if c, err := r.starts(t.Context()); err == nil || !strings.Contains(err.Error(), "open database") {
		t.Errorf("%v; want that it ends for want of the database", err)
		if c != nil {
			c.Kill()
		}
	}
}

// Stopped as an operator would while the database is away, it cannot sign off:
// it leaves the snapshot, and is waited for.
func TestWhoIsStoppedWhileTheDatabaseIsGoneLeavesItsSnapshot(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	id, text := r.key()
	r.keeps(text)
	r.line.Cut()
	r.until("it has noticed", func() error { return r.logged("extauthz", "change feed cannot be followed") })
	r.must(r.replica.Close())
	if receipt := r.revoke(id, "1s"); receipt.State != client.ReceiptPartial || len(receipt.Silent) != 1 {
		t.Errorf("receipt %+v, want a partial one: a restart would let the key in", receipt)
	}
	r.again()
	r.hammers(text, http.StatusOK)
	r.line.Mend()
	r.gets(text, http.StatusUnauthorized)
}

// A replica that stands still while it is written about, and is killed so.
func TestAFrozenReplicaThatIsKilledComesBackFromItsSnapshot(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	_, text := r.key()
	r.keeps(text)
	r.must(r.replica.Freeze(t.Context()))
	r.line.Hold() // the database hangs rather than refuses
	r.replica.Kill()
	r.again()
	r.hammers(text, http.StatusOK)
	r.line.Mend()
	r.says("/metrics", "credence_snapshot_serving 0")
}

// What is no snapshot of ours is said, counted, and not used; the process waits
// for the database and is well when it comes.
func TestASnapshotThatIsRefusedLeavesTheProcessWaitingForTheDatabase(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	_, text := r.key()
	for reason, hurt := range map[string]func(content []byte) []byte{
		"damaged": func(b []byte) []byte { return b[:len(b)-10] },
		"foreign": func(b []byte) []byte { b[20] ^= 1; return b },
		"version": func([]byte) []byte { return []byte(strings.Repeat("nonsense ", 100)) },
		"copied":  nil,
	} {
		r.keeps(text)
		r.line.Cut()
		r.replica.Kill()
		path := filepath.Join(r.replica.DataDir, "replica.snapshot")
		content, err := os.ReadFile(path)
		r.must(err)
		if hurt == nil { // another file with the same content
			r.must(os.Rename(path, path+".old"))
			hurt = func(b []byte) []byte { return b }
		}
		r.must(os.WriteFile(path, hurt(content), 0o600))
		ready := make(chan error, 1)
		go func() {
			c, err := r.starts(r.Context())
			if err == nil {
				r.replica = c
			}
			ready <- err
		}()
		r.until("it says that the snapshot is "+reason, func() error { return r.logged("extauthz", "reason="+reason) })
		select {
		case err := <-ready:
			t.Fatalf("%s: it did not wait: %v", reason, err)
		default:
		}
		r.line.Mend()
		r.must(<-ready)
		r.stopAtEnd(r.replica)
		r.must(r.gateway.Envoy.AwaitHealthy(t.Context(), "credence", true))
		r.gets(text, http.StatusOK)
		r.says("/metrics", `credence_snapshot_refused_total{reason="`+reason+`"} 1`)
	}
}

// A backup was restored meanwhile: the database does not continue where the
// snapshot ends.
func TestASnapshotAheadOfTheDatabaseIsGivenUpWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	_, text := r.key()
	_, lost := r.key()
	r.keeps(text, lost)
	r.line.Cut()
	r.replica.Kill()
	pgserver.Exec(t, r.Admin, `DELETE FROM credence.changes WHERE revision = (SELECT max(revision) FROM credence.changes)`)
	pgserver.Exec(t, r.Admin, `UPDATE credence.revision_counter SET revision = revision - 1`)
	r.again()
	r.gets(text, http.StatusOK)
	r.line.Mend()
	r.says("/metrics", `credence_snapshot_refused_total{reason="future"} 1`)
	r.gets(text, http.StatusOK)
	r.says("/metrics", "credence_snapshot_serving 0")
}
