package cli

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/management/importer"
	"credence/store/secretfile"
)

func keyImport(c *command) *cobra.Command {
	var k keyFields
	var namespace, keyType, environment, file, format, errorFile string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import --file FILE --format FORMAT",
		Short: "take over keys that were made elsewhere",
		Long: `Takes over keys that were made elsewhere, so that their holders go on with the
texts they have. The texts are digested here and do not travel. The other flags
say what a key has that the file does not say of it.

What is wrong with a line is reported with its number, and keeps no other line
out. An import that was interrupted is repeated: what is there already is
recognised and stays as it is. Formats: ` + strings.Join(importer.Formats(), ", ") + `.`,
		Example: `  credence keys import --file keys.csv --format csv --dry-run
  credence keys import --file keys.csv --format csv --namespace payments --errors bad.csv
  credence keys import --file - --format authorino --scope orders:read < secrets.yaml
  credence keys import --file kong.yaml --format kong --plan basic --expires 180d`,
	}
	k.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "file to read; - for standard input")
	f.StringVar(&format, "format", "", "what the file is: "+strings.Join(importer.Formats(), ", "))
	f.BoolVar(&dryRun, "dry-run", false, "say what would come of each key, and make none")
	f.StringVar(&errorFile, "errors", "", "write what is wrong with each line to this file (CSV)")
	namespaceFlag(cmd, &namespace, "namespace of keys of which the file says none (default: default)")
	f.StringVar(&keyType, "type", "", "user, service, integration, system or emergency (default: service)")
	f.StringVar(&environment, "environment", "", "word for where the key is used (default: the namespace's)")
	c.waitFlag(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		defaults, err := k.create()
		if err != nil {
			return err
		}
		defaults.Namespace, defaults.KeyType, defaults.Environment = namespace, keyType, environment
		in, err := c.openInput(file)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // only read
		reader, err := importer.Open(format, in, defaults)
		if err != nil {
			return usage(fmt.Errorf("%s: %w", file, err))
		}
		report, err := newLineReport(c, errorFile)
		if err != nil {
			return err
		}
		run := &importRun{command: c, api: api, reader: reader, report: report, dryRun: dryRun, seen: map[string]int{}}
		err = run.all(ctx)
		if closed := report.close(); err == nil {
			err = closed
		}
		return run.finish(err)
	})
}

// openInput opens a file that the caller names, or standard input.
func (c *command) openInput(name string) (io.ReadCloser, error) {
	switch name {
	case "":
		return nil, usage(errors.New("--file: name the file to read, or - for standard input"))
	case "-":
		return io.NopCloser(c.In), nil
	}
	f, err := os.Open(name) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, usage(fmt.Errorf("--file: %w", err))
	}
	return f, nil
}

// The bounds of one request. The API takes 1 MiB and 10,000 values.
const (
	maxBatchRows   = 500
	maxBatchBytes  = 900_000
	maxBatchValues = 9_000
)

// maxSeen bounds how many keys are remembered to find lines that repeat one.
// Behind that a repeated key is answered as present, like one of an earlier run.
const maxSeen = 2_000_000

// importRun is one import on its way.
type importRun struct {
	*command

	api     *client.Client
	reader  *importer.Reader
	report  *lineReport
	dryRun  bool
	seen    map[string]int // line by digest
	summary importSummary
	batch   importBatch
}

// importSummary is what -o json shows.
type importSummary struct {
	DryRun   bool            `json:"dry_run"`
	Read     int             `json:"read"`
	Created  int             `json:"created"`
	Present  int             `json:"present"`
	Failed   int             `json:"failed"`
	Warnings []string        `json:"warnings"`
	Receipt  *client.Receipt `json:"receipt,omitempty"`
}

// importBatch is the rows of one request.
type importBatch struct {
	rows          []client.KeyImportRow
	bytes, values int
}

// full reports that a row of that size has no room any more.
func (b *importBatch) full(bytes, values int) bool {
	return len(b.rows) == maxBatchRows || len(b.rows) > 0 && (b.bytes+bytes > maxBatchBytes || b.values+values > maxBatchValues)
}

// all reads the file to its end and sends it in batches.
func (r *importRun) all(ctx context.Context) error {
	r.summary.DryRun = r.dryRun
	for {
		row, err := r.reader.Next()
		var wrong *importer.LineError
		switch {
		case errors.Is(err, io.EOF):
			return r.send(ctx)
		case errors.As(err, &wrong):
			r.summary.Read++
			r.fail(wrong.Line, wrong.FieldError)
			if err := r.told(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			if sent := r.send(ctx); sent != nil {
				return sent
			}
			return usage(fmt.Errorf("the file cannot be read on: %w", err))
		}
		r.summary.Read++
		if err := r.add(ctx, row); err != nil {
			return err
		}
	}
}

func (r *importRun) add(ctx context.Context, row client.KeyImportRow) error {
	if earlier, repeated := r.seen[row.SHA256]; repeated {
		r.fail(row.Line, client.FieldError{Field: "key_text", Problem: "repeats the key of line " + strconv.Itoa(earlier), Remedy: "give each key once"})
		return r.told(ctx)
	}
	if len(r.seen) < maxSeen {
		r.seen[row.SHA256] = row.Line
	}
	raw, err := json.Marshal(row)
	if err != nil {
		return err
	}
	values := strings.Count(string(raw), ",") + strings.Count(string(raw), "[") + strings.Count(string(raw), "{")
	if r.batch.full(len(raw), values) {
		if err := r.send(ctx); err != nil {
			return err
		}
	}
	r.batch.rows = append(r.batch.rows, row)
	r.batch.bytes += len(raw) + 1
	r.batch.values += values + 1
	return nil
}

// told tells of refused lines, unless one of the batch may yet come before them.
// So that a file without end of broken lines is not kept, the batch goes early.
func (r *importRun) told(ctx context.Context) error {
	switch {
	case len(r.batch.rows) == 0:
		r.report.release()
	case r.report.held() >= maxBatchRows:
		return r.send(ctx)
	}
	return nil
}

// send sends the batch and notes what came of it.
func (r *importRun) send(ctx context.Context) error {
	if len(r.batch.rows) == 0 {
		return nil
	}
	done, err := r.api.KeyImport(ctx, client.KeyImportInput{
		Body: client.KeyImport{Keys: r.batch.rows, DryRun: r.dryRun}, WaitInput: r.waitInput(),
	})
	if err != nil {
		return err
	}
	r.batch = importBatch{rows: r.batch.rows[:0]}
	r.summary.Created += done.Created
	r.summary.Present += done.Present
	r.summary.Warnings, r.summary.Receipt = done.Warnings, done.Receipt
	for _, line := range done.Lines {
		if line.State == client.ImportFailed {
			r.fail(line.Line, line.Errors...)
		}
		if line.State == client.ImportPresent && line.Status != "active" {
			r.report.remark(line.Line, "is key "+line.KeyID+", which is "+line.Status+" and stays so")
		}
	}
	r.report.release()
	r.progress("%d lines read: %d keys made, %d there before, %d refused", r.summary.Read, r.summary.Created, r.summary.Present, r.summary.Failed)
	return nil
}

func (r *importRun) fail(line int, fields ...client.FieldError) {
	r.summary.Failed++
	r.report.add(line, fields...)
}

// finish shows what came of the import, also of one that was interrupted.
func (r *importRun) finish(err error) error {
	s := &r.summary
	if weak := r.reader.Weak(); weak > 0 {
		s.Warnings = append(s.Warnings, count(weak, "text")+" shorter than 20 characters: who has the database could guess "+
			"them, unless secrets.json has a pepper; rotate these keys soon")
	}
	if s.Warnings == nil {
		s.Warnings = []string{}
	}
	made := "made"
	if s.DryRun {
		made = "would be made"
	}
	lines := [][2]string{
		{"lines", strconv.Itoa(s.Read)}, {made, strconv.Itoa(s.Created)}, {"there before", strconv.Itoa(s.Present)}, {"refused", strconv.Itoa(s.Failed)},
	}
	r.settle()
	if shown := r.showChanged(s, lines, s.Receipt); err == nil {
		err = shown
	}
	for _, warning := range s.Warnings {
		fmt.Fprintln(r.Err, "warning: "+printable(warning))
	}
	switch {
	case err != nil:
		if s.Created > 0 && !s.DryRun {
			fmt.Fprintln(r.Err, "What was made stays. Run the same command again: it recognises what is there.")
		}
		return err
	case s.Failed > 0:
		return usage(fmt.Errorf("%s refused; nothing of them was stored: mend them and run the same command again", count(s.Failed, "line")))
	}
	return nil
}

// maxShown is how many refused lines are shown when they go to no file.
const maxShown = 20

// lineReport is where refused lines are told: a file, or the screen. What is
// found out about lines comes in no order; it is held until all that is before it
// is known, and told in theirs.
type lineReport struct {
	command *command
	file    *secretfile.File
	csv     *csv.Writer
	shown   int
	waiting []lineNote
}

// lineNote is what there is to say of a line: what is wrong, or a remark.
type lineNote struct {
	line   int
	fields []client.FieldError
	remark string
}

func newLineReport(c *command, name string) (*lineReport, error) {
	r := &lineReport{command: c}
	if name == "" {
		return r, nil
	}
	f, err := secretfile.Replacing(name)
	if err != nil {
		return nil, usage(fmt.Errorf("--errors: %w: name a file in a folder that can be written", err))
	}
	r.file, r.csv = f, csv.NewWriter(f)
	return r, r.csv.Write([]string{"line", "field", "problem", "remedy"})
}

// add holds what is wrong with a line.
func (r *lineReport) add(line int, fields ...client.FieldError) {
	r.waiting = append(r.waiting, lineNote{line: line, fields: fields})
}

// remark holds what people should know of a line that is not wrong.
func (r *lineReport) remark(line int, text string) {
	if r.csv == nil {
		r.waiting = append(r.waiting, lineNote{line: line, remark: text})
	}
}

// held is of how many lines there is something to say.
func (r *lineReport) held() int { return len(r.waiting) }

// release tells what is held, in the order of the lines.
func (r *lineReport) release() {
	slices.SortStableFunc(r.waiting, func(a, b lineNote) int { return cmp.Compare(a.line, b.line) })
	for _, n := range r.waiting {
		if n.remark != "" {
			r.say("line %d: %s", n.line, n.remark)
		}
		for _, f := range n.fields {
			if r.csv != nil {
				// What cannot be written is found by close.
				_ = r.csv.Write([]string{strconv.Itoa(n.line), f.Field, f.Problem, f.Remedy})
				continue
			}
			r.say("line %d: %s %s; %s", n.line, f.Field, f.Problem, f.Remedy)
		}
	}
	r.waiting = r.waiting[:0]
}

func (r *lineReport) say(format string, args ...any) {
	r.command.settle()
	switch r.shown++; {
	case r.shown <= maxShown:
		fmt.Fprintln(r.command.Err, printable(fmt.Sprintf(format, args...)))
	case r.shown == maxShown+1:
		fmt.Fprintln(r.command.Err, "... and more: --errors FILE writes all of them")
	}
}

func (r *lineReport) close() error {
	r.release()
	if r.file == nil {
		return nil
	}
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return fmt.Errorf("--errors: %w", errors.Join(err, r.file.Discard()))
	}
	if err := r.file.Keep(); err != nil {
		return fmt.Errorf("--errors: %w", err)
	}
	return nil
}
