package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// The bounds of a list. No server takes more rules.
const (
	maxListRows = 200_000
	maxListLine = 4 << 10
)

func blacklistImport(c *command) *cobra.Command {
	var body client.BlacklistImport
	var errorFile string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "refuse the clients of the networks of a list",
		Long: `Refuses the clients of every address or network in a file, or on standard input
where FILE is -: one a line. What stands behind # is a comment; behind a network
it becomes the reason of that rule.

What is wrong with a line is reported with its number, and keeps no other line
out. An import that was interrupted is repeated: what is refused already stays
as it is. 500 lines go in one request and one transaction.`,
		Example: `  credence blacklist import drop.txt --source drop --for 7d --reason "hijacked networks" --dry-run
  credence blacklist import - --source drop --reason drop < drop.txt
  credence blacklist import abuse.txt --namespace payments --reason abuse --errors bad.csv`,
	}
	f := cmd.Flags()
	end := endFlags(cmd)
	f.StringVar(&body.Reason, "reason", "", "why, for lines that do not say it")
	f.StringVar(&body.Source, "source", "", "where they come from, e.g. the name of the list")
	f.BoolVar(&body.Force, "force", false, "let through what is refused as a likely slip (role admin)")
	f.BoolVar(&body.DryRun, "dry-run", false, "say what would come of each line, and add none")
	f.StringVar(&errorFile, "errors", "", "write what is wrong with each line to this file (CSV)")
	namespaceFlag(cmd, &body.Namespace, "refuse only in this namespace (default: everywhere)")
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		var err error
		if body.For, body.EndsAt, err = end.read(); err != nil {
			return err
		}
		in, err := c.openInput(args[0])
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // only read
		rows, err := networkLines(in)
		if err != nil {
			return usage(fmt.Errorf("%s: %w", args[0], err))
		}
		report, err := newLineReport(c, errorFile)
		if err != nil {
			return err
		}
		run := &listRun{command: c, api: api, body: body, report: report}
		err = run.all(ctx, rows)
		if closed := report.close(); err == nil {
			err = closed
		}
		return run.finish(err)
	})
}

// networkLines reads a list: a network a line, comments behind #.
func networkLines(in io.Reader) ([]client.BlacklistImportRow, error) {
	var rows []client.BlacklistImportRow
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxListLine)
	for n := 1; lines.Scan(); n++ {
		network, comment, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		if network = strings.TrimSpace(network); network == "" {
			continue
		}
		if len(rows) == maxListRows {
			return nil, fmt.Errorf("holds more than %d networks, more than a server takes: shorten the list, or refuse wider networks", maxListRows)
		}
		rows = append(rows, client.BlacklistImportRow{Line: n, Network: network, Reason: strings.TrimSpace(comment)})
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line is longer than %d bytes: is this a list of networks?", maxListLine)
		}
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("holds no network: write one address or network a line")
	}
	return rows, nil
}

// listRun is one import on its way.
type listRun struct {
	*command

	api     *client.Client
	body    client.BlacklistImport
	report  *lineReport
	summary listSummary
}

// listSummary is what -o json shows.
type listSummary struct {
	DryRun   bool            `json:"dry_run"`
	Read     int             `json:"read"`
	Created  int             `json:"created"`
	Present  int             `json:"present"`
	Failed   int             `json:"failed"`
	Overlaps int             `json:"overlaps"`
	Receipt  *client.Receipt `json:"receipt,omitempty"`
}

func (r *listRun) all(ctx context.Context, rows []client.BlacklistImportRow) error {
	r.summary.DryRun = r.body.DryRun
	for from := 0; from < len(rows); from += maxBatchRows {
		r.bar(from, len(rows))
		r.body.Rules = rows[from:min(from+maxBatchRows, len(rows))]
		done, err := r.api.BlacklistImport(ctx, client.BlacklistImportInput{Body: r.body, WaitInput: r.waitInput()})
		if err != nil {
			return err
		}
		r.summary.Read += len(r.body.Rules)
		r.note(done)
	}
	r.bar(len(rows), len(rows))
	return nil
}

func (r *listRun) note(done client.BlacklistImported) {
	s := &r.summary
	s.Created, s.Present, s.Failed = s.Created+done.Created, s.Present+done.Present, s.Failed+done.Failed
	s.Receipt = done.Receipt
	for _, line := range done.Lines {
		r.report.add(line.Line, line.Errors...)
		s.Overlaps += line.Overlap
		if len(line.Overlaps) > 0 {
			r.report.remark(line.Line, line.Overlaps[0].Note)
		}
	}
	r.report.release()
}

// finish shows what came of the list, also when it was interrupted.
func (r *listRun) finish(err error) error {
	s, added := &r.summary, "added"
	if s.DryRun {
		added = "would be added"
	}
	lines := [][2]string{
		{"networks", strconv.Itoa(s.Read)},
		{added, strconv.Itoa(s.Created)},
		{"there before", strconv.Itoa(s.Present)},
		{"refused", strconv.Itoa(s.Failed)},
		{"overlaps", strconv.Itoa(s.Overlaps)},
	}
	r.settle()
	if shown := r.showChanged(s, lines, s.Receipt); err == nil {
		err = shown
	}
	switch {
	case err != nil:
		if s.Created > 0 && !s.DryRun {
			fmt.Fprintln(r.Err, "What was added stays. Run the same command again: it recognises what is there.")
		}
		return err
	case s.Failed > 0:
		return usage(fmt.Errorf("%s refused; no rule was made of them: mend them and run the same command again", count(s.Failed, "line")))
	}
	return nil
}
