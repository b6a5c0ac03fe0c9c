package management

import (
	"cmp"
	"context"
	"encoding/json"
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
	Page    PageInput
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
func (q *QuotaState) Percent() float64 { return q.place().percent() }

// QuotaStates is how full quotas are.
type QuotaStates struct {
	Items  []QuotaState // the fullest
	Next   store.Cursor // "" when nothing follows
	Total  int          // how many there are, on all pages
	UsedUp int          // of them used up
	More   bool         // there may be more than Total: not all were looked at
}

const (
	defaultQuotaPercent = 80
	maxQuotaWindows     = 200_000 // that one question looks at
)

// quotaPlace is where a quota stands in the list, the fullest first.
type quotaPlace struct {
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit"`
	Subject string `json:"subject"`
	Name    string `json:"name"`
}

func (q *QuotaState) place() quotaPlace {
	return quotaPlace{Used: q.Used, Limit: q.Limit, Subject: q.Subject, Name: q.Name}
}

func (p quotaPlace) percent() float64 { return 100 * float64(p.Used) / float64(max(1, p.Limit)) }

func (p quotaPlace) compare(o quotaPlace) int {
	return cmp.Or(cmp.Compare(o.percent(), p.percent()), strings.Compare(p.Subject, o.Subject), strings.Compare(p.Name, o.Name))
}

// UsageQuotas answers who is close to a quota, the fullest first. Each page looks
// anew and goes on below the place where the one before ended: a quota that was
// filled up in between can be on none of the pages, and none is on two of them.
func (s *Service) UsageQuotas(ctx context.Context, a Actor, in UsageQuotas) (QuotaStates, error) {
	p := &problems{}
	p.text("namespace", in.Namespace, 0, maxNamespace)
	if in.AtLeast < -1 || in.AtLeast > 100 {
		p.add("at_least", fmt.Sprintf("%d is no share", in.AtLeast), "use 0 to 100 percent")
	}
	page := p.page(in.Page)
	var after quotaPlace
	if page.After != "" && json.Unmarshal([]byte(page.After), &after) != nil {
		p.add("cursor", "is not one that this list gave out", "leave it out to begin anew")
	}
	if err := p.err("read quotas"); err != nil {
		return QuotaStates{}, err
	}
	least := float64(max(0, cmp.Or(in.AtLeast, defaultQuotaPercent)))
	rows := cmp.Or(page.Limit, store.DefaultPage)
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
			if is && state.Percent() >= least {
				out.add(state, page.After == "" || state.place().compare(after) > 0)
			}
			subject, name = u.Subject, u.Name
		}
		out.keep(rows + 1) // the one beyond tells that there are more
		if looked += len(uses); len(uses) < store.MaxPage {
			out.More = false
			break
		}
	}
	return out, out.end(rows)
}

// add counts a quota, and takes it when it belongs behind the page before.
func (q *QuotaStates) add(state QuotaState, behind bool) {
	if q.Total++; state.Used >= state.Limit {
		q.UsedUp++
	}
	if behind {
		q.Items = append(q.Items, state)
	}
}

// keep drops all but the fullest.
func (q *QuotaStates) keep(rows int) {
	slices.SortFunc(q.Items, func(a, b QuotaState) int { return a.place().compare(b.place()) })
	q.Items = q.Items[:min(len(q.Items), rows)]
}

// end cuts the page, and says where the next begins when there is one.
func (q *QuotaStates) end(rows int) error {
	if len(q.Items) <= rows {
		return nil
	}
	q.Items = q.Items[:rows]
	next, err := json.Marshal(q.Items[rows-1].place())
	q.Next = store.Cursor(next)
	return err
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
