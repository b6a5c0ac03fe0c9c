package api

import (
	"cmp"
	"context"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func usageOperations() []Operation {
	codes := []management.Code{management.CodeInvalidInput}
	return []Operation{
		handle(Operation{
			ID: "Usage", Method: http.MethodGet, Path: "/v1/usage", Summary: "Sum usage over time", Role: store.RoleViewer, Codes: codes,
		}, usageRead),
		handle(Operation{
			ID: "UsageTop", Method: http.MethodGet, Path: "/v1/usage/top", Summary: "Show who has most requests, denials or latency",
			Role: store.RoleViewer, Codes: codes,
		}, usageTop),
		handle(Operation{
			ID: "UsageAddresses", Method: http.MethodGet, Path: "/v1/usage/addresses", Summary: "Show the addresses that were refused most",
			Role: store.RoleViewer, Codes: codes,
		}, usageAddresses),
		handle(Operation{
			ID: "UsageQuotas", Method: http.MethodGet, Path: "/v1/usage/quotas", Summary: "List who is close to a quota, the fullest first",
			Role: store.RoleViewer, Codes: codes,
		}, usageQuotas),
	}
}

func usageInput(f *client.UsageFilter) management.UsageRead {
	return management.UsageRead{
		Since: f.Since, Until: f.Until, Namespace: f.Namespace, KeyID: f.KeyID, Owner: f.Owner, Plan: f.Plan, Route: f.Route,
		Reason: f.Reason, Denied: f.Denied, Limit: f.Limit,
	}
}

func usageRead(ctx context.Context, c call, in *client.UsageInput) (client.Usage, error) {
	read := usageInput(&in.UsageFilter)
	read.By, read.Group = in.By, in.Group
	got, err := c.service.UsageRead(ctx, c.actor, read)
	return wireUsage(got), err
}

func usageTop(ctx context.Context, c call, in *client.UsageTopInput) (client.Usage, error) {
	read := usageInput(&in.UsageFilter)
	read.Top, read.Group = in.By, cmp.Or(in.Of, string(store.UsageOfKey))
	got, err := c.service.UsageTop(ctx, c.actor, read)
	return wireUsage(got), err
}

func wireUsage(u management.UsageAnswer) client.Usage {
	return client.Usage{
		Since: u.Since, Until: u.Until, By: string(u.By), More: u.More,
		Items: mapped(u.Items, func(s store.UsageSum) client.UsageSum {
			return client.UsageSum{
				Start: s.Start, Group: s.Group, Namespace: s.Namespace, Requests: s.Checks, Denied: s.Denied,
				LatencyUS: s.Latency.Microseconds(), Addresses: s.Addresses.Estimate(),
			}
		}),
		Gaps: mapped(u.Gaps, func(g store.UsageGap) client.UsageGap {
			return client.UsageGap{Replica: g.Replica, From: g.From, To: g.To, Cause: string(g.Cause)}
		}),
	}
}

func usageAddresses(ctx context.Context, c call, in *client.UsageAddressesInput) (client.List[client.FailingAddress], error) {
	found, err := c.service.UsageAddresses(ctx, c.actor, management.UsageAddresses{
		Since: in.Since, Until: in.Until, Reason: in.Reason, Limit: in.Limit,
	})
	return list(c, found.Items, "", err, func(f store.FailingAddress) client.FailingAddress {
		return client.FailingAddress{
			Address: f.Address.String(), Reason: f.Reason, Since: f.Minute, Refused: f.Checks, Uncertain: f.Uncertain,
		}
	})
}

func usageQuotas(ctx context.Context, c call, in *client.UsageQuotasInput) (client.List[client.QuotaState], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.QuotaState]{}, err
	}
	found, err := c.service.UsageQuotas(ctx, c.actor, management.UsageQuotas{Namespace: in.Namespace, AtLeast: in.AtLeast, Page: page})
	return list(c, found.Items, found.Next, err, func(q management.QuotaState) client.QuotaState {
		return client.QuotaState{
			Namespace: q.Namespace, KeyID: q.KeyID, Owner: q.Owner, Name: q.Name, Limit: q.Limit, Used: q.Used,
			Percent: q.Percent(), Start: q.Start, End: q.End,
		}
	})
}
