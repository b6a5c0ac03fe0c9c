// Package pipeline is the decision: a request goes in, a [Decision] comes
// out. It knows no transport and no backend; what it needs of the world are
// the small interfaces in ports.go, and time comes in as an argument.
//
// The stages, in order, each in the file of its name:
//
//	client > blacklist > address limit > extract > verify > state
//	       > authorize > limit > end
//
// A refusal is a value ([Reason]); an error inside a stage becomes the reason
// [ReasonUnavailable], which denies. The last line of Decide denies.
package pipeline
