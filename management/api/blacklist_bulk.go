package api

import (
	"context"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func blacklistImport(ctx context.Context, c call, in *client.BlacklistImportInput) (client.BlacklistImported, error) {
	b := &in.Body
	rows := make([]management.BlacklistImportRow, len(b.Rules))
	for i, r := range b.Rules {
		rows[i] = management.BlacklistImportRow{Line: r.Line, Network: r.Network, Reason: r.Reason}
		if r.Line == 0 {
			rows[i].Line = i + 1
		}
	}
	done, receipt, err := confirmed(ctx, c, in.WaitInput, func(r management.BlacklistImported) store.Position { return r.Position },
		func() (management.BlacklistImported, error) {
			return c.service.BlacklistImport(ctx, c.actor, management.BlacklistImport{
				Rules: rows, Namespace: b.Namespace, Reason: b.Reason, Source: b.Source, EndsAt: b.EndsAt, For: b.For, Force: b.Force, DryRun: b.DryRun,
			})
		})
	if err != nil {
		return client.BlacklistImported{}, err
	}
	out := client.BlacklistImported{DryRun: b.DryRun, Lines: mapped(done.Lines, wireBlacklistLine), Receipt: receipt}
	for i := range done.Lines {
		switch done.Lines[i].State {
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

func wireBlacklistLine(l management.BlacklistImportLine) client.BlacklistImportLine {
	out := client.BlacklistImportLine{Line: l.Line, State: string(l.State), ID: l.ID, Overlaps: mapped(l.Overlaps, wireOverlap), Overlap: l.Overlap}
	for _, f := range l.Fields {
		out.Errors = append(out.Errors, client.FieldError{Field: f.Field, Problem: f.Problem, Remedy: f.Remedy})
	}
	return out
}

func wireOverlap(o management.BlacklistOverlap) client.BlacklistOverlap {
	out := client.BlacklistOverlap{
		ID: o.Rule.ID, Namespace: o.Rule.Namespace, Network: o.Rule.Network.String(), Relation: "covered_by", Note: o.Note(),
	}
	if o.Covers {
		out.Relation = "covers"
	}
	return out
}

func blacklistRulesRemove(ctx context.Context, c call, in *client.BlacklistRulesRemoveInput) (client.BlacklistRulesRemoved, error) {
	b := &in.Body
	done, receipt, err := confirmed(ctx, c, in.WaitInput, func(r management.BlacklistRulesRemoved) store.Position { return r.Position },
		func() (management.BlacklistRulesRemoved, error) {
			return c.service.BlacklistRulesRemove(ctx, c.actor, management.BlacklistRulesRemove{
				Namespace: b.Namespace, Global: b.Global, Source: b.Source, Within: b.Within, Networks: b.Networks,
				Everything: b.Everything, DryRun: b.DryRun,
			})
		})
	return client.BlacklistRulesRemoved{
		DryRun: b.DryRun, Matched: done.Matched, Sample: mapped(done.Sample, wireRule), Removed: done.Removed, Done: done.Done, Receipt: receipt,
	}, err
}
