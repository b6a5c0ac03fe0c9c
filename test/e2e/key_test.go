package e2e_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"credence/management/client"
)

// key is a key and its text.
type key struct {
	id   string
	text string
}

// newKey makes a key over the API. change may say more of it than its name.
func (d *deployment) newKey(t *testing.T, change func(*client.KeyCreate)) key {
	t.Helper()
	in := client.KeyCreate{Name: t.Name()}
	if len(in.Name) > 60 {
		in.Name = in.Name[:60]
	}
	if change != nil {
		change(&in)
	}
	made, err := d.api.KeyCreate(t.Context(), client.KeyCreateInput{Body: in})
	if err != nil {
		t.Fatalf("create a key: %v", err)
	}
	return key{id: made.Key.KeyID, text: made.KeyText.Reveal()}
}

// names counts what unique has answered.
var names atomic.Int64

// unique answers a name that no other test has, nor the same one run again.
func unique(name string) string { return fmt.Sprintf("%s-%d", name, names.Add(1)) }

// header is the key where callers usually put it.
func (k key) header() [2]string { return [2]string{"x-api-key", k.text} }

// limited makes a key that may be used that often in an hour.
func limited(times int64) func(*client.KeyCreate) {
	return func(in *client.KeyCreate) {
		in.Limits = []client.Limit{{Name: "hourly", Limit: times, Period: "1h", Burst: times}}
	}
}
