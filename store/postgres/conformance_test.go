package postgres_test

import (
	"testing"
	"time"

	"credence/store"
	"credence/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel() // beside the suite behind a pooler
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
		t.Helper()
		o := options(database(t))
		o.Now = now
		return open(t, o)
	})
}
