package extauthz

import (
	"google.golang.org/protobuf/encoding/protowire"

	"credence/extauthz/pipeline"
)

// The field numbers of the messages on the way from a CheckRequest to what
// the decision needs (envoy/service/auth/v3, envoy/config/core/v3).
const (
	checkAttributes = 1

	attributesSource     = 1
	attributesRequest    = 4
	attributesExtensions = 10

	peerAddress = 1

	addressSocket   = 1
	addressPipe     = 2
	addressInternal = 3

	socketAddress = 2

	requestHTTP = 2

	httpID        = 1
	httpMethod    = 2
	httpHeaders   = 3
	httpPath      = 4
	httpHost      = 5
	httpScheme    = 6
	httpSize      = 9
	httpProtocol  = 10
	httpHeaderMap = 13

	headerMapHeaders = 1

	entryKey   = 1
	entryValue = 2
	entryRaw   = 3 // HeaderValue.raw_value
)

const (
	// maxFields bounds headers and context extensions, each.
	maxFields = 2048
	// maxEntries bounds the entries read for the maps of both, repeated ones
	// included: each is compared with all before it, and half a million fit
	// into one message.
	maxEntries = 2 * maxFields
	// maxDepth bounds the nesting of the parts we only check (metadata). The
	// C++ parser that Envoy itself uses stops at 100, so nothing deeper is
	// ever sent by one.
	maxDepth = 100
)

// walker reads a CheckRequest from its bytes into a [pipeline.Request], field
// by field, without copying. It follows the rules of protobuf: fields in any
// order, unknown ones skipped, a message that comes in pieces is merged, of a
// scalar the last one counts, of a oneof the last member. Parts that we do
// not need are checked to be well-formed, no more.
//
// One leniency is on purpose: strings need not be UTF-8. The generated types
// refuse such a message, which would turn a client's bad byte into a failed
// RPC; to us a string is bytes, and the stages compare bytes.
type walker struct {
	request *pipeline.Request
	// rawHeaders collects header_map until the end: the map of headers, which
	// may come before, after or in between, has rules of its own.
	rawHeaders []pipeline.Field
	address    []byte // of the source, when it is a socket address
	size       int64
	entries    int  // read for maps
	hasMap     bool // any entry in the map of headers
}

// reset keeps the capacity.
func (w *walker) reset() {
	*w = walker{rawHeaders: w.rawHeaders[:0]}
}

// walk reports whether b is a CheckRequest.
func (w *walker) walk(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if ok && f.is(checkAttributes) {
			ok = w.attributes(f.value)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *walker) attributes(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		if f.kind != protowire.BytesType {
			continue
		}
		switch int(f.number) {
		case attributesSource:
			ok = w.source(f.value)
		case attributesRequest:
			ok = w.requested(f.value)
		case attributesExtensions:
			ok = w.entry(f.value, &w.request.Extensions)
		default:
			ok = shapeAttributes.fieldValid(f, maxDepth)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *walker) source(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		switch {
		case ok && f.is(peerAddress):
			ok = w.sourceAddress(f.value)
		case ok:
			ok = shapePeer.fieldValid(f, maxDepth)
		}
		if !ok {
			return false
		}
	}
	return true
}

// sourceAddress reads the oneof: a new member throws away the one before, the
// same member again is merged into it.
func (w *walker) sourceAddress(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		if f.kind != protowire.BytesType {
			continue
		}
		switch int(f.number) {
		case addressSocket:
			if w.request.PeerKind != pipeline.PeerIP {
				w.address = nil
			}
			w.request.PeerKind = pipeline.PeerIP
			ok = w.socket(f.value)
		case addressPipe:
			w.request.PeerKind, ok = pipeline.PeerPipe, shapeLeaf.valid(f.value, maxDepth)
		case addressInternal:
			w.request.PeerKind, ok = pipeline.PeerInternal, shapeLeaf.valid(f.value, maxDepth)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *walker) socket(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		if f.is(socketAddress) {
			w.address = f.value
		}
	}
	return true
}

func (w *walker) requested(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		switch {
		case ok && f.is(requestHTTP):
			w.request.HTTP = true
			ok = w.http(f.value)
		case ok:
			ok = shapeRequest.fieldValid(f, maxDepth)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *walker) http(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		if f.number == httpSize && f.kind == protowire.VarintType {
			w.size = int64(f.varint)
		}
		if f.kind != protowire.BytesType {
			continue
		}
		switch int(f.number) {
		case httpID:
			w.request.ID = f.value
		case httpMethod:
			w.request.Method = f.value
		case httpPath:
			w.request.Path = f.value
		case httpHost:
			w.request.Host = f.value
		case httpScheme:
			w.request.Scheme = f.value
		case httpProtocol:
			w.request.Protocol = f.value
		case httpHeaders:
			w.hasMap = true
			ok = w.entry(f.value, &w.request.Headers)
		case httpHeaderMap:
			ok = w.headerMap(f.value)
		}
		if !ok {
			return false
		}
	}
	return true
}

// entry reads one entry of a map into fields; an entry of the same name gives
// way to the later one.
func (w *walker) entry(b []byte, fields *[]pipeline.Field) bool {
	if w.entries++; w.entries > maxEntries {
		return false
	}
	var e pipeline.Field
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		switch {
		case f.is(entryKey):
			e.Name = f.value
		case f.is(entryValue):
			e.Value = f.value
		}
	}
	for i := range *fields {
		if string((*fields)[i].Name) == string(e.Name) {
			(*fields)[i].Value = e.Value
			return true
		}
	}
	*fields = append(*fields, e)
	return len(*fields) <= maxFields
}

func (w *walker) headerMap(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if ok && f.is(headerMapHeaders) {
			ok = w.headerValue(f.value)
		}
		if !ok {
			return false
		}
	}
	return true
}

// headerValue reads a header with a text value or raw bytes. A proxy sends
// one of the two; should both stand there and differ, the decision sees both,
// so that neither can hide the other.
func (w *walker) headerValue(b []byte) bool {
	var name, text, raw []byte
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		switch {
		case f.is(entryKey):
			name = f.value
		case f.is(entryValue):
			text = f.value
		case f.is(entryRaw):
			raw = f.value
		}
	}
	if len(raw) > 0 && len(text) > 0 && string(raw) != string(text) {
		w.rawHeaders = append(w.rawHeaders, pipeline.Field{Name: name, Value: text})
	}
	if len(raw) == 0 {
		raw = text
	}
	w.rawHeaders = append(w.rawHeaders, pipeline.Field{Name: name, Value: raw})
	return len(w.rawHeaders) <= maxFields
}

// field is one field of a message as it stands on the wire.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  []byte // of a BytesType
	varint uint64 // of a VarintType
}

// is reports whether the field has that number and holds bytes. A known field
// of another wire type counts as unknown, as in the generated code.
func (f field) is(n protowire.Number) bool {
	return f.number == n && f.kind == protowire.BytesType
}

// nextField takes the next field off b, which must not be empty. Nearly every
// field of a Check is text with a number below 16 and fewer than 128 bytes:
// two bytes and what they say. Those are read here and now.
func nextField(b *[]byte) (f field, ok bool) {
	if p := *b; len(p) >= 2 && p[0] < 0x80 && p[0] >= 8 && p[0]&7 == byte(protowire.BytesType) && p[1] < 0x80 {
		end := 2 + int(p[1])
		if end > len(p) {
			return field{}, false
		}
		*b = p[end:]
		return field{number: protowire.Number(p[0] >> 3), kind: protowire.BytesType, value: p[2:end:end]}, true
	}
	return anyField(b)
}

// anyField is nextField for every field.
func anyField(b *[]byte) (f field, ok bool) {
	tag, n := protowire.ConsumeVarint(*b)
	if n < 0 {
		return field{}, false
	}
	number, kind := protowire.DecodeTag(tag)
	if number < protowire.MinValidNumber || number > protowire.MaxValidNumber {
		return field{}, false
	}
	rest := (*b)[n:]
	f = field{number: number, kind: kind}
	switch kind {
	case protowire.BytesType:
		f.value, n = protowire.ConsumeBytes(rest)
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
		n = protowire.ConsumeFieldValue(number, kind, rest)
	default: // a reserved wire type
		return field{}, false
	}
	if n < 0 {
		return field{}, false
	}
	*b = rest[n:]
	return f, true
}
