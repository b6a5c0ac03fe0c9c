package pipeline

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"credence/store"
	"credence/store/route"
)

// maxText bounds every text that becomes the value of a header.
const maxText = 256

// NewKey makes the Key of a record. It copies what it keeps.
//
// The limits are those of the key, then those of its plan, both counted for
// the key (a key and those that took over from it have one budget), then those of its owner, counted for the owner. A limit of the key
// takes the place of the plan's limit of the same name, and so does a quota:
// that is how one key gets more, or less, than its plan says. An owner's
// limits always hold as well, since they are a budget of several keys. A key
// that is throttled has its share of the rates of the former two: what a Check
// does is the same.
//
// Texts that the proxy will write into headers must be visible ASCII with
// inner spaces, at most 256 bytes: a database that says otherwise could split
// a response (CVE-2023-27493). Such a record, and one whose rules could not be
// applied, is an error and the key is of no use until it has been mended.
func NewKey(r store.KeyRecord) (*Key, error) {
	if err := validateRecord(&r); err != nil {
		return nil, fmt.Errorf("key %.80q: %w", r.KeyID, err)
	}
	scopes := slices.Clone(r.Scopes)
	slices.Sort(scopes)
	k := &Key{
		KeyID: r.KeyID, Namespace: r.Namespace, Owner: r.Owner, Plan: r.Plan, Scopes: strings.Join(scopes, " "),
		KeyType: SharedText(string(r.KeyType)), Status: store.Status(shared(string(r.Status))),
		Environment: shared(r.Environment), Bounds: newBounds(&r),
		Hash: r.Hash, Foreign: r.ChecksumID == "",
	}
	k.ExpiresAt, k.Rotated = lastInstant(&r)
	k.Limits, k.Quotas = subjectLimits(&r)
	return k, nil
}

// lastInstant is where the key ends, 0 for never, and whether that is the end
// of a grace.
func lastInstant(r *store.KeyRecord) (end int64, rotated bool) {
	if !r.ExpiresAt.IsZero() {
		end = max(1, r.ExpiresAt.UnixMicro())
	}
	if r.GraceEndsAt.IsZero() {
		return end, false
	}
	if grace := max(1, r.GraceEndsAt.UnixMicro()); end == 0 || grace < end {
		return grace, true
	}
	return end, false
}

// newBounds is nil for a key that is bound to nothing, as most are.
func newBounds(r *store.KeyRecord) *Bounds {
	if r.NotBefore.IsZero() && len(r.Networks)+len(r.Hosts)+len(r.Methods)+len(r.Paths) == 0 {
		return nil
	}
	b := &Bounds{NotBefore: r.NotBefore, Methods: slices.Clone(r.Methods), Paths: slices.Clone(r.Paths)}
	for _, network := range r.Networks {
		b.Networks = append(b.Networks, normalNetwork(network))
	}
	for _, host := range r.Hosts {
		b.Hosts = append(b.Hosts, strings.ToLower(host))
	}
	return b
}

func validateRecord(r *store.KeyRecord) error {
	for _, text := range []struct{ field, value string }{
		{"key_id", r.KeyID},
		{"limits_id", r.LimitsID},
		{"namespace", r.Namespace},
		{"owner", r.Owner},
		{"plan", r.Plan},
		{"environment", r.Environment},
	} {
		if !isHeaderText(text.value) {
			return fmt.Errorf("%s: %.80q cannot stand in a header; write 1 to %d visible ASCII characters", text.field, text.value, maxText)
		}
	}
	if r.KeyID == "" || r.Namespace == "" {
		return fmt.Errorf("key_id and namespace: %q, %q; neither may be empty", r.KeyID, r.Namespace)
	}
	if !slices.Contains(store.KeyTypes(), r.KeyType) {
		return fmt.Errorf("key_type: %.80q is unknown", r.KeyType)
	}
	if r.Throttle < 0 || r.Throttle > 99 {
		return fmt.Errorf("throttle: %d is no share of its rates; use 1 to 99 percent, or 0 for all", r.Throttle)
	}
	for _, scope := range r.Scopes {
		if !isScope(scope) {
			return fmt.Errorf("scopes: %.80q: use visible ASCII without blanks, commas and quotes", scope)
		}
	}
	if err := validateRules(r); err != nil {
		return err
	}
	return validateLimits(r)
}

// validateRules wants rules that can match. One that cannot would still bind
// the key, to nothing, and nobody would see why.
func validateRules(r *store.KeyRecord) error {
	if !slices.Contains(statuses(), r.Status) {
		return fmt.Errorf("status: %.80q is unknown", r.Status)
	}
	if slices.ContainsFunc(r.Networks, func(n netip.Prefix) bool { return !n.IsValid() }) {
		return fmt.Errorf("networks: %v holds one that is not valid", r.Networks)
	}
	for _, host := range r.Hosts {
		if name := strings.TrimPrefix(host, "*."); name == "" || strings.ContainsFunc(name, notInHost) {
			return fmt.Errorf("hosts: %.80q is neither a host nor \"*.\" and a domain", host)
		}
	}
	for _, path := range r.Paths {
		plain, wild := strings.CutSuffix(path, "/*")
		if wild {
			plain += "/"
		}
		if !route.PlainPath([]byte(plain)) || strings.ContainsAny(plain, "*?#") {
			return fmt.Errorf("paths: %.80q is neither a plain path nor one with \"/*\" at the end", path)
		}
	}
	return nil
}

func statuses() []store.Status {
	return []store.Status{store.StatusActive, store.StatusDisabled, store.StatusSuspended, store.StatusRevoked, store.StatusPurged}
}

// isHeaderText reports whether the text is visible ASCII with inner spaces; an
// empty one is none and becomes no header.
func isHeaderText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return len(text) <= maxText && strings.Trim(text, " ") == text
}
