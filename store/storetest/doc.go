// Package storetest is the conformance suite of store backends: every MUST
// sentence of package store is a test here, named after the method that
// promises it. A backend runs it from a test of its own:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend { ... })
//	}
//
// Files have the names of the contracts they prove: key.go proves
// store/key.go. What only one backend can do wrong (a corrupt file, a locked
// one) is tested beside that backend.
//
// The package is imported by tests and by nothing else.
package storetest
