package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// AccessLog is the file Envoy writes a line of JSON into for every request.
type AccessLog struct{ path string }

// Text is the file as it stands.
func (a *AccessLog) Text() ([]byte, error) {
	text, err := os.ReadFile(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read access log: %w", err)
	}
	return text, nil
}

// Entries are the whole lines written so far.
func (a *AccessLog) Entries() ([]map[string]any, error) {
	text, err := a.Text()
	if err != nil {
		return nil, err
	}
	var entries []map[string]any
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return entries, nil
		}
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("read access log: %q: %w", line, err)
		}
		entries = append(entries, entry)
		text = rest
	}
}

// Await waits for an entry whose path is the given one and answers the first.
func (a *AccessLog) Await(ctx context.Context, path string) (map[string]any, error) {
	var found map[string]any
	err := Until(ctx, Patience, "access log entry of "+path, func() error {
		entries, err := a.Entries()
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry["path"] == path {
				found = entry
				return nil
			}
		}
		return fmt.Errorf("not among %d entries", len(entries))
	})
	return found, err
}
