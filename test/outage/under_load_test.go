package outage

import (
	"net/http"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/pgserver"
)

// What becomes of a deployment under load while its database is in trouble, as
// the clients of a real Envoy see it. Known keys never notice. What has to be
// looked up gets 503 with the time to come back, and is never refused as
// unknown. When the trouble is over, all is as before by itself, and nothing
// that was acknowledged is lost.
func TestUnderLoadAnOutageOfPostgreSQLIsTheRungThatTheTableSays(t *testing.T) {
	w := newWorld(t)
	load := newTraffic(w, w.replica(w.data), w.replica(w.data))
	load.goesOn(load.acknowledgedWrites)
	began := time.Now()
	for _, trouble := range []struct {
		name       string
		begin, end func()
		reads      bool // what is not cached can be looked up
		waits      bool // it takes its time until a write is refused
	}{
		{
			name:  "restarted",
			begin: func() { w.must(server.Halt()) },
			end:   func() { w.must(server.Launch(t.Context())) },
		},
		{
			name:  "crashed",
			begin: func() { w.must(server.Crash()) },
			end:   func() { w.must(server.Launch(t.Context())) },
		},
		{
			name:  "unreachable",
			begin: func() { w.data.Cut(); w.control.Cut() },
			end:   func() { w.data.Mend(); w.control.Mend() },
		},
		{
			name:  "silent",
			begin: func() { w.data.Hold(); w.control.Hold() },
			end:   func() { w.data.Mend(); w.control.Mend() },
			waits: true,
		},
		{
			// Longer there and back than a look-up or a statement may take.
			name:  "slow",
			begin: func() { w.data.Slow(3 * time.Second); w.control.Slow(3 * time.Second) },
			end:   func() { w.data.Mend(); w.control.Mend() },
			waits: true,
		},
		{
			name:  "a standby",
			begin: func() { w.must(server.MakeStandby(t.Context())) },
			end:   func() { w.must(server.MakePrimary(t.Context())) },
		},
		{
			name:  "read-only",
			begin: func() { w.readOnly(true) },
			end:   func() { w.readOnly(false) },
			reads: true,
		},
		{
			name:  "full",
			begin: func() { w.full(true) },
			end:   func() { w.full(false) },
			reads: true,
		},
	} {
		t.Logf("%s, after %s", trouble.name, time.Since(began).Round(time.Millisecond))
		fresh := w.texts(2)
		unknown, err := w.Unknown()
		w.must(err)
		trouble.begin()
		if !trouble.waits {
			load.goesOn(load.refusedWrites)
		}
		if trouble.reads {
			load.asks(fresh[0], http.StatusOK)
			load.asks(unknown, http.StatusUnauthorized)
		} else {
			load.asks(fresh[0], http.StatusServiceUnavailable)
			load.asks(unknown, http.StatusServiceUnavailable)
		}
		load.flows()
		trouble.end()
		load.goesOn(load.acknowledgedWrites)
		load.asks(fresh[0], http.StatusOK)
		load.asks(fresh[1], http.StatusOK)
		load.asks(unknown, http.StatusUnauthorized)
		id, _ := w.key()
		if receipt := w.revoke(id, "30s"); receipt.State != client.ReceiptComplete || receipt.Replicas != 2 {
			t.Errorf("receipt %+v, want a complete one of 2 replicas", receipt)
		}
	}
	load.whole()
}

// Behind a pooler in transaction mode, with fewer connections than processes
// would like, nobody notices either when it loses its server.
func TestBehindAPoolerUnderLoadNothingIsLostWhenItsServerIsRestarted(t *testing.T) {
	w := newWorld(t)
	pooled := server.Pooler(t)
	m, err := w.Management(t.Context(), pooled(w.Owner))
	w.must(err)
	w.stopAtEnd(m)
	w.api, err = w.Client(m)
	w.must(err)
	var replicas []*harness.Credence
	for range 2 {
		r, err := w.Replica(t.Context(), pooled(w.Checker))
		w.must(err)
		w.stopAtEnd(r)
		replicas = append(replicas, r)
	}
	load := newTraffic(w, replicas...)
	load.goesOn(load.acknowledgedWrites)
	fresh := w.texts(1)
	w.must(server.Halt())
	load.goesOn(load.refusedWrites)
	load.asks(fresh[0], http.StatusServiceUnavailable)
	w.must(server.Launch(t.Context()))
	load.goesOn(load.acknowledgedWrites)
	load.asks(fresh[0], http.StatusOK)
	id, _ := w.key()
	if receipt := w.revoke(id, "30s"); receipt.State != client.ReceiptComplete || receipt.Replicas != 2 {
		t.Errorf("receipt %+v, want a complete one of 2 replicas", receipt)
	}
	load.whole()
}

// readOnly makes the database of the world refuse what is written, or not,
// also to the sessions that are open.
func (w *world) readOnly(on bool) {
	w.Helper()
	value := map[bool]string{true: "on", false: "off"}[on]
	w.must(server.Exec(w.Context(), "ALTER DATABASE "+w.Database+" SET default_transaction_read_only = "+value))
	w.must(server.Exec(w.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+w.Database+"'"))
}

// full has every write end in the error of a disk without room. A real full
// disk would be a file system of its own, which takes privileges that a test
// must not need; what PostgreSQL sends for it is this SQLSTATE.
func (w *world) full(on bool) {
	w.Helper()
	tables := []string{"revision_counter", "replicas"}
	for _, table := range tables {
		statement := "DROP TRIGGER full_disk ON credence." + table
		if on {
			statement = "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON credence." + table + " FOR EACH ROW EXECUTE FUNCTION public.full_disk()"
		}
		if on && table == tables[0] {
			statement = `CREATE OR REPLACE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; ` + statement
		}
		pgserver.Exec(w, w.Admin, statement)
	}
}
