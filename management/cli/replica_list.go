package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func replicaList(c *command) *cobra.Command {
	var in client.ReplicaListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list the replicas of the data plane, oldest first, and how far each has come",
		Long: `Lists the processes that answer Envoy. LAG is the number of changes that a
replica had not applied when it reported last; a replica that is silent has
not reported for 15 seconds and stops deciding by itself at the time shown.`,
		Example: "  credence replicas list\n  credence replicas list --ended -o json",
	}
	page := pagingFlags(cmd)
	cmd.Flags().BoolVar(&in.Ended, "ended", false, "also those that ended more than an hour ago")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		out := client.ReplicaPage{}
		var err error
		out.List, err = gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Replica], error) {
			in.PageInput = p
			got, err := api.ReplicaList(ctx, in)
			out.HeadRevision = got.HeadRevision
			return got.List, err
		})
		if err != nil {
			return err
		}
		if c.machine() {
			return c.emit(out)
		}
		return showList(c, out.List, "ID\tNAME\tADDRESS\tVERSION\tSTATE\tREVISION\tLAG\tSEEN\tSTOPS", func(r client.Replica) []string {
			return []string{
				r.ID, clip(r.Name), r.Address, clip(r.Version), r.State, strconv.FormatInt(r.AppliedRevision, 10), strconv.FormatInt(r.Lag, 10),
				c.whenShort(r.SeenAt), c.whenShort(r.StopsAt),
			}
		})
	})
}
