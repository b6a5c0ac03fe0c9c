package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/management/client"
)

func keyUpdate(c *command) *cobra.Command {
	var k keyFields
	var ifMatch string
	var unlabel []string
	cmd := &cobra.Command{
		Use: "update KEY_ID", Short: "change a key",
		Long: `Changes what is given and leaves the rest. An empty value clears: --owner "",
--limit "". A list replaces the whole list; labels are set one by one.`,
		Example: `  credence keys update key_01jc8zq8m4x0 --limit 20/s --limit 1000/h
  credence keys update key_01jc8zq8m4x0 --expires 90d
  credence keys update key_01jc8zq8m4x0 --plan "" --label team=a --remove-label old`,
	}
	k.flags(cmd)
	cmd.Flags().StringArrayVar(&unlabel, "remove-label", nil, "name of a label to remove; may be repeated")
	matchFlag(cmd, &ifMatch)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		body, err := k.update(cmd.Flags(), unlabel)
		if err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Key, error) {
			return api.KeyShow(ctx, client.KeyShowInput{KeyID: args[0]})
		})
		if err != nil {
			return err
		}
		changed, err := api.KeyUpdate(ctx, client.KeyUpdateInput{KeyID: args[0], IfMatch: tag, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		return c.showChanged(changed, c.keyLines(changed.Key), changed.Receipt)
	})
}

func (k *keyFields) update(flags *pflag.FlagSet, unlabel []string) (client.KeyUpdate, error) {
	body := client.KeyUpdate{
		Name: set(flags, "name", k.name), Owner: set(flags, "owner", k.owner), Plan: set(flags, "plan", k.plan),
		Scopes: setList(flags, "scope", k.scopes), Networks: setList(flags, "network", k.networks),
		Hosts: setList(flags, "host", k.hosts), Methods: setList(flags, "method", k.methods), Paths: setList(flags, "path", k.paths),
	}
	var err error
	if body.Limits, err = setParsed(flags, "limit", k.limits, limits); err != nil {
		return body, err
	}
	if body.Quotas, err = setParsed(flags, "quota", k.quotas, quotas); err != nil {
		return body, err
	}
	if body.Labels, err = k.setLabels(flags, unlabel); err != nil {
		return body, err
	}
	return body, k.setTimes(flags, &body)
}

func (k *keyFields) setLabels(flags *pflag.FlagSet, unlabel []string) (client.Patch[map[string]*string], error) {
	if !flags.Changed("label") && len(unlabel) == 0 {
		return client.Patch[map[string]*string]{}, nil
	}
	given, err := labels(k.labels)
	if err != nil {
		return client.Patch[map[string]*string]{}, err
	}
	if flags.Changed("label") && len(given) == 0 && len(unlabel) == 0 {
		return client.Clear[map[string]*string](), nil
	}
	members := map[string]*string{}
	for name, value := range given {
		members[name] = &value
	}
	for _, name := range unlabel {
		members[name] = nil
	}
	return client.Set(members), nil
}

func (k *keyFields) setTimes(flags *pflag.FlagSet, body *client.KeyUpdate) error {
	if flags.Changed("expires") {
		end, err := lifetime("expires", k.expires)
		switch {
		case err != nil:
			return err
		case end.length != "":
			body.ExpiresIn = client.Set(end.length)
		case end.instant.IsZero():
			body.ExpiresAt = client.Clear[time.Time]()
		default:
			body.ExpiresAt = client.Set(end.instant)
		}
	}
	every, err := length("rotate-every", k.rotate)
	if err != nil {
		return err
	}
	body.RotateEvery = set(flags, "rotate-every", every)
	if flags.Changed("not-before") {
		at, err := instant("not-before", k.notBefore)
		if err != nil {
			return err
		}
		if body.NotBefore = client.Set(at); at.IsZero() {
			body.NotBefore = client.Clear[time.Time]()
		}
	}
	return nil
}
