package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyRotation(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "rotation KEY_ID", Short: "show who still uses a key that was rotated, and when it will be refused",
		Long: `Shows how often, and from how many different addresses, a key was used since it
was rotated, when last, and when it will be refused. The id may be that of the
key or of its successor. What usage does not tell (replicas whose counts have
not arrived, counts that were lost) is named.`,
		Example: "  credence keys rotation key_01jc8zq8m4x0\n  credence keys rotation key_01jc8zq8m4x0 -o json",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		r, err := api.KeyRotation(ctx, client.KeyRotationInput{KeyID: args[0]})
		if err != nil {
			return err
		}
		return c.show(r, c.rotationLines(r))
	})
}

func (c *command) rotationLines(r client.Rotation) [][2]string {
	closes := "closes"
	if r.State == "closed" {
		closes = "closed"
	}
	lines := [][2]string{
		{"old key", r.KeyID},
		{"name", r.Name},
		{"status", r.Status},
		{"new key", r.Successor},
		{"rotated", c.when(r.RotatedAt)},
		{closes, c.when(r.ClosesAt)},
		{"or when silent", silenceText(c, r)},
		{"used since", useText(r.Use)},
		{"last used", first(c.when(r.Use.LastUsedAt), "never since")},
		{"quiet since", c.quietSince(r.Use.QuietSince)},
		{"counted until", c.when(r.Use.CountedUntil)},
	}
	for _, u := range r.Use.Unknown {
		lines = append(lines, [2]string{"unknown", unknownText(c, u)})
	}
	var behind []string
	for _, b := range r.Use.Behind {
		behind = append(behind, b.ID)
	}
	return append(lines, [2]string{"waiting for", strings.Join(behind, ", ")})
}

func silenceText(c *command, r client.Rotation) string {
	if r.CloseWhenSilent == "" {
		return ""
	}
	text := "for " + r.CloseWhenSilent
	if !r.SilentAt.IsZero() {
		text += ", which is " + c.whenShort(r.SilentAt) + " if nobody uses it"
	}
	return text
}

func useText(u client.RotationUse) string {
	if u.Checks == 0 {
		return "no"
	}
	addresses := fmt.Sprintf("%d addresses", u.Addresses)
	if u.Addresses == 1 {
		addresses = "1 address"
	}
	return fmt.Sprintf("%s from %s, %d let through", count(int(u.Checks), "Check"), addresses, u.Allowed)
}

func unknownText(c *command, u client.UnknownUse) string {
	text := c.whenShort(u.From) + " to " + c.whenShort(u.To) + ": "
	switch u.Cause {
	case "uncounted":
		return text + "replica " + u.Replica + " counts no usage, or has not delivered any yet"
	case "other":
		return text + "more keys were in use than replicas count one by one"
	case "killed":
		return text + "replica " + u.Replica + " ended without delivering its last counts"
	case "lost":
		return text + "counts of replica " + u.Replica + " were lost"
	}
	return text + u.Cause
}

// quietSince is from when on nobody has used the key. Use is known by the
// minute, so right after one that is still to come.
func (c *command) quietSince(at time.Time) string {
	if c.Now != nil && at.After(c.Now()) {
		return "not yet: it was used within this minute"
	}
	return c.when(at)
}
