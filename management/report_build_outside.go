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

// outside looks at a bounded number of credentials of each system, and lists
// the worst of them.
func (b *reporter) outside(ctx context.Context) error {
	b.out.Outside.Counts = map[string]int{}
	for _, system := range store.OutsideSystems() {
		if err := b.outsideOf(ctx, system); err != nil {
			return err
		}
	}
	return nil
}

// outsideOf looks at those of one system, page by page.
func (b *reporter) outsideOf(ctx context.Context, system store.System) error {
	page := store.Page{Limit: store.MaxPage}
	for range reportPages {
		found, next, err := b.store.OutsideCredentials(ctx, system, store.OutsideFilter{Scopes: b.scopes}, page)
		for i := range found {
			b.outsideSee(&found[i])
		}
		if err != nil || next == "" {
			return err
		}
		page.After = next
	}
	b.out.Outside.More = true
	return nil
}

// outsideSee counts a credential, and lists it if it is among the worst.
func (b *reporter) outsideSee(is *store.OutsideCredential) {
	out := &b.out.Outside
	if is.Lives() {
		out.Held++
	}
	line := report.OutsideLine{System: string(is.System), ID: is.ID, Name: is.Name, Namespace: is.Namespace, Login: is.Login, Owner: is.Owner}
	line.Reasons, line.At = outsideReasons(is, b.head.CreatedAt)
	if len(line.Reasons) == 0 {
		return
	}
	for _, reason := range line.Reasons {
		out.Counts[reason]++
	}
	out.Total++
	out.Items = append(out.Items, line)
	rank := func(l *report.OutsideLine) int { return slices.Index(report.OutsideReasons(), l.Reasons[0]) }
	slices.SortFunc(out.Items, func(x, y report.OutsideLine) int {
		return cmp.Or(cmp.Compare(rank(&x), rank(&y)), x.At.Compare(y.At), strings.Compare(x.ID, y.ID))
	})
	out.Items = out.Items[:min(len(out.Items), reportLines)]
}

// outsideReasons are why a credential is to be looked at, the worst first, and
// the instant that the worst is about.
func outsideReasons(is *store.OutsideCredential, now time.Time) (reasons []string, worst time.Time) {
	ended := !is.ExpiresAt.IsZero() && !is.ExpiresAt.After(now)
	because := func(reason string, at time.Time) {
		if reasons = append(reasons, reason); len(reasons) == 1 {
			worst = at
		}
	}
	if is.State == store.OutsideMissing {
		because(report.OutsideMissing, time.Time{})
		return reasons, worst
	}
	if is.Lives() && is.Seen.Outcome == string(remote.Invalid) {
		because(report.OutsideInvalid, is.Seen.VerifiedAt)
	}
	if ended {
		because(report.OutsidePast, is.ExpiresAt)
	}
	if is.State == store.OutsideStranger {
		because(report.OutsideStranger, time.Time{})
	}
	if is.State == store.OutsideWidened {
		because(report.OutsideWidened, time.Time{})
	}
	if rotates := is.State == store.OutsideActive && is.RotateEvery > 0 && is.Successor == ""; rotates && !ended {
		if due := outsideDue(is); !due.After(now) {
			because(report.OutsideRotation, due)
		}
	}
	if is.Lives() && !is.ExpiresAt.IsZero() && !ended && is.ExpiresAt.Before(now.Add(reportExpiring)) {
		because(report.OutsideEnding, is.ExpiresAt)
	}
	return reasons, worst
}
