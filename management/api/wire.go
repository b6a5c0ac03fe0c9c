package api

import (
	"strings"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store/limit"
)

// mapped turns each item; the answer is never nil, so that JSON shows [].
func mapped[F, T any](items []F, f func(F) T) []T {
	out := make([]T, 0, len(items))
	for _, item := range items {
		out = append(out, f(item))
	}
	return out
}

func words(items []string) []string {
	return mapped(items, func(s string) string { return s })
}

func wireLimits(limits []limit.Limit) []client.Limit {
	return mapped(limits, func(l limit.Limit) client.Limit {
		return client.Limit{Name: l.Name, Limit: l.Limit, Period: period(l.Period), Burst: l.Burst}
	})
}

func wireQuotas(quotas []limit.Quota) []client.Quota {
	return mapped(quotas, func(q limit.Quota) client.Quota {
		return client.Quota{Name: q.Name, Limit: q.Limit, Period: string(q.Period)}
	})
}

func limitInputs(limits []client.Limit) []management.LimitInput {
	return mapped(limits, func(l client.Limit) management.LimitInput {
		return management.LimitInput{Name: l.Name, Limit: l.Limit, Period: l.Period, Burst: l.Burst}
	})
}

func quotaInputs(quotas []client.Quota) []management.QuotaInput {
	return mapped(quotas, func(q client.Quota) management.QuotaInput {
		return management.QuotaInput{Name: q.Name, Limit: q.Limit, Period: q.Period}
	})
}

// period is the duration as people write it: 1m, not 1m0s.
func period(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// patch brings a field of a merge patch to the use-case.
func patch[T any](p client.Patch[T]) management.Patch[T] {
	return patchAs(p, func(v T) T { return v })
}

func patchAs[F, T any](p client.Patch[F], as func(F) T) management.Patch[T] {
	v := p.Pointer()
	if v == nil {
		return management.Patch[T]{}
	}
	return management.Set(as(*v))
}
