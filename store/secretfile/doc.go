// Package secretfile reads and creates the few files that hold secrets:
// secrets.json, keyset.json and the first admin token.
//
// It promises three things. A file that others than its owner may touch is
// refused, because a secret that was readable is no secret any more; one that
// was not made here, such as a private key, its group may read ([ReadShared]).
// A file is created with mode 0600 and never overwritten, because a lost
// checksum secret or keyset cannot be made again. A file that was created
// survives a power cut: it and its folder are synced before [Create] returns,
// and a file that could not be written whole is removed.
//
// Every error names the file, what is wrong with it and what to do, and keeps
// the cause for [errors.Is] ([io/fs.ErrNotExist], [io/fs.ErrExist],
// [io/fs.ErrPermission]). No error shows content.
//
// It imports the standard library alone. Packages certfile, credential
// and seal and package main use it.
package secretfile
