package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/management/client"
)

// policyFlags are what a policy can be set to.
type policyFlags struct {
	longest, standard, rotate, warn string
	expiry, scopes, reason          bool
}

func keyPolicySet(c *command) *cobra.Command {
	var p policyFlags
	var namespace, ifMatch string
	cmd := &cobra.Command{
		Use: "set TYPE", Short: "change what keys of a type are held to",
		Long: `Changes what is given and leaves the rest; an empty length clears. It is judged
when keys are made, changed and rotated. Keys that are there already stay as
they are: key-policies check lists those that break it.`,
		Example: `  credence key-policies set user --longest-life 90d --default-life 30d
  credence key-policies set service --rotate-every 90d --warn-before 14d --namespace payments
  credence key-policies set integration --require-scopes --require-expiry=false`,
	}
	f := cmd.Flags()
	f.StringVar(&p.longest, "longest-life", "", "how long a key lives at most, e.g. 2160h or 90d")
	f.StringVar(&p.standard, "default-life", "", "how long a key lives that names no end")
	f.StringVar(&p.rotate, "rotate-every", "", "how long after it was made a key is to have a successor")
	f.StringVar(&p.warn, "warn-before", "", "how long before that it is listed as due")
	f.BoolVar(&p.expiry, "require-expiry", false, "refuse keys without an end")
	f.BoolVar(&p.scopes, "require-scopes", false, "refuse keys without scopes")
	f.BoolVar(&p.reason, "require-reason", false, "refuse keys that do not say why they are made")
	namespaceFlag(cmd, &namespace, "namespace that gets its own policy (default: that of all is changed)")
	matchFlag(cmd, &ifMatch)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		body, err := p.body(f)
		if err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.KeyPolicy, error) {
			return api.KeyPolicyShow(ctx, client.KeyPolicyShowInput{KeyType: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		set, err := api.KeyPolicySet(ctx, client.KeyPolicySetInput{KeyType: args[0], Namespace: namespace, IfMatch: tag, Body: body})
		if err != nil {
			return err
		}
		return c.show(set, c.policyLines(set))
	})
}

func (p *policyFlags) body(flags *pflag.FlagSet) (client.KeyPolicySet, error) {
	var body client.KeyPolicySet
	for _, l := range []struct {
		flag  string
		value string
		into  *client.Patch[string]
	}{
		{"longest-life", p.longest, &body.LongestLife},
		{"default-life", p.standard, &body.DefaultLife},
		{"rotate-every", p.rotate, &body.RotateEvery},
		{"warn-before", p.warn, &body.WarnBefore},
	} {
		text, err := length(l.flag, l.value)
		if err != nil {
			return body, err
		}
		*l.into = set(flags, l.flag, text)
	}
	for _, d := range []struct {
		flag  string
		value bool
		into  *client.Patch[bool]
	}{
		{"require-expiry", p.expiry, &body.ExpiryRequired},
		{"require-scopes", p.scopes, &body.ScopesRequired},
		{"require-reason", p.reason, &body.ReasonRequired},
	} {
		if flags.Changed(d.flag) {
			*d.into = client.Set(d.value)
		}
	}
	return body, nil
}
