package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// outputs are the words for --output.
func outputs() []string { return []string{"table", "json", "yaml", "csv"} }

// machine reports whether the answer is for a program: whole, and without hints
// in between.
func (c *command) machine() bool { return c.output != "table" }

// emit prints what the API answered, for a program.
func (c *command) emit(object any) error {
	switch c.output {
	case "yaml":
		return c.yaml(object)
	case "csv":
		return c.records(object)
	}
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(object)
}

// yaml prints the JSON as YAML, in the same order.
func (c *command) yaml(object any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil { // JSON is YAML
		return fmt.Errorf("show as YAML: %w", err)
	}
	unfold(&node)
	e := yaml.NewEncoder(c.Out)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return err
	}
	return e.Close()
}

// unfold takes away that the text was JSON: braces, and quotes where none are
// needed.
func unfold(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		unfold(child)
	}
}

// records prints a row for each item of a list, or one for an object. What is no
// single value is JSON in its cell.
func (c *command) records(object any) error {
	rows := reflect.Indirect(reflect.ValueOf(object))
	if rows.Kind() == reflect.Struct {
		if items := rows.FieldByName("Items"); items.IsValid() && items.Kind() == reflect.Slice {
			rows = items
		} else {
			one := reflect.MakeSlice(reflect.SliceOf(rows.Type()), 0, 1)
			rows = reflect.Append(one, rows)
		}
	}
	if rows.Kind() != reflect.Slice || reflect.Indirect(reflect.New(rows.Type().Elem())).Kind() != reflect.Struct {
		return usage(fmt.Errorf("--output csv: this has no rows: give json or yaml"))
	}
	names := jsonNames(rows.Type().Elem())
	w := csv.NewWriter(c.Out)
	if err := w.Write(names); err != nil {
		return err
	}
	for i := range rows.Len() {
		raw, err := json.Marshal(rows.Index(i).Interface())
		if err != nil {
			return err
		}
		var values map[string]json.RawMessage
		if err := json.Unmarshal(raw, &values); err != nil {
			return fmt.Errorf("show as CSV: %w", err)
		}
		cells := make([]string, len(names))
		for n, name := range names {
			cells[n] = csvCell(values[name])
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// jsonNames are the members that the type has in JSON, in order.
func jsonNames(of reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && !field.Anonymous && name != "" && name != "-" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// csvCell is a value as a cell.
func csvCell(raw json.RawMessage) string {
	var text string
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, &text) != nil {
		return strings.TrimPrefix(string(raw), "null")
	}
	return noFormula(text)
}

// noFormula marks a text that a spreadsheet would run.
func noFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
