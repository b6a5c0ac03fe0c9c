package drill

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// patience is how long a process may take to answer an order.
const patience = 10 * time.Second

// The errors of the command.
var (
	// ErrUsage: a flag or argument is wrong.
	ErrUsage = errors.New("a flag or value is wrong")
	// ErrUnanswered: no process has followed the order.
	ErrUnanswered = errors.New("no process has answered")
)

// CommandOptions is what package main knows of the world outside.
type CommandOptions struct {
	Out     io.Writer
	DataDir string // of the environment; "" for none
}

// rehearsal is one run of the command.
type rehearsal struct {
	out      io.Writer
	folder   string
	status   string
	duration time.Duration
}

// Command is `credence drill`.
func Command(o CommandOptions) *cobra.Command {
	r := rehearsal{out: o.Out}
	cmd := &cobra.Command{
		Use:   "drill store-outage|redis-outage",
		Short: "rehearse an outage on the replica that runs here",
		Long: `Has the replica whose data folder this is behave as if its store or its Redis
were away, for a time that is at most its ceiling. It returns by itself, also
when this command is killed; Ctrl-C ends it at once.

  store-outage   known keys go on, others get 503, revocations do not arrive
  redis-outage   limits are kept by this replica's share, keys come from the store

Receipts of changes name the replica meanwhile. At the end this says what the
replica has counted.`,
		Example: `  credence drill store-outage --for 1m --data-dir /var/lib/credence
  credence drill redis-outage --for 5m --data-dir /var/lib/credence --status-addr 127.0.0.1:9003`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || Kind(args[0]) != KindStore && Kind(args[0]) != KindRedis {
				return fmt.Errorf("%w: say what to rehearse: %s or %s", ErrUsage, KindStore, KindRedis)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), Kind(args[0])) },
	}
	folder := o.DataDir
	if folder == "" {
		folder = "credence-data"
	}
	cmd.Flags().DurationVar(&r.duration, "for", time.Minute, "how long")
	cmd.Flags().StringVar(&r.folder, "data-dir", folder, "data folder of the process")
	cmd.Flags().StringVar(&r.status, "status-addr", "", "its status port; from the data folder when empty")
	return cmd
}

func (r *rehearsal) run(ctx context.Context, kind Kind) error {
	if r.status == "" {
		r.status = statusIn(r.folder)
	}
	before, err := counts(ctx, r.status)
	if err != nil {
		return fmt.Errorf("%w: %w: is the process running, and is %s its data folder?", ErrUnanswered, err, r.folder)
	}
	ordered := order{ID: rand.Text(), Kind: kind, For: r.duration}
	if err := write(r.folder, orderFile, ordered); err != nil {
		return fmt.Errorf("order the drill in %s: %w", r.folder, err)
	}
	begun, err := r.await(ctx, ordered.ID, patience)
	if err != nil {
		return errors.Join(err, remove(r.folder, orderFile))
	}
	if begun.Phase == phaseRefused {
		return fmt.Errorf("%w: the process refuses: %s", ErrUsage, begun.Problem)
	}
	fmt.Fprintf(r.out, "%s until %s; Ctrl-C ends it\n\nwatch on %s:\n%s\n", kind, begun.Ends.Format(time.TimeOnly), r.status, watch(kind))
	if err := r.last(ctx, ordered); err != nil {
		return err
	}
	after, err := counts(context.WithoutCancel(ctx), r.status)
	if err != nil {
		return fmt.Errorf("the drill is over, and what was counted cannot be read: %w", err)
	}
	summary(r.out, before, after)
	return nil
}

// last waits until the drill has ended, and ends it when ctx does.
func (r *rehearsal) last(ctx context.Context, ordered order) error {
	ended, err := r.until(ctx, ordered.ID, phaseEnded, ordered.For+patience)
	if err != nil && ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
		if err := write(r.folder, orderFile, order{ID: ordered.ID, Kind: KindEnd}); err != nil {
			return fmt.Errorf("end the drill: %w; it ends by itself", err)
		}
		ended, err = r.until(ctx, ordered.ID, phaseEnded, patience)
	}
	if err == nil {
		fmt.Fprintf(r.out, "%s is over\n", ended.Kind)
	}
	return err
}

// await waits until the process has said something of the order.
func (r *rehearsal) await(ctx context.Context, id string, atMost time.Duration) (state, error) {
	return r.until(ctx, id, "", atMost)
}

// until waits until the order is in the phase; "" for any.
func (r *rehearsal) until(ctx context.Context, id, phase string, atMost time.Duration) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	tick := time.NewTicker(look / 2)
	defer tick.Stop()
	for {
		var s state
		if err := read(r.folder, stateFile, &s); err == nil && s.ID == id && (phase == "" || s.Phase == phase) {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return state{}, fmt.Errorf("%w within %s: is %s the data folder of a process that runs?", ErrUnanswered, atMost, r.folder)
		case <-tick.C:
		}
	}
}

// statusIn reads where the process of the folder listens.
func statusIn(folder string) string {
	text, err := os.ReadFile(filepath.Join(folder, "addresses.json")) //nolint:gosec // G304: the operator names the folder
	if err != nil {
		return ""
	}
	var at struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return ""
	}
	return at.Status
}
