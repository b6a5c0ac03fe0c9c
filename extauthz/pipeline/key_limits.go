package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"credence/store"
	"credence/store/limit"
)

func validateLimits(r *store.KeyRecord) error {
	if err := limit.Validate(r.Limits, r.Quotas); err != nil {
		return err
	}
	if err := limit.Validate(r.PlanLimits, r.PlanQuotas); err != nil {
		return fmt.Errorf("plan %q: %w", r.Plan, err)
	}
	if err := limit.Validate(r.OwnerLimits, r.OwnerQuotas); err != nil {
		return fmt.Errorf("owner %q: %w", r.Owner, err)
	}
	if r.Owner == "" && len(r.OwnerLimits)+len(r.OwnerQuotas) > 0 {
		return errors.New("owner: limits of an owner, but no owner to count them for")
	}
	return nil
}

// subjectLimits says for whom each limit is counted and how it is called in
// answers. Names hold no colon, so the labels made here cannot collide: an
// owner's begin with "owner:", and a quota that shares its name with a rate of
// the key or its plan begins with "quota:".
func subjectLimits(r *store.KeyRecord) ([]SubjectLimit, []SubjectQuota) {
	key, owner := cmp.Or(r.LimitsID, r.KeyID), "owner:"+r.Namespace+"/"+r.Owner
	var limits []SubjectLimit
	var quotas []SubjectQuota
	rates := make(map[string]bool)
	for _, l := range overriding(r.Limits, r.PlanLimits, func(l limit.Limit) string { return l.Name }) {
		l = l.Throttled(r.Throttle)
		l.Name = shared(l.Name)
		limits = append(limits, SubjectLimit{Subject: key, Label: l.Name, Limit: l})
		rates[l.Name] = true
	}
	for _, q := range overriding(r.Quotas, r.PlanQuotas, func(q limit.Quota) string { return q.Name }) {
		q.Name = shared(q.Name)
		label := q.Name
		if rates[label] {
			label = "quota:" + label
		}
		quotas = append(quotas, SubjectQuota{Subject: key, Label: label, Quota: q})
	}
	for _, l := range r.OwnerLimits {
		limits = append(limits, SubjectLimit{Subject: owner, Label: "owner:" + l.Name, Limit: l})
	}
	for _, q := range r.OwnerQuotas {
		quotas = append(quotas, SubjectQuota{Subject: owner, Label: "owner:" + q.Name, Quota: q})
	}
	return limits, quotas
}

// overriding is the key's own list and behind it those of the plan's whose
// name the key does not use.
func overriding[T any](own, plan []T, name func(T) string) []T {
	all := slices.Clone(own)
	for _, p := range plan {
		if !slices.ContainsFunc(own, func(o T) bool { return name(o) == name(p) }) {
			all = append(all, p)
		}
	}
	return all
}
