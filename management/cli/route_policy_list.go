package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func routePolicyList(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list route policies, by name",
		Long: `Lists what routes demand, and by which hosts, paths and methods a policy is
chosen where the proxy cannot name it.`,
		Example: "  credence route-policies list\n  credence route-policies list --all -o json",
	}
	page := pagingFlags(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.RoutePolicy], error) {
			return api.RoutePolicyList(ctx, client.RoutePolicyListInput{PageInput: p})
		})
		if err != nil {
			return err
		}
		return showList(c, list, "NAME\tMODE\tACCEPTS\tSCOPES\tHOSTS\tPATHS", func(p client.RoutePolicy) []string {
			return []string{
				p.Name, p.Mode, clip(accepts(p)), clip(listText(p.Scopes)), clip(listText(p.Hosts)), clip(listText(p.Paths)),
			}
		})
	})
}

// accepts says whose requests a policy lets in.
func accepts(p client.RoutePolicy) string {
	text := first(listText(p.Namespaces), "default")
	if p.Anonymous == "allow" {
		text += ", anonymous"
	}
	return text
}
