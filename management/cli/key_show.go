package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyShow(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "show KEY_ID", Short: "show a key",
		Long: `Shows a key: what it may do, until when, and when it was last used and from
where. Its text is stored nowhere and cannot be shown.`,
		Example: "  credence keys show key_01jc8zq8m4x0\n  credence keys show key_01jc8zq8m4x0 -o json",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		k, err := api.KeyShow(ctx, client.KeyShowInput{KeyID: args[0]})
		if err != nil {
			return err
		}
		return c.show(k, c.keyLines(k))
	})
}

func (c *command) keyLines(k client.Key) [][2]string {
	return [][2]string{
		{"key id", k.KeyID},
		{"name", k.Name},
		{"namespace", k.Namespace},
		{"owner", k.Owner},
		{"type", k.KeyType},
		{"status", keyStatus(k)},
		{"reason", k.StatusReason},
		{"since", c.when(k.StatusAt)},
		{"environment", k.Environment},
		{"plan", k.Plan},
		{"scopes", listText(k.Scopes)},
		{"limits", limitText(k.Limits)},
		{"quotas", quotaText(k.Quotas)},
		{"throttled to", throttleText(k.Throttle)},
		{"networks", listText(k.Networks)},
		{"hosts", listText(k.Hosts)},
		{"methods", listText(k.Methods)},
		{"paths", listText(k.Paths)},
		{"labels", labelText(k.Labels)},
		{"not before", c.when(k.NotBefore)},
		{"expires", first(c.when(k.ExpiresAt), "never")},
		{"rotate every", k.RotateEvery},
		{"rotate by", c.when(k.RotationDue)},
		{"took over from", k.Predecessor},
		{"taken over by", k.Successor},
		{"grace ends", c.when(k.GraceEndsAt)},
		{"created", c.when(k.CreatedAt)},
		{"updated", c.when(k.UpdatedAt)},
		{"last used", first(c.when(k.LastUsedAt), "never")},
		{"last used from", k.LastUsedIP},
	}
}

// throttleText is empty for a key that is not throttled.
func throttleText(percent int) string {
	if percent == 0 {
		return ""
	}
	return strconv.Itoa(percent) + "% of its rates"
}

// keyStatus is the one word that says whether the key works.
func keyStatus(k client.Key) string {
	if k.Status == "active" && k.Expired {
		return "expired"
	}
	return k.Status
}
