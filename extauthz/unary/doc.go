// Package unary is a gRPC server for one method that is called very often: it
// answers calls that send one message over HTTP/2, without interceptors,
// compression or anything else that a Check does not need. Everything about
// the call itself is the caller's; this package knows no Envoy and no keys.
//
// # How it is cheap
//
// One goroutine reads a connection. It takes all frames that one read has
// brought, answers their calls one after the other on its own stack, and
// writes all answers at once: two system calls for as many calls as came
// together, and no other goroutine to wake.
//
//	read --> frames (conn.go, frame.go)
//	           HEADERS  --> header block (headers.go): the same bytes as the
//	                        last time say the same, and are not decoded
//	           DATA     --> message (stream.go), where it was read
//	         queue of complete calls (queue.go), when the read holds no more of
//	         them, or 32
//	           --> Options.Ahead(calls), for all of them
//	           --> Options.Inline(call), one after the other  (call.go)
//	                 Reply --> head, message, trailer (write.go, answer.go)
//	                           into the buffer
//	         <-- write: what is in the buffer
//
// Frames are acted on in the order in which they came: only what asks, and what
// opens windows, is looked at before the calls in front of it are answered.
//
// A call that is about to wait says so ([Call.Wait]): from there on another
// goroutine reads the connection, and the one that waits writes its answer
// when it has it. Nothing is handed over while nothing waits. Methods other
// than Options.Path have a goroutine for each call.
//
// # What is promised
//
//   - What RFC 9113 (HTTP/2), RFC 7541 (HPACK) and gRPC's PROTOCOL-HTTP2 want of
//     a server of such calls; what a client sends is answered as grpc-go does
//     ([TestTheSameAnswersAsGRPC] has the list).
//   - A call is answered once: the first Reply or Fail counts, and one that
//     nobody answers fails.
//   - Reading, answering and writing a call allocates nothing once a connection
//     has seen a few.
//   - A connection ends softly (drain.go) by two GOAWAYs with a ping between
//     them, so that no call is lost that its peer had sent.
//
// # What is bounded
//
// A peer may be anybody who can connect.
//
//	calls of a connection          Options.MaxStreams, those included that are still
//	                               answered though their stream was reset (CVE-2023-44487)
//	metadata of a call             Options.MaxHeaders; beyond it the call is reset
//	header block in pieces         twice that, and 65 frames (CVE-2024-27316); 10 to 20 s
//	                               from one piece to the next
//	message                        Options.MaxMessage
//	messages in pieces             8 MiB of a connection until they are answered, and
//	buffers of calls that wait     32 MiB, then no call is taken; 128 MiB of all for
//	                               both; then incomplete ones of who keeps most are ended
//	request in pieces              10 to 20 s, or its deadline
//	calls of other methods         Options.MaxOthers, of Options.MaxOtherMessage
//	frames that bring no call on   10000 in a row, in 10 s (PING, RST_STREAM, empty DATA, ...)
//	SETTINGS                       1000 of a connection
//	pings                          Options.MinPing apart, or the third one too early ends it
//	answers that are not read      one of each call until it is reset or too late, as its window allows, 16 MiB of a connection; 256 KiB in the
//	                               buffer, then nothing is read; 10 to 20 s for one write
//	greeting and handshake         Options.HandshakeTimeout
//	silence                        two hours, then a ping that is to be answered
//
// Who breaks the protocol gets GOAWAY with the code that RFC 9113 names, and
// is hung up on; Options.Violated is told.
package unary
