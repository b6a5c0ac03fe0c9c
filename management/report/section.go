package report

import "strings"

// section is a part of the report as a table. All formats but JSON are made of
// sections, so none says more than another.
type section struct {
	ID      string
	Title   string
	About   string
	Empty   string // said in place of a table without rows
	Columns []column
	Rows    [][]cell
	Note    string // below the table
	chart   bool   // HTML draws it
}

type column struct {
	Name  string
	Right bool // numbers
}

// cell is one value.
type cell struct {
	Text string
	ID   bool    // a name that programs gave
	Bar  float64 // share of the longest, for a bar; 0 for none
	Bad  bool    // the bar is of refusals
	Tone string  // of a word: critical, high, ...
}

func text(s string) cell { return cell{Text: s} }

func id(s string) cell { return cell{Text: s, ID: s != ""} }

func tone(s string) cell { return cell{Text: readable(s), Tone: s} }

// sections are all parts, in order.
func (r *Report) sections() []section {
	all := []section{
		r.course(), r.anomalies(), r.reasons(),
		r.keySums("top-keys", "Keys used most", "By requests.", r.TopKeys, false),
		r.keySums("top-denied", "Keys refused most", "By refused requests.", r.TopDenied, true),
		r.groups("owners", "Owners", "By requests.", "Owner", r.TopOwners),
		r.groups("routes", "Routes", "By requests; each is a stored route policy.", "Route", r.TopRoutes),
	}
	if r.Namespace == "" {
		all = append(all, r.groups("namespaces", "Namespaces", "By requests.", "Namespace", r.TopNamespaces), r.addresses())
	}
	return append(all, r.statuses(),
		r.keyLines("expiring", "Keys that end soon", "Those whose life ends within 30 days, the next first.", "No key ends soon.", "Ends", r.Expiring),
		r.keyLines("unused", "Unused keys", "In force, and not used for 90 days or never.", "Every key in force was used.", "Last used", r.Unused),
		r.keyLines("breaches", "Keys that break their policy", "By the policy of their type as it is now.", "Every key keeps its policy.", "", r.Breaches),
		r.keyLines("rotations", "Rotations due", "Keys that are to have a successor.", "No key is to be rotated.", "Due", r.RotationsDue),
		r.outside(),
		r.quotas(),
		r.keySums("limited", "Keys that met a limit", "Requests refused because a limit or a quota was used up.", r.Limited, true),
		r.blacklist(), r.audit())
}

func (r *Report) course() section {
	s := section{
		ID: "usage", Title: "Usage", About: "Requests by the " + r.Usage.Step + ", and how many of them were refused.", Empty: "Nothing was counted.",
		Columns: []column{{"Time", false}, {"Requests", true}, {"Refused", true}}, chart: true,
	}
	layout := "2006-01-02 15:04"
	if r.Usage.Step == "day" {
		layout = "2006-01-02"
	}
	for _, p := range r.Usage.Course {
		s.Rows = append(s.Rows, []cell{text(p.Start.UTC().Format(layout)), text(number(p.Requests)), text(number(p.Denied))})
	}
	if r.Usage.Gaps > 0 {
		s.Note = "Some usage was lost: " + many(r.Usage.Gaps, "gap", "gaps") + ", the first from " + instant(r.Usage.GapsSince) + " on."
	}
	return s
}

func (r *Report) reasons() section {
	s := section{
		ID: "reasons", Title: "How Checks ended", About: "By reason; what a route only watched has shadow before it.", Empty: "Nothing was counted.",
		Columns: []column{{"Reason", false}, {"Requests", true}, {"Share", true}, {"", false}},
	}
	most := longest(r.Reasons, requests)
	for i := range r.Reasons {
		g := &r.Reasons[i]
		s.Rows = append(s.Rows, []cell{
			text(readable(g.ID)), text(number(g.Requests)), text(percent(g.Requests, r.Usage.Total.Requests)), bar(g.Requests, most),
		})
	}
	return s
}

func requests(s *Sum) int64 { return s.Requests }
func denials(s *Sum) int64  { return s.Denied }

func longest(all []Sum, by func(*Sum) int64) (most int64) {
	for i := range all {
		most = max(most, by(&all[i]))
	}
	return most
}

// badBar is a bar of refusals.
func badBar(n, most int64) cell {
	c := bar(n, most)
	c.Bad = true
	return c
}

func bar(n, most int64) cell { return cell{Bar: float64(n) / float64(max(1, most))} }

func (r *Report) keySums(anchor, title, about string, all []Sum, refusals bool) section {
	s := section{
		ID: anchor, Title: title, About: about, Empty: "None.",
		Columns: []column{{"Key", false}, {"Name", false}, {"Owner", false}, {"Requests", true}, {"Refused", true}, {"Addresses", true}, {"", false}},
	}
	by, drawn := requests, bar
	if refusals {
		by, drawn = denials, badBar
	}
	most := longest(all, by)
	for i := range all {
		g := &all[i]
		s.Rows = append(s.Rows, []cell{
			{Text: keyOf(g), ID: g.ID != ""},
			text(g.Name), text(g.Owner), text(number(g.Requests)), text(number(g.Denied)),
			text(number(g.Addresses)), drawn(by(g), most),
		})
	}
	return s
}

func (r *Report) groups(anchor, title, about, what string, all []Sum) section {
	s := section{
		ID: anchor, Title: title, About: about, Empty: "None.",
		Columns: []column{{what, false}, {"Requests", true}, {"Refused", true}, {"Addresses", true}, {"Mean Check", true}, {"", false}},
	}
	most := longest(all, requests)
	for i := range all {
		g := &all[i]
		name := g.ID
		switch {
		case name == "":
			name = "(none)"
		case g.Namespace != "" && r.Namespace == "":
			name = g.Namespace + "/" + name
		}
		s.Rows = append(s.Rows, []cell{
			text(name), text(number(g.Requests)), text(number(g.Denied)), text(number(g.Addresses)), text(took(g.Mean)), bar(g.Requests, most),
		})
	}
	return s
}

func (r *Report) addresses() section {
	s := section{
		ID: "addresses", Title: "Addresses refused most", About: "Of IPv6 a /64 counts as one.", Empty: "None.",
		Columns: []column{{"Address", false}, {"Reason", false}, {"Refused", true}, {"", false}},
	}
	most := int64(0)
	for _, a := range r.Addresses {
		most = max(most, a.Refused)
	}
	for _, a := range r.Addresses {
		reason := readable(a.Reason)
		if reason == "" {
			reason = "several"
		}
		s.Rows = append(s.Rows, []cell{id(a.Address), text(reason), text(number(a.Refused)), badBar(a.Refused, most)})
	}
	return s
}

func (r *Report) statuses() section {
	s := section{ID: "keys", Title: "Keys", About: "How many there are, now.", Columns: []column{{"Status", false}, {"Keys", true}, {"", false}}}
	k := &r.Keys
	most := int64(max(k.Active, k.Expired, k.Disabled, k.Suspended, k.Revoked))
	for _, status := range []struct {
		name string
		n    int
	}{{"in force", k.Active}, {"expired", k.Expired}, {"disabled", k.Disabled}, {"suspended", k.Suspended}, {"revoked", k.Revoked}} {
		s.Rows = append(s.Rows, []cell{text(status.name), text(number(status.n)), bar(int64(status.n), most)})
	}
	return s
}

func (r *Report) keyLines(anchor, title, about, empty, when string, of List[KeyLine]) section {
	s := section{ID: anchor, Title: title, About: about, Empty: empty, Columns: []column{{"Key", false}, {"Name", false}, {"Owner", false}, {"Type", false}}}
	if r.Namespace == "" {
		s.Columns = append(s.Columns, column{"Namespace", false})
	}
	noted := false
	for i := range of.Items {
		noted = noted || of.Items[i].Note != ""
	}
	if when != "" {
		s.Columns = append(s.Columns, column{when, false})
	}
	if noted {
		s.Columns = append(s.Columns, column{"Why", false})
	}
	for i := range of.Items {
		k := &of.Items[i]
		row := []cell{id(k.KeyID), text(k.Name), text(k.Owner), text(k.KeyType)}
		if r.Namespace == "" {
			row = append(row, text(k.Namespace))
		}
		if when != "" {
			row = append(row, text(day(k.At)))
		}
		if noted {
			row = append(row, text(k.Note))
		}
		s.Rows = append(s.Rows, row)
	}
	s.Note = rest(len(of.Items), of.Total, of.More)
	return s
}

// rest says how many are not shown.
func rest(shown, total int, more bool) string {
	text := ""
	if total > shown {
		text = "And " + number(total-shown) + " more."
	}
	if more {
		text = strings.TrimSpace(text + " Not all were looked at: there may be more than " + number(total) + ".")
	}
	return text
}

func (r *Report) quotas() section {
	s := section{
		ID: "quotas", Title: "Quotas close to their end", About: "Of which four fifths or more are used, the fullest first.", Empty: "No quota is close to its end.",
		Columns: []column{{"Whose", false}, {"Quota", false}, {"Used", true}, {"Of", true}, {"Refills", false}, {"", false}},
	}
	for i := range r.Quotas.Items {
		q := &r.Quotas.Items[i]
		whose := id(q.KeyID)
		if q.KeyID == "" {
			whose = text("owner " + q.Owner)
		}
		s.Rows = append(s.Rows, []cell{
			whose, text(q.Name), text(number(q.Used)), text(number(q.Limit)), text(instant(q.RefillsAt)), {Bar: q.Share()},
		})
	}
	s.Note = rest(len(r.Quotas.Items), r.Quotas.Total, r.Quotas.More)
	return s
}

func (r *Report) anomalies() section {
	s := section{
		ID: "anomalies", Title: "Findings", About: "Use of keys and addresses that is not as it should be, and what was done about it.", Empty: "Nothing was found.",
		Columns: []column{{"Severity", false}, {"What was found", false}, {"About", false}, {"Last seen", false}, {"State", false}, {"Done", false}},
	}
	for i := range r.Anomalies.Items {
		a := &r.Anomalies.Items[i]
		found := a.Message
		if found == "" {
			found = readable(a.Type)
		}
		s.Rows = append(s.Rows, []cell{tone(a.Severity), text(found), id(a.Subject), text(instant(a.LastAt)), text(a.State), text(a.Done)})
	}
	s.Note = rest(len(r.Anomalies.Items), r.Anomalies.Total, r.Anomalies.More)
	return s
}

// whoMayAudit ends what is said in place of something that was withheld.
const whoMayAudit = "who may read the audit log: roles auditor and admin."

func (r *Report) blacklist() section {
	b := &r.Blacklist
	s := section{
		ID: "blacklist", Title: "Blacklist", Empty: "Nothing changed.",
		About:   many(b.Rules, "rule", "rules") + " in force; " + number(b.Added) + " added and " + number(b.Removed) + " removed or ended in this time.",
		Columns: []column{{"When", false}, {"What", false}, {"Network", false}, {"Reason", false}, {"By", false}},
	}
	if r.Withheld {
		s.About, s.Empty = many(b.Rules, "rule", "rules")+" in force.", "What changed is shown to those "+whoMayAudit
	}
	for _, c := range b.Changes {
		s.Rows = append(s.Rows, []cell{text(instant(c.At)), text(readable(c.Action)), id(c.Network), text(c.Reason), id(c.By)})
	}
	s.Note = rest(len(b.Changes), int(b.Added+b.Removed), false)
	return s
}

func (r *Report) audit() section {
	s := section{
		ID: "audit", Title: "Audit log", About: number(r.Audit.Entries) + " entries, by what was done.", Empty: "No entries.",
		Columns: []column{{"Action", false}, {"Entries", true}, {"", false}},
	}
	if r.Withheld {
		s.About, s.Empty = "", "It is shown to those "+whoMayAudit
	}
	most := int64(0)
	for _, c := range r.Audit.Actions {
		most = max(most, c.Times)
	}
	for _, c := range r.Audit.Actions {
		s.Rows = append(s.Rows, []cell{id(c.Name), text(number(c.Times)), bar(c.Times, most)})
	}
	s.Note = rest(len(r.Audit.Actions), r.Audit.Kinds, false)
	return s
}
