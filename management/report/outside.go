package report

import "time"

// Why a credential of another system is mentioned.
const (
	OutsideInvalid  = "invalid"  // it was tried out, and is not accepted any more
	OutsidePast     = "past"     // its life is over, and the system may still have it
	OutsideStranger = "stranger" // nobody made it here
	OutsideWidened  = "widened"  // it may do more than it was given
	OutsideMissing  = "missing"  // the system has it no more
	OutsideRotation = "rotation" // it is to have a successor
	OutsideEnding   = "ending"   // its life ends soon
)

// OutsideReasons are the reasons, the worst first.
func OutsideReasons() []string {
	return []string{OutsideInvalid, OutsidePast, OutsideStranger, OutsideWidened, OutsideMissing, OutsideRotation, OutsideEnding}
}

// Outside is what is to be looked at of the credentials of other systems, such
// as access tokens of Gitea users and API keys of n8n.
type Outside struct {
	List[OutsideLine]

	Held   int            `json:"held"`   // how many the other systems have, as far as is known
	Counts map[string]int `json:"counts"` // by reason; one credential may have several
}

// OutsideLine is a credential of another system, and why it is mentioned.
type OutsideLine struct {
	System    string    `json:"system"`
	ID        string    `json:"id"` // here
	Name      string    `json:"name"`
	Namespace string    `json:"namespace"`
	Login     string    `json:"login"`
	Owner     string    `json:"owner"`
	Reasons   []string  `json:"reasons"`     // the worst first
	At        time.Time `json:"at,omitzero"` // end of its life, day of rotation, last verification
}

func (r *Report) outside() section {
	s := section{
		ID: "outside", Title: "Credentials of other systems", About: "Access tokens and API keys of connected programs that somebody should look at, the worst first.",
		Empty:   "None of them needs a look.",
		Columns: []column{{"Credential", false}, {"System", false}, {"Name", false}, {"Account", false}, {"Owner", false}},
	}
	if r.Namespace == "" {
		s.Columns = append(s.Columns, column{"Namespace", false})
	}
	s.Columns = append(s.Columns, column{"Why", false}, column{"When", false})
	for i := range r.Outside.Items {
		o := &r.Outside.Items[i]
		row := []cell{id(o.ID), text(o.System), text(o.Name), text(o.Login), text(o.Owner)}
		if r.Namespace == "" {
			row = append(row, text(o.Namespace))
		}
		s.Rows = append(s.Rows, append(row, text(outsideReasons(o.Reasons)), text(day(o.At))))
	}
	s.Note = rest(len(r.Outside.Items), r.Outside.Total, r.Outside.More)
	return s
}

// outsideReasons are the reasons in words.
func outsideReasons(all []string) (said string) {
	for _, reason := range all {
		word, known := map[string]string{
			OutsideInvalid: "not accepted any more", OutsidePast: "past its life", OutsideStranger: "not made here",
			OutsideWidened: "may do more than it was given", OutsideMissing: "gone from there", OutsideRotation: "to be rotated", OutsideEnding: "ends soon",
		}[reason]
		if !known {
			word = readable(reason)
		}
		if said != "" {
			said += ", "
		}
		said += word
	}
	return said
}

// outsideNotices say what there is to do about them.
func (r *Report) outsideNotices() (bad, warn []notice) {
	for _, of := range []struct {
		reason, one, more string
		urgent            bool
	}{
		{OutsideInvalid, "credential of another system is not accepted any more", "credentials of other systems are not accepted any more", true},
		{OutsidePast, "credential of another system is past its life", "credentials of other systems are past their life", true},
		{OutsideStranger, "credential of another system was not made here", "credentials of other systems were not made here", false},
		{OutsideWidened, "credential of another system may do more than it was given", "credentials of other systems may do more than they were given", true},
		{OutsideMissing, "credential is gone from its system", "credentials are gone from their system", false},
		{OutsideRotation, "credential of another system is to be rotated", "credentials of other systems are to be rotated", false},
		{OutsideEnding, "credential of another system ends soon", "credentials of other systems end soon", false},
	} {
		n := r.Outside.Counts[of.reason]
		switch {
		case n == 0:
		case of.urgent:
			bad = append(bad, notice{"bad", many(n, of.one, of.more), "outside"})
		default:
			warn = append(warn, notice{"warn", many(n, of.one, of.more), "outside"})
		}
	}
	return bad, warn
}
