package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/secretfile"
)

func auditCheckpoint(c *command) *cobra.Command {
	var in client.AuditCheckpointInput
	var out string
	cmd := &cobra.Command{
		Use: "checkpoint", Short: "sign where the audit log stands now",
		Long: `Signs where each chain of the audit log stands, if it has grown since the last
checkpoint. --out appends what was signed to a file: kept where nobody who can
write the database can write, it proves later that nothing was cut off.`,
		Example: "  credence audit checkpoint --out /media/worm/checkpoints.jsonl",
	}
	namespaceFlag(cmd, &in.Namespace, "only the chain of this namespace")
	cmd.Flags().StringVar(&out, "out", "", "file to append the checkpoints to")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		made, err := api.AuditCheckpoint(ctx, in)
		if err != nil {
			return err
		}
		if out != "" {
			if err := appendCheckpoints(out, made.Items); err != nil {
				return fmt.Errorf("the checkpoints were made, but --out: %w; take them from `credence audit checkpoints --lines`", err)
			}
		}
		return showList(c, made, checkpointHeader, c.checkpointRow)
	})
}

func auditCheckpoints(c *command) *cobra.Command {
	var in client.AuditCheckpointListInput
	var lines bool
	cmd := &cobra.Command{
		Use: "checkpoints", Short: "list the signed checkpoints, oldest first",
		Long: `Lists the signatures over where each chain of the audit log stood. Kept outside of
the database, one of them proves that the log was not cut since.`,
		Example: "  credence audit checkpoints --namespace payments\n  credence audit checkpoints --all --lines > checkpoints.jsonl",
	}
	page := pagingFlags(cmd)
	chainFlags(cmd, &in.Namespace, &in.Global)
	cmd.Flags().BoolVar(&lines, "lines", false, "as audit verify --checkpoint takes them")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.AuditCheckpoint], error) {
			in.PageInput = p
			return api.AuditCheckpointList(ctx, in)
		})
		if err != nil {
			return err
		}
		if lines {
			return writeCheckpoints(c.Out, list.Items)
		}
		return showList(c, list, checkpointHeader, c.checkpointRow)
	})
}

const checkpointHeader = "NAMESPACE\tENTRY\tKIND\tMADE\tHASH"

func (c *command) checkpointRow(p client.AuditCheckpoint) []string {
	return []string{first(p.Namespace, "(none)"), strconv.FormatInt(p.Sequence, 10), p.Kind, c.whenShort(p.At), p.Hash[:min(16, len(p.Hash))]}
}

func writeCheckpoints(w io.Writer, all []client.AuditCheckpoint) error {
	var text strings.Builder
	for _, p := range all {
		text.WriteString(p.Line + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func appendCheckpoints(file string, all []client.AuditCheckpoint) error {
	var lines bytes.Buffer
	if err := writeCheckpoints(&lines, all); err != nil {
		return err
	}
	return secretfile.Append(file, lines.Bytes())
}
