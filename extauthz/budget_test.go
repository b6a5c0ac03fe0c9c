//go:build !race

package extauthz

// checkBudget is one allocation: the list of one buffer that gRPC wants.
const checkBudget = 1

// nativeBudget is none, but for what runs beside.
const nativeBudget = 0.1
