package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// maxWait is the longest that the API waits.
const maxWait = 30 * time.Second

// waitFlag is of every command whose change the data plane must learn of.
func (c *command) waitFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.wait, "wait", "", "wait until every replica has applied the change, at most this long, e.g. 2s, and show the receipt")
}

// waiting is how long the server may take beyond what a call takes.
func (c *command) waiting() (time.Duration, error) {
	if c.wait == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.wait)
	if err != nil || d < 0 || d > maxWait {
		return 0, usage(fmt.Errorf("--wait %q: give a time from 0s to %s, such as 2s", c.wait, maxWait))
	}
	return d, nil
}

func (c *command) waitInput() client.WaitInput { return client.WaitInput{Wait: c.wait} }

// showChanged is show for what may have been waited for.
func (c *command) showChanged(object any, lines [][2]string, r *client.Receipt) error {
	if r != nil {
		lines = append(lines, [2]string{"receipt", receiptText(r)})
	}
	if err := c.show(object, lines); err != nil {
		return err
	}
	return c.unconfirmed(r)
}

func receiptText(r *client.Receipt) string {
	switch {
	case r.Problem != "":
		return r.State + ": " + r.Problem
	case r.Replicas == 0:
		return fmt.Sprintf("%s: revision %d, and no replica is running", r.State, r.Revision)
	}
	return fmt.Sprintf("%s: %d of %s applied revision %d in %dms",
		r.State, r.Replicas-len(r.Silent), count(r.Replicas, "replica"), r.Revision, r.TookMS)
}

// errUnconfirmed: the change was made, and not every replica confirmed it.
var errUnconfirmed = errors.New("the change was made, but not every replica confirmed it")

// unconfirmed is the error of a receipt that is not complete. It names who is
// silent and when each has stopped by itself at the latest.
func (c *command) unconfirmed(r *client.Receipt) error {
	if r == nil || r.State == client.ReceiptComplete {
		return nil
	}
	if r.Problem != "" {
		return fmt.Errorf("%w: %s", errUnconfirmed, r.Problem)
	}
	var b strings.Builder
	for _, s := range r.Silent {
		fmt.Fprintf(&b, "\n  %s at %s (%s) may decide as before until %s",
			printable(s.Name), printable(s.Address), printable(s.ID), c.when(s.StopsAt))
	}
	return explained{
		fmt.Errorf("%w within %s: nothing was heard of%s", errUnconfirmed, c.wait, b.String()),
		"Replicas that run apply it within a second; `credence replicas list` shows them.",
	}
}

func count[N int | int64](n N, what string) string { return countOf(n, what, what+"s") }

func countOf[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
