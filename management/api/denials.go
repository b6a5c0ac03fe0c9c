package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"credence/management"
)

const (
	// mostDenied bounds the addresses and minutes that are remembered.
	mostDenied = 1000
	// mostFolded is how many entries attempts without a usable token make in
	// one minute, besides one for all that do not fit.
	mostFolded = 100
	// foldEvery is how often they are written.
	foldEvery = time.Minute
)

// Denials folds attempts without a usable token by address (IPv6: by /64) and
// minute, so that a flood of them neither queues on the audit chain nor makes
// it long. What is not written yet is lost when the process is killed.
type Denials struct {
	record func(ctx context.Context, all []management.AccessFailed) error
	now    func() time.Time
	logger *slog.Logger

	mu     sync.Mutex
	folded map[folding]*management.AccessFailed
}

// folding is what attempts are folded by. Without an address and a minute it
// is that of all for which there was no room.
type folding struct {
	address netip.Addr
	minute  int64
}

// NewDenials makes one; [Denials.Run] has it written.
func NewDenials(service *management.Service, now func() time.Time, logger *slog.Logger) *Denials {
	return &Denials{record: service.AccessFailed, now: now, logger: logger, folded: map[folding]*management.AccessFailed{}}
}

// add notes one attempt. A nil Denials notes none.
func (d *Denials) add(address netip.Addr, limited bool) {
	if d == nil {
		return
	}
	now := d.now().UTC().Truncate(time.Microsecond)
	one := management.AccessFailed{Address: counted(address), From: now, To: now, Attempts: 1}
	if limited {
		one.Limited = 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.merge(folding{one.Address, now.Unix() / 60}, one)
}

// merge adds to what is folded already. d.mu is held.
func (d *Denials) merge(by folding, more management.AccessFailed) {
	if d.folded[by] == nil && len(d.folded) >= mostDenied {
		by, more.Address = folding{}, netip.Addr{}
	}
	is := d.folded[by]
	if is == nil {
		d.folded[by] = &more
		return
	}
	is.Attempts += more.Attempts
	is.Limited += more.Limited
	if more.From.Before(is.From) {
		is.From = more.From
	}
	if more.To.After(is.To) {
		is.To = more.To
	}
}

// Run writes what has been folded, a minute at a time, until ctx ends; then it
// writes the rest and answers nil.
func (d *Denials) Run(ctx context.Context) error {
	ticker := time.NewTicker(foldEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.flush(ctx, d.now().Unix()/60)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			d.flush(last, d.now().Unix()/60+1)
			return nil
		}
	}
}

// flush writes what is of minutes before the given one. What cannot be written
// is kept for the next time, as far as there is room.
func (d *Denials) flush(ctx context.Context, before int64) {
	all := d.take(before)
	if len(all) == 0 {
		return
	}
	entries := make([]management.AccessFailed, 0, len(all))
	for _, f := range all {
		entries = append(entries, f.AccessFailed)
	}
	if err := d.record(ctx, entries); err != nil {
		d.logger.WarnContext(ctx, "failed attempts were not recorded; trying again later", slog.Any("error", err))
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, f := range all {
			d.merge(f.by, f.AccessFailed)
		}
	}
}

type foldedAttempts struct {
	management.AccessFailed

	by folding
}

// take takes away what is of minutes before the given one: those with the most
// attempts, and all others as one.
func (d *Denials) take(before int64) []foldedAttempts {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []foldedAttempts
	for by, f := range d.folded {
		if by.minute < before {
			all = append(all, foldedAttempts{*f, by})
			delete(d.folded, by)
		}
	}
	slices.SortFunc(all, func(a, b foldedAttempts) int {
		return cmp.Or(cmp.Compare(b.Attempts, a.Attempts), a.From.Compare(b.From), a.Address.Compare(b.Address))
	})
	if len(all) <= mostFolded {
		return all
	}
	rest := &Denials{folded: map[folding]*management.AccessFailed{}}
	for _, f := range all[mostFolded:] {
		f.Address = netip.Addr{}
		rest.merge(folding{}, f.AccessFailed)
	}
	return append(all[:mostFolded], foldedAttempts{*rest.folded[folding{}], folding{}})
}
