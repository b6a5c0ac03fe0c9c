package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyRevoke(c *command) *cobra.Command {
	r := &revocation{command: c}
	cmd := &cobra.Command{
		Use: "revoke [KEY_ID]", Short: "revoke a key, or all that a filter matches, for good",
		Long: `Revokes a key for good: it is refused from the next request on and can never
be enabled again. To take it back for a while, disable it.

Without a KEY_ID it revokes the keys that the flags match, which are those of
keys list. --dry-run shows which, and answers a confirmation that --confirm has
carried out within 15 minutes. Keys that somebody changes in between stay. Keys
are revoked 500 at a time, each with its audit entry; when it is interrupted,
the same --confirm goes on, and after 15 minutes another dry run.`,
		Example: `  credence keys revoke key_01jc8zq8m4x0 --reason "left the company"
  credence keys revoke key_01jc8zq8m4x0 --reason leaked --yes --wait 2s
  credence keys revoke --owner team-a --scope orders:write --reason "team dissolved" --dry-run
  credence keys revoke --confirm CONFIRMATION --wait 5s`,
	}
	reasonFlag(cmd, &r.reason)
	c.waitFlag(cmd)
	yesFlag(cmd, &r.yes)
	r.filter = keyFilterFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&r.dryRun, "dry-run", false, "show the key, or which keys the flags match, and change nothing")
	f.StringVar(&r.confirmation, "confirm", "", "carry out what a dry run has shown")
	f.BoolVar(&r.everything, "everything", false, "let flags through that match every key there is")
	cmd = c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return r.run(ctx, api, args)
	})
	return optional(cmd)
}

// revocation is what the flags of keys revoke say.
type revocation struct {
	*command

	filter                  *keyFilter
	reason, confirmation    string
	yes, dryRun, everything bool
}

func (r *revocation) run(ctx context.Context, api *client.Client, args []string) error {
	filter, err := r.filter.read(r.command)
	if err != nil {
		return err
	}
	narrowed := filter != (client.KeyFilter{}) || r.everything
	switch {
	case len(args) == 1 && (narrowed || r.confirmation != ""):
		return usage(errors.New("a KEY_ID and flags for many keys: give one of the two"))
	case len(args) == 1 && r.dryRun:
		return r.one(ctx, api, args[0])
	case len(args) == 1:
		if err := r.confirm(r.yes, "Revoke "+printable(args[0])+"? This cannot be undone."); err != nil {
			return err
		}
		return r.changeStatus(ctx, api.KeyRevoke, args[0], r.reason)
	case r.confirmation != "" && (narrowed || r.dryRun || r.reason != ""):
		return usage(errors.New("--confirm: give it alone; it holds what the dry run was asked"))
	case r.confirmation != "":
		return r.carryOut(ctx, api, r.confirmation)
	case !narrowed && !r.dryRun:
		return usage(errors.New("give a KEY_ID, or flags that say which keys: `credence keys revoke --help` lists them"))
	}
	return r.many(ctx, api, filter)
}

// one shows the key that would be revoked.
func (r *revocation) one(ctx context.Context, api *client.Client, id string) error {
	k, err := api.KeyShow(ctx, client.KeyShowInput{KeyID: id})
	if err != nil {
		return err
	}
	if k.Status == "revoked" || k.Status == "purged" {
		return r.wouldDo("the key is "+k.Status+" already", k, r.keyLines(k))
	}
	return r.wouldDo("the key would be revoked for good", k, r.keyLines(k))
}

// many shows what the flags match, and does it when somebody says so.
func (r *revocation) many(ctx context.Context, api *client.Client, filter client.KeyFilter) error {
	if !r.dryRun && !r.yes && !r.Terminal() {
		return usage(errors.New("revoking many keys: run it with --dry-run and then with --confirm, or give --yes"))
	}
	plan, err := api.KeysRevoke(ctx, client.KeysRevokeInput{Body: client.KeysRevoke{Filter: filter, Everything: r.everything, Reason: r.reason}})
	if err != nil {
		return err
	}
	if r.dryRun && r.machine() {
		return r.emit(plan)
	}
	if !r.machine() {
		err := showList(r.command, client.List[client.Key]{Items: plan.Sample}, "KEY ID\tNAME\tNAMESPACE\tOWNER\tSTATUS\tLAST USED", func(k client.Key) []string {
			return []string{k.KeyID, clip(k.Name), k.Namespace, k.Owner, keyStatus(k), first(r.whenShort(k.LastUsedAt), "never")}
		})
		if err != nil {
			return err
		}
		if more := plan.Matched - len(plan.Sample); more > 0 {
			fmt.Fprintf(r.Err, "... and %d more\n", more)
		}
	}
	if r.dryRun {
		fmt.Fprintf(r.Err, "%s would be revoked. To do it, until %s:\n  credence keys revoke --confirm %s\n", count(plan.Matched, "key"), stamp(plan.Until), plan.Confirm)
		return nil
	}
	if plan.Matched == 0 {
		return nil
	}
	if err := r.confirm(r.yes, "Revoke "+count(plan.Matched, "key")+"? This cannot be undone."); err != nil {
		return err
	}
	return r.carryOut(ctx, api, plan.Confirm)
}

// revokedSummary is what -o json shows.
type revokedSummary struct {
	Revoked int             `json:"revoked"`
	Skipped int             `json:"skipped"`
	Receipt *client.Receipt `json:"receipt,omitempty"`
}

// carryOut sends the confirmation until nothing is left.
func (r *revocation) carryOut(ctx context.Context, api *client.Client, confirmation string) error {
	var sum revokedSummary
	for {
		done, err := api.KeysRevoke(ctx, client.KeysRevokeInput{Body: client.KeysRevoke{Confirm: confirmation}, WaitInput: r.waitInput()})
		if err != nil {
			r.settle()
			if sum.Revoked > 0 {
				fmt.Fprintf(r.Err, "%s revoked. The same --confirm goes on, while it counts.\n", count(sum.Revoked, "key"))
			}
			return err
		}
		sum.Revoked += done.Revoked
		sum.Skipped, sum.Receipt = done.Skipped, done.Receipt
		r.progress("%d keys revoked", sum.Revoked)
		if done.Done {
			break
		}
	}
	r.settle()
	lines := [][2]string{{"revoked", fmt.Sprint(sum.Revoked)}, {"left alone", fmt.Sprint(sum.Skipped)}}
	if err := r.showChanged(sum, lines, sum.Receipt); err != nil {
		return err
	}
	if sum.Skipped > 0 {
		fmt.Fprintln(r.Err, "Keys that were changed since the dry run stay as they are: look at them with another dry run.")
	}
	return nil
}
