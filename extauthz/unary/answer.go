package unary

import (
	"encoding/binary"
	"strconv"
)

// The codes of gRPC that the transport itself answers with.
const (
	statusInvalidArgument   = 3
	statusResourceExhausted = 8
	statusUnimplemented     = 12
	statusInternal          = 13
)

const contentTypeGRPC = "application/grpc"

const (
	messagePrefix = 5 // flag and length before each message
	// mostText bounds the message of a status that is not OK.
	mostText = 1 << 10
)

// Header fields as HPACK writes them (RFC 7541, 6 and Appendix A).
const (
	status200       = 0x80 | 8 // ":status: 200" of the static table
	indexedStatus   = 8        // name of the static table: ":status"
	indexedType     = 31       // name: "content-type"
	literalIndexed  = 0x40     // with incremental indexing, 6 bits of index
	literalPlain    = 0x00     // without indexing, 4 bits of index
	resizeTable     = 0x20     // dynamic table size update, 6.3, 5 bits of size
	firstDynamic    = 62
	tableForAnswers = 12 + 16 + 32 + 11 + 1 + 32 // both entries below
	indexedMost     = 15
)

// answerTable is what this side has put into the peer's dynamic table: the two
// fields that stand in every answer, once each, so that from the second answer
// on each is one byte.
type answerTable struct {
	off     bool   // the peer keeps too small a table, or none
	cut     uint32 // by how much the table became smaller than it was at first
	resize  bool   // the peer is to be told so
	typed   bool   // content-type is in it
	trailed bool   // grpc-status: 0 is in it, and so came after the type
}

// limit follows the peer's SETTINGS_HEADER_TABLE_SIZE. The next block says
// that the table was lowered, as it must (RFC 7541, 4.2). It never grows again:
// what stands in it is small. Where not even that fits it is not used any more.
func (t *answerTable) limit(size uint32) {
	if size >= tableSize-t.cut {
		return
	}
	t.resize = true
	if size < tableForAnswers {
		t.off, size = true, 0
	}
	t.cut = tableSize - size
}

func (t *answerTable) begin(b []byte) []byte {
	if t.resize {
		t.resize = false
		b = appendInteger(b, resizeTable, 5, uint64(tableSize-t.cut))
	}
	return b
}

// appendHead appends the block of an answer with a message.
func (t *answerTable) appendHead(b []byte) []byte {
	b = append(t.begin(b), status200)
	switch {
	case t.off:
		return appendLiteral(b, indexedType, contentTypeGRPC)
	case !t.typed:
		t.typed = true
		b = append(b, literalIndexed|indexedType)
		return appendString(b, contentTypeGRPC)
	case t.trailed:
		return append(b, 0x80|(firstDynamic+1))
	}
	return append(b, 0x80|firstDynamic)
}

// appendTrailer appends the block that says that all went well. The head of
// the same answer stands before it.
func (t *answerTable) appendTrailer(b []byte) []byte {
	b = t.begin(b)
	switch {
	case t.off:
		return appendField(b, "grpc-status", "0")
	case !t.trailed:
		t.trailed = true
		b = append(b, literalIndexed)
		return appendString(appendString(b, "grpc-status"), "0")
	}
	return append(b, 0x80|firstDynamic)
}

// appendFailure appends the block of a status; with the head where no other
// block came before it.
func (t *answerTable) appendFailure(b []byte, http int, code uint32, message string, alone bool) []byte {
	b = t.begin(b)
	if alone {
		if http == 200 {
			b = append(b, status200)
		} else {
			b = appendLiteral(b, indexedStatus, strconv.Itoa(http))
		}
		b = appendLiteral(b, indexedType, contentTypeGRPC)
	}
	b = appendField(b, "grpc-status", strconv.FormatUint(uint64(code), 10))
	if message == "" {
		return b
	}
	return appendField(b, "grpc-message", escaped(message))
}

// appendLiteral appends a field that is not indexed, its name by its index.
func appendLiteral(b []byte, name byte, value string) []byte {
	if name < indexedMost {
		b = append(b, literalPlain|name)
	} else {
		b = append(b, literalPlain|indexedMost, name-indexedMost)
	}
	return appendString(b, value)
}

// appendField appends a field that is not indexed.
func appendField(b []byte, name, value string) []byte {
	return appendString(appendString(append(b, literalPlain), name), value)
}

// appendString appends a string as it is (RFC 7541, 5.2).
func appendString(b []byte, s string) []byte {
	return append(appendInteger(b, 0, 7, uint64(len(s))), s...)
}

// appendInteger appends an integer with a prefix of so many bits, after the
// pattern that stands before them (RFC 7541, 5.1).
func appendInteger(b []byte, pattern byte, bits uint, n uint64) []byte {
	most := uint64(1)<<bits - 1
	if n < most {
		return append(b, pattern|byte(n))
	}
	return binary.AppendUvarint(append(b, pattern|byte(most)), n-most)
}

// escaped is the message of a status as gRPC sends it: percent-encoded, of
// bounded length.
func escaped(message string) string {
	const hex = "0123456789ABCDEF"
	message = message[:min(len(message), mostText)]
	b := make([]byte, 0, len(message))
	for i := range len(message) {
		if c := message[i]; c >= ' ' && c <= '~' && c != '%' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
