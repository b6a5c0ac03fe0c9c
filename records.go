package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"credence/management"
	"credence/management/anchor"
	"credence/management/jobs"
	"credence/management/outgoing"
	"credence/store"
	"credence/store/timespan"
)

// recordSettings say how long what is kept, and what proves the audit log.
func recordSettings() []setting {
	return []setting{
		{inControl, "revoked-retention", "duration", "90d", "how long revoked keys are kept before they are purged, all but their ids; 0 for ever", retention(func(c *config) *time.Duration { return &c.Retention.RevokedKeys })},
		{inControl, "usage-retention", "duration", "7d", "how long usage by the minute is kept", duration(func(c *config) *time.Duration { return &c.Retention.Usage }, time.Hour, 365*24*time.Hour)},
		{inControl, "usage-hours-retention", "duration", "90d", "how long usage by the hour is kept", duration(func(c *config) *time.Duration { return &c.Retention.UsageHours }, 24*time.Hour, 3650*24*time.Hour)},
		{inControl, "usage-days-retention", "duration", "730d", "how long usage by the day is kept, and the networks that a key was used from", duration(func(c *config) *time.Duration { return &c.Retention.UsageDays }, 24*time.Hour, 7300*24*time.Hour)},
		{inControl, "idempotency-retention", "duration", "24h", "how long a repeated create answers what the first one made", duration(func(c *config) *time.Duration { return &c.Retention.Idempotency }, time.Hour, 30*24*time.Hour)},
		{inControl, "changes-retention", "duration", "3d", "how long rows of the change feed are kept", duration(func(c *config) *time.Duration { return &c.Retention.Changes }, 2*time.Hour, 365*24*time.Hour)},
		{inControl, "reports-retention", "duration", "400d", "how long reports are kept; 0 for ever", retention(func(c *config) *time.Duration { return &c.Retention.Reports })},
		{inControl, "audit-retention", "duration", "0s", "how long audit entries are kept; what is older is removed up to a checkpoint that every anchor holds; 0 for ever", retention(func(c *config) *time.Duration { return &c.Retention.Audit })},
		{inControl, "audit-checkpoint-every", "duration", "10m", "how often it is signed where the audit log stands, and anchors are told", duration(func(c *config) *time.Duration { return &c.AuditCheckpointEvery }, 10*time.Second, 7*24*time.Hour)},
		{inControl, "audit-anchors", "list", "", "places outside that are told of every checkpoint: file:/PATH, https://HOST/PATH (a POST of JSON lines) or s3://BUCKET/PREFIX (AWS_... say where and who); private addresses need outgoing-allow", list(func(c *config) *[]string { return &c.AuditAnchors })},
	}
}

// retention is a duration, or 0 for ever. A day is the least: a slip of the
// unit must not remove everything.
func retention(field func(*config) *time.Duration) func(*config, string) error {
	return func(c *config, v string) error {
		d, err := timespan.Parse(v)
		if err != nil || d != 0 && (d < 24*time.Hour || d > 100*365*24*time.Hour) {
			return fmt.Errorf("%q is neither 0s, for ever, nor a duration of at least 24h, such as 90d", v)
		}
		*field(c) = d
		return nil
	}
}

// newAnchors makes what is told of checkpoints.
func newAnchors(ctx context.Context, c config) ([]management.Anchor, error) {
	var anchors []management.Anchor
	seen := map[string]bool{}
	for _, text := range c.AuditAnchors {
		a, err := newAnchor(ctx, c, strings.TrimSpace(text))
		if err != nil {
			return nil, usageError{fmt.Errorf("audit-anchors: %w", err)}
		}
		if seen[a.Name()] {
			return nil, usageError{fmt.Errorf("audit-anchors: %s is given twice", a.Name())}
		}
		seen[a.Name()] = true
		anchors = append(anchors, a)
	}
	return anchors, nil
}

func newAnchor(ctx context.Context, c config, text string) (management.Anchor, error) {
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		return anchor.NewFile(path)
	}
	o, err := outgoingOptions(c.Outgoing)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(text, "s3:") {
		return anchor.NewObject(ctx, text, outgoing.NewClient(o))
	}
	return anchor.NewWebhook(text, outgoing.NewClient(o))
}

// heldObjects reads what an anchor keeps in an object store. Who runs the command
// names the address and the endpoint, so no list of what is allowed applies.
func heldObjects(ctx context.Context, address string) (io.ReadCloser, error) {
	o, err := anchor.NewObject(ctx, address, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	if err != nil {
		return nil, err
	}
	return o.Read(ctx)
}

// passes are what one of the control planes does at intervals.
func (d *deployment) passes(service *management.Service, changes *store.Store, failures *jobs.Failures) ([]func(context.Context) error, error) {
	usages, err := d.newUsagePass(changes)
	if err != nil {
		return nil, err
	}
	var work []func(context.Context) error
	for _, p := range slices.Concat(jobs.Cleanups(service), jobs.Outside(service), []jobs.Pass{
		jobs.Audit(service, d.config.AuditCheckpointEvery), jobs.LateReports(service), jobs.UsageEvents(service), usages,
	}) {
		work = append(work, p.Work(d.logger, failures))
	}
	return work, nil
}
