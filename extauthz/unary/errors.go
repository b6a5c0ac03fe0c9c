package unary

// Code is an error code of HTTP/2 (RFC 9113, 7).
type Code uint32

// The codes that are used here.
const (
	CodeNo              Code = 0x0
	CodeProtocol        Code = 0x1
	CodeInternal        Code = 0x2
	CodeFlowControl     Code = 0x3
	CodeSettingsTimeout Code = 0x4
	CodeStreamClosed    Code = 0x5
	CodeFrameSize       Code = 0x6
	CodeRefusedStream   Code = 0x7
	CodeCancel          Code = 0x8
	CodeCompression     Code = 0x9
	CodeEnhanceYourCalm Code = 0xb
)

// String is the name of the code, as metrics have it.
func (c Code) String() string {
	switch c {
	case CodeNo:
		return "no_error"
	case CodeProtocol:
		return "protocol_error"
	case CodeInternal:
		return "internal_error"
	case CodeFlowControl:
		return "flow_control_error"
	case CodeSettingsTimeout:
		return "settings_timeout"
	case CodeStreamClosed:
		return "stream_closed"
	case CodeFrameSize:
		return "frame_size_error"
	case CodeRefusedStream:
		return "refused_stream"
	case CodeCancel:
		return "cancel"
	case CodeCompression:
		return "compression_error"
	case CodeEnhanceYourCalm:
		return "enhance_your_calm"
	}
	return "unknown"
}

// ViolationError is a breach of HTTP/2 that ends a connection. Its text quotes
// nothing that the peer has sent.
type ViolationError struct {
	Code Code
	Text string
}

func (v *ViolationError) Error() string { return v.Code.String() + ": " + v.Text }

func violation(code Code, text string) error { return &ViolationError{code, text} }

// Violations are the codes that a [ViolationError] can have.
func Violations() []Code {
	return []Code{CodeProtocol, CodeInternal, CodeFlowControl, CodeFrameSize, CodeCompression, CodeEnhanceYourCalm}
}
