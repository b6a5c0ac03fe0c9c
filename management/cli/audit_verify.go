package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/audit"
	"credence/management/client"
)

// auditVerification is the flags of audit verify.
type auditVerification struct {
	file        string
	checkpoints []string
	publicKey   string
	namespace   string
	global      bool
}

func auditVerify(c *command) *cobra.Command {
	var v auditVerification
	cmd := &cobra.Command{
		Use: "verify", Short: "prove that nothing in the audit log was changed, removed or moved",
		Long: `Proves the audit log: of the server, or with --file of an export, for which it
needs no server, no database and no key that opens anything. The hashes are
computed here either way. It ends with exit code 1 and names the first bad entry
when one was changed, removed, put in or moved.

That entries were cut off the end, or the end written anew, is proven against
checkpoints that were kept elsewhere: --checkpoint takes a file that an anchor
or "credence audit checkpoint --out" wrote, may be given more than once, and is
only worth what the place is that it was kept in. --public-key holds all
signatures against keys that you kept ("credence audit public-key"); without it
those of the server are taken, and with --file none are checked.

Both --file and --checkpoint take s3://BUCKET/PREFIX, too: an object whose name
ends with .jsonl, or all of those under the prefix, such as an anchor of the
server has put there. AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, a
profile or a role say where and who, here as there; reading needs s3:GetObject
and s3:ListBucket.`,
		Example: `  credence audit verify
  credence audit verify --checkpoint anchored.jsonl --public-key audit.pem
  credence audit verify --file audit.jsonl --checkpoint anchored.jsonl --public-key audit.pem
  credence audit verify --checkpoint s3://held/credence --public-key audit.pem`,
	}
	chainFlags(cmd, &v.namespace, &v.global)
	cmd.Flags().StringVar(&v.file, "file", "", "export to verify instead of the server's log; a file or s3://BUCKET/NAME.jsonl")
	cmd.Flags().StringArrayVar(&v.checkpoints, "checkpoint", nil, "file with checkpoints that were kept elsewhere, or s3://BUCKET/PREFIX")
	cmd.Flags().StringVar(&v.publicKey, "public-key", "", "file with the public keys that must have signed the checkpoints")
	online := c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		o, err := v.options(ctx, c)
		if err != nil {
			return err
		}
		if o.Keys == nil {
			if o.Keys, err = serverKeys(ctx, api); err != nil {
				return err
			}
		}
		answer, err := api.AuditExport(ctx, client.AuditExportInput{Namespace: v.namespace, Global: v.global})
		if err != nil {
			return err
		}
		defer answer.Body.Close() //nolint:errcheck // read to its end, or given up
		return c.verified(ctx, answer.Body, o)
	})
	connected := online.RunE
	online.RunE = func(cmd *cobra.Command, args []string) error {
		if v.file == "" {
			return connected(cmd, args)
		}
		return v.offline(cmd.Context(), c)
	}
	return online
}

func (v *auditVerification) offline(ctx context.Context, c *command) error {
	o, err := v.options(ctx, c)
	if err != nil {
		return err
	}
	f, err := c.opened(ctx, v.file)
	if err != nil {
		return usage(fmt.Errorf("--file: %w", err))
	}
	defer f.Close() //nolint:errcheck // only read
	if o.Keys == nil {
		fmt.Fprintln(c.Err, "without --public-key no signature is checked: whoever could write the file could write its checkpoints")
	}
	return c.verified(ctx, f, o)
}

func (v *auditVerification) options(ctx context.Context, c *command) (audit.VerifyOptions, error) {
	o := audit.VerifyOptions{Progress: c.counted("entries verified")}
	if v.global || v.namespace != "" {
		o.Chains = []string{v.namespace}
	}
	if v.global && v.namespace != "" {
		return o, usage(errors.New("--global and --namespace: give one of them"))
	}
	if v.publicKey != "" {
		raw, err := readSmall(v.publicKey)
		if err == nil {
			o.Keys, err = audit.ParsePublicKeys(raw)
		}
		if err != nil {
			return o, usage(fmt.Errorf("--public-key %s: %w", v.publicKey, err))
		}
	}
	for _, file := range v.checkpoints {
		if err := c.holdAgainst(ctx, &o, file); err != nil {
			return o, usage(fmt.Errorf("--checkpoint %s: %w", file, err))
		}
	}
	return o, nil
}

// holdAgainst adds the checkpoints of a file to those that the log is held against.
func (c *command) holdAgainst(ctx context.Context, o *audit.VerifyOptions, file string) error {
	f, err := c.opened(ctx, file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	held, err := audit.ReadCheckpoints(f)
	o.Outside = append(o.Outside, held...)
	return err
}

// opened opens a file, or what an object store holds.
func (c *command) opened(ctx context.Context, name string) (io.ReadCloser, error) {
	if !strings.HasPrefix(name, "s3:") {
		return os.Open(name) //nolint:gosec // the caller names the file
	}
	if c.Objects == nil {
		return nil, errors.New("this program reads no object store; fetch the file first")
	}
	return c.Objects(ctx, name)
}

func serverKeys(ctx context.Context, api *client.Client) (audit.PublicKeys, error) {
	answer, err := api.AuditPublicKey(ctx, client.AuditPublicKeyInput{})
	if err != nil {
		return nil, err
	}
	return audit.ParsePublicKeys([]byte(answer.PublicKeys))
}

// verified verifies, and says what was proven.
func (c *command) verified(ctx context.Context, from io.Reader, o audit.VerifyOptions) error {
	report, err := audit.VerifyExport(ctx, from, o)
	if c.Terminal() {
		fmt.Fprintln(c.Err)
	}
	if err != nil {
		return err
	}
	if c.machine() {
		return c.emit(map[string]any{
			"verified": true, "chains": report.Chains, "entries": report.Entries, "checkpoints": report.Checkpoints,
			"outside_checkpoints": len(o.Outside), "cut_chains": report.Cut, "signatures_checked": o.Keys != nil,
		})
	}
	var also []string
	if report.Cut > 0 {
		also = append(also, fmt.Sprintf("%d chains begin after a retention checkpoint", report.Cut))
	}
	if len(o.Outside) == 0 {
		also = append(also, "held against no checkpoint from outside: that the end is there is the database's word")
	}
	fmt.Fprintf(c.Out, "whole: %s in %s; checkpoints that fit: %d\n",
		countOf(report.Entries, "entry", "entries"), count(report.Chains, "chain"), report.Checkpoints)
	if len(also) > 0 {
		fmt.Fprintln(c.Err, strings.Join(also, "\n"))
	}
	return nil
}
