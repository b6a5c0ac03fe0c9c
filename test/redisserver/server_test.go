package redisserver_test

import (
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"credence/test/redisserver"
)

func TestARestartedServerIsEmptyAtTheSameAddress(t *testing.T) {
	s := redisserver.Start(t)
	before := s.Address()
	if err := s.Admin().Set(t.Context(), "a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Admin().DBSize(t.Context()).Val(); n != 0 || s.Address() != before {
		t.Errorf("%d keys at %s, before at %s", n, s.Address(), before)
	}
}

func TestTheRightsOfTestsAreThoseThatAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "`"+redisserver.Rights+"`") {
		t.Errorf("docs/deployment.md does not say %q", redisserver.Rights)
	}
	nameless := redis.NewClient(&redis.Options{Addr: redisserver.Start(t).Address(), MaxRetries: -1})
	defer nameless.Close() //nolint:errcheck // nothing to be done about it
	if err := nameless.ConfigGet(t.Context(), "*").Err(); err == nil {
		t.Error("a user without a name may read the configuration")
	}
}

func TestSentinelsFailOver(t *testing.T) {
	s := redisserver.StartSentinels(t)
	first := s.Master()
	if old := s.Failover(); old != first || s.Master() == first {
		t.Error("the killed server is the master still")
	}
}

func TestAClusterMovesSlotsAndReplacesPrimaries(t *testing.T) {
	c := redisserver.StartCluster(t)
	owner := c.Owner("a")
	if err := owner.Admin().Set(t.Context(), "a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	c.MoveSlot("a")
	moved := c.Owner("a")
	if moved == owner || moved.Admin().Get(t.Context(), "a").Val() != "1" {
		t.Error("the slot did not move with its key")
	}
	c.KillOwner("a")
	if c.Owner("a") == moved {
		t.Error("the killed server has the slot still")
	}
}
