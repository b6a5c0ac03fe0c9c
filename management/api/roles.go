package api

import "credence/store"

// allows reports whether a token of role have may do what needs role need.
// Which operation needs which is the table of operations; which roles those
// are is [store.Role.Includes].
func allows(have, need store.Role) bool { return have.Includes(need) }
