// Package secretfile reads and creates the few files that hold secrets:
// secrets.json, keyset.json and the first admin token. It is also the one writer
// of every other file that a command makes for its user ([New], [Replacing],
// [Append]): what such a file holds is for nobody to guess.
//
// It promises three things. A file that others than its owner and its group
// may read, or others than its owner may write, is refused, because a secret
// that was readable is no secret any more; the group is how a file of a
// Kubernetes Secret reaches a process that is not root. A file is created with
// mode 0600 and never overwritten, because a lost checksum secret or keyset
// cannot be made again. A file that was created survives a power cut: it and
// its folder are synced before [Create] returns, and a file that could not be
// written whole is removed.
//
// Every error names the file, what is wrong with it and what to do, and keeps
// the cause for [errors.Is] ([io/fs.ErrNotExist], [io/fs.ErrExist],
// [io/fs.ErrPermission]). No error shows content.
//
// It imports the standard library alone. Packages certfile, credential and seal,
// the CLI, anchors and package main use it.
package secretfile
