package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/management/client"
)

// policyFields are the flags of what a route policy demands and is chosen for.
type policyFields struct {
	description, environment, mode, anonymous string
	namespaces, scopes, hosts, paths, methods []string
	cost                                      int64
}

func (p *policyFields) flags(f *pflag.FlagSet) {
	f.StringVar(&p.description, "description", "", "for people")
	f.StringSliceVar(&p.namespaces, "accept", nil, "namespace whose keys are accepted; may be repeated (default: default)")
	f.StringSliceVar(&p.scopes, "scope", nil, "scope that a key must hold; may be repeated")
	f.StringVar(&p.environment, "environment", "", "environment that a key must be of (default: any)")
	f.Int64Var(&p.cost, "cost", 1, "what a request is worth to limits")
	f.StringVar(&p.mode, "mode", "", "enforce, or shadow to watch only (default: enforce)")
	f.StringVar(&p.anonymous, "anonymous", "", "allow lets requests without any key in (default: deny)")
	f.StringSliceVar(&p.hosts, "host", nil, "host to choose it for, exact or *.example.com; may be repeated")
	f.StringArrayVar(&p.paths, "path", nil, "path to choose it for, /a/b or /a/*; may be repeated")
	f.StringSliceVar(&p.methods, "method", nil, "HTTP method to choose it for; may be repeated")
}

func routePolicyCreate(c *command) *cobra.Command {
	var p policyFields
	var idempotency string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "make a route policy",
		Long: `Makes a route policy. A proxy names it in the context extension credence.policy
or in the path of forward-auth. With --host or --path it is also chosen for
requests on routes of which the proxy says nothing: the most specific rule
holds, and two policies with the same rule are refused.`,
		Example: `  credence route-policies create orders --scope orders:read --cost 2
  credence route-policies create admin --host api.example.com --path /admin --path "/admin/*" --scope admin --wait 2s
  credence route-policies create public --path "/public/*" --method GET,HEAD --anonymous allow`,
	}
	p.flags(cmd.Flags())
	idempotencyFlag(cmd, &idempotency)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		made, err := api.RoutePolicyCreate(ctx, client.RoutePolicyCreateInput{
			IdempotencyKey: idempotency, WaitInput: c.waitInput(), Body: client.RoutePolicyCreate{
				Name: args[0], Description: p.description, Namespaces: cleared(p.namespaces), Scopes: cleared(p.scopes),
				Environment: p.environment, Cost: p.cost, Mode: p.mode, Anonymous: p.anonymous,
				Hosts: cleared(p.hosts), Paths: cleared(p.paths), Methods: cleared(p.methods),
			},
		})
		if err != nil {
			return err
		}
		return c.showChanged(made, c.routePolicyLines(made.RoutePolicy), made.Receipt)
	})
}
