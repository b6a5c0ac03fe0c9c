package management

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"credence/store"
	"credence/store/limit"
)

// UsageQuotas is the input of [Service.UsageQuotas].
type UsageQuotas struct {
	Namespace string
	// AtLeast is how much of a quota must be used, in percent; 0 is 80. Of a
	// quota that is not to be left out, however little is used: -1.
	AtLeast int
	Limit   int // 0: 100
}

// QuotaState is how much of a quota is used now. Replicas reserve blocks, so
// it may be a little more than was spent.
type QuotaState struct {
	Namespace string
	KeyID     string // whose quota it is, or
	Owner     string
	Name      string
	Limit     int64
	store.QuotaUse
}

// Percent is what is used of the limit.
func (q *QuotaState) Percent() float64 { return 100 * float64(q.Used) / float64(max(1, q.Limit)) }

// QuotaStates is how full quotas are.
type QuotaStates struct {
	Items  []QuotaState // the fullest
	Total  int          // how many there are
	UsedUp int          // of them used up
	More   bool         // there may be more than Total: not all were looked at
}

const (
	defaultQuotaPercent = 80
	defaultQuotaRows    = 100
	maxQuotaWindows     = 200_000 // that one question looks at
)

// UsageQuotas answers who is close to a quota, the fullest first.
func (s *Service) UsageQuotas(ctx context.Context, a Actor, in UsageQuotas) (QuotaStates, error) {
	p := &problems{}
	p.text("namespace", in.Namespace, 0, maxNamespace)
	if in.AtLeast < -1 || in.AtLeast > 100 {
		p.add("at_least", fmt.Sprintf("%d is no share", in.AtLeast), "use 0 to 100 percent")
	}
	if in.Limit < 0 || in.Limit > store.MaxPage {
		p.add("limit", fmt.Sprintf("%d is out of range", in.Limit), fmt.Sprintf("use 1 to %d", store.MaxPage))
	}
	if err := p.err("read quotas"); err != nil {
		return QuotaStates{}, err
	}
	least := max(0, cmp.Or(in.AtLeast, defaultQuotaPercent))
	rows := cmp.Or(in.Limit, defaultQuotaRows)
	out := QuotaStates{More: true}
	subject, name := "", ""
	for looked := 0; looked < maxQuotaWindows; {
		uses, err := s.store.QuotaUses(ctx, s.now(), subject, name, store.MaxPage)
		if err != nil {
			return QuotaStates{}, failed("read quotas", err)
		}
		for _, u := range uses {
			state, is, err := s.quotaState(ctx, a, in.Namespace, u)
			if err != nil {
				return QuotaStates{}, failed("read quotas", err)
			}
			if is && state.Percent() >= float64(least) {
				out.Items = append(out.Items, state)
				if out.Total++; state.Used >= state.Limit {
					out.UsedUp++
				}
			}
			subject, name = u.Subject, u.Name
		}
		slices.SortFunc(out.Items, func(a, b QuotaState) int {
			return cmp.Or(cmp.Compare(b.Percent(), a.Percent()), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Name, b.Name))
		})
		out.Items = out.Items[:min(len(out.Items), rows)]
		if looked += len(uses); len(uses) < store.MaxPage {
			out.More = false
			break
		}
	}
	return out, nil
}

// quotaState finds the quota of a window; false when it is none that the actor
// may see, or one that nobody has any more.
func (s *Service) quotaState(ctx context.Context, a Actor, namespace string, u store.QuotaUse) (QuotaState, bool, error) {
	out := QuotaState{QuotaUse: u, Name: u.Name}
	quotas, err := s.quotasOf(ctx, &out)
	if errors.Is(err, store.ErrNotFound) {
		return out, false, nil
	}
	if err != nil || !a.May(out.Namespace) || namespace != "" && namespace != out.Namespace {
		return out, false, err
	}
	for _, q := range quotas {
		if q.Name == u.Name {
			out.Limit = q.Limit
			return out, true, nil
		}
	}
	return out, false, nil
}

// quotasOf are the quotas of a subject, those of its plan behind its own.
func (s *Service) quotasOf(ctx context.Context, out *QuotaState) ([]limit.Quota, error) {
	if name, is := strings.CutPrefix(out.Subject, "owner:"); is {
		out.Namespace, out.Owner, _ = strings.Cut(name, "/")
		o, err := s.store.Owner(ctx, out.Namespace, out.Owner)
		return o.Quotas, err
	}
	k, err := s.store.Key(ctx, out.Subject)
	if err != nil || k.Status == store.StatusPurged {
		return nil, err
	}
	out.KeyID, out.Namespace, out.Owner = k.KeyID, k.Namespace, k.Owner
	if k.Plan == "" {
		return k.Quotas, nil
	}
	plan, err := s.store.Plan(ctx, k.Namespace, k.Plan)
	return append(slices.Clone(k.Quotas), plan.Quotas...), err
}
