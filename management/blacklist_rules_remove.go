package management

import (
	"context"
	"net/netip"

	"credence/store"
)

// BlacklistRulesRemove is the input of [Service.BlacklistRulesRemove]: rules
// that fit all that is said. At least one of Source, Within, Networks and
// Everything is needed.
type BlacklistRulesRemove struct {
	Namespace  string   // "" for all that the actor may see
	Global     bool     // only rules that refuse everywhere; not with Namespace
	Source     string   // rules of this source
	Within     string   // rules whose network lies in this one
	Networks   []string // rules for exactly these, at most MaxBlacklistImport
	Everything bool     // every rule there is
	DryRun     bool     // say which, and remove none
}

// BlacklistRulesRemoved is the answer of [Service.BlacklistRulesRemove].
type BlacklistRulesRemoved struct {
	Matched  int                   // rules that fit when it began
	Sample   []store.BlacklistRule // the oldest of them, at most 20
	Removed  int                   // at most 500
	Done     bool                  // nothing is left; else the same call does the next of them
	Position store.Position        // of the last change; zero when there was none
}

// BlacklistRulesRemove ends many rules before their time, a batch of them in
// one transaction.
func (s *Service) BlacklistRulesRemove(ctx context.Context, a Actor, in BlacklistRulesRemove) (BlacklistRulesRemoved, error) {
	const what = "remove blacklist rules"
	fits, err := in.filter()
	if err != nil {
		return BlacklistRulesRemoved{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if in.Global {
		scopes, some = []string{""}, a.Global()
	}
	if !some {
		return BlacklistRulesRemoved{Done: true}, nil
	}
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (BlacklistRulesRemoved, error) {
		return t.removeRules(ctx, scopes, fits, in.DryRun)
	})
	if err != nil {
		return BlacklistRulesRemoved{}, err
	}
	out.Position = position
	return out, nil
}

// filter is what a rule must fit.
func (in *BlacklistRulesRemove) filter() (func(*store.BlacklistRule) bool, error) {
	p := &problems{}
	if in.Global && in.Namespace != "" {
		p.add("global", "is given together with namespace", "give one of the two")
	}
	if in.Source == "" && in.Within == "" && len(in.Networks) == 0 && !in.Everything {
		p.add("source", "is missing, and so are within and networks", "say which rules, or set everything if all are meant")
	}
	var within netip.Prefix
	if in.Within != "" {
		within = p.network("within", in.Within)
	}
	exactly := map[netip.Prefix]bool{}
	for i, network := range atMost(p, "networks", in.Networks, MaxBlacklistImport) {
		exactly[p.network(at("networks", i), network)] = true
	}
	return func(r *store.BlacklistRule) bool {
		return (in.Source == "" || r.Source == in.Source) && (len(exactly) == 0 || exactly[r.Network]) &&
			(!within.IsValid() || within.Bits() <= r.Network.Bits() && within.Overlaps(r.Network))
	}, p.err("remove blacklist rules")
}

const removeSample = 20

// removeRules removes the first of the rules that fit.
func (t *transaction) removeRules(ctx context.Context, scopes []string, fits func(*store.BlacklistRule) bool, dryRun bool) (BlacklistRulesRemoved, error) {
	out := BlacklistRulesRemoved{Done: true}
	var batch []store.BlacklistRule
	page := store.Page{Limit: store.MaxPage}
	for {
		rules, next, err := t.BlacklistRules(ctx, scopes, page)
		if err != nil {
			return out, err
		}
		for i := range rules {
			if !fits(&rules[i]) {
				continue
			}
			if out.Matched++; out.Matched <= removeSample {
				out.Sample = append(out.Sample, rules[i])
			}
			if len(batch) < store.RemoveBatch {
				batch = append(batch, rules[i])
			}
		}
		if next == "" {
			break
		}
		page.After = next
	}
	if dryRun {
		out.Done = out.Matched == 0
		return out, nil
	}
	out.Removed, out.Done = len(batch), len(batch) == out.Matched
	for i := range batch {
		if err := mayBlacklist(t.actor, batch[i].Namespace, false); err != nil {
			return out, err
		}
		if err := t.DeleteBlacklistRule(ctx, batch[i]); err != nil {
			return out, err
		}
		t.recordRule("blacklist.remove", &batch[i], details{Before: ruleFacts(&batch[i])})
	}
	return out, nil
}
