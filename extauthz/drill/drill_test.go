package drill

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ceiling = 10 * time.Minute

// office is an Officer at work.
type office struct {
	testing.TB

	*Officer
	folder string
	store  atomic.Bool
	log    bytes.Buffer
	stop   func()
}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{TB: t, folder: t.TempDir()}
	o.begin()
	return o
}

// begin is the start of a process.
func (o *office) begin() {
	o.Helper()
	var err error
	o.Officer, err = NewOfficer(OfficerOptions{
		Folder: o.folder, Ceiling: ceiling, Now: time.Now, Logger: slog.New(slog.NewTextHandler(&o.log, nil)),
		Down: map[Kind]func(bool){KindStore: o.store.Store},
	})
	o.ok(err)
	ctx, stop := context.WithCancel(o.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = o.Run(ctx) }()
	o.stop = func() { stop(); <-ended }
}

func (o *office) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// order writes one and waits until it was looked at.
func (o *office) order(kind Kind, d time.Duration) state {
	o.Helper()
	o.ok(write(o.folder, orderFile, order{ID: "1", Kind: kind, For: d}))
	pass(2 * look)
	var s state
	o.ok(read(o.folder, stateFile, &s))
	return s
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

func TestADrillEndsByItselfAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		defer o.stop()
		if s := o.order(KindStore, time.Minute); s.Phase != phaseRunning || !o.store.Load() || o.Active() != KindStore {
			t.Fatalf("%+v, store down: %v", s, o.store.Load())
		}
		if note := o.Note(); !strings.Contains(note, "store-outage until ") {
			t.Errorf("note %q", note)
		}
		pass(58 * time.Second)
		if !o.store.Load() {
			t.Error("it ended early")
		}
		pass(3 * time.Second)
		if o.store.Load() || o.Active() != "" || o.Note() != "" {
			t.Error("it goes on")
		}
		if log := o.log.String(); !strings.Contains(log, "drill begins") || !strings.Contains(log, "drill ends") {
			t.Errorf("log %s", log)
		}
	})
}

func TestADrillEndsWhenItIsToldToAndWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		o.order(KindStore, time.Minute)
		if s := o.order(KindEnd, 0); s.Phase != phaseEnded || o.store.Load() {
			t.Errorf("%+v", s)
		}
		o.order(KindStore, time.Minute)
		o.stop()
		if o.store.Load() {
			t.Error("the process has ended and its drill has not")
		}
		o.ok(write(o.folder, orderFile, order{ID: "2", Kind: KindStore, For: time.Minute}))
		o.begin()
		defer o.stop()
		pass(2 * look)
		if o.store.Load() {
			t.Error("what was ordered before the start was done")
		}
	})
}

func TestADrillIsAtMostAsLongAsTheCeilingAndOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		defer o.stop()
		for _, d := range []time.Duration{ceiling + 1, 0, -time.Second} {
			if s := o.order(KindStore, d); s.Phase != phaseRefused || !strings.Contains(s.Problem, "10m0s") || o.store.Load() {
				t.Errorf("for %s: %+v", d, s)
			}
		}
		if s := o.order(KindRedis, time.Minute); s.Phase != phaseRefused || !strings.Contains(s.Problem, "store-outage") {
			t.Errorf("what the process has not: %+v", s)
		}
		o.order(KindStore, ceiling)
		if s := o.order(KindStore, time.Second); s.Phase != phaseRefused || !o.store.Load() {
			t.Errorf("a second one: %+v", s)
		}
	})
}

func TestAnOrderThatOthersCouldHaveWrittenIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t)
		defer o.stop()
		path := filepath.Join(o.folder, orderFile)
		text := []byte(`{"id":"1","kind":"store-outage","for_ns":60000000000}`)
		for name, lay := range map[string]func() error{
			"mode 0644": func() error { return errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, 0o644)) },
			"a link": func() error {
				return errors.Join(os.WriteFile(path+".real", text, 0o600), os.Symlink(path+".real", path))
			},
			"no order": func() error { return os.WriteFile(path, []byte("nonsense"), 0o600) },
		} {
			o.ok(lay())
			pass(2 * look)
			if o.store.Load() {
				t.Errorf("%s was followed", name)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s lies there still: %v", name, err)
			}
		}
		if !strings.Contains(o.log.String(), "drill order is not followed") {
			t.Errorf("log %s", o.log.String())
		}
	})
}

func TestTheCommandSaysWhatWasCountedMeanwhile(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("credence_cache_hits_total 1" + strings.Repeat("0", int(asked.Add(1))) + "\nother 1\n"))
	}))
	defer server.Close()
	o := open(t)
	defer o.stop()
	var out bytes.Buffer
	r := rehearsal{out: &out, folder: o.folder, status: strings.TrimPrefix(server.URL, "http://"), duration: shortest}
	o.ok(r.run(t.Context(), KindStore))
	if text := out.String(); !strings.Contains(text, "store-outage is over") || !strings.Contains(text, "90  credence_cache_hits_total") {
		t.Errorf("%s", text)
	}
	r.duration = 2 * ceiling
	if err := r.run(t.Context(), KindStore); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "ceiling") {
		t.Errorf("%v, want a refusal that names the ceiling", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.duration = ceiling
	r.out = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }) // Ctrl-C as soon as it says that it runs
	if err := r.run(ctx, KindStore); err != nil || o.store.Load() {
		t.Errorf("%v; store down: %v; want that it ended with the command", err, o.store.Load())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
