package store

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	SeverityLow      Severity = "low"
	SeverityMedium   Severity = "medium"
	SeverityHigh     Severity = "high"
	SeverityCritical Severity = "critical"
)

// Severities lists them, the least first.
func Severities() []Severity {
	return []Severity{SeverityLow, SeverityMedium, SeverityHigh, SeverityCritical}
}

// AnomalyState says what people make of a finding.
type AnomalyState string

// The states.
const (
	AnomalyOpen         AnomalyState = "open"
	AnomalyAcknowledged AnomalyState = "acknowledged"
	AnomalyResolved     AnomalyState = "resolved" // final
)

// AnomalyStates lists them.
func AnomalyStates() []AnomalyState {
	return []AnomalyState{AnomalyOpen, AnomalyAcknowledged, AnomalyResolved}
}

// AnomalyIDPrefix begins the id of a finding.
const AnomalyIDPrefix = "ano_"

// Anomaly is a finding about the use of a key or of an address.
type Anomaly struct {
	ID        string // "ano_" + time-ordered id
	Type      string // which detector found it
	Severity  Severity
	State     AnomalyState
	Namespace string // of the key; "" for what has none
	KeyID     string // "" when it is about none
	Subject   string // "key:key_...", "address:192.0.2.1", "network:192.0.2.0/24"
	Evidence  Evidence
	FirstAt   time.Time // of what was seen
	LastAt    time.Time
	CreatedAt time.Time
	StateAt   time.Time // when somebody last set State; zero: nobody
	StateBy   string
	Note      string
	// Actions are what a policy wanted done about it, the oldest first; ActedAt
	// is when something was done last, zero for never.
	Actions []AnomalyAction
	ActedAt time.Time
	Version int64
}

// AnomalyAction is what a policy wanted done about a finding, and what came of
// it.
type AnomalyAction struct {
	Action   string    `json:"action"`   // throttle, suspend, blacklist
	Severity Severity  `json:"severity"` // of the finding then
	Outcome  string    `json:"outcome"`  // "done", or why not: protected, capped, already, impossible
	Detail   string    `json:"detail"`   // a sentence
	At       time.Time `json:"at"`
	Share    int       `json:"share,omitempty"`   // of a throttled key
	RuleID   string    `json:"rule_id,omitempty"` // of the blacklist
	Until    time.Time `json:"until,omitzero"`    // when it ends by itself
	UndoneAt time.Time `json:"undone_at,omitzero"`
	UndoneBy string    `json:"undone_by,omitempty"`
}

// Done reports whether something was done.
func (a *AnomalyAction) Done() bool { return a.Outcome == AnomalyActionDone }

// AnomalyActionDone is the outcome of an action that was carried out.
const AnomalyActionDone = "done"

// Evidence is the numbers of a finding, and what they mean.
type Evidence struct {
	Observed float64       `json:"observed"`
	Expected float64       `json:"expected"` // at most, or usually
	Window   time.Duration `json:"window"`   // that Observed is of
	Message  string        `json:"message"`  // a sentence
	Travel   *Travel       `json:"travel,omitempty"`
}

// Travel is the journey of a key that was used from places apart.
type Travel struct {
	From       string  `json:"from"` // names of places
	To         string  `json:"to"`
	Kilometers float64 `json:"kilometers"` // at least
	Minutes    float64 `json:"minutes"`    // between the uses
}

// AnomalyFilter narrows a list of findings; empty fields do not narrow.
type AnomalyFilter struct {
	Namespaces []string // any of
	KeyID      string
	Type       string
	Severity   Severity
	State      AnomalyState
	Unresolved bool
}

// AnomalyReader reads findings.
type AnomalyReader interface {
	// Anomaly MUST answer ErrNotFound for an unknown id.
	Anomaly(ctx context.Context, id string) (Anomaly, error)
	// Anomalies MUST answer pages ordered by id, newest first.
	Anomalies(ctx context.Context, f AnomalyFilter, page Page) ([]Anomaly, Cursor, error)
	// LatestAnomaly MUST answer the newest of the type and subject, and
	// ErrNotFound when there is none.
	LatestAnomaly(ctx context.Context, kind, subject string) (Anomaly, error)
	// ActedAnomalies MUST answer at most limit findings about which something
	// was done at the instant or after it, the newest first.
	ActedAnomalies(ctx context.Context, since time.Time, limit int) ([]Anomaly, error)
}

// AnomalyWriter writes findings inside a transaction.
type AnomalyWriter interface {
	// InsertAnomaly MUST answer ErrConflict when the id is taken, or when one
	// of the type and subject is not resolved.
	InsertAnomaly(ctx context.Context, a Anomaly) error
	// UpdateAnomaly MUST keep the version rule of UpdateKey. It MUST change
	// severity, state, evidence, last_at, actions, acted_at and what goes with
	// the state, nothing else.
	UpdateAnomaly(ctx context.Context, a Anomaly) error
	// RemoveAnomalies MUST delete at most RemoveBatch findings that were
	// resolved before the instant, oldest first, and answer how many.
	RemoveAnomalies(ctx context.Context, before time.Time) (int, error)
}

// SeeAnomaly writes down what a detector found, once while it lasts: it is
// merged with an unresolved finding of the same type and subject, and what was
// not seen in a later minute than the resolution of the last one is known already. It answers
// the finding and whether it is new. Only a new one is a change that wants an
// audit entry: that something goes on is nobody's doing.
func (tx *Tx) SeeAnomaly(ctx context.Context, a Anomaly) (stored Anomaly, fresh bool, err error) {
	last, err := tx.LatestAnomaly(ctx, a.Type, a.Subject)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return Anomaly{}, false, err
	case err == nil && last.State != AnomalyResolved:
		merged, news := last.merge(&a)
		if !news {
			return merged, false, nil
		}
		err := tx.w.UpdateAnomaly(ctx, merged)
		merged.Version++
		return merged, false, err
	case err == nil && !a.LastAt.Truncate(time.Minute).After(last.StateAt): // usage knows no less than a minute
		return last, false, nil
	}
	a.State, a.CreatedAt, a.Version = AnomalyOpen, tx.now, 1
	return a, true, tx.changed(tx.w.InsertAnomaly(ctx, a), Change{})
}

// RemoveAnomalies removes a batch of findings that were resolved long ago.
func (s *Store) RemoveAnomalies(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.RemoveAnomalies(ctx, before)
		return err
	})
	return removed, err
}

// merge is the finding with what was seen of it since.
func (a Anomaly) merge(seen *Anomaly) (merged Anomaly, news bool) {
	merged = a
	if seen.LastAt.After(a.LastAt) {
		merged.LastAt, news = seen.LastAt, true
	}
	if slices.Index(Severities(), seen.Severity) > slices.Index(Severities(), a.Severity) {
		merged.Severity, news = seen.Severity, true
	}
	if seen.Evidence.Observed > a.Evidence.Observed {
		merged.Evidence, news = seen.Evidence, true
	}
	return merged, news
}
