// Package anchor has the places outside to which checkpoints of the audit log
// go: a file, an object store, and a webhook. What an anchor holds is lines of
// JSON, each a signed checkpoint; `credence audit verify --checkpoint` takes them
// as they are.
//
// An anchor is worth what keeps the writers of the database from writing it too:
// a file belongs on a disk that only takes additions (write once, or another
// machine's), a webhook to somebody else.
//
// # What happens when things fail
//
// A file that cannot be written, or a receiver that answers anything but 2xx, is
// an error; the caller tells the same lines again later. So a place may get
// lines twice, and none is lost. A file in which the last line is cut short by
// a crash is ended with a new line first: verifying names that line, and the
// one after it is whole.
//
// An object store gets an object for the lines of one telling, named after what
// is in it; told again, they find it there, and it is compared.
//
// # Who may import it
//
// Package main makes anchors; package management declares what they fulfil.
package anchor
