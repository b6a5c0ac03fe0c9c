package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"credence/test/link"
	"credence/test/redisserver"
)

// The library's pool looks for a server that is gone once a second, and sees
// only then that it was closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func set(ctx context.Context, r redis.UniversalClient) error {
	return r.Set(ctx, "crd:test:a", "1", time.Minute).Err()
}

// until asks again and again until the check answers nil.
func until(t *testing.T, what string, check func() error) {
	t.Helper()
	untilWithin(t, time.Minute, what, check)
}

func untilWithin(t *testing.T, patience time.Duration, what string, check func() error) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// goesAway calls until Redis counts as away; each of the calls has to end by
// its own budget, as nothing else would end it.
func goesAway(t *testing.T, c *Client) {
	t.Helper()
	for range trips {
		if err := c.Call(t.Context(), set); !errors.Is(err, ErrAway) {
			t.Fatalf("answered %v, want %v", err, ErrAway)
		}
	}
	if c.Stats().Up || !strings.HasPrefix(c.Note(), "away since ") {
		t.Fatalf("%+v, note %q: want it away", c.Stats(), c.Note())
	}
	asked := c.Stats().Calls
	err := c.Call(t.Context(), func(context.Context, redis.UniversalClient) error {
		t.Error("asked a Redis that is away")
		return nil
	})
	if s := c.Stats(); !errors.Is(err, ErrAway) || s.Calls != asked || s.Refused == 0 {
		t.Fatalf("answered %v with %+v, want %v at once", err, s, ErrAway)
	}
}

// comesBack waits for the probe, and then calls.
func comesBack(t *testing.T, c *Client) {
	t.Helper()
	until(t, "redis comes back", func() error {
		if !c.Stats().Up || c.Note() != "" {
			return errors.New(c.Note())
		}
		return c.CallWithin(t.Context(), time.Minute, set)
	})
}

// Only the budget ends a call of a Redis that hangs: the other times are an
// hour, and it hangs until all calls have ended.
func TestACallEndsWithItsBudgetWhateverHangs(t *testing.T) {
	single, watched, cluster := redisserver.Start(t), redisserver.StartSentinels(t), redisserver.StartCluster(t)
	for _, c := range []struct {
		name    string
		options Options
		servers []*redisserver.Server
		warm    bool // there is a connection that works before
	}{
		{"single", Options{Addresses: []string{single.Address()}}, []*redisserver.Server{single}, true},
		{"single at the first call", Options{Addresses: []string{single.Address()}}, []*redisserver.Server{single}, false},
		{"master", Options{Addresses: watched.Addresses(), MasterName: redisserver.MasterName}, []*redisserver.Server{watched.Master()}, true},
		{"Sentinels and master at the first call", Options{Addresses: watched.Addresses(), MasterName: redisserver.MasterName}, watched.All(), false},
		{"owner of a slot", Options{Addresses: cluster.Addresses(), Cluster: true}, []*redisserver.Server{cluster.Owner("crd:test:a")}, true},
		{"Cluster at the first call", Options{Addresses: cluster.Addresses(), Cluster: true}, cluster.All(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.DialTimeout, c.options.Budget = time.Hour, 20*time.Millisecond
			client := openPatient(t, c.options)
			if c.warm {
				if err := client.CallWithin(t.Context(), time.Minute, set); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range c.servers {
				if err := s.Freeze(); err != nil {
					t.Fatal(err)
				}
			}
			goesAway(t, client)
			for _, s := range c.servers {
				if err := s.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Close(); err != nil { // with a probe that still waits
				t.Error(err)
			}
		})
	}
}

func TestARedisThatComesBackEmptyIsUsedAgain(t *testing.T) {
	s := redisserver.Start(t)
	c := openPatient(t, Options{Addresses: []string{s.Address()}, DialTimeout: time.Second})
	if err := c.Call(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	goesAway(t, c)
	if err := s.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	comesBack(t, c)
	if n := c.Stats().Losses; n != 1 {
		t.Errorf("counted %d losses, want 1", n)
	}
}

func TestTheClientFollowsASentinelFailover(t *testing.T) {
	s := redisserver.StartSentinels(t)
	c := openPatient(t, Options{Addresses: s.Addresses(), MasterName: redisserver.MasterName, DialTimeout: time.Second, Budget: time.Second})
	if err := c.Call(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	s.Failover()
	until(t, "calls reach the new master", func() error { return c.Call(t.Context(), set) })
	if n := s.Master().Admin().Exists(t.Context(), "crd:test:a").Val(); n != 1 {
		t.Error("the call went elsewhere")
	}
}

func TestTheClientFollowsSlotsAndPrimariesOfACluster(t *testing.T) {
	s := redisserver.StartCluster(t)
	c := openPatient(t, Options{Addresses: s.Addresses(), Cluster: true, DialTimeout: time.Second, Budget: time.Second})
	if err := c.Call(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	s.MoveSlot("crd:test:a")
	if err := c.Call(t.Context(), set); err != nil {
		t.Errorf("after the slot moved: %v", err)
	}
	s.KillOwner("crd:test:a")
	until(t, "calls reach the replica that took over", func() error { return c.Call(t.Context(), set) })
}

// A replica that is cut off goes on without Redis while the others use it.
func TestAReplicaThatIsCutOffIsAloneInThat(t *testing.T) {
	s := redisserver.Start(t)
	line, err := link.Start(t.Context(), s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	cut := openPatient(t, Options{Addresses: []string{line.Address.String()}, DialTimeout: time.Second, Budget: 100 * time.Millisecond})
	other := openPatient(t, Options{Addresses: []string{s.Address()}})
	if err := cut.CallWithin(t.Context(), time.Minute, set); err != nil {
		t.Fatal(err)
	}
	line.Hold()
	goesAway(t, cut)
	if err := other.Call(t.Context(), set); err != nil {
		t.Error(err)
	}
	line.Mend()
	comesBack(t, cut)
}

// liar is a server that answers every connection with the same bytes, again
// and again.
func liar(t *testing.T, answer string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var all []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			all = append(all, conn)
			go func() {
				reader := bufio.NewReader(conn)
				for {
					if _, err := reader.ReadString('\n'); err != nil {
						return
					}
					if _, err := io.WriteString(conn, answer); err != nil {
						return
					}
				}
			}()
		}
		for _, c := range all {
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

func TestAHostileServerIsAsGoodAsNone(t *testing.T) {
	for name, answer := range map[string]string{
		"nonsense":                "HTTP/1.1 400 Bad Request\r\n\r\n",
		"a string without end":    "$99999999999\r\n",
		"more than memory":        "$9223372036854775807\r\n",
		"an array without end":    "*2147483647\r\n",
		"arrays in arrays":        strings.Repeat("*1\r\n", 1<<16),
		"a line without end":      "+" + strings.Repeat("a", 1<<17),
		"a map of maps":           strings.Repeat("%1\r\n", 1<<12),
		"attributes":              strings.Repeat("|1\r\n+a\r\n", 1<<12),
		"nothing but line ends":   "\r\n\r\n",
		"errors":                  "-ERR no\r\n",
		"moved to another place":  "-MOVED 1 127.0.0.1:1\r\n",
		"a negative length":       "$-2\r\n",
		"a length with an offset": "$+1\r\n",
	} {
		for _, cluster := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s cluster %t", name, cluster), func(t *testing.T) {
				c := openPatient(t, Options{
					Addresses: []string{liar(t, answer)}, Cluster: cluster, DialTimeout: time.Second, Budget: 100 * time.Millisecond,
				})
				goesAway(t, c)
			})
		}
	}
}

// The caller's own end says nothing about Redis.
func TestACallerThatGivesUpMakesNobodyAway(t *testing.T) {
	s := redisserver.Start(t)
	c := openPatient(t, Options{Addresses: []string{s.Address()}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * trips {
		if err := c.Call(ctx, set); !errors.Is(err, ErrAway) {
			t.Fatalf("answered %v", err)
		}
	}
	if s := c.Stats(); !s.Up || s.Failures != 0 {
		t.Errorf("%+v: want it up", s)
	}
	if err := c.Call(t.Context(), set); err != nil {
		t.Error(err)
	}
}

func TestAPanicInACallIsAFailure(t *testing.T) {
	c := openPatient(t, Options{Addresses: []string{"127.0.0.1:1"}})
	err := c.Call(t.Context(), func(context.Context, redis.UniversalClient) error { panic("a bug") })
	if !errors.Is(err, ErrAway) || c.Stats().Failures != 1 {
		t.Errorf("answered %v, %+v", err, c.Stats())
	}
}
