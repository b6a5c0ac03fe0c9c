package remote

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// notNow reports whether the same call may well be answered later.
func notNow(a Answer, err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind == Unavailable
	}
	switch a.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// between is how long to wait after an attempt: what the program asks for, or
// longer each time, and not long in any case.
func between(attempt int, a Answer, now time.Time) time.Duration {
	if asked := a.RetryAfter(now); asked > 0 {
		return min(asked, longestWait)
	}
	return min(firstWait<<(attempt-1), longestWait)
}

// RetryAfter is how long the program asks to be left alone; 0 when it does not.
func (a *Answer) RetryAfter(now time.Time) time.Duration {
	value := a.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Wait waits, unless ctx ends before.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
