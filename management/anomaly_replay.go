package management

import (
	"context"
	"fmt"
	"time"

	"credence/management/anomaly"
	"credence/store"
	"credence/store/timespan"
)

// AnomalyReplay is the input of [Service.AnomalyReplay].
type AnomalyReplay struct {
	Since, Until time.Time              // a week before Until, and now, if unsaid
	Policy       *AnomalyPolicyDocument // nil: the one that holds
}

// AnomalyReplayed is what detectors make of the past.
type AnomalyReplayed struct {
	Since, Until time.Time
	Items        []ReplayedAnomaly // by when they would have been found; at most MaxReplayed
	Found        int               // in all
	Happened     int               // how many there were in that time, of the newest there are
	Notes        []string          // what was not looked at
}

// ReplayedAnomaly is a finding of a replay next to what happened.
type ReplayedAnomaly struct {
	Would    *anomaly.Replayed // nil: the replay does not find it
	Happened *store.Anomaly    // nil: it was not found then
}

// What bounds a replay.
const (
	MaxReplayed   = 1000
	longestReplay = 92 * 24 * time.Hour // hours are not kept much longer
	replayTime    = 25 * time.Second
)

// AnomalyReplay runs the detectors over what was counted, by a policy that is
// to be tried, and answers what they would have found and had done, next to
// what happened. It changes nothing.
func (s *Service) AnomalyReplay(ctx context.Context, a Actor, in AnomalyReplay) (AnomalyReplayed, error) {
	const what = "replay"
	if err := ofAllNamespaces(a, what); err != nil {
		return AnomalyReplayed{}, err
	}
	p := &problems{now: s.now().UTC()}
	out := AnomalyReplayed{}
	if in.Since.IsZero() {
		in.Since = orNow(in.Until, p.now).Add(-7 * 24 * time.Hour)
	}
	if out.Since, out.Until = p.usageTime(in.Since, in.Until); out.Until.Sub(out.Since) > longestReplay {
		p.add("since", "is "+out.Until.Sub(out.Since).String()+" before the end", "ask for 92 days at most")
	}
	if err := p.err(what); err != nil {
		return AnomalyReplayed{}, err
	}
	plan, err := s.planToReplay(ctx, in.Policy)
	if err != nil {
		return AnomalyReplayed{}, err
	}
	end, free := s.turns.take("replay")
	if !free {
		return AnomalyReplayed{}, refuse(CodeUnavailable, "replay: another one is under way; try again when it is over, in %s at most", replayTime)
	}
	defer end()
	// Who reads through the past of everybody is written down.
	if _, _, err = transact(ctx, s, a, what, func(_ context.Context, t *transaction) (struct{}, error) {
		t.record("", "anomaly.replay", "anomaly_policy:default", "", details{After: facts{"since": out.Since, "until": out.Until}})
		return struct{}{}, nil
	}); err != nil {
		return AnomalyReplayed{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	found, notes, err := anomaly.Replay(bounded, s.store, out.Since, out.Until, plan, s.places)
	if err == nil {
		err = s.besideWhatHappened(bounded, &out, found)
	}
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		p.add("since", fmt.Sprintf("is too long ago: that much usage takes longer than %s", replayTime), "replay less at a time")
		return AnomalyReplayed{}, p.err(what)
	}
	if err != nil {
		return AnomalyReplayed{}, failed(what, err)
	}
	if out.Notes = append(notes, out.Notes...); !s.sourceKnown && len(plan.Blacklists()) > 0 {
		out.Notes = append(out.Notes, "nothing would have been blacklisted: "+unsaidSource+"; "+unsaidSourceRemedy)
	}
	if kept := s.retention.Usage; kept > 0 && out.Since.Before(p.now.Add(-kept)) {
		out.Notes = append(out.Notes, "minutes are kept for "+timespan.Text(kept)+": what is seen in minutes was looked for from "+
			p.now.Add(-kept).Format(time.RFC3339)+" on")
	}
	return out, nil
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

func (s *Service) planToReplay(ctx context.Context, policy *AnomalyPolicyDocument) (*anomaly.Plan, error) {
	if policy != nil {
		plan, err := checkAnomalyPolicy(policy)
		return &plan, err
	}
	stored, err := s.store.AnomalyPolicy(ctx)
	if err != nil {
		return nil, failed(anomalyPolicyWhat, err)
	}
	plan, problem := s.plans.Of(stored)
	if problem != nil {
		p := &problems{}
		p.add("policy", "is missing, and the one that holds cannot be followed: "+problem.Error(), "give one")
		return nil, p.err("replay")
	}
	return plan, nil
}

// happenedPages bounds the findings that a replay is compared with: the newest.
const happenedPages = 50

// besideWhatHappened puts each finding beside the one that there was about the
// same, and those that the replay has not found after them.
func (s *Service) besideWhatHappened(ctx context.Context, out *AnomalyReplayed, found []anomaly.Replayed) error {
	happened := map[[2]string]*store.Anomaly{}
	var order [][2]string
	page := store.Page{Limit: store.MaxPage}
	for range happenedPages {
		all, next, err := s.store.Anomalies(ctx, store.AnomalyFilter{}, page)
		if err != nil {
			return failed("replay", err)
		}
		for i := range all {
			h := &all[i]
			if h.LastAt.Before(out.Since) || h.FirstAt.After(out.Until) {
				continue
			}
			out.Happened++
			if is := [2]string{h.Type, h.Subject}; happened[is] == nil {
				happened[is] = h
				order = append(order, is)
			}
		}
		if page.After = next; next == "" {
			break
		}
	}
	if page.After != "" {
		out.Notes = append(out.Notes, fmt.Sprintf("of what happened only the newest %d findings were looked at", happenedPages*store.MaxPage))
	}
	out.Found = len(found)
	for i := range found {
		is := [2]string{found[i].Type, found[i].Subject}
		out.add(ReplayedAnomaly{Would: &found[i], Happened: happened[is]})
		delete(happened, is)
	}
	for _, is := range order {
		if h := happened[is]; h != nil {
			out.add(ReplayedAnomaly{Happened: h})
		}
	}
	return nil
}

func (r *AnomalyReplayed) add(row ReplayedAnomaly) {
	if len(r.Items) < MaxReplayed {
		r.Items = append(r.Items, row)
	}
}
