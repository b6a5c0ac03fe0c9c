package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Stream is an answer of any length, to be read to its end and closed.
type Stream struct{ Body io.ReadCloser }

// stream makes one request whose answer is read by the caller, and may take as
// long as ctx lets it.
func stream(ctx context.Context, c *Client, method, path string, in any) (Stream, error) {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return Stream{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	patient := *c.http
	patient.Timeout = 0
	res, err := patient.Do(req)
	if err != nil {
		return Stream{}, unreachable(ctx, c.base, err)
	}
	if res.StatusCode == http.StatusOK {
		return Stream{Body: res.Body}, nil
	}
	defer res.Body.Close() //nolint:errcheck // nothing left to lose
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Stream{}, unreachable(ctx, c.base, err)
	}
	return Stream{}, problem(res, answer)
}
