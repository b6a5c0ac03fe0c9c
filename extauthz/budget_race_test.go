//go:build race

package extauthz

// checkBudget is larger under the race detector, where sync.Pool throws away
// a quarter of what it is given.
const checkBudget = 8

// nativeBudget likewise.
const nativeBudget = 8.0
