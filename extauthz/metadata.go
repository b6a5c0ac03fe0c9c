package extauthz

import "credence/extauthz/pipeline"

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

// appendMetadata appends CheckResponse.dynamic_metadata. All values are
// strings: Envoy's rate-limit actions accept nothing else, and numbers lose
// digits. Empty ones are left out, so that a configured default applies.
func appendMetadata(b []byte, d *pipeline.Decision, allowed bool) []byte {
	b, outer := open(b, tagMetadata)
	b, entry := open(b, tagStructFields)
	b = appendField(b, tagEntryKey, metadataObject)
	b, value := open(b, tagEntryValue)
	b, object := open(b, tagValueStruct)

	b = appendEntry(b, "decision", decisionName(d, allowed))
	b = appendEntry(b, "reason", d.Reason.String())
	b = appendEntry(b, "stage", d.Stage.String())
	b = appendEntry(b, "mode", mode(d))
	if source := sourceName(d.Source); source != "" {
		b = appendEntry(b, "source", source)
	}
	if d.Client.IsValid() {
		var text [64]byte
		b = appendEntry(b, "client", d.Client.AppendTo(text[:0]))
	}
	if k := d.Key; k != nil {
		b = appendCleanEntry(b, "key_id", k.KeyID)
		b = appendCleanEntry(b, "namespace", k.Namespace)
		b = appendCleanEntry(b, "owner", k.Owner)
		b = appendCleanEntry(b, "plan", k.Plan)
		b = appendCleanEntry(b, "key_type", string(k.KeyType))
	}

	b = shut(b, object)
	b = shut(b, value)
	b = shut(b, entry)
	return shut(b, outer)
}

func appendCleanEntry(b []byte, name, value string) []byte {
	var room [maxValue + 3]byte
	clean := appendClean(room[:0], value, false)
	if len(clean) == 0 {
		return b
	}
	return appendEntry(b, name, clean)
}

func mode(d *pipeline.Decision) string {
	if d.Shadow {
		return "shadow"
	}
	return "enforce"
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
