// Package routes holds the stored route policies on the data plane, as an
// immutable snapshot that is fed by the table of changes: a Check reads it
// without a lock and without an allocation.
//
// Any change of a policy reads all of them anew: there are few, and only all
// together they say which one a request meets.
//
// # What happens when things fail
//
//	not loaded yet        no name is known, and whether a rule speaks of a
//	                      request is not (route.Unknown): both deny
//	store cannot be read  the policies are kept; the feed's position does not
//	                      move, so the ceiling draws nearer; past it nothing
//	                      is let in without a key, or only watched, any more
//	too many policies     as when it cannot be read (MaxPolicies)
//	one rule of two       as when it cannot be read; the control plane refuses
//	policies              it when it is written
//	feed begins anew      the policies are kept until they have been read again
package routes
