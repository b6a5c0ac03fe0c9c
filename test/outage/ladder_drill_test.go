package outage

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"credence/management/client"
	"credence/test/redisserver"
)

// A drill is an outage: what was known works, the rest gets 503, receipts name
// the replica. Then it is over by itself, and revocations have arrived.
func TestADrillOfTheStoreIsAnOutageThatEndsByItself(t *testing.T) {
	t.Parallel() // it hurts its own database only
	r := newRung(t)
	id, known := r.key()
	fresh := r.texts(1)[0]
	r.keeps(known)
	over := make(chan string, 1)
	go func() {
		out, err := r.replica.CLI(r.Context(), nil, "drill", "store-outage", "--for", "10s")
		if err != nil {
			r.Error(err)
		}
		over <- out
	}()
	r.says("/metrics", `credence_drill_active{kind="store-outage"} 1`)
	r.says("/readyz", "a drill: store-outage until ")
	r.gets(fresh, http.StatusServiceUnavailable)
	receipt := r.revoke(id, "1s")
	if receipt.State != client.ReceiptPartial || len(receipt.Silent) != 1 {
		t.Errorf("receipt %+v, want a partial one that names the replica", receipt)
	}
	r.hammers(known, http.StatusOK)
	out := <-over
	if !strings.Contains(out, "store-outage is over") || !strings.Contains(out, `reason="unavailable"`) {
		t.Errorf("the command said %s", out)
	}
	r.gets(known, http.StatusUnauthorized)
	r.gets(fresh, http.StatusOK)
	id, _ = r.key()
	if receipt := r.revoke(id, "30s"); receipt.State != client.ReceiptComplete {
		t.Errorf("receipt %+v, want a complete one: it is over", receipt)
	}
}

// A drill of Redis, which is there all the time: the replica judges limits by
// its share and says so, requests and receipts are as before, and another
// client of the same Redis notices nothing. Then Redis is asked again.
func TestADrillOfRedisKeepsToTheShareAndEndsByItself(t *testing.T) {
	t.Parallel() // it hurts its own replica only
	redis := redisserver.Start(t)
	r := newRung(t, "--redis", redis.Address())
	made, err := r.api.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{
		Name: "limited", Limits: []client.Limit{{Name: "hour", Limit: 100_000, Period: "1h"}},
	}})
	r.must(err)
	id, _ := r.key()
	r.gets(made.KeyText.Reveal(), http.StatusOK)
	r.says("/metrics", "credence_redis_up 1\n")
	asked := redis.Admin().DBSize(t.Context()).Val()
	if asked == 0 {
		t.Error("nothing lies in Redis before the drill")
	}
	over := make(chan string, 1)
	go func() {
		out, err := r.replica.CLI(r.Context(), nil, "drill", "redis-outage", "--for", "10s")
		if err != nil {
			r.Error(err)
		}
		over <- out
	}()
	r.says("/metrics", `credence_drill_active{kind="redis-outage"} 1`)
	r.says("/readyz", "a drill: redis-outage until ")
	r.hammers(made.KeyText.Reveal(), http.StatusOK)
	r.says("/metrics", "credence_redis_up 0\n")
	r.says("/metrics", "credence_limits_redis_away 1\n")
	if receipt := r.revoke(id, "30s"); receipt.State != client.ReceiptComplete {
		t.Errorf("receipt %+v, want a complete one: changes are read from the database", receipt)
	}
	r.must(redis.Admin().Ping(t.Context()).Err())
	if out := <-over; !strings.Contains(out, "redis-outage is over") || !strings.Contains(out, `limiter="share"`) {
		t.Errorf("the command said %s", out)
	}
	r.says("/metrics", "credence_redis_up 1\n")
	r.until("limits are asked of Redis again", func() error {
		r.gets(made.KeyText.Reveal(), http.StatusOK)
		if !strings.Contains(r.status("/metrics"), "credence_limits_redis_away 0\n") {
			return errors.New("still away")
		}
		return nil
	})
}
