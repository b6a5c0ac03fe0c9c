package management

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"credence/store"
)

// MaxBlacklistImport is the most rules that one [Service.BlacklistImport]
// takes: one transaction holds them, and others who write wait for it.
const MaxBlacklistImport = store.MaxPage

// BlacklistImport is the input of [Service.BlacklistImport]. What is said here
// holds for every rule that says nothing of its own.
type BlacklistImport struct {
	Rules []BlacklistImportRow // 1 to MaxBlacklistImport

	Namespace string    // "" refuses everywhere; only global admins may
	Reason    string    // 1 to 256 printable characters
	Source    string    // up to 128
	EndsAt    time.Time // zero: stay until removed, unless For says otherwise
	For       string    // a Go duration from now; not together with EndsAt
	Force     bool      // as for one rule
	DryRun    bool      // say what would come of each, and add none
}

// BlacklistImportRow is one network of a list.
type BlacklistImportRow struct {
	Line    int // where it stood in what the caller read; named in the answer
	Network string
	Reason  string // "": that of all
}

// BlacklistImportLine is what came of one network.
type BlacklistImportLine struct {
	Line     int
	State    ImportState        // present: a rule for this network was there before, and is as it was
	ID       string             // of the rule; "" for a failed one, and for one that a dry run would add
	Fields   []FieldError       // why it failed
	Overlaps []BlacklistOverlap // at most 10
	Overlap  int                // how many there are in all
}

// BlacklistImported is the answer of [Service.BlacklistImport].
type BlacklistImported struct {
	Lines    []BlacklistImportLine
	Position store.Position // of the last change; zero when there was none
}

// BlacklistImport adds the rules of a list, all in one transaction. What is
// wrong with one network keeps none of the others out; but when the rules
// together would refuse too much of the internet, none is added. An import that
// was interrupted is simply repeated: a network that is refused there already
// is answered as present.
func (s *Service) BlacklistImport(ctx context.Context, a Actor, in BlacklistImport) (BlacklistImported, error) {
	if err := mayBlacklist(a, in.Namespace, in.Force); err != nil {
		return BlacklistImported{}, err
	}
	b := &blacklisting{service: s, in: in, lines: make([]BlacklistImportLine, len(in.Rules))}
	if n := len(in.Rules); n == 0 || n > MaxBlacklistImport {
		p := &problems{}
		p.add("rules", "has "+strconv.Itoa(n)+" elements", "send 1 to "+strconv.Itoa(MaxBlacklistImport)+" in one request")
		return BlacklistImported{}, p.err("import blacklist rules")
	}
	_, position, err := transact(ctx, s, a, "import blacklist rules", func(ctx context.Context, t *transaction) (struct{}, error) {
		return struct{}{}, b.run(ctx, t)
	})
	if err != nil {
		return BlacklistImported{}, err
	}
	return BlacklistImported{Lines: b.lines, Position: position}, nil
}

// blacklisting is one import on its way.
type blacklisting struct {
	service *Service
	in      BlacklistImport
	lines   []BlacklistImportLine
	rules   []store.BlacklistRule // to be added
}

func (b *blacklisting) run(ctx context.Context, t *transaction) error {
	common := &problems{now: t.Now()}
	if b.in.Namespace != "" {
		if _, err := t.home(ctx, common, b.in.Namespace); err != nil {
			return err
		}
	}
	common.text("source", b.in.Source, 0, maxSource)
	common.text("reason", b.in.Reason, 0, maxReason)
	common.end("ends_at", b.in.EndsAt, "for", b.in.For)
	if err := common.err("import blacklist rules"); err != nil {
		return err
	}
	there, err := t.blacklist(ctx, b.in.Namespace)
	if err != nil {
		return err
	}
	for i := range b.in.Rules {
		if err := b.decide(t, there, i); err != nil {
			return err
		}
	}
	return b.add(ctx, t, there)
}

// decide says what comes of one network, and what it meets. Those before it in
// the list count as there.
func (b *blacklisting) decide(t *transaction, there *blacklisted, i int) error {
	row, line := &b.in.Rules[i], &b.lines[i]
	line.Line, line.State = row.Line, ImportCreated
	p := &problems{now: t.Now()}
	r := t.ruleOf(p, &BlacklistAdd{
		Namespace: b.in.Namespace, Network: row.Network, Reason: orDefault(row.Reason, b.in.Reason), Source: b.in.Source,
		EndsAt: b.in.EndsAt, For: b.in.For,
	})
	if len(p.fields) == 0 {
		if twin, found := there.twin(r.Network, r.Namespace); found {
			line.State, line.ID = ImportPresent, twin.ID
			return nil
		}
		if !b.in.Force {
			b.service.guardNetwork(p, t.actor, "network", r.Network)
		}
	}
	if len(p.fields) > 0 {
		line.State, line.Fields = ImportFailed, p.fields
		return nil
	}
	line.Overlaps, line.Overlap = there.overlaps(&r)
	if !b.in.DryRun {
		var err error
		if r.ID, err = store.NewID(store.BlacklistIDPrefix, t.Now(), b.service.random); err != nil {
			return err
		}
		line.ID = r.ID
	}
	b.rules = append(b.rules, r)
	there.meet(&r)
	return nil
}

// add makes the rules, unless it is only to be said what would come of it.
func (b *blacklisting) add(ctx context.Context, t *transaction, there *blacklisted) error {
	networks := make([]netip.Prefix, len(b.rules))
	for i := range b.rules {
		networks[i] = b.rules[i].Network
	}
	if !b.in.Force {
		p := &problems{}
		there.tooMuch(p, "rules", networks)
		if err := p.err("import blacklist rules"); err != nil {
			return err
		}
	}
	if b.in.DryRun || len(b.rules) == 0 {
		return nil
	}
	if err := b.makeWay(ctx, t, there); err != nil {
		return err
	}
	if err := t.roomForRules(ctx, b.in.Namespace, len(b.rules)); err != nil {
		return err
	}
	if err := t.InsertBlacklistRules(ctx, b.rules); err != nil {
		return err
	}
	for i := range b.rules {
		r := &b.rules[i]
		if !r.EndsAt.IsZero() {
			if err := t.Enqueue(ctx, expireJob(r)); err != nil {
				return err
			}
		}
		t.recordRule("blacklist.add", r, details{After: ruleFacts(r)})
	}
	return nil
}

// makeWay removes rules for the same networks whose time is over, and which
// wait only for their job.
func (b *blacklisting) makeWay(ctx context.Context, t *transaction, there *blacklisted) error {
	for i := range b.rules {
		r, found := there.ended[b.rules[i].Network]
		if !found {
			continue
		}
		if err := t.DeleteBlacklistRule(ctx, r); err != nil {
			return err
		}
		t.recordRule("blacklist.expire", &r, details{Before: ruleFacts(&r)})
	}
	return nil
}
