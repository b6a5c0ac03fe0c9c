package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func auditList(c *command) *cobra.Command {
	var in client.AuditListInput
	var since, until string
	cmd := &cobra.Command{
		Use: "list", Short: "list audit entries, newest first",
		Long: `Lists who did what to which object, newest first. It needs the role auditor or
admin; what lies in other namespaces than the token's is not shown.`,
		Example: `  credence audit list
  credence audit list --key KEY_ID
  credence audit list --actor token:tok_01jc8zq8m4x0 --since 30d
  credence audit list --action key.revoke --namespace payments -o json`,
	}
	page := pagingFlags(cmd)
	f := cmd.Flags()
	namespaceFlag(cmd, &in.Namespace, "only entries of this namespace")
	f.BoolVar(&in.Global, "global", false, "only entries about what has no namespace: tokens, global blacklist rules")
	f.StringVar(&in.KeyID, "key", "", "only entries about this key")
	f.StringVar(&in.Actor, "actor", "", "only what this actor did, e.g. token:tok_...")
	f.StringVar(&in.Action, "action", "", "only this action, e.g. key.revoke")
	f.StringVar(&in.Object, "object", "", "only what was done to this object, e.g. plan:basic")
	f.StringVar(&since, "since", "", "only entries at or after this instant (RFC 3339) or this length ago (24h, 30d)")
	f.StringVar(&until, "until", "", "only entries before this instant (RFC 3339) or this length ago (24h, 30d)")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		if strings.HasPrefix(in.Actor, "tok_") { // as the list shows it
			in.Actor = "token:" + in.Actor
		}
		var err error
		if in.Since, err = c.past("since", since); err != nil {
			return err
		}
		if in.Until, err = c.past("until", until); err != nil {
			return err
		}
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.AuditEntry], error) {
			in.PageInput = p
			return api.AuditList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ENTRY\tWHEN\tACTION\tOBJECT\tACTOR", func(e client.AuditEntry) []string {
			return []string{e.ID, c.whenShort(e.At), e.Action, clip(bareID(e.Object)), clip(bareID(e.Actor))}
		})
	})
}

// bareID takes away the kind before an id that says it itself, which the table
// has no room for: token:tok_... is tok_....
func bareID(name string) string {
	if _, id, found := strings.Cut(name, ":"); found && len(id) > 4 && id[3] == '_' {
		return id
	}
	return name
}
