package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func inventory(o Options) *cobra.Command {
	c := &command{Options: o}
	var in client.InventoryListInput
	var before, unverified string
	cmd := &cobra.Command{
		Use: "inventory", Short: "the credentials of all systems: ours, Gitea, n8n",
		Long: `Lists the credentials of all systems that match all of the flags, in the order in
which they became known here: our own keys, access tokens of Gitea users, API
keys of n8n accounts; 50, or up to --max, or with --all every one of them. No
secret is shown. Our own keys are verified whenever they are used, so
--unverified-since is about the others.` + "\n\n" + connectHelp + "\n\n" + exitHelp(),
		Example: `  credence inventory
  credence inventory --owner team-a --state expired
  credence inventory --system gitea --unverified-since 30d
  credence inventory --expires-before 14d --all -o csv`,
	}
	c.connectFlags(cmd)
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those of this namespace")
	f := cmd.Flags()
	f.StringVar(&in.System, "system", "", "only those of this system: credence, gitea or n8n")
	f.StringVar(&in.Owner, "owner", "", "only those that this owner answers for")
	f.StringVar(&in.State, "state", "", "only those in this state: active, expired, revoked, stranger, missing, ...")
	f.StringVar(&before, "expires-before", "", "only those whose life ends before this instant (RFC 3339) or within this length (30d)")
	f.StringVar(&unverified, "unverified-since", "", "only those made before this instant (RFC 3339) or this length ago (30d), and not verified since")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.ExpiresBefore, err = c.horizon("expires-before", before); err != nil {
			return err
		}
		if in.UnverifiedSince, err = c.past("unverified-since", unverified); err != nil {
			return err
		}
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.InventoryItem], error) {
			in.PageInput = p
			return api.InventoryList(ctx, in)
		})
		if err != nil {
			return err
		}
		const header = "SYSTEM\tID\tNAME\tSTATE\tOWNER\tEXPIRES\tNAMESPACE\tLOGIN\tSCOPES\tLAST USED\tVERIFIED\tCREATED"
		return showList(c, list, header, func(i client.InventoryItem) []string {
			verified := strings.TrimSpace(i.Outcome + " " + c.whenShort(i.VerifiedAt))
			return []string{
				i.System, i.ID, clip(i.Name), inventoryState(i), clip(i.Owner), first(c.whenShort(i.ExpiresAt), "never"),
				i.Namespace, clip(i.Login), clip(strings.Join(i.Scopes, ",")), c.whenShort(i.LastUsedAt), verified, c.whenShort(i.CreatedAt),
			}
		})
	})
}

// inventoryState says expired for what would be let in otherwise.
func inventoryState(i client.InventoryItem) string {
	if i.State == "active" && i.Expired {
		return "expired"
	}
	return i.State
}
