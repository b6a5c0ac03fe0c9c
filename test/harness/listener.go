package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// CopyListener adds a copy of the listener "gateway" under another name, so
// that one Envoy serves several variants of a configuration. Its counters
// begin with "http.NAME." instead of "http.gateway.". Where its parts are says
// [In].
func (c *Config) CopyListener(name string) error {
	listener, err := c.Get(ListenerPlace)
	if err != nil {
		return err
	}
	text, err := json.Marshal(listener)
	if err != nil {
		return fmt.Errorf("copy Envoy's listener: %w", err)
	}
	var twin map[string]any
	if err := json.Unmarshal(text, &twin); err != nil {
		return fmt.Errorf("copy Envoy's listener: %w", err)
	}
	twin["name"] = name
	if err := c.Append("static_resources/listeners", twin); err != nil {
		return err
	}
	return c.Set(In(name, HCMPlace+"/stat_prefix"), name)
}

// In is a place of the listener "gateway" in one of its copies.
func In(listener, place string) string {
	return strings.Replace(place, ListenerPlace, "static_resources/listeners/"+listener, 1)
}

// Listener answers host:port of a listener.
func (e *Envoy) Listener(ctx context.Context, name string) (string, error) {
	return e.listener(ctx, name)
}
