package fleet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/test/harness"
)

// knows demands that a replica counts so many live ones.
func knows(ctx context.Context, c *harness.Credence, replicas int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Status+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("\ncredence_replicas_live %d\n", replicas); !strings.Contains(string(text), want) {
		return fmt.Errorf("%s does not say %q", c.Status, strings.TrimSpace(want))
	}
	return nil
}

// Without anything that counts for all of them, each replica keeps to its
// share, so that together they admit what the limit says.
func TestReplicasTogetherAdmitNoMoreThanTheLimit(t *testing.T) {
	d := prepare(t)
	m := d.management()
	replicas := []*harness.Credence{d.extauthz(), d.extauthz()}
	for _, r := range replicas {
		err := harness.Until(t.Context(), 30*time.Second, "both replicas know each other", func() error {
			return knows(t.Context(), r, len(replicas))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const limit = 5
	_, file := d.newKey(m, "--limit", fmt.Sprintf("%d/d", limit))
	admitted := 0
	for range limit + 1 {
		for _, r := range replicas {
			if err := d.check(r, file); err != nil {
				refused(t, err)
				continue
			}
			admitted++
		}
	}
	if admitted != limit {
		t.Errorf("%d replicas admitted %d, the limit is %d", len(replicas), admitted, limit)
	}
}
