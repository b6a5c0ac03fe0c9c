package extauthz

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"credence/extauthz/pipeline"
)

// metadataObject is our object inside Envoy's namespace for ext_authz. Two
// filters share that namespace and are merged at its top level only.
const metadataObject = "credence"

// The values of the metadata field "decision", also used as metric label.
const (
	decisionAllow      = "allow"
	decisionDeny       = "deny"
	decisionShadowDeny = "shadow_deny"
)

// decisionName says what happened to the request.
func decisionName(d *pipeline.Decision, allowed bool) string {
	switch {
	case !allowed:
		return decisionDeny
	case d.Reason.Allowed():
		return decisionAllow
	default:
		return decisionShadowDeny
	}
}

// MetadataFields are the names that dynamic metadata can hold, in their order.
// Each one that is sent costs Envoy time (docs/performance.md).
func MetadataFields() []string {
	return []string{
		"decision", "reason", "stage", "mode", "policy", "source", "client",
		"key_id", "namespace", "owner", "plan", "key_type",
	}
}

// metadataWriter writes CheckResponse.dynamic_metadata: one Struct inside of
// another. All values are strings: Envoy's rate-limit actions accept nothing
// else, and numbers lose digits. Empty ones are left out, so that a configured
// default applies. Every entry whose value is one of few is encoded
// beforehand; those of the key are encoded once for each key.
type metadataWriter struct {
	none     bool
	client   bool
	policy   bool
	allow    []byte
	deny     []byte
	shadow   []byte
	reasons  [][]byte // by reason
	stages   [][]byte // by stage
	enforces []byte
	watches  []byte
	sources  [][]byte // by key source
	ofKey    []keyEntry
}

// keyEntry is an entry whose value is a key's.
type keyEntry struct {
	name  string
	value func(*pipeline.Key) string
}

// newMetadataWriter prepares what is sent of the wanted fields; nil wants all.
func newMetadataWriter(wanted []string) (*metadataWriter, error) {
	if wanted == nil {
		wanted = MetadataFields()
	}
	for i, name := range wanted {
		if !slices.Contains(MetadataFields(), name) || slices.Contains(wanted[:i], name) {
			return nil, fmt.Errorf("option Answer.Metadata: %q: unknown or given twice: choose from %s",
				name, strings.Join(MetadataFields(), ", "))
		}
	}
	m := &metadataWriter{none: len(wanted) == 0, client: slices.Contains(wanted, "client"), policy: slices.Contains(wanted, "policy")}
	entry := func(name, value string) []byte {
		if value == "" || !slices.Contains(wanted, name) {
			return nil
		}
		return appendEntry(nil, name, value)
	}
	m.allow, m.deny, m.shadow = entry("decision", decisionAllow), entry("decision", decisionDeny), entry("decision", decisionShadowDeny)
	m.reasons = append(m.reasons, entry("reason", pipeline.ReasonNone.String()))
	for _, r := range pipeline.Reasons() {
		m.reasons = append(m.reasons, entry("reason", r.String()))
	}
	for _, s := range pipeline.Stages() {
		m.stages = append(m.stages, entry("stage", s.String()))
	}
	m.enforces, m.watches = entry("mode", "enforce"), entry("mode", "shadow")
	for s := pipeline.KeySourceNone; s <= pipeline.KeySourceNegative; s++ {
		m.sources = append(m.sources, entry("source", sourceName(s)))
	}
	for _, e := range []keyEntry{
		{"key_id", func(k *pipeline.Key) string { return k.KeyID }},
		{"namespace", func(k *pipeline.Key) string { return k.Namespace }},
		{"owner", func(k *pipeline.Key) string { return k.Owner }},
		{"plan", func(k *pipeline.Key) string { return k.Plan }},
		{"key_type", func(k *pipeline.Key) string { return k.KeyType.String() }},
	} {
		if slices.Contains(wanted, e.name) {
			m.ofKey = append(m.ofKey, e)
		}
	}
	return m, nil
}

// append appends the metadata of a decision.
func (m *metadataWriter) append(b []byte, d *pipeline.Decision, allowed bool) []byte {
	if m.none {
		return b
	}
	var clientRoom, policyRoom [96]byte
	parts := [...][]byte{
		m.decision(d, allowed), at(m.reasons, int(d.Reason)), at(m.stages, int(d.Stage)), m.mode(d), m.appendPolicy(policyRoom[:0], d.Policy),
		at(m.sources, int(d.Source)), m.appendClient(clientRoom[:0], d.Client),
	}
	ofKey := m.keyPart(d.Key)
	size := len(ofKey)
	for _, p := range parts {
		size += len(p)
	}
	value := sizeField(size)
	entry := sizeField(len(metadataObject)) + sizeField(value)
	b = appendTag(b, tagMetadata, sizeField(entry))
	b = appendTag(b, tagStructFields, entry)
	b = appendField(b, tagEntryKey, metadataObject)
	b = appendTag(b, tagEntryValue, value)
	b = appendTag(b, tagValueStruct, size)
	for _, p := range parts {
		b = append(b, p...)
	}
	return append(b, ofKey...)
}

func (m *metadataWriter) decision(d *pipeline.Decision, allowed bool) []byte {
	switch {
	case !allowed:
		return m.deny
	case d.Reason.Allowed():
		return m.allow
	default:
		return m.shadow
	}
}

func (m *metadataWriter) mode(d *pipeline.Decision) []byte {
	if d.Shadow {
		return m.watches
	}
	return m.enforces
}

// appendPolicy names the stored route policy that held.
func (m *metadataWriter) appendPolicy(b []byte, name string) []byte {
	if !m.policy || name == "" {
		return b
	}
	return appendEntry(b, "policy", name)
}

func (m *metadataWriter) appendClient(b []byte, client netip.Addr) []byte {
	if !m.client || !client.IsValid() {
		return b
	}
	var text [64]byte
	return appendEntry(b, "client", client.AppendTo(text[:0]))
}

// keyPart is what was encoded when the key was made, or is now.
func (m *metadataWriter) keyPart(k *pipeline.Key) string {
	switch {
	case k == nil:
		return ""
	case k.Encoded():
		return k.EncodedMetadata()
	}
	return string(m.appendKey(nil, k))
}

// appendKey appends the entries whose values are the key's.
func (m *metadataWriter) appendKey(b []byte, k *pipeline.Key) []byte {
	for i := range m.ofKey {
		b = appendCleanEntry(b, m.ofKey[i].name, m.ofKey[i].value(k))
	}
	return b
}

// at is the element, nil when there is none.
func at(table [][]byte, i int) []byte {
	if i < len(table) {
		return table[i]
	}
	return nil
}

func appendCleanEntry(b []byte, name, value string) []byte {
	var room [maxValue + 3]byte
	clean := appendClean(room[:0], value, false)
	if len(clean) == 0 {
		return b
	}
	return appendEntry(b, name, clean)
}

// sourceName says where the key record came from; a negative entry is part of
// the cache.
func sourceName(s pipeline.KeySource) string {
	switch s {
	case pipeline.KeySourceCache, pipeline.KeySourceNegative:
		return "cache"
	case pipeline.KeySourceStore:
		return "store"
	case pipeline.KeySourceNone:
	}
	return ""
}
