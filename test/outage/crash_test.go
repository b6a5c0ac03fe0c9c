package outage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/management/audit"
	"credence/management/client"
	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/store/sqlite"
	"credence/test/harness"
	"credence/test/stage"
)

// desk is a control plane that is killed and started again on one database.
type desk struct {
	*testing.T

	begin func(ctx context.Context) (*harness.Credence, *client.Client, error)
	open  func(ctx context.Context) (store.Backend, error) // the database, once nobody has it

	database string // file of SQLite, or address of a superuser

	process *harness.Credence
	api     atomic.Pointer[client.Client]
	starts  atomic.Int64
	written atomic.Int64 // requests that were acknowledged
}

// outward lets webhooks reach the receivers of tests.
const outward = "--outgoing-allow=127.0.0.0/8"

// onEachDatabase runs a test on SQLite in one process and on PostgreSQL.
func onEachDatabase(t *testing.T, test func(d *desk)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		folder := t.TempDir()
		test(newDesk(t, filepath.Join(folder, "data", "credence.db"), func(ctx context.Context) (*harness.Credence, *client.Client, error) {
			c, err := harness.StartCredence(ctx, binary, folder, outward)
			if err != nil {
				return nil, nil, err
			}
			token, err := tokenOf(c)
			if err != nil {
				return c, nil, err
			}
			api, err := client.New(client.Options{Server: "http://" + c.API, Token: token})
			return c, api, err
		}, func(ctx context.Context) (store.Backend, error) {
			return sqlite.Open(ctx, sqlite.Options{
				Path: filepath.Join(folder, "data", "credence.db"), Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
			})
		}))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		s, err := stage.Prepare(t.Context(), binary, t.TempDir(), server)
		if err != nil {
			t.Fatal(err)
		}
		test(newDesk(t, s.Owner, func(ctx context.Context) (*harness.Credence, *client.Client, error) {
			c, err := s.Management(ctx, s.Owner, outward)
			if err != nil {
				return nil, nil, err
			}
			api, err := s.Client(c)
			return c, api, err
		}, func(ctx context.Context) (store.Backend, error) {
			return postgres.Open(ctx, postgres.Options{URL: s.Owner, Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)})
		}))
	})
}

// tokenOf reads the first admin token of a serving process.
func tokenOf(c *harness.Credence) (credential.Text, error) {
	text, err := os.ReadFile(filepath.Join(c.DataDir, "admin.token"))
	if err != nil {
		return credential.Text{}, err
	}
	return credential.NewText(strings.TrimSpace(string(text))), nil
}

func newDesk(t *testing.T, database string, begin func(context.Context) (*harness.Credence, *client.Client, error), open func(context.Context) (store.Backend, error)) *desk {
	t.Helper()
	d := &desk{T: t, begin: begin, open: open, database: database}
	d.start()
	t.Cleanup(func() { d.process.Kill() })
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) start() {
	d.Helper()
	process, api, err := d.begin(d.Context())
	d.must(err)
	d.process = process
	if before := d.api.Swap(api); before != nil {
		before.Close()
	}
	d.starts.Add(1)
}

// insist makes a request until it is acknowledged, whatever becomes of the
// process meanwhile. Refusals are told at once: none is right here.
func (d *desk) insist(ctx context.Context, request func(api *client.Client) error) bool {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for ctx.Err() == nil {
		err := request(d.api.Load())
		problem, answered := errors.AsType[*client.Error](err)
		switch {
		case err == nil:
			d.written.Add(1)
			return true
		case answered && problem.Status != http.StatusServiceUnavailable:
			d.Errorf("refused: %v", err)
			return false
		}
		<-tick.C
	}
	return false
}

// write makes keys and rotates every second one, each with an idempotency key
// of its own, until it is told to end; the request that runs is finished. It
// makes no more of them than a webhook can be told meanwhile.
func (d *desk) write(ctx context.Context, writer int, ended <-chan struct{}) (made int) {
	turn := time.NewTicker(100 * time.Millisecond)
	defer turn.Stop()
	for n := 0; ; n++ {
		select {
		case <-ended:
			return made
		case <-turn.C:
		}
		name, keyID := fmt.Sprintf("writer-%d-%d", writer, n), ""
		if !d.insist(ctx, func(api *client.Client) error {
			out, err := api.KeyCreate(ctx, client.KeyCreateInput{IdempotencyKey: name, Body: client.KeyCreate{Name: name}})
			keyID = out.Key.KeyID
			return err
		}) {
			return made
		}
		made++
		if n%2 == 0 {
			continue
		}
		if !d.insist(ctx, func(api *client.Client) error {
			_, err := api.KeyRotate(ctx, client.KeyRotateInput{KeyID: keyID, IdempotencyKey: "rotate-" + name})
			return err
		}) {
			return made
		}
		made++
	}
}

// TestAControlPlaneThatIsKilledWhileItWritesLeavesNothingHalfDone: no key
// without its audit entry, no gap in the feed, no second key of a request
// that was repeated because its answer was lost, and no event that is lost: of
// every change that was committed the receiver is told at least once, signed,
// under one id, though deliveries were under way whenever the process died.
func TestAControlPlaneThatIsKilledWhileItWritesLeavesNothingHalfDone(t *testing.T) {
	onEachDatabase(t, func(d *desk) {
		ctx, cancel := context.WithCancel(d.Context())
		defer cancel()
		ended, made, told := make(chan struct{}), atomic.Int64{}, d.listen()
		var writers sync.WaitGroup
		for writer := range 4 {
			writers.Go(func() { made.Add(int64(d.write(ctx, writer, ended))) })
		}
		for round := range 4 {
			want := d.written.Load() + 10 + 3*int64(round)
			d.must(harness.Until(ctx, harness.Patience, "writes", func() error { return atLeast(&d.written, want) }))
			d.killInDelivery(told, round%2 == 1)
		}
		last := d.written.Load() + 10
		d.must(harness.Until(ctx, harness.Patience, "writes after the last crash", func() error { return atLeast(&d.written, last) }))
		close(ended)
		writers.Wait()
		d.allTold(told)
		d.must(d.process.Close())
		d.whole(int(made.Load()))
		d.toldOf(told)
	})
}

// whole looks at what is left.
func (d *desk) whole(made int) {
	d.Helper()
	backend, err := d.open(d.Context())
	d.must(err)
	defer func() { d.must(backend.Close()) }()

	byName, created := map[string]int{}, map[string]int{}
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		keys, next, err := backend.Keys(d.Context(), store.KeyFilter{}, page)
		d.must(err)
		for i := range keys {
			if keys[i].Predecessor == "" {
				byName[keys[i].Name]++
			}
			created[keys[i].KeyID] = 0
		}
		page.After = next
	}
	if len(created) != made {
		d.Errorf("%d keys, %d were acknowledged", len(created), made)
	}
	for name, n := range byName {
		if n != 1 {
			d.Errorf("%d keys %s of one request", n, name)
		}
	}

	entries := d.entries(backend)
	d.must(audit.Verify(entries))
	ofKeys := 0
	for i := range entries {
		if strings.HasPrefix(entries[i].Action, "key.") {
			ofKeys++
		}
		if entries[i].Action == "key.create" {
			created[entries[i].KeyID]++
		}
	}
	for keyID, n := range created {
		if n != 1 {
			d.Errorf("%d audit entries of the making of %s", n, keyID)
		}
	}

	var at store.Position
	changes := 0
	for {
		found, err := backend.ChangesAfter(d.Context(), at, 500)
		d.must(err)
		if len(found) == 0 {
			break
		}
		for i := range found {
			if found[i].Revision != at.Revision+1 {
				d.Errorf("revision %d follows %d", found[i].Revision, at.Revision)
			}
			at = store.Position{Revision: found[i].Revision, ID: found[i].ID}
			if found[i].Kind == store.ChangeKey {
				changes++
			}
		}
	}
	if changes != ofKeys {
		d.Errorf("%d changes of keys in the feed, %d audit entries", changes, ofKeys)
	}
	d.Logf("%d keys, %d entries, revision %d, %d starts", len(created), len(entries), at.Revision, d.starts.Load())
}

// entries are those of the audit log of the keys' namespace.
func (d *desk) entries(backend store.Backend) (all []store.AuditEntry) {
	d.Helper()
	for {
		found, err := backend.AuditEntries(d.Context(), store.DefaultNamespace, int64(len(all)), 500)
		d.must(err)
		if len(found) == 0 {
			return all
		}
		all = append(all, found...)
	}
}

// TestAHundredCreatorsAtOnceAllGetTheirKey, and of two who change one key from
// the same state exactly one does.
func TestAHundredCreatorsAtOnceAllGetTheirKey(t *testing.T) {
	onEachDatabase(t, func(d *desk) {
		var creators sync.WaitGroup
		for n := range 100 {
			creators.Go(func() {
				name := fmt.Sprintf("creator-%d", n)
				d.insist(d.Context(), func(api *client.Client) error {
					_, err := api.KeyCreate(d.Context(), client.KeyCreateInput{IdempotencyKey: name, Body: client.KeyCreate{Name: name}})
					return err
				})
			})
		}
		creators.Wait()
		d.contest()
		d.must(d.process.Close())
		d.whole(101)
	})
}

func (d *desk) contest() {
	d.Helper()
	api := d.api.Load()
	made, err := api.KeyCreate(d.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "contested"}})
	d.must(err)
	tag := made.ETag()
	for round := range 10 {
		answers := make(chan error, 2)
		for writer := range 2 {
			go func() {
				_, err := api.KeyUpdate(d.Context(), client.KeyUpdateInput{
					KeyID: made.Key.KeyID, IfMatch: tag, Body: client.KeyUpdate{Name: client.Set(fmt.Sprintf("round %d, writer %d", round, writer))},
				})
				answers <- err
			}()
		}
		won, stale := 0, 0
		for range 2 {
			err := <-answers
			problem, refused := errors.AsType[*client.Error](err)
			switch {
			case err == nil:
				won++
			case refused && problem.Code == "stale_version":
				stale++
			default:
				d.Fatal(err)
			}
		}
		if won != 1 || stale != 1 {
			d.Fatalf("round %d: %d changes were made, %d refused as stale", round, won, stale)
		}
		k, err := api.KeyShow(d.Context(), client.KeyShowInput{KeyID: made.Key.KeyID})
		d.must(err)
		tag = k.ETag()
	}
}
