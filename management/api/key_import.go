package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
	"credence/store/credential"
)

func keyImport(ctx context.Context, c call, in *client.KeyImportInput) (client.KeyImported, error) {
	rows := make([]management.KeyImportRow, len(in.Body.Keys))
	for i := range in.Body.Keys {
		b := &in.Body.Keys[i]
		rows[i] = management.KeyImportRow{
			KeyCreate: keyInput(&b.KeyCreate, management.Idempotency{}),
			Line:      b.Line, SHA256: b.SHA256, Disabled: b.Disabled,
		}
		if b.KeyText != "" {
			rows[i].Text = credential.NewText(b.KeyText.Reveal())
		}
		if b.Line == 0 {
			rows[i].Line = i + 1
		}
	}
	done, receipt, err := confirmed(ctx, c, in.WaitInput, func(k management.KeyImported) store.Position { return k.Position },
		func() (management.KeyImported, error) {
			return c.service.KeyImport(ctx, c.actor, management.KeyImport{Keys: rows, DryRun: in.Body.DryRun})
		})
	if err != nil {
		return client.KeyImported{}, err
	}
	out := client.KeyImported{
		Batch: done.Batch, DryRun: in.Body.DryRun, Lines: mapped(done.Lines, wireImportLine), Warnings: words(done.Warnings), Receipt: receipt,
	}
	for _, line := range done.Lines {
		switch line.State {
		case management.ImportCreated:
			out.Created++
		case management.ImportPresent:
			out.Present++
		case management.ImportFailed:
			out.Failed++
		}
	}
	return out, nil
}

func wireImportLine(l management.KeyImportLine) client.KeyImportLine {
	out := client.KeyImportLine{Line: l.Line, State: string(l.State), KeyID: l.KeyID, Status: string(l.Status)}
	for _, f := range l.Fields {
		out.Errors = append(out.Errors, client.FieldError{Field: f.Field, Problem: f.Problem, Remedy: f.Remedy})
	}
	return out
}
