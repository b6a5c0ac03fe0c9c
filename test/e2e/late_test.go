package e2e_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/test/harness"
)

// checksAllowed is how many Checks the server has answered with an allow.
func checksAllowed(t *testing.T, d *deployment) int64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.credence.Status+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	var total int64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(name, "credence_checks_total{") || !strings.Contains(name, `decision="allow"`) {
			continue
		}
		var n float64
		if _, err := fmt.Sscan(value, &n); err != nil {
			t.Fatal(err)
		}
		total += int64(n)
	}
	return total
}

// Envoy takes an allow that arrives together with its own timeout, so the
// server must not send one whose Check is over. Checks are held up until about
// the timeout, a bit earlier or later each time: as many requests reach the
// upstream as Checks were allowed in time, at most, and the others get 503.
func TestALateAllowLetsNothingPass(t *testing.T) {
	t.Parallel()
	const timeout = 40 * time.Millisecond
	d := own(t, func(c *harness.Config) error {
		if err := c.Set(harness.ExtAuthzPlace+"/grpc_service/retry_policy", nil); err != nil {
			return err
		}
		if err := c.Set(harness.CredencePlace+"/health_checks", []any{}); err != nil {
			return err // they would take the host out while it is frozen
		}
		if err := c.Set(harness.CredencePlace+"/outlier_detection", nil); err != nil {
			return err
		}
		return c.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", fmt.Sprintf("%.3fs", timeout.Seconds()))
	})
	k := d.newKey(t, nil)
	statuses := map[int]int64{}
	for i := range 30 {
		if err := d.credence.Freeze(t.Context()); err != nil {
			t.Fatal(err)
		}
		replies := make(chan int, 1)
		go func() {
			defer close(replies)
			if r, err := d.try(t, "", "GET", "/late", k.header()); err == nil {
				replies <- r.status
			}
		}()
		<-time.After(timeout + time.Duration(i-15)*time.Millisecond) // a stimulus; nothing depends on it
		if err := d.credence.Thaw(); err != nil {
			t.Fatal(err)
		}
		status, ok := <-replies
		if !ok || status != 200 && status != 503 {
			t.Fatalf("status %d, want 200 or 503", status)
		}
		statuses[status]++
	}
	if statuses[503] == 0 {
		t.Fatalf("statuses %v: no Check was late, nothing was tested", statuses)
	}
	if passed := d.echo.Requests(); passed != statuses[200] {
		t.Errorf("%d requests reached the upstream, %d clients got 200", passed, statuses[200])
	}
	err := harness.Until(t.Context(), harness.Patience, "as many allows as requests that passed", func() error {
		if allowed := checksAllowed(t, d); allowed < statuses[200] {
			return fmt.Errorf("%d requests passed, %d Checks were allowed", statuses[200], allowed)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
