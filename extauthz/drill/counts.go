package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxMetrics bounds the page that is read.
const maxMetrics = 8 << 20

// watched are the beginnings of the metrics that a drill moves.
func watched() []string {
	return []string{
		"credence_checks_total", "credence_cache_stale_hits_total", "credence_cache_hits_total", "credence_store_lookup_errors_total",
		"credence_feed_failures_total", "credence_limits_judged_total", "credence_limits_redis_failures_total", "credence_redis_failures_total",
	}
}

// watch says what is worth looking at meanwhile.
func watch(kind Kind) string {
	if kind == KindRedis {
		return `  credence_redis_up                              0 until a while after the end
  credence_limits_judged_total{limiter="share"}  grows: limits are kept by this replica's share
  /readyz                                        says so under notes, and stays ready
`
	}
	return `  credence_feed_age_seconds                    grows up to credence_ceiling_seconds at most
  credence_checks_total{reason="unavailable"}  grows by keys that are not in memory
  credence_cache_stale_hits_total              grows by keys that are past their TTL
  /readyz                                      says so under notes, and stays ready
`
}

// counts reads the metrics of a drill from a status port.
func counts(ctx context.Context, status string) (map[string]float64, error) {
	if status == "" {
		return nil, errors.New("the address of the status port is not known; give --status-addr")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+status+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("status address %q: %w", status, err)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request) // no redirects, no proxies
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its bound
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status port %s answers %s", status, answer.Status)
	}
	return readCounts(io.LimitReader(answer.Body, maxMetrics))
}

// readCounts reads the lines that count.
func readCounts(from io.Reader) (map[string]float64, error) {
	all := map[string]float64{}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || !slices.ContainsFunc(watched(), func(of string) bool { return strings.HasPrefix(lines.Text(), of) }) {
			continue
		}
		if value, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil {
			all[lines.Text()[:at]] = value
		}
	}
	return all, lines.Err()
}

// summary prints what has become more.
func summary(to io.Writer, before, after map[string]float64) {
	fmt.Fprintln(to, "counted meanwhile:")
	none := true
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if more := after[name] - before[name]; more > 0 {
			none = false
			fmt.Fprintf(to, "  %10.0f  %s\n", more, name)
		}
	}
	if none {
		fmt.Fprintln(to, "  nothing: was there any traffic?")
	}
}
