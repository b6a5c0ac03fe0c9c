package management

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"credence/management/remote"
	"credence/management/report"
	"credence/store"
)

// outsider is a credential of another system, whichever that is.
type outsider struct {
	line     report.OutsideLine
	state    string
	lives    bool // the system has it, as far as is known
	outcome  string
	verified time.Time
	expires  time.Time
	due      time.Time // a successor should have taken over by then; zero: never
}

// outside looks at a bounded number of credentials of each system, and lists
// the worst of them.
func (b *reporter) outside(ctx context.Context) error {
	b.out.Outside.Counts = map[string]int{}
	if err := b.outsideGitea(ctx); err != nil {
		return err
	}
	return b.outsideN8N(ctx)
}

func (b *reporter) outsideGitea(ctx context.Context) error {
	return b.outsidePages(func(page store.Page) (store.Cursor, error) {
		found, next, err := b.store.OutsideCredentials(ctx, store.SystemGitea, store.OutsideFilter{Scopes: b.scopes}, page)
		for i := range found {
			t := &found[i]
			o := outsider{
				line:  report.OutsideLine{System: string(store.SystemGitea), ID: t.ID, Name: t.Name, Namespace: t.Namespace, Login: t.Login, Owner: t.Owner},
				state: string(t.State), lives: t.Lives(), outcome: t.Seen.Outcome, verified: t.Seen.VerifiedAt, expires: t.ExpiresAt,
			}
			if t.State == store.OutsideActive && t.RotateEvery > 0 && t.Successor == "" {
				o.due = giteaTokenDue(t)
			}
			b.outsideSee(&o)
		}
		return next, err
	})
}

func (b *reporter) outsideN8N(ctx context.Context) error {
	return b.outsidePages(func(page store.Page) (store.Cursor, error) {
		found, next, err := b.store.OutsideCredentials(ctx, store.SystemN8N, store.OutsideFilter{Scopes: b.scopes}, page)
		for i := range found {
			k := &found[i]
			o := outsider{
				line:  report.OutsideLine{System: string(store.SystemN8N), ID: k.ID, Name: k.Name, Namespace: k.Namespace, Login: k.Login, Owner: k.Owner},
				state: string(k.State), lives: k.Lives(), outcome: k.Seen.Outcome, verified: k.Seen.VerifiedAt, expires: k.ExpiresAt,
			}
			if k.State == store.OutsideActive && k.RotateEvery > 0 && k.Successor == "" {
				o.due = n8nKeyDue(k)
			}
			b.outsideSee(&o)
		}
		return next, err
	})
}

func (b *reporter) outsidePages(read func(store.Page) (store.Cursor, error)) error {
	page := store.Page{Limit: store.MaxPage}
	for range reportPages {
		next, err := read(page)
		if err != nil || next == "" {
			return err
		}
		page.After = next
	}
	b.out.Outside.More = true
	return nil
}

// outsideSee counts a credential, and lists it if it is among the worst.
func (b *reporter) outsideSee(o *outsider) {
	out := &b.out.Outside
	if o.lives {
		out.Held++
	}
	if o.reasons(b.head.CreatedAt); len(o.line.Reasons) == 0 {
		return
	}
	for _, reason := range o.line.Reasons {
		out.Counts[reason]++
	}
	out.Total++
	out.Items = append(out.Items, o.line)
	rank := func(l *report.OutsideLine) int { return slices.Index(report.OutsideReasons(), l.Reasons[0]) }
	slices.SortFunc(out.Items, func(x, y report.OutsideLine) int {
		return cmp.Or(cmp.Compare(rank(&x), rank(&y)), x.At.Compare(y.At), strings.Compare(x.ID, y.ID))
	})
	out.Items = out.Items[:min(len(out.Items), reportLines)]
}

// reasons fills in why it is to be looked at, the worst first, and the instant
// that the worst is about.
func (o *outsider) reasons(now time.Time) {
	ended := !o.expires.IsZero() && !o.expires.After(now)
	because := func(reason string, at time.Time) {
		if o.line.Reasons = append(o.line.Reasons, reason); len(o.line.Reasons) == 1 {
			o.line.At = at
		}
	}
	if o.state == string(store.OutsideMissing) { // n8n's word is the same
		because(report.OutsideMissing, time.Time{})
		return
	}
	if o.lives && o.outcome == string(remote.Invalid) {
		because(report.OutsideInvalid, o.verified)
	}
	if ended {
		because(report.OutsidePast, o.expires)
	}
	switch o.state {
	case string(store.OutsideStranger):
		because(report.OutsideStranger, time.Time{})
	case string(store.OutsideWidened):
		because(report.OutsideWidened, time.Time{})
	}
	if !o.due.IsZero() && !o.due.After(now) && !ended {
		because(report.OutsideRotation, o.due)
	}
	if o.lives && !o.expires.IsZero() && !ended && o.expires.Before(now.Add(reportExpiring)) {
		because(report.OutsideEnding, o.expires)
	}
}
