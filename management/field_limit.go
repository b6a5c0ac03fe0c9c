package management

import (
	"errors"
	"strings"
	"time"

	"credence/store/credential"
	"credence/store/limit"
)

// limits checks the named rates of one key, plan or owner.
func (p *problems) limits(in []LimitInput) []limit.Limit {
	var limits []limit.Limit
	for i, l := range atMost(p, "limits", in, limit.MaxLimits) {
		field := at("limits", i)
		period, err := time.ParseDuration(l.Period)
		if err != nil {
			p.add(field+".period", quoted(l.Period)+" is no duration", `write it like "1s", "10m" or "24h"`)
			continue
		}
		out := limit.Limit{Name: l.Name, Limit: l.Limit, Period: period, Burst: l.Burst}
		p.limitError(field, out.Validate())
		limits = append(limits, out)
	}
	return limits
}

// quotas checks the calendar budgets of one key, plan or owner.
func (p *problems) quotas(in []QuotaInput) []limit.Quota {
	var quotas []limit.Quota
	for i, q := range atMost(p, "quotas", in, limit.MaxQuotas) {
		out := limit.Quota{Name: q.Name, Limit: q.Limit, Period: limit.QuotaPeriod(q.Period)}
		p.limitError(at("quotas", i), out.Validate())
		quotas = append(quotas, out)
	}
	return quotas
}

// limitError places what package limit found wrong at its field.
func (p *problems) limitError(field string, err error) {
	var e *limit.Error
	switch {
	case err == nil:
	case errors.As(err, &e):
		p.add(field+"."+e.Field, e.Problem, e.Remedy)
	default:
		p.add(field, err.Error(), "see the reference of limits")
	}
}

// budgets checks limits and quotas together: answers to callers name both
// alike, so a name stands for one of them only. Each list passed its own check
// before, so what is left to find are names.
func (p *problems) budgets(limits []limit.Limit, quotas []limit.Quota) {
	if p.mentions("limits") || p.mentions("quotas") {
		return
	}
	var e *limit.Error
	if err := limit.Validate(limits, quotas); errors.As(err, &e) {
		p.add(e.Field, e.Problem, e.Remedy)
	}
}

// mentions reports whether there is a problem of the field or an element.
func (p *problems) mentions(field string) bool {
	for _, f := range p.fields {
		if f.Field == field || strings.HasPrefix(f.Field, field+"[") {
			return true
		}
	}
	return false
}

// keyPrefix checks the first word of key texts.
func (p *problems) keyPrefix(value string) string {
	value = orDefault(value, credential.DefaultPrefix)
	if credential.ValidatePrefix(value) != nil {
		p.add("key_prefix", quoted(value)+" cannot begin a key text",
			`use 2 to 16 of a-z 0-9, beginning with a letter; "crdadm" is kept for admin tokens`)
	}
	return value
}

// environment checks the second word of key texts.
func (p *problems) environment(value string) string {
	value = orDefault(value, credential.DefaultEnvironment)
	if credential.ValidateEnvironment(value) != nil {
		p.add("environment", quoted(value)+" cannot stand in a key text", `use 1 to 16 of a-z 0-9, like "live" or "test"`)
	}
	return value
}
