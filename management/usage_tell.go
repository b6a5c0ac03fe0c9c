package management

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"credence/management/event"
	"credence/store"
)

const (
	// limitsSeen is how far back refusals by a limit are looked at: usage is on
	// its way for some seconds, and longer when something is away.
	limitsSeen = 10 * time.Minute
	// limitWindow is the time for which a key that meets its limits is told of
	// once, and then once more.
	limitWindow = time.Hour
	// limitSettled is how long after that the sum is told.
	limitSettled = 5 * time.Minute

	// Bounds of one call.
	tellRows    = 50_000 // of refusals
	tellKeys    = 2000   // that are told of for the first time, those refused most
	tellBatch   = 100    // events of one transaction
	tellSums    = 500    // windows that are over
	tellWindows = 20     // pages of quotas
)

// quotaNear is the share of a quota at which it comes to its end, in percent.
const quotaNear = 80

func usageTeller() Actor { return Actor{ID: "job:usage_events", Role: store.RoleAdmin} }

// notable is an event, and the notice that it is told once by.
type notable struct {
	notice    store.Notice
	closes    bool // the notice is there, and is closed
	kind      event.Type
	namespace string
	data      any // nil: only close
}

// tellNotable tells others in batches, each a transaction: the notice and the
// event are there, or neither is. What somebody else has told meanwhile is not
// told again.
func (s *Service) tellNotable(ctx context.Context, all []notable) (told int, err error) {
	for batch := range slices.Chunk(all, tellBatch) {
		n, _, err := transact(ctx, s, usageTeller(), "tell of usage", func(ctx context.Context, t *transaction) (n int, err error) {
			t.counted = true
			for i := range batch {
				b := &batch[i]
				if b.closes {
					err = t.CloseNotice(ctx, b.notice)
				} else {
					err = t.fresh(ctx, b.notice)
				}
				switch {
				case errors.Is(err, store.ErrNotFound) && b.closes, errors.Is(err, errTold):
					continue
				case err != nil:
					return n, err
				case b.data != nil:
					n++
					t.emit(b.kind, b.namespace, b.data)
				}
			}
			return n, nil
		})
		told += n
		if err != nil {
			return told, err
		}
	}
	return told, nil
}

var errTold = errors.New("others were told")

// fresh writes a notice down, unless it is there.
func (t *transaction) fresh(ctx context.Context, n store.Notice) error {
	switch _, err := t.Notice(ctx, n.Kind, n.Subject, n.Name, n.Start); {
	case err == nil:
		return errTold
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return t.InsertNotice(ctx, n)
}

// untold reports whether there is no such notice yet.
func (s *Service) untold(ctx context.Context, n *store.Notice) (bool, error) {
	_, err := s.store.Notice(ctx, n.Kind, n.Subject, n.Name, n.Start)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// listeners are the namespaces in which somebody wants to be told of a kind of
// event; "" for all of them.
type listeners map[string]bool

func (l listeners) want(namespace string) bool { return l[""] || l[namespace] }

// wanted answers who wants to be told of events of the kind: without anybody
// nothing is looked for or written down, however often it happens.
func (s *Service) wanted(ctx context.Context, kind event.Type) (listeners, error) {
	in := listeners{}
	page := store.Page{Limit: store.MaxPage}
	for range tellWindows {
		hooks, next, err := s.store.Webhooks(ctx, nil, page)
		if err != nil {
			return nil, err
		}
		for i := range hooks {
			if event.Match(hooks[i].Events, kind) {
				in[hooks[i].Namespace] = true
			}
		}
		if page.After = next; next == "" {
			return in, nil
		}
	}
	return listeners{"": true}, nil // there are too many to look at
}

// UsageTellLimits tells of keys that met a limit: of each once in an hour when
// it is first seen, and, if it went on, once when the hour is over, with the
// sum. It answers how many events that made. Calling it twice does no harm.
func (s *Service) UsageTellLimits(ctx context.Context) (told int, err error) {
	const what = "tell of limits"
	now := s.now().UTC()
	wanted, err := s.wanted(ctx, event.LimitExceeded)
	if err != nil {
		return 0, failed(what, err)
	}
	var rows []store.UsageMinute
	if len(wanted) > 0 {
		if rows, err = s.store.DeniedMinutes(ctx, now.Add(-limitsSeen), now.Add(time.Minute), tellRows); err != nil {
			return 0, failed(what, err)
		}
	}
	first, err := s.limitsMet(ctx, now, rows, wanted)
	if err != nil {
		return 0, failed(what, err)
	}
	over, err := s.limitsOver(ctx, now)
	if err != nil {
		return 0, failed(what, err)
	}
	return s.tellNotable(ctx, append(first, over...))
}

// keyWindow is a key in a stretch of time.
type keyWindow struct {
	key   string
	start time.Time
}

// limitsMet are the keys that met a limit and that nobody was told of. Those
// that others were told of do not count for how many there are at most: they
// are there for as long as they go on.
func (s *Service) limitsMet(ctx context.Context, now time.Time, rows []store.UsageMinute, wanted listeners) ([]notable, error) {
	known, err := s.limitsTold(ctx, now, len(rows))
	if err != nil {
		return nil, err
	}
	sums := map[keyWindow]*store.UsageMinute{}
	var order []keyWindow
	for i := range rows {
		r := &rows[i]
		if r.Reason != "rate_limited" || r.KeyID == store.UsageOther || !wanted.want(r.Namespace) {
			continue
		}
		in := keyWindow{r.KeyID, r.Minute.UTC().Truncate(limitWindow)}
		if known[in] {
			continue
		}
		if sums[in] == nil {
			sums[in] = &store.UsageMinute{Namespace: r.Namespace, Owner: r.Owner}
			order = append(order, in)
		}
		sums[in].Checks += r.Checks
	}
	slices.SortStableFunc(order, func(a, b keyWindow) int {
		return cmp.Or(cmp.Compare(sums[b].Checks, sums[a].Checks), strings.Compare(a.key, b.key), a.start.Compare(b.start))
	})
	var all []notable
	for _, in := range order {
		if len(all) == tellKeys {
			break
		}
		n := store.Notice{Kind: store.NoticeLimitExceeded, Subject: in.key, Start: in.start, End: in.start.Add(limitWindow), Count: sums[in].Checks}
		switch is, err := s.untold(ctx, &n); {
		case err != nil:
			return nil, err
		case is:
			all = append(all, notable{notice: n, kind: event.LimitExceeded, namespace: sums[in].Namespace, data: event.LimitMet{
				KeyID: in.key, Namespace: sums[in].Namespace, Owner: sums[in].Owner, Phase: "first", Since: n.Start, Until: n.End, Refused: n.Count,
			}})
		}
	}
	return all, nil
}

// limitsTold are those of which others were told and that go on: most of those
// that are seen again.
func (s *Service) limitsTold(ctx context.Context, now time.Time, rows int) (map[keyWindow]bool, error) {
	known := map[keyWindow]bool{}
	if rows == 0 {
		return known, nil
	}
	open, err := s.store.OpenNotices(ctx, store.NoticeLimitExceeded, now.Add(2*limitWindow), tellRows)
	for _, n := range open {
		known[keyWindow{n.Subject, n.Start.UTC()}] = true
	}
	return known, err
}

// limitsOver are the hours that are over, with their sums.
func (s *Service) limitsOver(ctx context.Context, now time.Time) ([]notable, error) {
	open, err := s.store.OpenNotices(ctx, store.NoticeLimitExceeded, now.Add(-limitSettled), tellSums)
	if err != nil {
		return nil, err
	}
	var all []notable
	for _, n := range open {
		sums, err := s.store.UsageSums(ctx, store.UsageQuery{
			From: n.Start, Until: n.End, Step: store.UsageByHour, Group: store.UsageOfNamespace, Top: store.UsageRequests,
			KeyID: n.Subject, Reason: "rate_limited", Limit: 1,
		})
		if err != nil {
			return nil, err
		}
		over := notable{notice: n, closes: true}
		if len(sums) > 0 && sums[0].Checks > n.Count {
			over.notice.Count, over.kind, over.namespace = sums[0].Checks, event.LimitExceeded, sums[0].Group
			met := event.LimitMet{KeyID: n.Subject, Namespace: sums[0].Group, Phase: "summary", Since: n.Start, Until: n.End, Refused: sums[0].Checks}
			if k, err := s.store.Key(ctx, n.Subject); err == nil {
				met.Owner = k.Owner
			}
			over.data = met
		}
		all = append(all, over)
	}
	return all, nil
}

// UsageTellQuotas tells of quotas of which four fifths are used, and of those
// that are used up, each once in its day or month. It looks at a bounded number
// of windows behind the one that has the subject and name of from, and answers
// behind which the next call is to go on, and how many events that made. Calling it twice does no harm.
func (s *Service) UsageTellQuotas(ctx context.Context, from store.QuotaWindow) (next store.QuotaWindow, told int, err error) {
	const what = "tell of quotas"
	near, err := s.wanted(ctx, event.QuotaNear)
	if err != nil {
		return from, 0, failed(what, err)
	}
	exhausted, err := s.wanted(ctx, event.QuotaExhausted)
	if err != nil {
		return from, 0, failed(what, err)
	}
	if len(near)+len(exhausted) == 0 {
		return from, 0, nil
	}
	var all []notable
	next = from
	for range tellWindows {
		uses, err := s.store.QuotaUses(ctx, s.now(), next.Subject, next.Name, store.MaxPage)
		if err != nil {
			return from, 0, failed(what, err)
		}
		for _, u := range uses {
			next = store.QuotaWindow{Subject: u.Subject, Name: u.Name}
			n, is, err := s.quotaNotable(ctx, u, near, exhausted)
			if err != nil {
				return from, 0, failed(what, err)
			}
			if is {
				all = append(all, n)
			}
		}
		if len(uses) < store.MaxPage {
			next = store.QuotaWindow{}
			break
		}
	}
	told, err = s.tellNotable(ctx, all)
	return next, told, err
}

// quotaNotable is what is to be told of a quota; false for nothing.
func (s *Service) quotaNotable(ctx context.Context, u store.QuotaUse, near, exhausted listeners) (notable, bool, error) {
	state, is, err := s.quotaState(ctx, usageTeller(), "", u)
	if err != nil || !is || state.Percent() < quotaNear {
		return notable{}, false, err
	}
	n := notable{
		notice: store.Notice{Kind: store.NoticeQuotaNear, Subject: u.Subject, Name: u.Name, Start: u.Start, End: u.End, Count: u.Used, Closed: true},
		kind:   event.QuotaNear, namespace: state.Namespace,
	}
	wanted := near
	if state.Used >= state.Limit {
		n.notice.Kind, n.kind, wanted = store.NoticeQuotaExhausted, event.QuotaExhausted, exhausted
	}
	if !wanted.want(state.Namespace) {
		return notable{}, false, nil
	}
	n.data = event.QuotaUse{
		KeyID: state.KeyID, Namespace: state.Namespace, Owner: state.Owner, Quota: state.Name, Used: state.Used, Limit: state.Limit, RefillsAt: state.End,
	}
	is, err = s.untold(ctx, &n.notice)
	return n, is, err
}
