package jobs

import (
	"context"
	"time"

	"credence/store"
)

// n8nKeyTender is the use-case. Service of package management fulfils it.
type n8nKeyTender interface {
	// N8NKeyTend does what is due for a key of n8n and answers the zero time when
	// nothing is left to do, else the instant at which to call again.
	N8NKeyTend(ctx context.Context, id string) (again time.Time, err error)
}

func n8nKeyTend(keys n8nKeyTender) due {
	return due{kind: store.KindN8NKey, field: "id", do: keys.N8NKeyTend}
}
