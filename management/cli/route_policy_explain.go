package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func routePolicyExplain(c *command) *cobra.Command {
	var in client.RoutePolicyExplainInput
	cmd := &cobra.Command{
		Use: "explain --host HOST --path PATH", Short: "say which route policy a request gets",
		Long: `Says which route policy a request gets by its host, path and method, on a route
of which the proxy says nothing itself. Give all three as they stand in the
request: what can be read in two ways is denied.`,
		Example: `  credence route-policies explain --host api.example.com --path /admin/users
  credence route-policies explain --host api.example.com --path "/admin/%2e./x" --method POST -o json`,
	}
	cmd.Flags().StringVar(&in.Host, "host", "", "host of the request")
	cmd.Flags().StringVar(&in.Path, "path", "", "path of the request, with its query if any")
	cmd.Flags().StringVar(&in.Method, "method", "GET", "method of the request")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		found, err := api.RoutePolicyExplain(ctx, in)
		if err != nil {
			return err
		}
		return c.show(found, explanationLines(found))
	})
}

func explanationLines(e client.RouteExplanation) [][2]string {
	lines := [][2]string{{"verdict", e.Verdict}}
	switch e.Verdict {
	case client.RouteFound:
		lines = append(lines, [2]string{"policy", e.Policy.Name})
	case client.RouteNone:
		lines = append(lines, [2]string{"meaning", "no rule speaks of it: keys of the namespace default are accepted"})
	default:
		lines = append(lines, [2]string{"meaning", "it is denied (route_not_allowed): " + e.Why})
	}
	if r := e.Rule; r != nil {
		lines = append(lines, [2]string{"rule", first(r.Method, "any method") + " " + first(r.Host, "any host") + " " + first(r.Path, "any path")})
	}
	return lines
}
