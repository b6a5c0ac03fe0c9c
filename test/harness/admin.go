package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// get reads a page of Envoy's admin interface.
func (e *Envoy) get(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, "http://"+e.admin+path)
}

// get reads a page that must answer 200.
func get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	// A connection per page: the server on the other side may be another one
	// next time.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err // says method and address itself
	}
	defer response.Body.Close() //nolint:errcheck // it was read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s: %s", address, response.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// listener answers the address that a listener is bound to.
func (e *Envoy) listener(ctx context.Context, name string) (string, error) {
	body, err := e.get(ctx, "/listeners?format=json")
	if err != nil {
		return "", err
	}
	var page struct {
		Listeners []struct {
			Name  string `json:"name"`
			Local struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return "", fmt.Errorf("envoy admin /listeners: %w", err)
	}
	for _, l := range page.Listeners {
		if l.Name == name && l.Local.Socket.Port != 0 {
			return fmt.Sprintf("%s:%d", l.Local.Socket.Address, l.Local.Socket.Port), nil
		}
	}
	return "", fmt.Errorf("envoy has no bound listener %q", name)
}

// Stats answers the counters and gauges whose name contains part.
func (e *Envoy) Stats(ctx context.Context, part string) (map[string]int64, error) {
	body, err := e.get(ctx, "/stats?format=json&type=All&filter="+url.QueryEscape(part))
	if err != nil {
		return nil, err
	}
	var page struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, fmt.Errorf("envoy admin /stats: %w", err)
	}
	stats := make(map[string]int64, len(page.Stats))
	for _, s := range page.Stats {
		var n int64
		if s.Name != "" && json.Unmarshal(s.Value, &n) == nil { // text values are no counters
			stats[s.Name] = n
		}
	}
	return stats, nil
}

// AwaitHealthy waits until Envoy's health checks have found every host of the
// cluster healthy (healthy true) or none (false).
func (e *Envoy) AwaitHealthy(ctx context.Context, cluster string, healthy bool) error {
	what := fmt.Sprintf("cluster %s healthy=%t", cluster, healthy)
	return e.await(ctx, what, func() error {
		stats, err := e.Stats(ctx, "cluster."+cluster+".membership_")
		if err != nil {
			return err
		}
		total, good := stats["cluster."+cluster+".membership_total"], stats["cluster."+cluster+".membership_healthy"]
		if total == 0 {
			return errors.New("no hosts yet")
		}
		if (healthy && good == total) || (!healthy && good == 0) {
			return nil
		}
		return fmt.Errorf("%d of %d hosts healthy", good, total)
	})
}

// ExtAuthz answers the ext_authz filter's own counters, by their last word:
// ok, denied, error, failure_mode_allowed, invalid, disabled.
func (e *Envoy) ExtAuthz(ctx context.Context) (map[string]int64, error) {
	return e.ExtAuthzOf(ctx, "gateway")
}

// ExtAuthzOf is ExtAuthz for a copy of the listener.
func (e *Envoy) ExtAuthzOf(ctx context.Context, listener string) (map[string]int64, error) {
	prefix := "http." + listener + ".ext_authz.credence."
	stats, err := e.Stats(ctx, prefix)
	if err != nil {
		return nil, err
	}
	counters := map[string]int64{}
	for name, value := range stats {
		if last, ok := strings.CutPrefix(name, prefix); ok {
			counters[last] = value
		}
	}
	return counters, nil
}
