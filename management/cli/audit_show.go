package cli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func auditShow(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "show ENTRY", Short: "show an audit entry with what changed",
		Long: `Shows an entry of the audit log, with the fields as they were before and after.
Secrets are in neither.`,
		Example: "  credence audit show default:42\n  credence audit show :7 -o json",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		e, err := api.AuditShow(ctx, client.AuditShowInput{ID: args[0]})
		if err != nil {
			return err
		}
		return c.show(e, c.auditLines(e))
	})
}

func (c *command) auditLines(e client.AuditEntry) [][2]string {
	lines := [][2]string{
		{"entry", e.ID},
		{"at", c.when(e.At)},
		{"actor", e.Actor},
		{"address", e.IPAddress},
		{"request", e.RequestID},
		{"action", e.Action},
		{"object", e.Object},
		{"namespace", first(e.Namespace, "(none)")},
		{"key", e.KeyID},
	}
	if e.Unread {
		lines = append(lines, [2]string{"details", "the server's keyset does not open them"})
	}
	lines = append(lines, detailLines(e.Details)...)
	return append(lines, [2]string{"previous hash", e.Previous}, [2]string{"entry hash", e.Hash})
}

// detailLines shows details part by part ("before", "after", ...), each field
// on a line.
func detailLines(details json.RawMessage) [][2]string {
	var parts map[string]json.RawMessage
	if len(details) == 0 || json.Unmarshal(details, &parts) != nil {
		return [][2]string{{"details", string(details)}}
	}
	var lines [][2]string
	for _, part := range slices.Backward(slices.Sorted(maps.Keys(parts))) { // before comes before after
		var fields map[string]json.RawMessage
		if json.Unmarshal(parts[part], &fields) != nil {
			lines = append(lines, [2]string{part, unquoted(parts[part])})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			lines = append(lines, [2]string{part + " " + name, unquoted(fields[name])})
		}
	}
	return lines
}

// unquoted is a JSON text without its quotes, and everything else as it is.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
