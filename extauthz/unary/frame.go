package unary

import "encoding/binary"

// Kinds of frames (RFC 9113, 6). PRIORITY (2) and kinds that nobody knows are
// read over, as 4.1 and 5.3.2 want it.
const (
	kindData         = 0x0
	kindHeaders      = 0x1
	kindPriority     = 0x2
	kindResetStream  = 0x3
	kindSettings     = 0x4
	kindPushPromise  = 0x5
	kindPing         = 0x6
	kindGoAway       = 0x7
	kindWindowUpdate = 0x8
	kindContinuation = 0x9
)

// Flags of frames.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	// preface is what a client says first (RFC 9113, 3.4); SETTINGS follow.
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	frameHeader = 9       // length of the header of a frame
	maxFrame    = 1 << 14 // longest payload that we accept: the least that we must
	maxStream   = 1<<31 - 1
	maxWindow   = 1<<31 - 1
)

// frame is the header of a frame.
type frame struct {
	length int
	kind   byte
	flags  byte
	stream uint32
}

func (f frame) has(flag byte) bool { return f.flags&flag != 0 }

// asks reports whether the frame is part of a call, or makes room for answers.
func (f frame) asks() bool {
	switch f.kind {
	case kindHeaders, kindContinuation, kindData, kindWindowUpdate:
		return true
	}
	return false
}

// parseFrame reads the header of a frame, which b begins with.
func parseFrame(b []byte) frame {
	_ = b[frameHeader-1]
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStream, // the reserved bit says nothing
	}
}

// appendFrame begins a frame whose payload is known to have that length.
func appendFrame(b []byte, f frame) []byte {
	return append(b, byte(f.length>>16), byte(f.length>>8), byte(f.length), f.kind, f.flags,
		byte(f.stream>>24), byte(f.stream>>16), byte(f.stream>>8), byte(f.stream))
}

// unpad takes the padding off a payload (RFC 9113, 6.1).
func unpad(f frame, payload []byte) (_ []byte, ok bool) {
	if !f.has(flagPadded) {
		return payload, true
	}
	if len(payload) == 0 {
		return nil, false
	}
	padding := int(payload[0])
	if payload = payload[1:]; padding > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-padding], true
}

func appendResetStream(b []byte, stream uint32, code Code) []byte {
	b = appendFrame(b, frame{length: 4, kind: kindResetStream, stream: stream})
	return binary.BigEndian.AppendUint32(b, uint32(code))
}

func appendWindowUpdate(b []byte, stream, increment uint32) []byte {
	b = appendFrame(b, frame{length: 4, kind: kindWindowUpdate, stream: stream})
	return binary.BigEndian.AppendUint32(b, increment)
}

func appendGoAway(b []byte, last uint32, code Code, why string) []byte {
	b = appendFrame(b, frame{length: 8 + len(why), kind: kindGoAway})
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	return append(b, why...)
}

func appendPing(b []byte, flags byte, data [8]byte) []byte {
	b = appendFrame(b, frame{length: 8, kind: kindPing, flags: flags})
	return append(b, data[:]...)
}

// setting is one parameter of a SETTINGS frame (RFC 9113, 6.5.2).
type setting struct {
	id    uint16
	value uint32
}

// The parameters.
const (
	settingHeaderTableSize   = 0x1
	settingEnablePush        = 0x2
	settingMaxStreams        = 0x3
	settingInitialWindow     = 0x4
	settingMaxFrame          = 0x5
	settingMaxHeaderListSize = 0x6
)

const settingSize = 6

func appendSettings(b []byte, settings ...setting) []byte {
	b = appendFrame(b, frame{length: settingSize * len(settings), kind: kindSettings})
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, s.id)
		b = binary.BigEndian.AppendUint32(b, s.value)
	}
	return b
}
