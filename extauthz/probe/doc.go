// Package probe makes one Check over the wire, as Envoy would, and explains
// the answer stage by stage. It is what stands behind `credence check`.
//
// It knows nothing but the wire: the request goes out as a CheckRequest, and
// stage and reason are read from the dynamic metadata of the answer, so what
// it says is what Envoy was told. The stages before the one that decided were
// passed; those after it were not reached. A probe is a real Check: it counts
// against limits, quotas and the failure budget of the address it claims.
//
// Key text leaves the process in the Check only. It is read from a file or
// stdin; the flag that takes it from the command line warns, because ps shows
// it. Toward hosts beyond this one, plaintext has to be asked for. To a server
// that wants them, it shows a client certificate and the call secret, as the
// proxies do.
//
// What fails: an address that does not answer, answers something else, or
// fails the RPC is [ErrUnanswered]; a mistake on the command line is
// [ErrUsage]; a refusal is [ErrRefused], after it has been printed. [ExitCode]
// tells them apart.
package probe
