package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"credence/store"
)

func jobPromises() []promise {
	return []promise{
		{"InsertJob", "makes the job visible only by the commit", jobByCommit},
		{"RunJobs", "hands the arguments over as they were given", func(f *fixture) {
			for _, want := range []string{`{"b":[1,2.50],"a":"é"}`, `{"n":42}`, `[]`, `"text"`, `7`, `{}`} {
				f.enqueue(store.Job{Kind: "hello", Args: json.RawMessage(want)})
				got := f.runUntil("hello")
				equal(f, string(got), want)
			}
			f.enqueue(store.Job{Kind: "hello"})
			equal(f, string(f.runUntil("hello")), "{}")
		}},
		{"RunJobs", "works off only what is due", func(f *fixture) {
			f.enqueue(
				store.Job{Kind: "hello", Args: json.RawMessage(`"later"`), RunAt: f.clock.now().Add(time.Hour)},
				store.Job{Kind: "hello", Args: json.RawMessage(`"past"`), RunAt: f.clock.now().Add(-time.Hour)},
			)
			equal(f, string(f.runUntil("hello")), `"past"`)
			f.enqueue(store.Job{Kind: "hello", Args: json.RawMessage(`"now"`)})
			equal(f, string(f.runUntil("hello")), `"now"`)
			f.clock.advance(time.Hour)
			equal(f, string(f.runUntil("hello")), `"later"`)
		}},
		{"RunJobs", "tries again after an error and a pause", jobRetry},
		{"RunJobs", "survives a handler that panics", func(f *fixture) {
			panicked, ran := make(chan struct{}), make(chan struct{})
			f.enqueue(store.Job{Kind: "bad"})
			f.run(map[string]store.JobHandler{
				"bad":  func(context.Context, json.RawMessage) error { close(panicked); panic("handler") },
				"good": func(context.Context, json.RawMessage) error { close(ran); return nil },
			}, func() {
				<-panicked
				f.enqueue(store.Job{Kind: "good"})
				<-ran
			})
			f.clock.advance(time.Minute)
			f.runUntil("bad") // it was not lost
		}},
		{"InsertJob", "answers ErrInvalid for arguments that are not JSON and for a kind that is no name", func(f *fixture) {
			for _, j := range []store.Job{{Kind: "hello", Args: json.RawMessage(`{`)}, {Kind: ""}, {Kind: "a kind!"}} {
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.Enqueue(ctx, j) }), store.ErrInvalid)
			}
		}},
		{"InsertJob", "makes another job with Once unless an equal one waits for the same instant", jobOnce},
		{"InsertJob", "makes another job with Once while an equal one runs", func(f *fixture) {
			is := store.Job{Kind: "hello", Args: json.RawMessage(`{"id":"1"}`), RunAt: f.clock.now(), Once: true}
			f.enqueue(is)
			runs := make(chan struct{})
			f.run(map[string]store.JobHandler{"hello": func(ctx context.Context, _ json.RawMessage) error {
				select {
				case runs <- struct{}{}: // the first, which is past its look at what is to be done
					return f.store.Reschedule(ctx, is)
				case <-f.Context().Done():
					return nil
				}
			}}, func() {
				<-runs
				<-runs
			})
		}},
		{"RunJobs", "leaves a kind without a handler queued", func(f *fixture) {
			f.enqueue(store.Job{Kind: "orphan", Args: json.RawMessage(`"waits"`)})
			f.enqueue(store.Job{Kind: "hello"})
			f.runUntil("hello")
			f.run(nil, func() {})
			equal(f, string(f.runUntil("orphan")), `"waits"`)
		}},
		{"RunJobs", "lets running jobs finish and then returns nil", jobFinishes},
		{"RunJobs", "lets a handler use the store", func(f *fixture) {
			f.enqueue(store.Job{Kind: "hello"})
			done := make(chan error, 1)
			f.run(map[string]store.JobHandler{"hello": func(ctx context.Context, _ json.RawMessage) error {
				_, err := f.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
					tx.Audit(record())
					return tx.InsertNamespace(ctx, f.sampleNamespace("by-job"))
				})
				done <- err
				return err
			}}, func() { f.ok(<-done) })
			_, err := f.backend.Namespace(f.Context(), "by-job")
			f.ok(err)
		}},
	}
}

func (f *fixture) enqueue(jobs ...store.Job) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, j := range jobs {
			if err := tx.Enqueue(ctx, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// run runs jobs while fn does, and waits until RunJobs has returned nil.
func (f *fixture) run(handlers map[string]store.JobHandler, fn func()) {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	result := make(chan error, 1)
	go func() { result <- f.backend.RunJobs(ctx, handlers) }()
	fn()
	cancel()
	f.ok(<-result)
}

// runUntil runs the jobs of the kind until one has run, and answers its
// arguments.
func (f *fixture) runUntil(kind string) json.RawMessage {
	f.Helper()
	ran := make(chan json.RawMessage, 100)
	f.run(map[string]store.JobHandler{kind: func(_ context.Context, args json.RawMessage) error {
		ran <- args
		return nil
	}}, func() {
		ran <- <-ran // wait for the first, and keep it
	})
	if len(ran) != 1 {
		f.Fatalf("%d jobs of %s ran, want one", len(ran), kind)
	}
	return <-ran
}

func jobByCommit(f *fixture) {
	undo := errors.New("undo")
	f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.Enqueue(ctx, store.Job{Kind: "hello", Args: json.RawMessage(`"rolled back"`)}), undo)
	}), undo)
	ran := make(chan string, 10)
	f.run(map[string]store.JobHandler{"hello": func(_ context.Context, args json.RawMessage) error {
		ran <- string(args)
		return nil
	}}, func() {
		f.enqueue(store.Job{Kind: "hello", Args: json.RawMessage(`"committed"`)})
		equal(f, <-ran, `"committed"`)
	})
	equal(f, len(ran), 0)
}

// jobRetry lets the first run fail. While the clock stands still no pause can
// be over, so another job comes and goes before the failed one is back.
func jobRetry(f *fixture) {
	runs := make(chan string, 10)
	failed := false
	f.enqueue(store.Job{Kind: "hello", Args: json.RawMessage(`"fails once"`)})
	f.run(map[string]store.JobHandler{"hello": func(_ context.Context, args json.RawMessage) error {
		runs <- string(args)
		if !failed {
			failed = true
			return errors.New("not yet")
		}
		return nil
	}}, func() {
		equal(f, <-runs, `"fails once"`)
		f.enqueue(store.Job{Kind: "hello", Args: json.RawMessage(`"other"`)})
		equal(f, <-runs, `"other"`)
	})
	// RunJobs has returned, so the failure is on record.
	f.clock.advance(time.Minute)
	equal(f, string(f.runUntil("hello")), `"fails once"`)
}

func jobFinishes(f *fixture) {
	f.enqueue(store.Job{Kind: "hello"})
	started, ended := make(chan struct{}), make(chan struct{})
	var finished error
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		result <- f.backend.RunJobs(ctx, map[string]store.JobHandler{"hello": func(jobCtx context.Context, _ json.RawMessage) error {
			close(started)
			<-ended
			// Work that takes a while, with a context that has not ended.
			for range 20 {
				if _, err := f.store.InTx(jobCtx, func(ctx context.Context, tx *store.Tx) error {
					tx.Audit(record())
					return nil
				}); err != nil {
					return err
				}
			}
			finished = errDone
			return nil
		}})
	}()
	<-started
	cancel()
	close(ended)
	f.ok(<-result)
	f.refused(finished, errDone)
	equal(f, len(f.chain(store.DefaultNamespace)), 21)
}

var errDone = errors.New("done")

// jobOnce enqueues the same for the same instant three times, in and beyond one
// transaction, and something else beside it.
func jobOnce(f *fixture) {
	at := f.clock.now().Add(time.Hour)
	is := store.Job{Kind: "hello", Args: json.RawMessage(`{"id":"1"}`), RunAt: at, Once: true}
	other, later, kind := is, is, is
	other.Args = json.RawMessage(`{"id":"2"}`)
	later.RunAt = at.Add(time.Microsecond)
	kind.Kind = "else"
	f.enqueue(is, is, other)
	f.enqueue(is, later, kind)
	f.ok(f.store.Reschedule(f.Context(), is))
	f.clock.advance(2 * time.Hour)
	ran := make(chan string, 100)
	tell := func(_ context.Context, args json.RawMessage) error { ran <- string(args); return nil }
	var got []string
	f.run(map[string]store.JobHandler{"hello": tell}, func() {
		for range 3 {
			got = append(got, <-ran)
		}
	})
	slices.Sort(got)
	equal(f, got, []string{`{"id":"1"}`, `{"id":"1"}`, `{"id":"2"}`})
	equal(f, len(ran), 0)
	f.enqueue(is) // what has run does not wait any more
	equal(f, string(f.runUntil("hello")), `{"id":"1"}`)
}
