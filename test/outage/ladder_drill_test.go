package outage

import (
	"net/http"
	"strings"
	"testing"

	"credence/management/client"
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
