package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyList(c *command) *cobra.Command {
	var in client.KeyListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list keys, newest first",
		Long: `Lists the keys that match all of the flags, newest first: 50, or up to --max, or
with --all every one of them. The texts of keys are stored nowhere.`,
		Example: `  credence keys list
  credence keys list --owner team-a --status active
  credence keys list --name orders --rotating
  credence keys list --unused-since 90d
  credence keys list --expires-before 2030-01-31T00:00:00Z -o json`,
	}
	page := pagingFlags(cmd)
	filter := keyFilterFlags(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.KeyFilter, err = filter.read(c); err != nil {
			return err
		}
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Key], error) {
			in.PageInput = p
			return api.KeyList(ctx, in)
		})
		if err != nil {
			return err
		}
		last, at := "EXPIRES", func(k client.Key) time.Time { return k.ExpiresAt }
		if filter.unused != "" { // there is no room for both
			last, at = "LAST USED", func(k client.Key) time.Time { return k.LastUsedAt }
		}
		return showList(c, list, "KEY ID\tNAME\tNAMESPACE\tOWNER\tSTATUS\tPLAN\t"+last, func(k client.Key) []string {
			return []string{k.KeyID, clip(k.Name), k.Namespace, k.Owner, keyStatus(k), k.Plan, first(c.whenShort(at(k)), "never")}
		})
	})
}

// keyFilter is the flags that narrow to some keys.
type keyFilter struct {
	client.KeyFilter

	before, unused string
}

func keyFilterFlags(cmd *cobra.Command) *keyFilter {
	in := &keyFilter{}
	f := cmd.Flags()
	namespaceFlag(cmd, &in.Namespace, "only keys of this namespace")
	f.StringVar(&in.Owner, "owner", "", "only keys of this owner")
	f.StringVar(&in.Plan, "plan", "", "only keys on this plan")
	f.StringVar(&in.KeyType, "type", "", "only keys of this type")
	f.StringVar(&in.Status, "status", "", "only keys of this status: active, disabled, suspended, revoked, purged or expired")
	f.StringVar(&in.NamePrefix, "name-prefix", "", "only keys whose name begins so")
	f.StringVar(&in.Name, "name", "", "only keys whose name holds this text, in either case")
	f.BoolVar(&in.Rotating, "rotating", false, "only keys that were rotated and are still let in")
	f.StringVar(&in.Scope, "scope", "", "only keys that hold this scope")
	f.StringVar(&in.Label, "label", "", "only keys that carry this label, written name=value")
	f.StringVar(&in.before, "expires-before", "", "only keys whose life ends before this instant (RFC 3339) or within this length (30d)")
	f.StringVar(&in.unused, "unused-since", "", "only keys made before this instant (RFC 3339) or this length ago (90d), and not used since")
	return in
}

// read is the filter with its instants.
func (f *keyFilter) read(c *command) (client.KeyFilter, error) {
	var err error
	if f.ExpiresBefore, err = c.horizon("expires-before", f.before); err != nil {
		return f.KeyFilter, err
	}
	f.UnusedSince, err = c.past("unused-since", f.unused)
	return f.KeyFilter, err
}

// horizon is an instant, or a length from now.
func (c *command) horizon(flag, value string) (time.Time, error) {
	end, err := lifetime(flag, value)
	if err != nil || end.length == "" {
		return end.instant, err
	}
	if c.Now == nil {
		return time.Time{}, usage(fmt.Errorf("--%s %q: give an instant such as 2030-01-31T00:00:00Z", flag, value))
	}
	d, err := time.ParseDuration(end.length)
	return c.Now().Add(d), err
}

// past is an instant, or a length before now.
func (c *command) past(flag, value string) (time.Time, error) {
	end, err := lifetime(flag, value)
	if err != nil || end.length == "" {
		return end.instant, err
	}
	ahead, err := c.horizon(flag, value)
	if err != nil {
		return time.Time{}, err
	}
	now := c.Now()
	return now.Add(now.Sub(ahead)), nil
}
