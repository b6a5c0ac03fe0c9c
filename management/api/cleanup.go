package api

import (
	"context"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func cleanupOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "CleanupList", Method: http.MethodGet, Path: "/v1/cleanup", Summary: "List what is tidied up at intervals, and what the last run of each did",
			Role: store.RoleViewer,
		}, cleanupList),
		handle(Operation{
			ID: "CleanupRun", Method: http.MethodPost, Path: "/v1/cleanup/{name}/run", Summary: "Run a cleanup now, or say what that would do",
			Role: store.RoleAdmin, Codes: []management.Code{management.CodeNotFound, management.CodeConflict},
		}, cleanupRun),
	}
}

func cleanupList(ctx context.Context, c call, _ *client.CleanupListInput) (client.List[client.Cleanup], error) {
	found, err := c.service.CleanupList(ctx, c.actor)
	return list(c, found, "", err, wireCleanup)
}

func cleanupRun(ctx context.Context, c call, in *client.CleanupRunInput) (client.CleanupReport, error) {
	done, err := c.service.CleanupRun(ctx, c.actor, management.CleanupRun{Name: in.Name, DryRun: in.Body.DryRun})
	if err != nil {
		return client.CleanupReport{}, err
	}
	out := wireReport(done.CleanupReport)
	out.DryRun, out.Before = done.DryRun, done.Before
	for _, i := range done.Items {
		out.Items = append(out.Items, client.CleanupItem(i))
	}
	return out, nil
}

func wireCleanup(c management.Cleanup) client.Cleanup {
	out := client.Cleanup{Name: c.Name, About: c.About, Every: period(c.Every)}
	switch {
	case c.Aged && c.Keep == 0:
		out.Kept = "forever"
	case c.Aged:
		out.Kept = period(c.Keep)
	}
	if !c.Last.At.IsZero() {
		last := wireReport(c.Last)
		out.LastRun = &last
	}
	return out
}

func wireReport(r store.CleanupReport) client.CleanupReport {
	return client.CleanupReport{Name: r.Name, By: r.By, At: r.At, Took: r.Took.String(), Done: r.Done, More: r.More, Problem: r.Problem}
}
