package api

import "credence/store"

// allows reports whether a token of role have may do what needs role need.
// Auditors read everything and change nothing; of the others, each may do what
// the one before it may.
func allows(have, need store.Role) bool {
	switch need {
	case store.RoleViewer:
		return have == store.RoleViewer || have == store.RoleAuditor || have == store.RoleOperator || have == store.RoleAdmin
	case store.RoleAuditor:
		return have == store.RoleAuditor || have == store.RoleAdmin
	case store.RoleOperator:
		return have == store.RoleOperator || have == store.RoleAdmin
	case store.RoleAdmin:
		return have == store.RoleAdmin
	}
	return false
}
