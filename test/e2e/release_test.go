package e2e_test

import "credence/test/harness"

// step is what Envoy does from a release on.
type step[T any] struct {
	from harness.Release
	does T
}

// from is a step. The patch matters where a fix came with one.
func from[T any](minor, patch int, does T) step[T] {
	return step[T]{harness.Release{Major: 1, Minor: minor, Patch: patch}, does}
}

// always is what all supported releases do, up to the first step after it.
func always[T any](does T) step[T] { return from(36, 0, does) }

// expected answers what the Envoy under test does: the last step that it has
// reached. The steps go from old to new.
func expected[T any](steps ...step[T]) T {
	does := steps[0].does
	for _, s := range steps[1:] {
		if release.Compare(s.from) >= 0 {
			does = s.does
		}
	}
	return does
}
