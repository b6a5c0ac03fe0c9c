package extauthz

import "google.golang.org/protobuf/encoding/protowire"

// shape names a message type whose content we do not use but check, so that
// what the generated types refuse is refused here too.
type shape uint8

const (
	shapeLeaf       shape = iota // no messages inside
	shapeAttributes              // AttributeContext
	shapePeer                    // AttributeContext.Peer
	shapeAddress                 // core.v3.Address
	shapeRequest                 // AttributeContext.Request
	shapeMetadata                // core.v3.Metadata
	shapeStructEntry
	shapeAnyEntry
	shapeStruct
	shapeValueEntry
	shapeValue
	shapeList
)

// inside answers the type of the message that a field of s holds; ok is false
// for a field that holds none, or is unknown.
func (s shape) inside(n protowire.Number) (in shape, ok bool) {
	type place struct {
		s shape
		n protowire.Number
	}
	switch (place{s, n}) {
	case place{shapeAttributes, 1}, place{shapeAttributes, 2}: // source, destination
		return shapePeer, true
	case place{shapeAttributes, 4}:
		return shapeRequest, true
	case place{shapeAttributes, 11}, place{shapeAttributes, 13}: // metadata contexts
		return shapeMetadata, true
	case place{shapePeer, 1}:
		return shapeAddress, true
	case place{shapeAttributes, 10}, place{shapeAttributes, 12}, // extensions, tls_session
		place{shapePeer, 3},                                                    // labels
		place{shapeAddress, 1}, place{shapeAddress, 2}, place{shapeAddress, 3}, // the oneof
		place{shapeRequest, 1},  // time
		place{shapeAnyEntry, 2}: // Any: its bytes stay closed
		return shapeLeaf, true
	case place{shapeMetadata, 1}:
		return shapeStructEntry, true
	case place{shapeMetadata, 2}:
		return shapeAnyEntry, true
	case place{shapeStructEntry, 2}, place{shapeValue, 5}:
		return shapeStruct, true
	case place{shapeStruct, 1}:
		return shapeValueEntry, true
	case place{shapeValueEntry, 2}, place{shapeList, 1}:
		return shapeValue, true
	case place{shapeValue, 6}:
		return shapeList, true
	}
	return shapeLeaf, false
}

// valid reports whether b is a well-formed message of that shape, nested at
// most depth levels deep.
func (s shape) valid(b []byte, depth int) bool {
	if depth <= 0 {
		return false
	}
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok || !s.fieldValid(f, depth-1) {
			return false
		}
	}
	return true
}

// fieldValid is valid for one field of a message of that shape.
func (s shape) fieldValid(f field, depth int) bool {
	if f.kind != protowire.BytesType {
		return true
	}
	in, ok := s.inside(f.number)
	return !ok || in.valid(f.value, depth)
}
