package outage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/management/client"
	"credence/store"
	"credence/test/harness"
	"credence/test/pgserver"
)

// foreign is another program that credentials are made at, as a test sees it.
type foreign interface {
	// connect makes the connection "main".
	connect(d *desk)
	// create, remove and turn ask the control plane for one, to delete it, and to
	// give it another secret in place.
	create(d *desk, key string) (secret string, err error)
	remove(d *desk, id string) error
	turn(d *desk, id string) error
	// rows are the states of what is known, by id; works those whose secret is
	// accepted.
	rows(d *desk) map[string]string
	works(d *desk, id string) bool
	stored(ctx context.Context, r store.Reader) ([]string, error) // the states, in the database itself
	// there is how many the program has; strangers how much a comparison finds.
	there() int
	strangers(d *desk) int
	// next has the next call of the method go through before, the program itself
	// if that says so, and then after, which says whether the answer is lost.
	next(method string, before func() (does bool), after func() (lost bool))
}

// TestAControlPlaneThatIsKilledAtEachStepOfACredentialLeavesTheTableTrue: between
// the intent and the call of the other program, when that has done it and
// nobody heard, when it answered and nothing is written down, and when it is
// written down and the caller does not know. After a restart, and when the
// time has come, what is known is what is there, no secret is answered twice,
// and nothing is a stranger.
func TestAControlPlaneThatIsKilledAtEachStepOfACredentialLeavesTheTableTrue(t *testing.T) {
	for name, at := range map[string]func(t *testing.T) foreign{"Gitea": newForge, "n8n": newFlows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for processes
			onEachDatabase(t, func(d *desk) {
				f := at(d.T)
				f.connect(d)
				c := &crashes{desk: d, foreign: f}
				c.kept("first") // logs in where that is needed, and is not touched by what follows
				c.lost("before the call", func() bool { d.process.Kill(); return false }, nil)
				c.lost("after the call", nil, func() bool { d.process.Kill(); return true })
				c.unwritten()
				c.unheard()
				c.unremoved()
				if name == "n8n" {
					c.unturned()
				}
			})
		})
	}
}

// rotate is the call that gives one another secret in place, as a method.
const rotate = "ROTATE"

type crashes struct {
	*desk
	foreign

	live int // credentials that are to be there
}

// kept makes one that stays.
func (c *crashes) kept(key string) {
	c.Helper()
	if secret, err := c.create(c.desk, key); err != nil || secret == "" {
		c.Fatalf("%s: %v", key, err)
	}
	c.live++
	c.whole(key)
}

// again starts the process anew, after a time in which whatever is in doubt has
// come to its end, and waits until nothing is in doubt.
func (c *crashes) again(what string) {
	c.Helper()
	c.age(11 * time.Minute)
	c.start()
	c.must(harness.Until(c.Context(), harness.Patience, what+": the table is true", func() error {
		for id, state := range c.rows(c.desk) {
			if state != "active" {
				return fmt.Errorf("%s is %s", id, state)
			}
		}
		return nil
	}))
	c.whole(what)
}

// whole compares what is known with what is there.
func (c *crashes) whole(what string) {
	c.Helper()
	rows := c.rows(c.desk)
	if len(rows) != c.live || c.there() != c.live {
		c.Errorf("%s: known are %v, there are %d, want %d", what, rows, c.there(), c.live)
	}
	for id := range rows {
		if !c.works(c.desk, id) {
			c.Errorf("%s: the secret of %s is not accepted", what, id)
		}
	}
	if n := c.strangers(c.desk); n != 0 {
		c.Errorf("%s: %d strangers", what, n)
	}
}

// inDoubt checks that the process which died has left one in that state.
func (c *crashes) inDoubt(what string, state string) {
	c.Helper()
	var backend store.Backend
	// Who asked hears of its end a moment before it has let go of the database.
	c.must(harness.Until(c.Context(), harness.Patience, what+": the database is free", func() (err error) {
		backend, err = c.open(c.Context())
		return err
	}))
	states, err := c.stored(c.Context(), backend)
	c.must(errors.Join(err, backend.Close()))
	if n := len(states) - len(slices.DeleteFunc(slices.Clone(states), func(is string) bool { return is == state })); n != 1 {
		c.Errorf("%s: left are %v, want one that is %s", what, states, state)
	}
}

// lost makes one whose process dies before or after the program did it.
func (c *crashes) lost(what string, before, after func() bool) {
	c.Helper()
	c.next(http.MethodPost, before, after)
	_, err := c.create(c.desk, what)
	c.settled(what, err)
}

// unwritten makes one whose process dies when it has the answer: the database
// takes nothing from then on.
func (c *crashes) unwritten() {
	c.Helper()
	release, answered := func() {}, make(chan struct{})
	c.next(http.MethodPost, nil, func() bool { release = c.hold(); close(answered); return false })
	died := make(chan struct{})
	go func() {
		defer close(died)
		<-answered
		c.waits()
		c.process.Kill()
	}()
	defer func() { <-died }()
	_, err := c.create(c.desk, "with the answer")
	<-died
	release()
	c.settled("with the answer", err)
}

// settled looks at what a create has left whose process died: an intent, then
// nothing, and its request made nothing.
func (c *crashes) settled(what string, err error) {
	c.Helper()
	if err == nil {
		c.Errorf("%s: a process that had died answered", what)
	}
	c.inDoubt(what, "making")
	c.again(what)
	problem, refused := errors.AsType[*client.Error](c.repeat(what))
	if !refused || problem.Status != http.StatusConflict {
		c.Errorf("%s: its repetition: %v", what, problem)
	}
	c.kept(what + ", anew")
}

func (c *crashes) repeat(key string) error {
	secret, err := c.create(c.desk, key)
	if secret != "" {
		c.Errorf("%s: a secret is answered", key)
	}
	return err
}

// unheard makes one whose process dies as soon as it is written down.
func (c *crashes) unheard() {
	c.Helper()
	before := len(c.rows(c.desk))
	died := make(chan error, 1)
	go func() {
		err := harness.Until(c.Context(), harness.Patience, "it is written down", func() error {
			active := 0
			for _, state := range c.rows(c.desk) {
				if state == "active" {
					active++
				}
			}
			if active <= before {
				return errors.New("not yet")
			}
			return nil
		})
		c.process.Kill()
		died <- err
	}()
	_, _ = c.create(c.desk, "unheard") // who asked may have heard it, or not
	c.must(<-died)
	c.live++
	c.again("unheard")
	c.must(c.repeat("unheard")) // it was made, and its secret is not answered again
	c.whole("unheard, repeated")
}

// unremoved deletes two whose process dies before and after the program did it.
func (c *crashes) unremoved() {
	c.Helper()
	for what, how := range map[string]func(){
		"deleted, before": func() { c.next(http.MethodDelete, func() bool { c.process.Kill(); return false }, nil) },
		"deleted, after":  func() { c.next(http.MethodDelete, nil, func() bool { c.process.Kill(); return true }) },
	} {
		how()
		if err := c.remove(c.desk, c.one()); err == nil {
			c.Errorf("%s: a process that had died answered", what)
		}
		c.inDoubt(what, "deleting")
		c.live--
		c.again(what)
	}
}

// unturned rotates one in place whose process dies when n8n has done it: the
// secret that it has got nobody knows, so it gets another.
func (c *crashes) unturned() {
	c.Helper()
	c.next(rotate, nil, func() bool { c.process.Kill(); return true })
	if err := c.turn(c.desk, c.one()); err == nil {
		c.Error("a process that had died answered")
	}
	c.inDoubt("rotated in place", "rotating")
	c.again("rotated in place")
}

func (c *crashes) one() (id string) {
	for id = range c.rows(c.desk) {
		break
	}
	return id
}

// --- the database, past the control plane

// age makes everything that is known of credentials older, and its jobs due:
// nobody waits until another process may take over River's scheduler from the
// one that died, which hands out jobs whose time has come.
func (d *desk) age(by time.Duration) {
	d.Helper()
	minutes := int(by.Minutes())
	if strings.HasPrefix(d.database, "postgres") {
		var all strings.Builder
		for _, table := range []string{"gitea_tokens", "n8n_api_keys"} {
			fmt.Fprintf(&all, "UPDATE credence.%[1]s SET created_at = created_at - interval '%[2]d minutes', updated_at = updated_at - interval '%[2]d minutes', state_at = state_at - interval '%[2]d minutes';", table, minutes)
		}
		fmt.Fprintf(&all, "UPDATE credence.river_job SET state = 'available', scheduled_at = scheduled_at - interval '%d minutes' WHERE state = 'scheduled'", minutes)
		pgserver.Exec(d, d.database, all.String())
		return
	}
	db := d.file()
	defer func() { d.must(db.Close()) }()
	for _, table := range []string{"gitea_tokens", "n8n_api_keys"} {
		_, err := db.ExecContext(d.Context(), fmt.Sprintf("UPDATE %s SET created_at = created_at - ?1, updated_at = updated_at - ?1, state_at = state_at - ?1", table), by.Microseconds())
		d.must(err)
	}
	_, err := db.ExecContext(d.Context(), fmt.Sprintf("UPDATE river_job SET state = 'available', scheduled_at = datetime(scheduled_at, '-%d minutes') WHERE state = 'scheduled'", minutes))
	d.must(err)
}

func (d *desk) file() *sql.DB {
	d.Helper()
	db, err := sql.Open("sqlite", "file:"+d.database+"?_pragma=busy_timeout(5000)")
	d.must(err)
	return db
}

// hold keeps everybody else from writing until it is released.
func (d *desk) hold() (release func()) {
	if strings.HasPrefix(d.database, "postgres") {
		ctx := context.WithoutCancel(d.Context())
		conn, err := pgx.Connect(ctx, d.database)
		if err == nil {
			_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE credence.gitea_tokens, credence.n8n_api_keys IN EXCLUSIVE MODE")
		}
		if err != nil {
			d.Error(err)
			return func() {}
		}
		return func() { d.must(conn.Close(ctx)) }
	}
	db := d.file()
	conn, err := db.Conn(d.Context())
	if err == nil {
		_, err = conn.ExecContext(d.Context(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		d.Error(err)
	}
	return func() { d.must(errors.Join(conn.Close(), db.Close())) }
}

// waits answers when the control plane waits to write, where the database
// tells. On SQLite nobody can see it; there it writes nothing all the same,
// whether it has read the answer or not.
func (d *desk) waits() {
	if !strings.HasPrefix(d.database, "postgres") {
		return
	}
	if err := harness.Until(d.Context(), harness.Patience, "the control plane writes", func() error {
		if n := pgserver.Query(d, d.database, "SELECT count(*)::text FROM pg_locks WHERE NOT granted"); n[0] == "0" {
			return errors.New("nobody waits")
		}
		return nil
	}); err != nil {
		d.Error(err)
	}
}
