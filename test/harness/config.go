package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config is an Envoy configuration, read from a shipped file and changed at
// named places.
type Config struct {
	document any
}

// ReadConfig reads a YAML file.
func ReadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Envoy configuration: %w", err)
	}
	c := &Config{}
	if err := yaml.Unmarshal(text, &c.document); err != nil {
		return nil, fmt.Errorf("read Envoy configuration %s: %w", path, err)
	}
	return c, nil
}

// ShippedConfig reads envoy/envoy.yaml of this repository.
func ShippedConfig() (*Config, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	return ReadConfig(filepath.Join(root, "envoy", "envoy.yaml"))
}

// Get answers the value at a place. A place is a path through the document,
// its steps parted by "/": a field's name, or for a list the name of the
// element ("listeners/gateway"), or "0" for its first element when its
// elements have no names. The error says how far the path led.
func (c *Config) Get(place string) (any, error) {
	value := c.document
	var walked []string
	for step := range strings.SplitSeq(place, "/") {
		walked = append(walked, step)
		next, ok := child(value, step)
		if !ok {
			return nil, fmt.Errorf("the Envoy configuration has no %s (looking for %s)", strings.Join(walked, "/"), place)
		}
		value = next
	}
	return value, nil
}

// Set changes the value at a place that exists already.
func (c *Config) Set(place string, value any) error {
	if _, err := c.Get(place); err != nil {
		return err
	}
	return c.Add(place, value)
}

// Add sets the value at a place whose last step may be new.
func (c *Config) Add(place string, value any) error {
	parent, last := "", place
	if at := strings.LastIndex(place, "/"); at >= 0 {
		parent, last = place[:at], place[at+1:]
	}
	container := c.document
	if parent != "" {
		var err error
		if container, err = c.Get(parent); err != nil {
			return err
		}
	}
	fields, ok := container.(map[string]any)
	if !ok {
		return fmt.Errorf("the Envoy configuration's %s is no object, so %q cannot be set in it", parent, last)
	}
	fields[last] = value
	return nil
}

// Prepend puts an element before the others of the list at a place.
func (c *Config) Prepend(place string, element any) error {
	value, err := c.Get(place)
	if err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		return fmt.Errorf("the Envoy configuration's %s is no list", place)
	}
	return c.Set(place, append([]any{element}, list...))
}

// Append puts an element behind the others of the list at a place.
func (c *Config) Append(place string, element any) error {
	value, err := c.Get(place)
	if err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		return fmt.Errorf("the Envoy configuration's %s is no list", place)
	}
	return c.Set(place, append(append([]any(nil), list...), element))
}

// Document is the configuration as maps and lists.
func (c *Config) Document() any { return c.document }

// Write stores the configuration as JSON, which Envoy reads as well.
func (c *Config) Write(path string) error {
	text, err := json.MarshalIndent(c.document, "", "  ")
	if err != nil {
		return fmt.Errorf("write Envoy configuration: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write Envoy configuration: %w", err)
	}
	return nil
}

// child follows one step.
func child(value any, step string) (any, bool) {
	switch v := value.(type) {
	case map[string]any:
		next, ok := v[step]
		return next, ok
	case []any:
		for _, element := range v {
			fields, ok := element.(map[string]any)
			if ok && fields["name"] == step {
				return element, true
			}
		}
		if step == "0" && len(v) > 0 {
			return v[0], true
		}
	}
	return nil, false
}
