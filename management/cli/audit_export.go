package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/secretfile"
)

func auditExport(c *command) *cobra.Command {
	var in client.AuditExportInput
	var out string
	cmd := &cobra.Command{
		Use: "export --out FILE", Short: "write the audit log, with what proves it, to a file",
		Long: `Writes the audit log as lines of JSON: every entry as it is stored, its details
sealed, with the checkpoints of its chain. "credence audit verify --file" proves
such a file without a server and without a key that opens anything. --details
also writes the details opened, for people to read.`,
		Example: "  credence audit export --out audit.jsonl\n  credence audit export --out payments.jsonl --namespace payments --details",
	}
	chainFlags(cmd, &in.Namespace, &in.Global)
	cmd.Flags().StringVar(&out, "out", "", "new file to write, - for standard output")
	cmd.Flags().BoolVar(&in.Details, "details", false, "details also opened, beside the sealed ones")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		if out == "" {
			return usage(errors.New("--out is missing: name the file to write, or - for standard output"))
		}
		answer, err := api.AuditExport(ctx, in)
		if err != nil {
			return err
		}
		defer answer.Body.Close() //nolint:errcheck // read to its end, or given up
		return c.saved(out, &watched{Reader: answer.Body, tell: c.counted("bytes written")})
	})
}

// chainFlags say which chains.
func chainFlags(cmd *cobra.Command, namespace *string, global *bool) {
	namespaceFlag(cmd, namespace, "only the chain of this namespace")
	cmd.Flags().BoolVar(global, "global", false, "only the chain of what has no namespace")
}

// saved copies to a new file, which is gone again when not all of it came.
func (c *command) saved(file string, from io.Reader) error {
	if file == "-" {
		_, err := io.Copy(c.Out, from)
		return err
	}
	f, err := secretfile.New(file)
	if err != nil {
		return usage(fmt.Errorf("--out: %w; name a new file", err))
	}
	if _, err = io.Copy(f, from); err != nil {
		return errors.Join(fmt.Errorf("the file was not written whole, and is removed: %w", err), f.Discard())
	}
	if err := f.Keep(); err != nil {
		return err
	}
	fmt.Fprintln(c.Err, "written to", file)
	return nil
}

// counted tells a person at a terminal how far it is; scripts get nothing.
func (c *command) counted(what string) func(int64) {
	if !c.Terminal() {
		return func(int64) {}
	}
	return func(n int64) { fmt.Fprintf(c.Err, "\r%d %s", n, what) }
}

// watched tells of every MiB that is read, and of the end.
type watched struct {
	io.Reader

	tell func(int64)
	read int64
}

// Read reads on.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	before := w.read >> 20
	if w.read += int64(n); w.read>>20 != before || err != nil {
		w.tell(w.read)
	}
	return n, err
}
