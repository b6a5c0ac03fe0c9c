package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"credence/store/kms"
	"credence/store/seal"
)

// fromVariable marks a keyset that is no file: env:NAME.
const fromVariable = "env:"

// keysetVariable answers the content of the variable that --keyset names.
func keysetVariable(keyset string, environ []string) (string, error) {
	name, ok := strings.CutPrefix(keyset, fromVariable)
	if !ok {
		return "", nil
	}
	for _, v := range environ {
		if content, found := strings.CutPrefix(v, name+"="); found && name != "" {
			return content, nil
		}
	}
	return "", fmt.Errorf("keyset: the variable %q is not set: put the content of keyset.json into it", name)
}

// openKeyset reads the keyset that --keyset names.
func openKeyset(ctx context.Context, keyset, variable string) (*seal.Keyset, error) {
	if strings.HasPrefix(keyset, fromVariable) {
		return seal.ParseKeyset(ctx, keyset, []byte(variable), kms.Find)
	}
	return seal.LoadKeyset(ctx, keyset, kms.Find)
}

// keysetRotation is one step of a rotation, or both.
type keysetRotation struct {
	path    string
	promote bool
	atOnce  bool
}

func rotateKeysetCommand(p process) *cobra.Command {
	var r keysetRotation
	cmd := &cobra.Command{
		Use:   "rotate-keyset --keyset FILE",
		Short: "give keyset.json new keys; what older ones sealed stays readable",
		Long: `Rotates the keys of keyset.json in two steps, so that no control plane meets an
entry that it cannot read. Nothing that was sealed or signed is written anew: the
older keys stay in the file.

  1. rotate-keyset              adds a sealing and a signing key, not in use yet.
                                Give the file to every control plane, restart each.
  2. rotate-keyset --promote    has them seal and sign from now on.
                                Give the file to every control plane, restart each.

With one control plane (credence serve), stop it and do both --at-once. Fetch the
public keys anew afterwards: credence audit public-key.`,
		Example: `  credence secrets rotate-keyset --keyset keyset.json
  credence secrets rotate-keyset --keyset keyset.json --promote
  credence secrets rotate-keyset --keyset /var/lib/credence/keyset.json --at-once`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context(), p.out) },
	}
	cmd.Flags().StringVar(&r.path, "keyset", "", "keyset.json of the deployment")
	cmd.Flags().BoolVar(&r.promote, "promote", false, "the second step: the new keys seal and sign from now on")
	cmd.Flags().BoolVar(&r.atOnce, "at-once", false, "both steps, for a deployment with one control plane, which is stopped")
	return cmd
}

func (r keysetRotation) run(ctx context.Context, out io.Writer) error {
	switch {
	case r.path == "":
		return usageError{errors.New("--keyset is missing: name the keyset.json of the deployment")}
	case strings.HasPrefix(r.path, fromVariable):
		return usageError{errors.New("--keyset: a variable cannot be changed: rotate the file that it was filled from")}
	case r.promote && r.atOnce:
		return usageError{errors.New("--promote and --at-once: give one of the two")}
	}
	keyset, err := seal.LoadKeyset(ctx, r.path, kms.Find)
	if err != nil {
		return err
	}
	said := "new keys are in it, not in use yet: give it to every control plane, restart each, then run this again with --promote"
	if !r.promote {
		if keyset, err = keyset.Grown(); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
	}
	if r.promote || r.atOnce {
		if keyset, err = keyset.Promoted(); err != nil {
			return fmt.Errorf("%s: %w", r.path, err)
		}
		said = "its new keys seal and sign once the control plane has it and was restarted; keep a copy in a safe place"
	}
	if err := replaceKeyset(ctx, r.path, keyset); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", r.path, said)
	return nil
}

// replaceKeyset puts the keyset in place of the file, which is whole at every
// moment, and keeps its mode.
func replaceKeyset(ctx context.Context, path string, keyset *seal.Keyset) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := keyset.Save(ctx, fresh); err != nil {
		return err
	}
	err = os.Chmod(fresh, info.Mode().Perm())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return nil
}

// keysetRewrap puts a keyset under another key of a key management service.
type keysetRewrap struct {
	path      string
	to        string // URI of that key
	cleartext bool   // under none
	apply     bool
}

func rewrapKeysetCommand(p process) *cobra.Command {
	var r keysetRewrap
	cmd := &cobra.Command{
		Use:   "rewrap-keyset --keyset FILE",
		Short: "put keyset.json under another key of a key management service, or under none",
		Long: `Moves keyset.json from the key of a key management service that encrypts it to
another one, of the same service or of another, or from and to cleartext. The keys
in the file stay what they are: nothing is sealed or signed anew, and control planes
that run with the old file go on. Both services are asked, the old one to open the
file and the new one to encrypt it; each has its own variables (AWS_..., VAULT_...).

Without --apply it tries all of that and changes nothing. With it the file is
replaced at once, whole, when the new service has opened again what it encrypted.
Give it to every control plane afterwards. Delete the old key only when none has
the old file any more, nor a backup that is to be read.`,
		Example: `  credence secrets rewrap-keyset --keyset keyset.json --to aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  credence secrets rewrap-keyset --keyset keyset.json --to hcvault://vault.example.com:8200/transit/keys/credence --apply
  credence secrets rewrap-keyset --keyset keyset.json --cleartext --apply`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context(), p.out) },
	}
	cmd.Flags().StringVar(&r.path, "keyset", "", "keyset.json of the deployment")
	cmd.Flags().StringVar(&r.to, "to", "", "key to encrypt it by: aws-kms://ARN or hcvault://HOST:PORT/MOUNT/keys/NAME")
	cmd.Flags().BoolVar(&r.cleartext, "cleartext", false, "encrypt it by no key: the file is all that protects it then")
	cmd.Flags().BoolVar(&r.apply, "apply", false, "do it; without, it is only tried")
	return cmd
}

func (r keysetRewrap) run(ctx context.Context, out io.Writer) error {
	switch {
	case r.path == "":
		return usageError{errors.New("--keyset is missing: name the keyset.json of the deployment")}
	case strings.HasPrefix(r.path, fromVariable):
		return usageError{errors.New("--keyset: a variable cannot be changed: rewrap the file that it was filled from")}
	case (r.to == "") != r.cleartext:
		return usageError{errors.New("give one of --to URI and --cleartext")}
	}
	keyset, err := seal.LoadKeyset(ctx, r.path, kms.Find)
	if err != nil {
		return err
	}
	from := keyset.Master()
	if from == r.to {
		return usageError{fmt.Errorf("%s is %s already", r.path, under(from))}
	}
	moved, err := keyset.Rewrapped(ctx, r.to, kms.Find)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if !r.apply {
		fmt.Fprintf(out, "%s: would be %s instead of %s; both could be asked. Nothing was changed: do it with --apply\n", r.path, under(r.to), under(from))
		return nil
	}
	if err := replaceKeyset(ctx, r.path, moved); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: is %s instead of %s; give it to every control plane, and keep a copy in a safe place\n", r.path, under(r.to), under(from))
	return nil
}

// under says what a keyset is encrypted by.
func under(uri string) string {
	if uri == "" {
		return "in cleartext"
	}
	return "under " + uri
}
