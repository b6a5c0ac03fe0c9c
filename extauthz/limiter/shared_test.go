package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
	"credence/store/limit/limittest"
)

var errCut = errors.New("the line is cut")

// network lies between a replica and the server of budgets: it holds calls up,
// loses them, loses answers, and delivers what it lost later.
type network struct {
	server *limittest.Server
	name   string
	fate   func(call int) fate

	mu       sync.Mutex
	sequence int64
}

// fate is what becomes of one call.
type fate struct {
	there, back time.Duration
	lost        bool          // never arrives
	unanswered  bool          // the answer is lost
	late        time.Duration // arrives this much later, unanswered
	mischief    func(groups []*limit.Group)
}

func (n *network) Slots() int { return n.server.Holder(n.name).Slots() }

func (n *network) Slot(subject string) int { return n.server.Holder(n.name).Slot(subject) }

func (n *network) Draw(ctx context.Context, life time.Duration, groups []*limit.Group) {
	n.mu.Lock()
	n.sequence++
	sequence := n.sequence
	n.mu.Unlock()
	f := fate{}
	if n.fate != nil {
		f = n.fate(int(sequence))
	}
	asked := make([]*limit.Group, len(groups))
	for i, g := range groups {
		asked[i] = &limit.Group{Draws: append([]limit.Draw(nil), g.Draws...)}
	}
	draw := func() {
		for _, g := range asked {
			n.server.DrawAs(n.name, sequence, life, g)
		}
	}
	switch {
	case f.late > 0:
		time.AfterFunc(f.late, draw)
	case !f.lost && pause(ctx, f.there) == nil:
		if draw(); !f.unanswered && pause(ctx, f.back) == nil {
			for i, g := range groups {
				copy(g.Draws, asked[i].Draws)
			}
			if f.mischief != nil {
				f.mischief(groups)
			}
			return
		}
	}
	for _, g := range groups {
		g.Err = errCut
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// fleet is replicas that share limits, in a bubble of time.
type fleet struct {
	*testing.T

	server   *limittest.Server
	replicas []*limiter.Limiter
}

// newFleet makes replicas. drift is how much faster the clock of each is.
func newFleet(t *testing.T, n int, exact bool, drift func(i int) float64, happens func(replica, call int) fate) *fleet {
	t.Helper()
	f := &fleet{T: t, server: &limittest.Server{Now: time.Now}}
	start := time.Now()
	for i := range n {
		now := time.Now
		if drift != nil {
			d := drift(i)
			now = func() time.Time {
				since := time.Since(start)
				return start.Add(since + time.Duration(float64(since)*d))
			}
		}
		line := &network{server: f.server, name: fmt.Sprint("replica-", i)}
		if happens != nil {
			line.fate = func(call int) fate { return happens(i, call) }
		}
		l, err := limiter.New(limiter.Options{
			Store: &memoryCounters{}, Now: now, Logger: slog.New(slog.DiscardHandler), Budgets: line, Exact: exact,
		})
		if err != nil {
			t.Fatal(err)
		}
		l.SetShare(i, n)
		t.Cleanup(func() { _ = l.Close(context.WithoutCancel(t.Context())) })
		f.replicas = append(f.replicas, l)
	}
	return f
}

// take takes from one replica; shared says that no share judged.
func (f *fleet) take(replica int, cost int64, limits ...pipeline.SubjectLimit) (ok, shared bool) {
	f.Helper()
	l := f.replicas[replica]
	before := l.Stats().Shared.Share
	_, ok, err := l.Take(f.Context(), time.Now(), cost, limits, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	return ok, l.Stats().Shared.Share == before
}

func (f *fleet) calls() (calls int64) {
	for _, l := range f.replicas {
		calls += l.Stats().Shared.Calls
	}
	return calls
}

func of(subject string, l limit.Limit) pipeline.SubjectLimit {
	return pipeline.SubjectLimit{Subject: subject, Label: l.Name, Limit: l}
}

// admission is what was admitted when.
type admission struct {
	at   time.Time
	cost int64
}

// excess is by how many units the worst window exceeds burst + rate x window:
// what flows into a leaking bucket at each admission, beyond the burst.
func excess(l limit.Limit, admitted []admission) float64 {
	level, worst := 0.0, 0.0
	for i, a := range admitted {
		if i > 0 {
			level = max(0, level-float64(l.Limit)*float64(a.at.Sub(admitted[i-1].at))/float64(l.Period))
		}
		level += float64(a.cost)
		worst = max(worst, level-float64(l.Capacity()))
	}
	return worst
}

// step is one request of a drawn story.
type step struct {
	pause   time.Duration
	replica int
	cost    int64
}

// story is what happens to a fleet.
type story struct {
	limit    limit.Limit
	replicas int
	steps    []step
	fates    []fate
	drift    []float64
}

func stories(lossy bool) *rapid.Generator[story] {
	return rapid.Custom(func(t *rapid.T) story {
		s := story{
			replicas: rapid.IntRange(1, 5).Draw(t, "replicas"),
			limit: limit.Limit{
				Name: "test", Limit: rapid.Int64Range(1, 400).Draw(t, "rate"), Period: time.Second,
				Burst: rapid.Int64Range(1, 600).Draw(t, "burst"),
			},
		}
		slowest := rapid.Int64Range(1, 40).Draw(t, "slowest_ms")
		for range rapid.IntRange(1, 400).Draw(t, "requests") {
			s.steps = append(s.steps, step{
				time.Duration(rapid.Int64Range(0, slowest*1000).Draw(t, "pause")) * time.Microsecond,
				rapid.IntRange(0, s.replicas-1).Draw(t, "replica"), rapid.Int64Range(1, 3).Draw(t, "cost"),
			})
		}
		for range s.replicas {
			s.drift = append(s.drift, rapid.Float64Range(-0.01, 0.01).Draw(t, "drift"))
		}
		for range 32 {
			s.fates = append(s.fates, anyFate(t, lossy))
		}
		return s
	})
}

func anyFate(t *rapid.T, lossy bool) fate {
	f := fate{there: time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "there")) * time.Microsecond}
	if lossy {
		f.back = time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "back")) * time.Microsecond
		switch rapid.IntRange(0, 12).Draw(t, "fate") {
		case 0:
			f.lost = true
		case 1:
			f.unanswered = true
		case 2:
			f.late = time.Duration(rapid.Int64Range(1, 2500).Draw(t, "late")) * time.Millisecond
		}
	}
	return f
}

// tell lets the story happen and answers what was admitted from the budgets.
func (s *story) tell(t *testing.T, exact bool) (admitted []admission) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, s.replicas, exact, func(i int) float64 { return s.drift[i] },
			func(replica, call int) fate { return s.fates[(replica*7+call)%len(s.fates)] })
		for _, step := range s.steps {
			<-time.After(step.pause)
			if ok, shared := f.take(step.replica, step.cost, of("key:a", s.limit)); ok && shared {
				admitted = append(admitted, admission{time.Now(), step.cost})
			}
		}
		for _, l := range f.replicas {
			_ = l.Close(t.Context())
		}
		<-time.After(5 * time.Second) // calls that were late arrive
	})
	return admitted
}

func TestInAnyWindowAllReplicasTogetherAdmitAtMostBurstPlusRate(t *testing.T) {
	for _, c := range []struct {
		name         string
		exact, lossy bool
	}{{"leased", false, false}, {"leased on a bad line", false, true}, {"exact", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			admitted := 0
			rapid.Check(t, func(r *rapid.T) {
				s := stories(c.lossy).Draw(r, "story")
				told := s.tell(t, c.exact)
				if over := excess(s.limit, told); over > 1e-6 {
					r.Fatalf("%s by %d replicas: %g over", limit.Format(s.limit), s.replicas, over)
				}
				admitted += len(told)
			})
			if admitted == 0 {
				t.Error("nothing was admitted at all")
			}
		})
	}
}

// offer sends requests evenly to all replicas in turn.
func (f *fleet) offer(l limit.Limit, perSecond float64, run time.Duration) (offered int, admitted []admission) {
	var mu sync.Mutex
	var running sync.WaitGroup
	start := time.Now()
	for ; ; offered++ {
		due := time.Duration(float64(offered) / perSecond * float64(time.Second))
		if due >= run {
			break
		}
		<-time.After(time.Until(start.Add(due)))
		replica := offered % len(f.replicas)
		running.Go(func() {
			if ok, _ := f.take(replica, 1, of("key:a", l)); ok {
				mu.Lock()
				defer mu.Unlock()
				admitted = append(admitted, admission{time.Now(), 1})
			}
		})
	}
	running.Wait()
	return offered, admitted
}

func TestTenReplicasUseTheLimitUpAndNoMore(t *testing.T) {
	for _, l := range []limit.Limit{
		{Name: "thousand", Limit: 1000, Period: time.Second},
		{Name: "small", Limit: 100, Period: time.Second, Burst: 20},
	} {
		for _, exact := range []bool{true, false} {
			run := 6 * time.Second
			if exact {
				run = 2 * time.Second // one call for each request is slow to play
			}
			for _, load := range []float64{0.5, 1, 2, 10} {
				t.Run(fmt.Sprintf("%s exact %t load %g", l.Name, exact, load), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := newFleet(t, 10, exact, nil, func(int, int) fate { return fate{there: 200 * time.Microsecond} })
						offered, admitted := f.offer(l, load*float64(l.Limit), run)
						if over := excess(l, admitted); over > 1e-6 {
							t.Errorf("%g units over in a window", over)
						}
						allowed := min(float64(offered), float64(l.Capacity())+float64(l.Limit)*run.Seconds())
						under := 100 * (1 - float64(len(admitted))/allowed)
						calls := float64(f.calls()) / float64(offered)
						t.Logf("%d of %d admitted, %.2f %% under, %.3f calls for each", len(admitted), offered, under, calls)
						if under > 3 {
							t.Errorf("%d admitted of %g: %.2f %% under", len(admitted), allowed, under)
						}
						// Where there is enough in a burst to share it out.
						if !exact && l.Capacity() >= 1000 && calls > 0.05 {
							t.Errorf("%.3f calls for each request", calls)
						}
					})
				})
			}
		}
	}
}
