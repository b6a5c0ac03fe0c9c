package extauthz

import "google.golang.org/protobuf/encoding/protowire"

// The tags of what an answer consists of: field number << 3 | wire type.
const (
	tagStatus   = 1<<3 | 2 // CheckResponse.status
	tagDenied   = 2<<3 | 2 // CheckResponse.denied_response
	tagOK       = 3<<3 | 2 // CheckResponse.ok_response
	tagMetadata = 4<<3 | 2 // CheckResponse.dynamic_metadata

	tagStatusCode = 1 << 3 // google.rpc.Status.code

	tagDeniedStatus  = 1<<3 | 2 // DeniedHttpResponse.status
	tagDeniedHeaders = 2<<3 | 2
	tagDeniedBody    = 3<<3 | 2
	tagHTTPCode      = 1 << 3 // type.v3.HttpStatus.code

	tagOKHeaders         = 2<<3 | 2 // OkHttpResponse.headers
	tagOKRemove          = 5<<3 | 2
	tagOKResponseHeaders = 6<<3 | 2
	tagOKRemoveQuery     = 8<<3 | 2

	tagOptionHeader = 1<<3 | 2 // HeaderValueOption.header
	tagHeaderKey    = 1<<3 | 2 // HeaderValue.key
	tagHeaderValue  = 2<<3 | 2

	tagStructFields = 1<<3 | 2 // Struct.fields
	tagEntryKey     = 1<<3 | 2
	tagEntryValue   = 2<<3 | 2
	tagValueString  = 3<<3 | 2 // Value.string_value
	tagValueStruct  = 5<<3 | 2 // Value.struct_value
)

// appendOverwrite ends a HeaderValueOption with the pair "append: false"
// (present) and "append_action: OVERWRITE_IF_EXISTS_OR_ADD". Envoy's versions
// and places read one or the other; only both mean the same everywhere.
func appendOverwrite(b []byte) []byte { return append(b, 2<<3|2, 0, 3<<3, 2) }

// open begins a nested message of that field and answers where its content
// starts; shut ends it. The length is not known before, so one byte is left
// for it, and the content moves when it needs more.
func open(b []byte, tag byte) (out []byte, start int) {
	b = append(b, tag, 0)
	return b, len(b)
}

func shut(b []byte, start int) []byte {
	length := uint64(len(b) - start)
	if length < 0x80 {
		b[start-1] = byte(length)
		return b
	}
	var prefix [10]byte
	n := copy(prefix[:], protowire.AppendVarint(prefix[:0], length))
	b = append(b, prefix[1:n]...) // room; the content follows
	copy(b[start+n-1:], b[start:len(b)-n+1])
	copy(b[start-1:], prefix[:n])
	return b
}

func appendField[T string | []byte](b []byte, tag byte, value T) []byte {
	b = append(b, tag)
	b = protowire.AppendVarint(b, uint64(len(value)))
	return append(b, value...)
}

// appendTag begins a nested message whose size is known.
func appendTag(b []byte, tag byte, size int) []byte {
	return protowire.AppendVarint(append(b, tag), uint64(size))
}

// sizeField is the size of a field with a content of that size.
func sizeField(size int) int { return 1 + protowire.SizeBytes(size) }

func appendStatus(b []byte, code byte) []byte {
	return append(b, tagStatus, 2, tagStatusCode, code)
}

// appendHeader appends a HeaderValueOption of that field.
func appendHeader[T string | []byte](b []byte, tag byte, name string, value T) []byte {
	b, option := open(b, tag)
	b, header := open(b, tagOptionHeader)
	b = appendField(b, tagHeaderKey, name)
	b = appendField(b, tagHeaderValue, value)
	b = shut(b, header)
	b = appendOverwrite(b)
	return shut(b, option)
}

// appendEntry appends a string value to a Struct.
func appendEntry[T string | []byte](b []byte, name string, value T) []byte {
	b, entry := open(b, tagStructFields)
	b = appendField(b, tagEntryKey, name)
	b, val := open(b, tagEntryValue)
	b = appendField(b, tagValueString, value)
	b = shut(b, val)
	return shut(b, entry)
}
